//! What a program has a namespace do: its listeners and middlewares.

use parking_lot::RwLock;

use super::server_side::{Listener, ServerSideListeners};
use crate::hub::{handler::Listeners, middleware::Middleware};

/// The listeners and middlewares of a namespace, or those that a parent has for all its children.
#[derive(Default)]
pub(crate) struct Hooks {
    pub(crate) listeners: RwLock<Listeners>,
    pub(crate) middlewares: RwLock<Vec<Middleware>>,
    pub(super) server_side: ServerSideListeners,
}

impl Hooks {
    pub(crate) fn add_server_side(&self, event: &str, listener: Listener) {
        self.server_side.add(event, listener);
    }
}

/// The methods that add to what `self.hooks()` answers.
macro_rules! hooking {
    ($target:ty) => {
        impl $target {
            /// Calls `handler` for each client that is let in; its events wait until the handler is done.
            pub fn on_connection<Marker: 'static>(&self, handler: impl $crate::hub::Handler<Marker>) {
                self.hooks().listeners.write().add(
                    $crate::hub::handler::Origin::Library,
                    "connection",
                    handler,
                );
            }

            /// Calls `handler` for an event from any client.
            ///
            /// One listener for all sockets costs no memory per connection, unlike
            /// [`Socket::on`]($crate::hub::Socket::on).
            pub fn on<Marker: 'static>(&self, event: &str, handler: impl $crate::hub::Handler<Marker>) {
                self.hooks().listeners.write().add($crate::hub::handler::Origin::Client, event, handler);
            }

            /// Calls `handler` for each socket that has left.
            pub fn on_disconnect<Marker: 'static>(&self, handler: impl $crate::hub::Handler<Marker>) {
                self.hooks().listeners.write().add(
                    $crate::hub::handler::Origin::Library,
                    "disconnect",
                    handler,
                );
            }

            /// Asks `middleware` before a client is let in. Several are asked in the order they were added; the first
            /// refusal counts.
            ///
            /// The socket is not connected yet: rooms it joins hold once it is let in and are left if it is refused.
            pub fn middleware<F, Fut>(&self, middleware: F)
            where
                F: Fn($crate::hub::Socket) -> Fut + Send + Sync + 'static,
                Fut: Future<Output = Result<(), $crate::hub::ConnectError>> + Send + 'static,
            {
                self.hooks().middlewares.write().push($crate::hub::middleware::erase(middleware));
            }

            /// Calls `listener` for an event that another server of the cluster sends to this one by
            /// `server_side_emit`.
            pub fn on_server_side(
                &self,
                event: &str,
                listener: impl Fn($crate::hub::ServerSideEvent) + Send + Sync + 'static,
            ) {
                self.hooks().add_server_side(event, std::sync::Arc::new(listener));
            }
        }
    };
}

pub(crate) use hooking;
