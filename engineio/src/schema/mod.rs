//! Events declared once: listeners and emits with types, and a declaration of them for clients in TypeScript.
//!
//! [`events!`](crate::events) makes a type of each set of events. Its function `on` adds listeners, its function `emit`
//! sends, and [`typescript`] writes the declaration. A program that does not use it pays nothing for it.
//!
//! ```
//! engineio::events! {
//!     /// Where someone sits.
//!     pub struct Seat { room: String, row as "rowNumber": u32 }
//!
//!     /// What a client may send.
//!     pub incoming ClientToServerEvents {
//!         /// Takes a seat.
//!         sit(seat: Seat) -> Result<u32, String>,
//!         say(text: String),
//!     }
//!
//!     /// What the server sends.
//!     pub outgoing ServerToClientEvents {
//!         said as "message:new"(from: String, text: String),
//!         ready(question: String) -> bool,
//!     }
//! }
//!
//! # fn listen(io: &engineio::Server) {
//! ClientToServerEvents::on(io)
//!     .sit(|socket, seat| {
//!         socket.join(seat.room.as_str()).map_err(|error| error.to_string())?;
//!         Ok(seat.row)
//!     })
//!     .say(async |socket, text| {
//!         ServerToClientEvents::emit(&socket).said("you", &text);
//!         ServerToClientEvents::emit(socket.broadcast()).said(socket.id().as_str(), text);
//!         let is_ready = ServerToClientEvents::emit(&socket).ready("are you?").await;
//!         println!("{is_ready:?}");
//!     });
//! # }
//!
//! let declaration = engineio::schema::typescript::<ClientToServerEvents, ServerToClientEvents>();
//! assert!(declaration.contains(r#""message:new": (from: string, text: string) => void;"#));
//! assert!(declaration.contains("Socket<ServerToClientEvents, ClientToServerEvents>;"));
//! ```
//!
//! # Listening
//! `ClientToServerEvents::on(target)` takes a [`Server`], a [`Namespace`], a [`ParentNamespace`] or a [`Socket`]. A
//! listener is called with the socket and the arguments; it may be `async`. What it returns is the answer, if the event
//! has one. `-> Result<T, E>` answers the value, or `{ "error": … }`. As a listener may return the answer or a future of
//! it, the compiler does not guess: it is `Binary::from(bytes)`, and not `bytes.into()`.
//!
//! Arguments of another number or form than declared never reach the listener: a client that waits for an answer gets
//! `{ "error": … }` that names the argument, and the listeners of [`on_error`](Server::on_error) hear of it.
//!
//! # Sending
//! `ServerToClientEvents::emit(target)` takes whatever can emit. Of an event with an answer, one socket makes an
//! [`Answered`], and many make an [`AnsweredByMany`]; both are awaited.
//!
//! # What does not compile
//! A listener that wants another argument than declared:
//! ```compile_fail,E0631
//! # engineio::events! { pub incoming Events { count(by: u32) -> u32 } }
//! # fn listen(io: &engineio::Server) {
//! Events::on(io).count(|_, by: String| 1); // `by` is a `u32`
//! # }
//! ```
//! One that answers with something else, at once or later:
//! ```compile_fail,E0277
//! # engineio::events! { pub incoming Events { count(by: u32) -> u32 } }
//! # fn listen(io: &engineio::Server) {
//! Events::on(io).count(|_, by| by.to_string());
//! # }
//! ```
//! ```compile_fail,E0271
//! # engineio::events! { pub incoming Events { count(by: u32) -> u32 } }
//! # fn listen(io: &engineio::Server) {
//! Events::on(io).count(async |_, by| by.to_string());
//! # }
//! ```
//! An emit with another argument, or with one too few, and an event that is not in the set:
//! ```compile_fail,E0277
//! # engineio::events! { pub outgoing Events { counted(number: u32) } }
//! # fn send(socket: &engineio::Socket) {
//! Events::emit(socket).counted("one");
//! # }
//! ```
//! ```compile_fail,E0061
//! # engineio::events! { pub outgoing Events { counted(number: u32) } }
//! # fn send(socket: &engineio::Socket) {
//! Events::emit(socket).counted();
//! # }
//! ```
//! ```compile_fail,E0599
//! # engineio::events! { pub outgoing Events { counted(number: u32) } }
//! # fn send(socket: &engineio::Socket) {
//! Events::emit(socket).recounted(1);
//! # }
//! ```
//! An answer that is taken for another type than declared:
//! ```compile_fail,E0308
//! # engineio::events! { pub outgoing Events { ready() -> bool } }
//! # async fn ask(socket: &engineio::Socket) -> Result<(), engineio::AckError> {
//! let answer: u32 = Events::emit(socket).ready().await?;
//! # Ok(()) }
//! ```
//! And sending what clients send, or listening to what the server sends:
//! ```compile_fail,E0599
//! # engineio::events! { pub incoming Events { count(by: u32) } }
//! # fn send(socket: &engineio::Socket) {
//! Events::emit(socket).count(1);
//! # }
//! ```
//! ```compile_fail,E0599
//! # engineio::events! { pub outgoing Events { counted(number: u32) } }
//! # fn listen(io: &engineio::Server) {
//! Events::on(io).counted(|_, _| ());
//! # }
//! ```
//! The same with the right types does:
//! ```
//! # engineio::events! {
//! #     pub incoming In { count(by: u32) -> u32 }
//! #     pub outgoing Out { counted(number: u32), ready() -> bool }
//! # }
//! # fn listen(io: &engineio::Server) {
//! In::on(io).count(|_, by: u32| by);
//! In::on(io).count(async |_, by| by);
//! # }
//! # async fn ask(socket: &engineio::Socket) -> Result<(), engineio::AckError> {
//! Out::emit(socket).counted(1);
//! let answer: bool = Out::emit(socket).ready().await?;
//! # Ok(()) }
//! ```
//!
//! # In the browser
//! [`guide::schema`](crate::guide::schema) has the other side.

mod answer;
mod arguments;
mod declaration;
mod emit;
mod listen;
mod macros;
mod name;
mod ts_type;

pub use answer::Answer;
pub use arguments::Arguments;
pub use declaration::{EventDescription, EventSet, Incoming, Outgoing, typescript};
pub use emit::{Answered, AnsweredByMany, Ask, Emit, SentAs, TypedReplies};
pub use listen::{Listen, NoAnswer, Returns, TypedListener};
pub use ts_type::{TsKey, TsType, Types};

#[doc(hidden)]
pub use name::{check_names, plain};
#[doc(hidden)]
pub use serde;
#[doc(hidden)]
pub use ts_type::{object as ts_object, text as ts_text};

/// How a set of events is used while listeners are added: [`Listen`] is the target's trait.
#[derive(Clone, Copy, Debug)]
pub struct On<T>(#[doc(hidden)] pub T);

/// How a set of events is used for sending: [`Emit`] is the target's trait.
#[derive(Clone, Copy, Debug)]
pub struct To<T>(#[doc(hidden)] pub T);

#[cfg(doc)]
use crate::hub::{Namespace, ParentNamespace, Server, Socket};
