//! One connection's side of the Socket.IO protocol as a state machine.
//!
//! ```text
//!                 begin                accept
//!   (not joined) ───────> connecting ─────────> connected
//!        ^                     │                    │ leave (by the server)
//!        │ refuse              │                    v
//!        ├─────────────────────┘                  left ──> begin
//!        └── DISCONNECT from the client
//! ```
//!
//! A packet for a namespace that is not joined closes the connection, with one exception: after the *server*
//! has ended a namespace, events that the client sent before it heard of it are dropped.

use std::{borrow::Cow, time::Instant};

use bytes::Bytes;

use super::{
    assembly::{Assembly, AssemblyError, BinaryPacket},
    packet::{DecodeError, Packet, PacketType},
};
use crate::config::{Config, after};

/// What a client did that ends its connection.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A packet cannot be read.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// Attachments came in the wrong order or are too long.
    #[error(transparent)]
    Assembly(#[from] AssemblyError),
    /// A packet was for a namespace that the client has not joined.
    #[error("got a packet for namespace {0:?}, which is not joined")]
    NotJoined(String),
    /// A namespace was joined twice.
    #[error("got a second CONNECT for namespace {0:?}")]
    SecondConnect(String),
    /// The client sent a CONNECT_ERROR.
    #[error("got a CONNECT_ERROR, which only the server may send")]
    ConnectError,
    /// No namespace was joined within [`Config::connect_timeout`].
    #[error("no CONNECT came in time")]
    ConnectTimeout,
    /// An attachment did not arrive within [`Config::attachment_timeout`].
    #[error("an announced attachment did not come in time")]
    AttachmentTimeout,
    /// More namespaces than [`Config::max_namespaces`], or a name over [`Config::max_namespace_bytes`].
    #[error("too many namespaces, or a name too long")]
    TooManyNamespaces,
}

/// What is to be done with what came in.
#[derive(Debug, PartialEq, Eq)]
pub enum ClientAction<'a> {
    /// Nothing.
    None,
    /// The client asks for a namespace.
    Connect(Packet<'a>),
    /// An event or an answer for a connected namespace.
    Packet(Packet<'a>),
    /// A binary packet for a connected namespace is complete.
    Complete(BinaryPacket),
    /// The client leaves a namespace.
    Disconnect(Packet<'a>),
    /// The connection must be closed.
    Close(Fault),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Connecting,
    Connected,
    Left,
}

/// The namespaces of one connection and its half-received binary packet.
#[derive(Debug)]
pub struct Client {
    namespaces: Vec<(Box<str>, State)>,
    assembly: Assembly,
    connect_until: Option<Instant>,
    /// Whether the client speaks protocol 4, in which a CONNECT may carry a query behind the namespace's name.
    has_queries: bool,
}

impl Client {
    /// A connection that has just been opened.
    #[must_use]
    pub fn new(config: &Config, now: Instant) -> Self {
        Self {
            // Nearly all clients join one.
            namespaces: Vec::with_capacity(1),
            assembly: Assembly::default(),
            connect_until: Some(after(now, config.connect_timeout)),
            has_queries: false,
        }
    }

    /// The same for a client of protocol 4, the one of Socket.IO 2.
    #[must_use]
    pub fn of_protocol_four(config: &Config, now: Instant) -> Self {
        Self { has_queries: true, ..Self::new(config, now) }
    }

    /// When [`Client::tick`] is due.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        [self.connect_until, self.assembly.deadline()].into_iter().flatten().min()
    }

    /// Takes a text message.
    pub fn text<'a>(&mut self, text: &'a str, config: &Config, now: Instant) -> ClientAction<'a> {
        if self.assembly.is_waiting() {
            return ClientAction::Close(AssemblyError::TextInstead.into());
        }
        match Packet::decode(text, config).map(|packet| self.of_its_protocol(packet)) {
            Ok(packet) if packet.attachments > 0 => match self.check_joined(&packet) {
                Err(fault) => ClientAction::Close(fault),
                Ok(_) => {
                    self.assembly.begin(&packet, text, config, now);
                    ClientAction::None
                }
            },
            Ok(packet) => self.route(packet),
            Err(error) => ClientAction::Close(error.into()),
        }
    }

    /// Takes a binary message, which is the next attachment of a packet in text.
    pub fn binary(&mut self, bytes: Cow<'_, [u8]>, config: &Config, now: Instant) -> ClientAction<'static> {
        match self.assembly.push(Bytes::from(bytes.into_owned()), config, now) {
            Ok(None) => ClientAction::None,
            Ok(Some(packet)) => ClientAction::Complete(packet),
            Err(error) => ClientAction::Close(error.into()),
        }
    }

    /// Takes a packet that came whole, as those in MessagePack do.
    pub fn packet<'a>(&mut self, packet: Packet<'a>) -> ClientAction<'a> {
        let packet = self.of_its_protocol(packet);
        self.route(packet)
    }

    fn of_its_protocol<'a>(&self, packet: Packet<'a>) -> Packet<'a> {
        if self.has_queries { packet.with_query_apart() } else { packet }
    }

    /// Tells whether a deadline has passed.
    pub fn tick(&mut self, now: Instant) -> Option<Fault> {
        if self.connect_until.is_some_and(|until| until <= now) {
            return Some(Fault::ConnectTimeout);
        }
        let late = self.assembly.deadline().is_some_and(|until| until <= now);
        late.then_some(Fault::AttachmentTimeout)
    }

    fn route<'a>(&mut self, packet: Packet<'a>) -> ClientAction<'a> {
        let state = self.state(packet.namespace);
        match (packet.kind, state) {
            (PacketType::Connect, None | Some(State::Left)) => ClientAction::Connect(packet),
            (PacketType::Connect, Some(_)) => {
                ClientAction::Close(Fault::SecondConnect(packet.namespace.into()))
            }
            (PacketType::ConnectError, _) => ClientAction::Close(Fault::ConnectError),
            (PacketType::Disconnect, Some(State::Connected)) => {
                self.forget(packet.namespace);
                ClientAction::Disconnect(packet)
            }
            _ => match self.check_joined(&packet) {
                Ok(State::Connected) => ClientAction::Packet(packet),
                Ok(_) => ClientAction::None,
                Err(fault) => ClientAction::Close(fault),
            },
        }
    }

    fn check_joined(&self, packet: &Packet<'_>) -> Result<State, Fault> {
        match self.state(packet.namespace) {
            Some(state @ (State::Connected | State::Left)) => Ok(state),
            Some(State::Connecting) | None => Err(Fault::NotJoined(packet.namespace.into())),
        }
    }

    fn state(&self, namespace: &str) -> Option<State> {
        self.namespaces.iter().find(|(name, _)| **name == *namespace).map(|&(_, state)| state)
    }

    fn set(&mut self, namespace: &str, state: State) {
        match self.namespaces.iter_mut().find(|(name, _)| **name == *namespace) {
            Some(entry) => entry.1 = state,
            None => self.namespaces.push((namespace.into(), state)),
        }
    }

    fn forget(&mut self, namespace: &str) {
        self.namespaces.retain(|(name, _)| **name != *namespace);
    }

    /// Begins to connect to a namespace that exists.
    ///
    /// # Errors
    /// The connection has too many namespaces already or the name is too long.
    pub fn begin(&mut self, namespace: &str, config: &Config) -> Result<(), Fault> {
        let is_new = self.state(namespace).is_none();
        if is_new && self.namespaces.len() >= config.max_namespaces
            || namespace.len() > config.max_namespace_bytes
        {
            return Err(Fault::TooManyNamespaces);
        }
        self.set(namespace, State::Connecting);
        Ok(())
    }

    /// The namespace has let the client in.
    pub fn accept(&mut self, namespace: &str) {
        self.connect_until = None;
        self.set(namespace, State::Connected);
    }

    /// The namespace has refused the client, which may ask again.
    pub fn refuse(&mut self, namespace: &str) {
        self.forget(namespace);
    }

    /// The server has ended the client's stay in a namespace.
    pub fn leave(&mut self, namespace: &str) {
        if self.state(namespace).is_some() {
            self.set(namespace, State::Left);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    struct Rig {
        client: Client,
        config: Config,
        now: Instant,
    }

    impl Rig {
        fn new() -> Self {
            let (config, now) = (Config::default(), Instant::now());
            Self { client: Client::new(&config, now), config, now }
        }

        fn connected() -> Self {
            let mut rig = Self::new();
            assert!(matches!(rig.text("0"), ClientAction::Connect(_)));
            rig.client.begin("/", &rig.config).unwrap();
            rig.client.accept("/");
            rig
        }

        fn text<'a>(&mut self, text: &'a str) -> ClientAction<'a> {
            self.client.text(text, &self.config, self.now)
        }

        fn binary(&mut self, bytes: &[u8]) -> ClientAction<'static> {
            self.client.binary(bytes.to_vec().into(), &self.config, self.now)
        }
    }

    #[test]
    fn an_event_before_connect_closes() {
        assert!(matches!(Rig::new().text(r#"2["a"]"#), ClientAction::Close(Fault::NotJoined(_))));
        let mut rig = Rig::new();
        rig.client.begin("/", &rig.config).unwrap();
        assert!(matches!(rig.text(r#"2["a"]"#), ClientAction::Close(Fault::NotJoined(_))));
    }

    #[test]
    fn a_second_connect_closes() {
        assert!(matches!(Rig::connected().text("0"), ClientAction::Close(Fault::SecondConnect(_))));
    }

    #[test]
    fn in_protocol_four_a_namespace_is_the_same_with_any_query() {
        let mut rig = Rig::connected();
        rig.client.has_queries = true;
        let ClientAction::Connect(packet) = rig.text("0/a?x=1,") else { panic!("it is a CONNECT") };
        assert_eq!((packet.namespace, packet.query), ("/a", "x=1"));
        rig.client.begin("/a", &rig.config).unwrap();
        rig.client.accept("/a");
        assert!(matches!(rig.text(r#"2/a,["a"]"#), ClientAction::Packet(_)));
        assert!(matches!(rig.text("0/a?x=2,"), ClientAction::Close(Fault::SecondConnect(_))));
        assert!(matches!(rig.text("0?x=2"), ClientAction::Close(_)), "only a name has a query");
    }

    #[test]
    fn in_protocol_four_an_event_with_attachments_may_name_the_query_as_well() {
        let mut rig = Rig::connected();
        rig.client.has_queries = true;
        rig.client.accept("/a");
        assert_eq!(rig.text(r#"51-/a?x=1,["ev"]"#), ClientAction::None);
        let ClientAction::Complete(packet) = rig.binary(b"x") else { panic!("it was the last") };
        assert_eq!(packet.packet().namespace, "/a");
    }

    #[test]
    fn an_event_after_the_clients_own_disconnect_closes() {
        let mut rig = Rig::connected();
        assert!(matches!(rig.text("1"), ClientAction::Disconnect(_)));
        assert!(matches!(rig.text(r#"2["a"]"#), ClientAction::Close(Fault::NotJoined(_))));
    }

    #[test]
    fn an_event_in_flight_at_the_servers_disconnect_is_dropped() {
        let mut rig = Rig::connected();
        rig.client.leave("/");
        assert_eq!(rig.text(r#"2["a"]"#), ClientAction::None);
        assert!(matches!(rig.text("0"), ClientAction::Connect(_)), "the client may come back");
    }

    #[test]
    fn attachments_are_put_together_in_order() {
        let mut rig = Rig::connected();
        let text = r#"52-["a",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]"#;
        assert_eq!(rig.text(text), ClientAction::None);
        assert_eq!(rig.binary(b"x"), ClientAction::None);
        let ClientAction::Complete(packet) = rig.binary(b"y") else { panic!("it was the last") };
        assert_eq!((packet.text(), packet.attachments()), (text, &[Bytes::from("x"), Bytes::from("y")][..]));
    }

    #[test]
    fn text_between_attachments_and_unannounced_bytes_close() {
        let mut rig = Rig::connected();
        assert_eq!(rig.text(r#"51-["a"]"#), ClientAction::None);
        assert!(matches!(rig.text(r#"2["a"]"#), ClientAction::Close(Fault::Assembly(_))));
        assert!(matches!(Rig::connected().binary(b"x"), ClientAction::Close(Fault::Assembly(_))));
    }

    #[test]
    fn silence_ends_at_the_connect_timeout_only_before_the_first_connect() {
        let mut rig = Rig::new();
        assert_eq!(rig.client.tick(rig.now + Duration::from_secs(44)), None);
        assert_eq!(rig.client.tick(rig.now + Duration::from_secs(45)), Some(Fault::ConnectTimeout));
        let mut rig = Rig::connected();
        assert_eq!(rig.client.tick(rig.now + Duration::from_secs(45)), None);
    }

    #[test]
    fn an_attachment_that_does_not_come_ends_the_connection() {
        let mut rig = Rig::connected();
        rig.text(r#"51-["a"]"#);
        assert_eq!(rig.client.tick(rig.now + Duration::from_secs(10)), Some(Fault::AttachmentTimeout));
    }

    #[test]
    fn the_number_of_namespaces_is_bounded() {
        let mut rig = Rig::new();
        for index in 0..64 {
            rig.client.begin(&format!("/{index}"), &rig.config).unwrap();
        }
        assert_eq!(rig.client.begin("/64", &rig.config), Err(Fault::TooManyNamespaces));
        rig.client.refuse("/0");
        assert_eq!(rig.client.begin("/64", &rig.config), Ok(()));
    }
}
