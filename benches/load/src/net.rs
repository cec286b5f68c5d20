//! Connections on one epoll instance: non-blocking, and everything waiting for one leaves in one write.

use std::{
    io::{ErrorKind, Read, Write},
    mem,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use mio::{Events, Interest, Poll, Registry, Token, net::TcpStream};
use nix::{errno::Errno, sys::socket::setsockopt, sys::socket::sockopt::IpBindAddressNoPort};
use socket2::{Domain, SockRef, Socket, Type};

use crate::fault::Fault;

/// The kernel's buffer for a connection that is not read, in bytes.
const STALLED_BUFFER: usize = 64 << 10;

/// A connection's place in the table. It is given to another connection only after the turn in which it closed.
pub(crate) type Id = usize;

/// How far a WebSocket has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The upgrade response is awaited, then the open packet.
    Upgrade,
    /// The open packet is awaited.
    Open,
    /// The answer to CONNECT is awaited.
    Connect,
    /// The upgrade response is awaited, then the answer to the probe of a polling session.
    ProbeUpgrade,
    /// The answer to the probe is awaited.
    Probe,
    /// Events may be sent.
    Ready,
}

/// What is spoken on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Http,
    WebSocket(Stage),
}

/// One TCP connection.
pub(crate) struct Connection {
    stream: TcpStream,
    pub(crate) kind: Kind,
    /// What the scenario knows the connection by.
    pub(crate) tag: u64,
    /// The message whose last fragment has not come yet, and whether it is binary.
    pub(crate) fragments: Option<(bool, Vec<u8>)>,
    out: Vec<u8>,
    /// The start of a frame or response whose end has not come yet.
    kept: Vec<u8>,
    queued: bool,
    blocked: bool,
}

/// What a read brought.
pub(crate) enum Filled {
    /// So many bytes are at the start of the buffer; whether there may be more to read at once.
    Bytes(usize, bool),
    /// The socket is empty.
    Nothing,
    /// The server has closed the connection.
    Ended,
}

/// All connections.
pub(crate) struct Net {
    poll: Poll,
    server: SocketAddr,
    /// Whether to ask again in place of waiting.
    spins: bool,
    sources: u8,
    next_source: u8,
    connections: Vec<Option<Connection>>,
    free: Vec<Id>,
    closed: Vec<Id>,
    queued: Vec<Id>,
}

impl Net {
    /// Prepares connections to a server from so many loopback addresses; 0 leaves the choice to the kernel.
    pub(crate) fn new(server: SocketAddr, sources: u8, spins: bool) -> Result<Self, Fault> {
        if sources > 0 && !matches!(server.ip(), IpAddr::V4(ip) if ip.is_loopback()) {
            return Err(Fault::setting("--source-addresses works with servers on 127.0.0.0/8 only"));
        }
        let poll = Poll::new().map_err(|error| Fault::connection("epoll", &error))?;
        Ok(Self {
            poll,
            server,
            spins,
            sources,
            next_source: 0,
            connections: Vec::new(),
            free: Vec::new(),
            closed: Vec::new(),
            queued: Vec::new(),
        })
    }

    pub(crate) fn registry(&self) -> &Registry {
        self.poll.registry()
    }

    /// Waits for events. What was closed before may be reused from here on.
    pub(crate) fn wait(&mut self, events: &mut Events, timeout: Duration) -> Result<(), Fault> {
        self.free.append(&mut self.closed);
        let timeout = if self.spins { Duration::ZERO } else { timeout };
        match self.poll.poll(events, Some(timeout)) {
            Err(error) if error.kind() != ErrorKind::Interrupted => Err(Fault::connection("epoll", &error)),
            _ => Ok(()),
        }
    }

    /// Begins to connect and queues the first request.
    pub(crate) fn connect(&mut self, kind: Kind, tag: u64, request: &[u8]) -> Result<Id, Fault> {
        let mut stream = self.socket().map_err(|error| {
            let hint = match error.raw_os_error() {
                Some(code) if code == Errno::EADDRNOTAVAIL as i32 => " (use more --source-addresses)",
                Some(code) if code == Errno::EMFILE as i32 => " (raise the limit of open files)",
                _ => "",
            };
            Fault::connection(&format!("connecting to {}{hint}", self.server), &error)
        })?;
        let id = self.free.pop().unwrap_or(self.connections.len());
        self.poll
            .registry()
            .register(&mut stream, Token(id), Interest::READABLE | Interest::WRITABLE)
            .map_err(|error| Fault::connection("epoll", &error))?;
        let connection = Connection {
            stream,
            kind,
            tag,
            fragments: None,
            out: request.to_vec(),
            kept: Vec::new(),
            queued: true,
            blocked: false,
        };
        if id == self.connections.len() {
            self.connections.push(Some(connection));
        } else {
            self.connections[id] = Some(connection);
        }
        self.queued.push(id);
        Ok(id)
    }

    fn socket(&mut self) -> std::io::Result<TcpStream> {
        let socket = Socket::new(Domain::for_address(self.server), Type::STREAM.nonblocking(), None)?;
        socket.set_tcp_nodelay(true)?;
        if self.sources > 0 {
            // The port is chosen when connecting, so that one port can serve many servers and old connections.
            setsockopt(&socket, IpBindAddressNoPort, &true)?;
            let source = Ipv4Addr::new(127, 0, 0, 2_u8.saturating_add(self.next_source));
            socket.bind(&SocketAddr::from((source, 0)).into())?;
            self.next_source = (self.next_source + 1) % self.sources;
        }
        match socket.connect(&self.server.into()) {
            Err(error) if error.raw_os_error() != Some(Errno::EINPROGRESS as i32) => Err(error),
            _ => Ok(TcpStream::from_std(socket.into())),
        }
    }

    /// Closes a connection; what was not written is dropped.
    pub(crate) fn close(&mut self, id: Id) {
        if self.connections.get_mut(id).and_then(Option::take).is_some() {
            self.closed.push(id);
        }
    }

    /// Stops reading a connection, and keeps the kernel from reading far ahead.
    pub(crate) fn pause(&mut self, id: Id) -> Result<(), Fault> {
        let Some(connection) = self.connections.get_mut(id).and_then(Option::as_mut) else { return Ok(()) };
        // A larger buffer only delays what is to be seen.
        let _ = SockRef::from(&connection.stream).set_recv_buffer_size(STALLED_BUFFER);
        connection.interest(self.poll.registry(), id, Interest::WRITABLE)
    }

    /// Reads a connection again.
    pub(crate) fn resume(&mut self, id: Id) -> Result<(), Fault> {
        let Some(connection) = self.connections.get_mut(id).and_then(Option::as_mut) else { return Ok(()) };
        connection.interest(self.poll.registry(), id, Interest::READABLE | Interest::WRITABLE)
    }

    pub(crate) fn get(&mut self, id: Id) -> Option<&mut Connection> {
        self.connections.get_mut(id)?.as_mut()
    }

    /// Lets a scenario append to what the connection will write at the end of the current event.
    pub(crate) fn append(&mut self, id: Id, write: impl FnOnce(&mut Vec<u8>)) {
        let Some(connection) = self.connections.get_mut(id).and_then(Option::as_mut) else { return };
        write(&mut connection.out);
        if !connection.queued {
            connection.queued = true;
            self.queued.push(id);
        }
    }

    /// Writes what is waiting, each connection at once.
    pub(crate) fn flush(&mut self) -> Result<(), Fault> {
        let mut queued = mem::take(&mut self.queued);
        for id in queued.drain(..) {
            let Some(connection) = self.connections.get_mut(id).and_then(Option::as_mut) else { continue };
            connection.queued = false;
            if !connection.blocked {
                connection.write()?;
            }
        }
        self.queued = queued;
        Ok(())
    }

    /// Goes on writing where the socket was full, or was not connected yet.
    pub(crate) fn writable(&mut self, id: Id) -> Result<(), Fault> {
        match self.get(id) {
            Some(connection) if connection.blocked => {
                connection.blocked = false;
                connection.write()
            }
            _ => Ok(()),
        }
    }

    /// Reads into the buffer, behind what was kept of an earlier read.
    pub(crate) fn fill(&mut self, id: Id, buffer: &mut Vec<u8>) -> Result<Filled, Fault> {
        let Some(connection) = self.get(id) else { return Ok(Filled::Nothing) };
        let kept = connection.kept.len();
        if buffer.len() < kept * 2 {
            buffer.resize(kept * 2, 0);
        }
        match connection.stream.read(&mut buffer[kept..]) {
            Ok(0) => Ok(Filled::Ended),
            Ok(read) => {
                buffer[..kept].copy_from_slice(&connection.kept);
                connection.kept.clear();
                Ok(Filled::Bytes(kept + read, kept + read == buffer.len()))
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => {
                Ok(Filled::Nothing)
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(Filled::Bytes(0, true)),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(Filled::Ended),
            Err(error) => Err(Fault::connection("reading from the server", &error)),
        }
    }

    /// Keeps the end of what was read, which is not complete.
    pub(crate) fn keep(&mut self, id: Id, bytes: &[u8]) {
        if let Some(connection) = self.get(id) {
            connection.kept.extend_from_slice(bytes);
        }
    }
}

impl Connection {
    fn interest(&mut self, registry: &Registry, id: Id, interest: Interest) -> Result<(), Fault> {
        registry
            .reregister(&mut self.stream, Token(id), interest)
            .map_err(|error| Fault::connection("epoll", &error))
    }

    fn write(&mut self) -> Result<(), Fault> {
        let mut written = 0;
        while written < self.out.len() {
            match self.stream.write(&self.out[written..]) {
                Ok(bytes) => written += bytes,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => {
                    self.blocked = true;
                    break;
                }
                Err(error) => return Err(Fault::connection("writing to the server", &error)),
            }
        }
        if written == self.out.len() {
            self.out.clear();
        } else {
            self.out.drain(..written);
        }
        Ok(())
    }
}
