//! Binary data in packets: placeholders, and the reassembly of packets whose attachments follow.

use std::{cell::RefCell, fmt, time::Instant};

use bytes::Bytes;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use super::{json::Key, packet::Packet};
use crate::config::{Config, after};

/// Bytes in an event's arguments, anywhere inside them.
///
/// Serialised into an event it travels as a binary attachment and arrives as a `Buffer` or `ArrayBuffer`;
/// deserialised from one it shares the received memory.
///
/// # Examples
/// ```
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Upload {
///     name: String,
///     content: engineio::Binary,
/// }
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Binary(pub Bytes);

impl fmt::Debug for Binary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Binary({} bytes)", self.0.len())
    }
}

impl<T: Into<Bytes>> From<T> for Binary {
    fn from(bytes: T) -> Self {
        Self(bytes.into())
    }
}

impl Serialize for Binary {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

thread_local! {
    /// The attachments of the packet that is being deserialised on this thread. serde has no way to hand a
    /// context to `Deserialize`, and derived implementations stand between the packet and its bytes.
    static CURRENT: RefCell<Vec<Bytes>> = const { RefCell::new(Vec::new()) };
}

/// Runs `read` so that every [`Binary`] it deserialises finds its bytes among `attachments`.
pub fn with_attachments<T>(attachments: &[Bytes], read: impl FnOnce() -> T) -> T {
    struct Restore(Vec<Bytes>);

    impl Drop for Restore {
        fn drop(&mut self) {
            CURRENT.set(std::mem::take(&mut self.0));
        }
    }

    if attachments.is_empty() {
        return read();
    }
    let _restore = Restore(CURRENT.replace(attachments.to_vec()));
    read()
}

impl<'de> Deserialize<'de> for Binary {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BinaryVisitor;

        impl<'de> Visitor<'de> for BinaryVisitor {
            type Value = Binary;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("binary data")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Binary, A::Error> {
                let mut index = None;
                while let Some(key) = map.next_key::<Key>()? {
                    if key == Key::Num {
                        index = Some(map.next_value::<usize>()?);
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                let bytes = index.and_then(|index| CURRENT.with_borrow(|all| all.get(index).cloned()));
                bytes.map(Binary).ok_or_else(|| A::Error::custom("wanted binary data, got an object"))
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Binary, E> {
                Ok(Binary(Bytes::copy_from_slice(bytes)))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Binary, A::Error> {
                let mut bytes = Vec::new();
                while let Some(byte) = seq.next_element::<u8>()? {
                    bytes.push(byte);
                }
                Ok(Binary(bytes.into()))
            }
        }

        deserializer.deserialize_any(BinaryVisitor)
    }
}

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
pub struct Assembly {
    waiting: Option<Box<Waiting>>,
}

#[derive(Debug)]
struct Waiting {
    text: String,
    wanted: usize,
    attachments: Vec<Bytes>,
    length: usize,
    until: Instant,
}

impl Assembly {
    /// Keeps the text of a packet that announced attachments.
    pub fn begin(&mut self, packet: &Packet<'_>, text: &str, config: &Config, now: Instant) {
        self.waiting = Some(Box::new(Waiting {
            text: text.to_owned(),
            wanted: packet.attachments,
            attachments: Vec::with_capacity(packet.attachments),
            length: 0,
            until: after(now, config.attachment_timeout),
        }));
    }

    /// Whether a packet still waits for attachments.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.waiting.is_some()
    }

    /// When the next attachment must be there.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.waiting.as_ref().map(|waiting| waiting.until)
    }

    /// Takes the next attachment; gives the packet's text and attachments back when they are complete.
    ///
    /// # Errors
    /// No packet announced it, or the attachments are too long together.
    pub fn push(
        &mut self,
        bytes: Bytes,
        config: &Config,
        now: Instant,
    ) -> Result<Option<(String, Vec<Bytes>)>, AssemblyError> {
        let waiting = self.waiting.as_mut().ok_or(AssemblyError::Unannounced)?;
        waiting.length += bytes.len();
        if waiting.length > config.max_payload {
            return Err(AssemblyError::TooLong { limit: config.max_payload });
        }
        waiting.attachments.push(bytes);
        waiting.until = after(now, config.attachment_timeout);
        if waiting.attachments.len() < waiting.wanted {
            return Ok(None);
        }
        Ok(self.waiting.take().map(|waiting| (waiting.text, waiting.attachments)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_placeholder_becomes_the_bytes_it_names() {
        let attachments = [Bytes::from_static(b"zero"), Bytes::from_static(b"one")];
        let text = r#"[{"_placeholder":true,"num":1},[{"num":0,"_placeholder":true}]]"#;
        let (one, nested): (Binary, Vec<Binary>) =
            with_attachments(&attachments, || serde_json::from_str(text)).unwrap();
        assert_eq!(&one.0[..], b"one");
        assert_eq!(&nested[0].0[..], b"zero");
    }

    #[test]
    fn no_attachment_is_found_outside_its_packet() {
        let attachments = [Bytes::from_static(b"secret")];
        with_attachments(&attachments, || ());
        let text = r#"{"_placeholder":true,"num":0}"#;
        assert!(serde_json::from_str::<Binary>(text).is_err());
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
