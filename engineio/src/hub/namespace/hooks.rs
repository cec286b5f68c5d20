//! What a program has a namespace do: its listeners and middlewares.

use parking_lot::RwLock;

use super::server_side::{Listener, ServerSideListeners};
use crate::hub::{
    listeners::{Listeners, SharedListeners},
    middleware::Middleware,
    outgoing::OutgoingCount,
};

/// The listeners and middlewares of a namespace, or those that a parent has for all its children.
#[derive(Default)]
pub(crate) struct Hooks {
    listeners: SharedListeners,
    pub(crate) middlewares: RwLock<Vec<Middleware>>,
    pub(super) server_side: ServerSideListeners,
    /// Who listens to what is sent, those of the namespace's sockets included.
    pub(crate) outgoing: OutgoingCount,
}

impl Hooks {
    pub(crate) fn change_listeners<T>(&self, change: impl FnOnce(&mut Listeners) -> T) -> T {
        self.listeners.change(|listeners| self.outgoing.change(listeners, change))
    }

    pub(crate) fn table(&self) -> Listeners {
        self.listeners.get()
    }

    pub(crate) fn add_server_side(&self, event: &str, listener: Listener) {
        self.server_side.add(event, listener);
    }
}

/// The methods that add to what `self.hooks()` answers.
macro_rules! hooking {
    ($target:ty) => {
        $crate::hub::listening::listening!($target);

        impl $target {
            fn change_listeners<T>(
                &self,
                change: impl FnOnce(&mut $crate::hub::listeners::Listeners) -> T,
            ) -> T {
                self.hooks().change_listeners(change)
            }

            fn own_listeners(&self) -> $crate::hub::listeners::Listeners {
                self.hooks().table()
            }

            /// Calls `handler` for each client that is let in; its events wait until the handler is done.
            pub fn on_connection<Marker: 'static>(
                &self,
                handler: impl $crate::hub::Handler<Marker>,
            ) -> $crate::hub::ListenerId {
                self.change_listeners(|listeners| {
                    listeners.add($crate::hub::event_ref::Origin::Library, "connection", handler)
                })
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
