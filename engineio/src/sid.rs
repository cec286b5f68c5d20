//! Session and socket ids.

use std::{borrow::Cow, fmt, str};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// An id of 20 base64url characters made from 15 random bytes.
///
/// Three kinds of ids have this form: the engine session id, which is a secret of its client (whoever knows it
/// can read the session's packets), the public socket id, fresh for each namespace, and the recovery id.
/// Fifteen bytes from the operating system's generator cannot be guessed.
///
/// # Examples
/// ```
/// use engineio::Sid;
///
/// let sid = Sid::from_bytes([7; 15]);
/// assert_eq!(sid.as_str().len(), Sid::LEN);
/// assert_eq!(Sid::parse(sid.as_str()), Some(sid));
/// assert_eq!(Sid::parse("too short"), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sid([u8; Sid::LEN]);

impl Sid {
    /// The number of characters in an id.
    pub const LEN: usize = 20;
    /// The number of random bytes an id is made from.
    pub const BYTES: usize = 15;

    /// Makes an id from random bytes; the caller vouches for their randomness.
    #[must_use]
    pub fn from_bytes(random: [u8; Self::BYTES]) -> Self {
        let mut text = [b'A'; Self::LEN];
        // 15 bytes are exactly 20 characters, so the only error (a full buffer) cannot occur.
        let _ = URL_SAFE_NO_PAD.encode_slice(random, &mut text);
        Self(text)
    }

    /// Reads an id that came from outside; `None` unless it has the form of one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; Self::LEN] = text.as_bytes().try_into().ok()?;
        // Without an early end all bytes are looked at together.
        let is_url_safe = |byte: u8| byte.is_ascii_alphanumeric() | (byte == b'-') | (byte == b'_');
        bytes.iter().fold(true, |all, &byte| all & is_url_safe(byte)).then_some(Self(bytes))
    }

    /// The id's characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sid({self})")
    }
}

impl serde::Serialize for Sid {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> serde::Deserialize<'de> for Sid {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("wanted an id of 20 characters"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_twenty_url_safe_characters() {
        for seed in 0..=u8::MAX {
            let sid = Sid::from_bytes([seed; Sid::BYTES]);
            assert_eq!(Sid::parse(&sid.to_string()), Some(sid));
            assert_eq!(serde_json::from_str::<Sid>(&format!("\"{sid}\"")).ok(), Some(sid));
        }
    }

    #[test]
    fn text_of_another_form_is_no_id() {
        for text in ["", "AAAA", "AAAAAAAAAAAAAAAAAAA ", "AAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAA/="] {
            assert_eq!(Sid::parse(text), None, "{text}");
            assert!(serde_json::from_str::<Sid>(&format!("\"{text}\"")).is_err());
        }
    }
}
