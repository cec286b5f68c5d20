//! Putting packets together whose attachments follow in messages of their own.

use std::{borrow::Cow, cell::Cell, ops::Range, time::Instant};

use bytes::Bytes;

use super::packet::{AckId, Packet, PacketType};
use crate::config::{Config, after};

/// What is wrong with the order of a binary packet and its attachments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssemblyError {
    /// Text came while attachments were missing.
    #[error("wanted an attachment, got text")]
    TextInstead,
    /// Bytes came though no packet announced them.
    #[error("got binary data that no packet announced")]
    Unannounced,
    /// The attachments of one packet are longer than [`Config::max_payload`].
    #[error("the attachments of one packet may have {limit} bytes")]
    TooLong {
        /// The limit in bytes.
        limit: usize,
    },
}

/// The packet whose attachments have not all arrived, if there is one.
#[derive(Debug, Default)]
pub(super) struct Assembly {
    waiting: Option<BinaryPacket>,
}

impl Assembly {
    /// Keeps a packet that announced attachments, and the text it was read from.
    pub(super) fn begin(&mut self, packet: &Packet<'_>, text: &str, config: &Config, now: Instant) {
        self.waiting = Some(BinaryPacket::new(packet, text, after(now, config.attachment_timeout)));
    }

    /// Whether a packet still waits for attachments.
    pub(super) fn is_waiting(&self) -> bool {
        self.waiting.is_some()
    }

    /// When the next attachment must be there.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.waiting.as_ref().map(|BinaryPacket(waiting)| waiting.head.until)
    }

    /// Takes the next attachment; gives the packet back when it is complete.
    ///
    /// # Errors
    /// No packet announced it, or the attachments are too long together.
    pub(super) fn push(
        &mut self,
        bytes: Bytes,
        config: &Config,
        now: Instant,
    ) -> Result<Option<BinaryPacket>, AssemblyError> {
        let BinaryPacket(waiting) = self.waiting.as_mut().ok_or(AssemblyError::Unannounced)?;
        waiting.head.length += bytes.len();
        if waiting.head.length > config.max_payload {
            return Err(AssemblyError::TooLong { limit: config.max_payload });
        }
        waiting.attachments.push(bytes);
        waiting.head.until = after(now, config.attachment_timeout);
        let is_complete = waiting.attachments.len() >= waiting.head.wanted;
        Ok(if is_complete { self.waiting.take() } else { None })
    }
}

/// A packet and the attachments that have arrived.
///
/// Of the packet's text the places of its parts are kept, so that it is read only once.
#[derive(Debug, PartialEq, Eq)]
pub struct BinaryPacket(Box<Parts>);

#[derive(Debug, PartialEq, Eq)]
struct Parts {
    head: Head,
    text: String,
    attachments: Vec<Bytes>,
}

#[derive(Debug, PartialEq, Eq)]
struct Head {
    kind: PacketType,
    /// `None` for `/`, which is not written.
    namespace: Option<Range<usize>>,
    id: Option<AckId>,
    /// Where the payload begins, which goes on to the end.
    data: usize,
    event: EventName,
    wanted: usize,
    /// The bytes of all attachments.
    length: usize,
    until: Instant,
}

#[derive(Debug, PartialEq, Eq)]
enum EventName {
    At(Range<usize>),
    /// One that is written with escapes, or is a number.
    Other(String),
}

/// The longest text whose memory a thread keeps for the next packet, in bytes.
const SPARE_TEXT: usize = 1_024;
/// The most attachments whose places a thread keeps for the next packet.
const SPARE_ATTACHMENTS: usize = 16;

thread_local! {
    /// The memory of a packet that was complete. Most live for a moment, until the next message is read.
    static SPARE: Cell<Option<Box<Parts>>> = const { Cell::new(None) };
}

impl BinaryPacket {
    fn new(packet: &Packet<'_>, text: &str, until: Instant) -> Self {
        let head = Head {
            kind: packet.kind,
            namespace: range_in(text, packet.namespace),
            id: packet.id,
            data: text.len() - packet.data.len(),
            event: match &packet.event {
                Cow::Borrowed(name) => EventName::At(range_in(text, name).unwrap_or_default()),
                Cow::Owned(name) => EventName::Other(name.clone()),
            },
            wanted: packet.attachments,
            length: 0,
            until,
        };
        Self(match SPARE.take() {
            Some(mut parts) => {
                parts.head = head;
                parts.text.push_str(text);
                parts
            }
            None => {
                let attachments = Vec::with_capacity(packet.attachments);
                Box::new(Parts { head, text: text.to_owned(), attachments })
            }
        })
    }

    /// The packet as it was read, but for a query, which only a CONNECT has.
    #[must_use]
    pub fn packet(&self) -> Packet<'_> {
        let Parts { head, text, attachments: _ } = &*self.0;
        let event = match &head.event {
            EventName::At(place) => &text[place.clone()],
            EventName::Other(name) => name,
        };
        Packet {
            kind: head.kind,
            namespace: head.namespace.clone().map_or("/", |place| &text[place]),
            query: "",
            id: head.id,
            attachments: head.wanted,
            data: &text[head.data..],
            event: Cow::Borrowed(event),
        }
    }

    /// The text it was read from.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// The attachments in their order.
    #[must_use]
    pub fn attachments(&self) -> &[Bytes] {
        &self.0.attachments
    }

    /// Leaves the memory to the thread's next packet.
    pub(crate) fn recycle(self) {
        let Self(mut parts) = self;
        if parts.text.capacity() <= SPARE_TEXT && parts.attachments.capacity() <= SPARE_ATTACHMENTS {
            parts.text.clear();
            parts.attachments.clear();
            SPARE.set(Some(parts));
        }
    }
}

/// Where a piece of a text stands; `None` for what is no piece of it.
fn range_in(text: &str, piece: &str) -> Option<Range<usize>> {
    let start = piece.as_ptr().addr().checked_sub(text.as_ptr().addr())?;
    let end = start + piece.len();
    (end <= text.len()).then_some(start..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assemble(text: &str, attachments: &[&'static [u8]]) -> BinaryPacket {
        let (config, now) = (Config::default(), Instant::now());
        let mut assembly = Assembly::default();
        assembly.begin(&Packet::decode(text, &config).unwrap(), text, &config, now);
        let (last, others) = attachments.split_last().unwrap();
        for bytes in others {
            assert_eq!(assembly.push(Bytes::from_static(bytes), &config, now), Ok(None));
        }
        assembly.push(Bytes::from_static(last), &config, now).unwrap().unwrap()
    }

    #[test]
    fn a_complete_packet_is_the_one_that_was_read() {
        for text in [
            r#"51-["a"]"#,
            r#"51-/admin,12["a",{"_placeholder":true,"num":0}]"#,
            r#"51-/,["\u0061"]"#,
            "51-[5]",
            r#"51-[""]"#,
            r#"61-7[{"_placeholder":true,"num":0}]"#,
        ] {
            let config = Config::default();
            let packet = assemble(text, &[b"x"]);
            assert_eq!(packet.packet(), Packet::decode(text, &config).unwrap());
            assert_eq!((packet.text(), packet.attachments()), (text, &[Bytes::from_static(b"x")][..]));
            packet.recycle();
        }
    }

    #[test]
    fn a_packet_has_nothing_of_the_one_whose_memory_it_has() {
        assemble(r#"52-/a,1["longer name"]"#, &[b"one", b"two"]).recycle();
        let packet = assemble(r#"51-["b"]"#, &[b"three"]);
        assert_eq!(packet.packet(), Packet::decode(r#"51-["b"]"#, &Config::default()).unwrap());
        assert_eq!(packet.attachments(), ["three"]);
    }

    #[test]
    fn the_memory_of_long_packets_is_not_kept() {
        SPARE.set(None);
        assemble(&format!("51-[\"{}\"]", "a".repeat(SPARE_TEXT)), &[b""]).recycle();
        assert!(SPARE.take().is_none());
        assemble(r#"51-["a"]"#, &[b""]).recycle();
        assert!(SPARE.take().is_some());
    }

    #[test]
    fn attachments_too_long_together_are_refused() {
        let config = Config { max_payload: 128, ..Config::default() };
        let now = Instant::now();
        let text = r#"52-["a"]"#;
        let mut assembly = Assembly::default();
        assembly.begin(&Packet::decode(text, &config).unwrap(), text, &config, now);
        assert_eq!(assembly.push(Bytes::from(vec![0; 100]), &config, now), Ok(None));
        let error = assembly.push(Bytes::from(vec![0; 29]), &config, now);
        assert_eq!(error, Err(AssemblyError::TooLong { limit: 128 }));
    }
}
