//! Binary data in packets, and the placeholders that stand for it.

use std::{cell::RefCell, fmt};

use bytes::Bytes;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use super::json::Key;

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
}
