//! The sending half that the server, its namespaces and their parents have in common: each method makes an operator for
//! all sockets and hands on.

/// Methods for whatever answers an operator from `self.operator()`.
macro_rules! sending {
    ($sender:ty, $operator:ty) => {
        impl $sender {
            /// A broadcast to a room or several; a list of rooms that turns out to be empty means nobody.
            pub fn to(&self, rooms: impl $crate::hub::Rooms) -> $operator {
                self.operator().to(rooms)
            }

            /// A broadcast to a room or several, as [`to`](Self::to).
            pub fn within(&self, rooms: impl $crate::hub::Rooms) -> $operator {
                self.operator().to(rooms)
            }

            /// A broadcast to everyone but those in a room or several; a socket's id is a room as well.
            pub fn except(&self, rooms: impl $crate::hub::Rooms) -> $operator {
                self.operator().except(rooms)
            }

            /// A broadcast that skips connections that are busy.
            pub fn volatile(&self) -> $operator {
                self.operator().volatile()
            }

            /// A broadcast that says whether transports that compress should compress it, which is the default.
            pub fn compress(&self, compress: bool) -> $operator {
                self.operator().compress(compress)
            }

            /// A broadcast that is the first to go for sockets that read too slowly; see [`Overflow`](crate::Overflow).
            pub fn droppable(&self) -> $operator {
                self.operator().droppable()
            }

            /// A broadcast to the sockets of this server only, if it is one of several.
            pub fn local(&self) -> $operator {
                self.operator().local()
            }

            /// Sends an event to every socket: a tuple is several arguments, `()` none, anything else one.
            pub fn emit<T: serde::Serialize + ?Sized>(&self, event: &str, args: &T) -> $crate::hub::Sent {
                self.operator().emit(event, args)
            }

            /// Sends an event whose arguments came from elsewhere to every socket.
            pub fn emit_payload(&self, event: &str, payload: &$crate::hub::Payload) -> $crate::hub::Sent {
                self.operator().emit_payload(event, payload)
            }

            /// Sends the event `message` to every socket.
            pub fn send<T: serde::Serialize + ?Sized>(&self, args: &T) -> $crate::hub::Sent {
                self.operator().send(args)
            }

            /// The sockets of this server.
            #[must_use]
            pub fn sockets(&self) -> Vec<$crate::hub::Socket> {
                self.operator().sockets()
            }

            /// Makes every socket join a room or several.
            ///
            /// # Errors
            /// The first socket of this server that could not, after all others have been tried.
            pub fn sockets_join(&self, rooms: impl $crate::hub::Rooms) -> Result<(), $crate::hub::JoinError> {
                self.operator().sockets_join(rooms)
            }

            /// Makes every socket leave a room or several.
            pub fn sockets_leave(&self, rooms: impl $crate::hub::Rooms) {
                self.operator().sockets_leave(rooms);
            }

            /// Ends every socket's stay, after what was sent before; with `close`, its connection as well.
            pub fn disconnect_sockets(&self, close: bool) {
                self.operator().disconnect_sockets(close);
            }
        }
    };
}

/// Methods for whatever is a single namespace, which can be asked.
macro_rules! asking {
    ($sender:ty) => {
        impl $sender {
            /// An operator whose questions wait so long.
            pub fn timeout(&self, timeout: std::time::Duration) -> $crate::hub::BroadcastOperator {
                self.operator().timeout(timeout)
            }

            /// Sends an event to every socket and gathers the answers that come within
            /// [`Config::ack_timeout`](crate::Config::ack_timeout).
            pub fn emit_with_ack<T: serde::Serialize + ?Sized>(
                &self,
                event: &str,
                args: &T,
            ) -> $crate::hub::AckReplies {
                self.operator().emit_with_ack(event, args)
            }

            /// Fetches all sockets, on this server and others.
            ///
            /// # Errors
            /// Some of the other servers did not answer within
            /// [`Config::cluster_timeout`](crate::Config::cluster_timeout); the error has the sockets of those that did.
            pub async fn fetch_sockets(&self) -> $crate::hub::Answered<$crate::hub::RemoteSocket> {
                self.operator().fetch_sockets().await
            }
        }
    };
}

pub(crate) use {asking, sending};
