//! Engine.IO and Socket.IO server.
