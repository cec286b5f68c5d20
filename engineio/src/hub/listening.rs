//! What sockets, namespaces and their parents have in common: adding and removing listeners.

/// The methods for listeners of a type that has a method `change_listeners`, which lets a function change the table, and
/// a method `own_listeners`, which answers a copy of it.
macro_rules! listening {
    ($target:ty) => {
        impl $target {
            /// Calls `handler` for each event of this name, after those added before.
            ///
            /// Listeners of one socket run one after the other; an `async` one holds back this socket's next event
            /// until it is done. Long work belongs into a task of its own. One listener of a namespace for all its
            /// sockets costs no memory per connection, unlike a socket's own.
            pub fn on<Marker: 'static>(
                &self,
                event: &str,
                handler: impl $crate::hub::Handler<Marker>,
            ) -> $crate::hub::ListenerId {
                self.change_listeners(|listeners| {
                    listeners.add($crate::hub::event_ref::Origin::Client, event, handler)
                })
            }

            /// Calls `handler` for the next event of this name that it can read, and then no more.
            pub fn once<Marker: 'static>(
                &self,
                event: &str,
                handler: impl $crate::hub::Handler<Marker>,
            ) -> $crate::hub::ListenerId {
                self.change_listeners(|listeners| listeners.add_once(event, handler))
            }

            /// Removes all listeners of an event that were added here.
            pub fn off(&self, event: &str) {
                self.change_listeners(|listeners| listeners.remove(event));
            }

            /// Removes one listener, of whatever kind, that was added here; answers whether there was one.
            pub fn off_listener(&self, id: $crate::hub::ListenerId) -> bool {
                self.change_listeners(|listeners| listeners.remove_one(id))
            }

            /// The listeners of an event that were added here, in the order in which they are called.
            #[must_use]
            pub fn listeners_of(&self, event: &str) -> Vec<$crate::hub::ListenerId> {
                self.own_listeners().ids(event)
            }

            /// Calls `handler` for each event that comes, whatever its name, before middlewares and listeners of the event
            /// see it and after the catch-all listeners added before. Events with arguments that it cannot read are left
            /// out without a word.
            pub fn on_any<Marker: 'static>(
                &self,
                handler: impl $crate::hub::Handler<Marker>,
            ) -> $crate::hub::ListenerId {
                self.change_listeners(|listeners| {
                    listeners.add_any(
                        $crate::hub::listeners::Every::Incoming,
                        $crate::hub::listeners::Place::Last,
                        handler,
                    )
                })
            }

            /// Like [`on_any`](Self::on_any), but before the catch-all listeners added so far.
            pub fn prepend_any<Marker: 'static>(
                &self,
                handler: impl $crate::hub::Handler<Marker>,
            ) -> $crate::hub::ListenerId {
                self.change_listeners(|listeners| {
                    listeners.add_any(
                        $crate::hub::listeners::Every::Incoming,
                        $crate::hub::listeners::Place::First,
                        handler,
                    )
                })
            }

            /// Removes all catch-all listeners that were added here; [`off_listener`](Self::off_listener) removes one.
            pub fn off_any(&self) {
                self.change_listeners(|listeners| {
                    listeners.remove_any($crate::hub::listeners::Every::Incoming)
                });
            }

            /// The catch-all listeners that were added here, in the order in which they are called.
            #[must_use]
            pub fn listeners_any(&self) -> Vec<$crate::hub::ListenerId> {
                self.own_listeners().ids_of_every($crate::hub::listeners::Every::Incoming)
            }

            /// Calls `handler` for each event that is sent to a client, broadcasts included and answers left out, before
            /// it is queued. The [`Socket`](crate::Socket) that it may ask for is the receiver.
            ///
            /// An event that the handler itself sends is told to it as well. An `async` handler holds nothing up.
            pub fn on_any_outgoing<Marker: 'static>(
                &self,
                handler: impl $crate::hub::Handler<Marker>,
            ) -> $crate::hub::ListenerId {
                self.change_listeners(|listeners| {
                    listeners.add_any(
                        $crate::hub::listeners::Every::Outgoing,
                        $crate::hub::listeners::Place::Last,
                        handler,
                    )
                })
            }

            /// Like [`on_any_outgoing`](Self::on_any_outgoing), but before those added so far.
            pub fn prepend_any_outgoing<Marker: 'static>(
                &self,
                handler: impl $crate::hub::Handler<Marker>,
            ) -> $crate::hub::ListenerId {
                self.change_listeners(|listeners| {
                    listeners.add_any(
                        $crate::hub::listeners::Every::Outgoing,
                        $crate::hub::listeners::Place::First,
                        handler,
                    )
                })
            }

            /// Removes all listeners of outgoing events that were added here.
            pub fn off_any_outgoing(&self) {
                self.change_listeners(|listeners| {
                    listeners.remove_any($crate::hub::listeners::Every::Outgoing)
                });
            }

            /// The listeners of outgoing events that were added here, in the order in which they are called.
            #[must_use]
            pub fn listeners_any_outgoing(&self) -> Vec<$crate::hub::ListenerId> {
                self.own_listeners().ids_of_every($crate::hub::listeners::Every::Outgoing)
            }

            /// Lets `middleware` see each event before its listeners. It answers the event as it should go on, changed or
            /// not, or an error: then no listener is called, the sender is told if it waits for an answer, and so are the
            /// listeners of errors.
            ///
            /// # Examples
            /// ```
            /// # use engineio::{Incoming, Server, Socket};
            /// # fn example(io: Server, socket: Socket) {
            /// io.of("/").event_middleware(|event: Incoming| {
            ///     if event.name().starts_with("admin:") { Err("not allowed") } else { Ok(event) }
            /// });
            /// socket.event_middleware(async |mut event: Incoming| {
            ///     let text: (String,) = event.args()?;
            ///     event.set_args(text.0.trim())?;
            ///     Ok::<_, engineio::hub::ArgsError>(event)
            /// });
            /// # }
            /// ```
            pub fn event_middleware<Marker: 'static>(
                &self,
                middleware: impl $crate::hub::EventMiddleware<Marker>,
            ) -> $crate::hub::ListenerId {
                let interceptor = $crate::hub::intercept::erased(middleware);
                self.change_listeners(|listeners| listeners.add_interceptor(interceptor))
            }

            /// Calls `handler` when an event was not handled as it should be: its arguments have another form than its
            /// listener asks for, a middleware refused it, or a listener ended with an error or a panic. The handler asks
            /// for the [`EventError`](crate::EventError). What nobody listens for is logged.
            pub fn on_error<Marker: 'static>(
                &self,
                handler: impl $crate::hub::Handler<Marker>,
            ) -> $crate::hub::ListenerId {
                self.change_listeners(|listeners| {
                    listeners.add($crate::hub::event_ref::Origin::Library, "error", handler)
                })
            }

            /// Calls `handler` some time before a socket's deadline; see [`Socket::set_deadline`](crate::Socket::set_deadline). The handler may ask for the
            /// [`TimeLeft`](crate::TimeLeft).
            pub fn on_expiring<Marker: 'static>(
                &self,
                handler: impl $crate::hub::Handler<Marker>,
            ) -> $crate::hub::ListenerId {
                self.change_listeners(|listeners| {
                    listeners.add($crate::hub::event_ref::Origin::Library, "expiring", handler)
                })
            }

            /// Calls `handler` when the socket leaves, while [`Socket::rooms`](crate::Socket::rooms) still names its rooms. The handler may ask
            /// for the [`DisconnectReason`](crate::DisconnectReason).
            pub fn on_disconnecting<Marker: 'static>(
                &self,
                handler: impl $crate::hub::Handler<Marker>,
            ) -> $crate::hub::ListenerId {
                self.change_listeners(|listeners| {
                    listeners.add($crate::hub::event_ref::Origin::Library, "disconnecting", handler)
                })
            }

            /// Calls `handler` once the socket has left and its rooms are empty. The handler may ask for the
            /// [`DisconnectReason`](crate::DisconnectReason).
            pub fn on_disconnect<Marker: 'static>(
                &self,
                handler: impl $crate::hub::Handler<Marker>,
            ) -> $crate::hub::ListenerId {
                self.change_listeners(|listeners| {
                    listeners.add($crate::hub::event_ref::Origin::Library, "disconnect", handler)
                })
            }
        }
    };
}

pub(crate) use listening;
