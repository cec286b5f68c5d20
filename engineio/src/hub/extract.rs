//! What a listener can ask for as a parameter.

use std::{any::Any, time::Duration};

use serde::de::DeserializeOwned;

use super::{
    ack::Ack,
    args::{ArgsError, read_all, read_first},
    event_ref::{About, EventRef},
    failure::{EventError, EventErrorKind},
    payload::Payload,
    reason::{DisconnectDetails, DisconnectReason},
    socket::Socket,
    state::State,
};

/// Something a listener can ask for as a parameter.
///
/// # Examples
/// A parameter of one's own:
/// ```
/// use engineio::{EventError, EventErrorKind, hub::{EventRef, FromEvent}};
///
/// struct Language(String);
///
/// impl FromEvent for Language {
///     fn from_event(event: &EventRef<'_>) -> Result<Self, EventError> {
///         let language = event.socket().handshake().header("accept-language");
///         let missing = || EventError::new(EventErrorKind::Refused, event.name(), "no language is known");
///         language.map(|text| Self(text.to_owned())).ok_or_else(missing)
///     }
/// }
/// ```
pub trait FromEvent: Sized {
    /// Takes it out of an event.
    ///
    /// # Errors
    /// The event does not have it; the listener is then not called.
    fn from_event(event: &EventRef<'_>) -> Result<Self, EventError>;
}

impl FromEvent for Socket {
    fn from_event(event: &EventRef<'_>) -> Result<Self, EventError> {
        Ok(event.socket.clone())
    }
}

/// The first argument of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Data<T>(pub T);

impl<T: DeserializeOwned> FromEvent for Data<T> {
    fn from_event(event: &EventRef<'_>) -> Result<Self, EventError> {
        read_first(event.arguments(), event.attachments)
            .map(Data)
            .map_err(|error| of_arguments(event, &error))
    }
}

/// All arguments of an event as one value, usually a tuple.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Args<T>(pub T);

impl<T: DeserializeOwned> FromEvent for Args<T> {
    fn from_event(event: &EventRef<'_>) -> Result<Self, EventError> {
        read_all(event.data, event.attachments).map(Args).map_err(|error| of_arguments(event, &error))
    }
}

impl FromEvent for Payload {
    fn from_event(event: &EventRef<'_>) -> Result<Self, EventError> {
        Ok(Payload::from_event(event))
    }
}

#[cold]
fn of_arguments(event: &EventRef<'_>, error: &ArgsError) -> EventError {
    EventError::new(EventErrorKind::Arguments, event.name, error.to_string())
}

/// The name of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventName(pub String);

impl FromEvent for EventName {
    fn from_event(event: &EventRef<'_>) -> Result<Self, EventError> {
        Ok(EventName(event.name.to_owned()))
    }
}

impl FromEvent for Ack {
    fn from_event(event: &EventRef<'_>) -> Result<Self, EventError> {
        Ok(Ack::of(event))
    }
}

/// In listeners of `disconnecting` and `disconnect`.
impl FromEvent for DisconnectReason {
    fn from_event(event: &EventRef<'_>) -> Result<Self, EventError> {
        match event.about {
            About::Departure(reason) => Ok(*reason),
            About::Nothing | About::Failure(_) | About::TimeLeft(_) => {
                Err(missing(event, "only `disconnect` and `disconnecting` have a reason"))
            }
        }
    }
}

/// In listeners of `disconnecting` and `disconnect`.
impl FromEvent for DisconnectDetails {
    fn from_event(event: &EventRef<'_>) -> Result<Self, EventError> {
        let reason = DisconnectReason::from_event(event)?;
        Ok(Self { reason, description: event.socket.peer().description().map(str::to_owned) })
    }
}

/// In listeners of `error`.
impl FromEvent for EventError {
    fn from_event(event: &EventRef<'_>) -> Result<Self, EventError> {
        match event.about {
            About::Failure(error) => Ok(error.clone()),
            About::Nothing | About::Departure(_) | About::TimeLeft(_) => {
                Err(missing(event, "only `error` has an error"))
            }
        }
    }
}

/// How long the socket may stay, in listeners of `expiring`; see [`Socket::set_deadline`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeLeft(pub Duration);

impl FromEvent for TimeLeft {
    fn from_event(event: &EventRef<'_>) -> Result<Self, EventError> {
        match event.about {
            About::TimeLeft(left) => Ok(TimeLeft(*left)),
            About::Nothing | About::Departure(_) | About::Failure(_) => {
                Err(missing(event, "only `expiring` has a time left"))
            }
        }
    }
}

impl<T: Send + Sync + 'static> FromEvent for State<T> {
    fn from_event(event: &EventRef<'_>) -> Result<Self, EventError> {
        event.socket.namespace().state().ok_or_else(|| missing_value::<T>(event, "the server"))
    }
}

/// A copy of the value of this type that was [kept with the socket](Socket::insert). `Option<Extension<T>>` is for a
/// value that may not be there.
///
/// # Examples
/// ```no_run
/// # use engineio::{Extension, Server, Socket};
/// # let io = Server::new();
/// #[derive(Clone)]
/// struct User(String);
///
/// io.on_connection(|socket: Socket| {
///     socket.insert(User("alice".into()));
/// });
/// io.on("who am i", |socket: Socket, Extension(user): Extension<User>| socket.emit("you are", &user.0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extension<T>(pub T);

impl<T: Clone + Any + Send + Sync> FromEvent for Extension<T> {
    fn from_event(event: &EventRef<'_>) -> Result<Self, EventError> {
        event.socket.get().map(Extension).ok_or_else(|| missing_value::<T>(event, "the socket"))
    }
}

impl<T: Clone + Any + Send + Sync> FromEvent for Option<Extension<T>> {
    fn from_event(event: &EventRef<'_>) -> Result<Self, EventError> {
        Ok(event.socket.get().map(Extension))
    }
}

#[cold]
fn missing(event: &EventRef<'_>, what: impl Into<String>) -> EventError {
    EventError::new(EventErrorKind::Missing, event.name, what)
}

#[cold]
fn missing_value<T>(event: &EventRef<'_>, keeper: &str) -> EventError {
    missing(event, format!("{keeper} keeps no value of type {}", std::any::type_name::<T>()))
}
