//! Socket.IO packets inside Engine.IO messages: prepared pieces to write, exact bytes to expect, and a slow
//! parser for servers that write the same JSON in another way.

use serde_json::Value;

/// An Engine.IO ping of the server.
pub(crate) const PING: &[u8] = b"2";
/// The answer to it.
pub(crate) const PONG: &[u8] = b"3";
/// What separates the packets of a polling payload.
pub(crate) const SEPARATOR: u8 = 0x1e;

/// The beginnings of the packets of one namespace.
#[derive(Clone, Debug)]
pub(crate) struct Packets {
    /// The namespace as packets carry it: nothing for `/`, otherwise the name and a comma.
    namespace: String,
    /// The packets that ask to join, one for each authentication payload, and whose turn it is.
    connects: Vec<Vec<u8>>,
    turn: usize,
}

impl Packets {
    /// Prepares for a namespace, and for the JSON texts that authenticate.
    pub(crate) fn new(namespace: &str, auths: &[String]) -> Self {
        let namespace = match namespace.trim_start_matches('/') {
            "" => String::new(),
            name => format!("/{name},"),
        };
        let connect = |auth: &str| format!("40{namespace}{auth}").into_bytes();
        let mut connects: Vec<_> = auths.iter().map(|auth| connect(auth)).collect();
        if connects.is_empty() {
            connects.push(connect(""));
        }
        Self { namespace, connects, turn: 0 }
    }

    /// The packet that asks to join the namespace; the payloads take turns.
    pub(crate) fn connect(&mut self) -> &[u8] {
        let turn = self.turn;
        self.turn = (turn + 1) % self.connects.len();
        &self.connects[turn]
    }

    /// Whether a packet is of a kind, such as `40`, and of this namespace; gives what follows.
    pub(crate) fn strip<'a>(&self, kind: &[u8; 2], packet: &'a [u8]) -> Option<&'a [u8]> {
        packet.strip_prefix(kind)?.strip_prefix(self.namespace.as_bytes())
    }

    /// The start of an event that wants an acknowledgement, up to the id.
    pub(crate) fn event(&self) -> Vec<u8> {
        format!("42{}", self.namespace).into_bytes()
    }

    /// The start of an event with one binary attachment, up to the id.
    pub(crate) fn binary_event(&self) -> Vec<u8> {
        format!("451-{}", self.namespace).into_bytes()
    }

    /// The start of an acknowledgement, up to the id.
    pub(crate) fn ack(&self) -> Vec<u8> {
        format!("43{}", self.namespace).into_bytes()
    }

    /// The start of an acknowledgement with one binary attachment, up to the id.
    pub(crate) fn binary_ack(&self) -> Vec<u8> {
        format!("461-{}", self.namespace).into_bytes()
    }

    /// Reads a packet of any layout that the protocol allows.
    pub(crate) fn parse(&self, packet: &[u8]) -> Option<Loose> {
        let text = std::str::from_utf8(packet).ok()?;
        let kind = match text.get(..2)? {
            "42" | "45" => Kind::Event,
            "43" | "46" => Kind::Ack,
            _ => return None,
        };
        let binary = matches!(text.as_bytes().get(1), Some(b'5' | b'6'));
        let mut rest = &text[2..];
        if binary {
            rest = rest.split_once('-')?.1;
        }
        rest = rest.strip_prefix(&self.namespace)?;
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let id = rest[..digits].parse().ok();
        let Value::Array(arguments) = serde_json::from_str(&rest[digits..]).ok()? else { return None };
        Some(Loose { kind, id, arguments })
    }
}

/// What kind of packet it is, with or without attachments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Event,
    Ack,
}

/// A packet that was read by meaning and not by its bytes.
#[derive(Debug, PartialEq)]
pub(crate) struct Loose {
    pub(crate) kind: Kind,
    pub(crate) id: Option<u64>,
    pub(crate) arguments: Vec<Value>,
}

impl Loose {
    /// Whether it is what an exact packet says.
    pub(crate) fn is(&self, packets: &Packets, exact: &[u8]) -> bool {
        packets.parse(exact).is_some_and(|exact| exact == *self)
    }
}

/// Appends a number in decimal, without formatting machinery.
pub(crate) fn push_number(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// Splits what follows the type and namespace of an acknowledgement into its id and its arguments, an array.
pub(crate) fn split_ack(rest: &[u8]) -> Option<(u64, &[u8])> {
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (id, arguments) = rest.split_at(digits);
    let id = std::str::from_utf8(id).ok()?.parse().ok()?;
    (arguments.starts_with(b"[") && arguments.ends_with(b"]")).then_some((id, arguments))
}

/// The `sid` of an Engine.IO open packet.
pub(crate) fn open_sid(packet: &[u8]) -> Option<String> {
    let open: Value = serde_json::from_slice(packet.strip_prefix(b"0")?).ok()?;
    Some(open.get("sid")?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_carry_the_namespace_and_the_authentication() {
        let mut main = Packets::new("/", &[]);
        assert_eq!(main.connect(), b"40");
        assert_eq!(main.event(), b"42");
        let mut other = Packets::new("/chat", &[r#"{"token":"x"}"#.into(), "{}".into()]);
        assert_eq!(other.connect(), br#"40/chat,{"token":"x"}"#);
        assert_eq!(other.connect(), b"40/chat,{}");
        assert_eq!(other.connect(), br#"40/chat,{"token":"x"}"#);
        assert_eq!(other.ack(), b"43/chat,");
        assert_eq!(other.binary_event(), b"451-/chat,");
        assert_eq!(other.strip(b"40", br#"40/chat,{"sid":"a"}"#), Some(&br#"{"sid":"a"}"#[..]));
        assert_eq!(other.strip(b"40", b"40"), None);
    }

    #[test]
    fn the_same_packet_in_another_layout_is_the_same() {
        let packets = Packets::new("/", &[]);
        let exact = br#"461-12[{"_placeholder":true,"num":0}]"#;
        let loose = packets.parse(br#"461-12[ {"num": 0, "_placeholder": true} ]"#).unwrap();
        assert!(loose.is(&packets, exact));
        assert!(!packets.parse(b"4312[]").unwrap().is(&packets, exact));
        assert_eq!(packets.parse(b"43"), None);
        assert_eq!(packets.parse(b"41"), None);
    }

    #[test]
    fn an_acknowledgement_has_an_id_and_arguments() {
        assert_eq!(split_ack(br#"12[{"a":1}]"#), Some((12, &br#"[{"a":1}]"#[..])));
        assert_eq!([split_ack(b"[1]"), split_ack(b"1"), split_ack(b"1{}")], [None; 3]);
    }

    #[test]
    fn numbers_are_decimal() {
        for number in [0, 9, 10, 4_294_967_296, u64::MAX] {
            let mut out = Vec::new();
            push_number(&mut out, number);
            assert_eq!(out, number.to_string().into_bytes());
        }
    }

    #[test]
    fn the_open_packet_tells_the_sid() {
        assert_eq!(open_sid(br#"0{"sid":"ab","pingInterval":1}"#).as_deref(), Some("ab"));
        assert_eq!(open_sid(b"40"), None);
    }
}
