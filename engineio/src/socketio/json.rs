//! What the protocol wants of a packet's JSON: an event's name, its arguments, and placeholders of attachments.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor},
};
use serde_json::Number;

use super::scan::split_first;

/// Reads an event's name, the first element of its array: a string, or a number, which becomes its decimal text.
pub(super) fn event_name(first: &str) -> Option<Cow<'_, str>> {
    match first.as_bytes() {
        [b'"', name @ .., b'"'] if !name.contains(&b'\\') => first.get(1..first.len() - 1).map(Cow::Borrowed),
        [b'"', ..] => serde_json::from_str(first).ok().map(Cow::Owned),
        [b'-' | b'0'..=b'9', ..] => {
            let number: Number = serde_json::from_str(first).ok()?;
            let is_whole = number.is_i64() || number.is_u64();
            Some(if is_whole { number.to_string() } else { number.as_f64()?.to_string() }.into())
        }
        _ => None,
    }
}

/// The name of an event, given its array.
pub(crate) fn name_of(array: &str) -> Option<Cow<'_, str>> {
    event_name(first(array))
}

/// The first element of an array that was checked before.
pub(super) fn first(array: &str) -> &str {
    split_first(array).0
}

/// The arguments behind the name of an event that was checked before, without the brackets of the array: JSON values
/// with commas between them.
pub(crate) fn arguments<'a>(array: &'a str, name: &str) -> &'a str {
    // Nearly all names stand in the array as they are. One with an escape does not, and is no beginning of what does.
    let behind_name = array.strip_prefix("[\"").and_then(|rest| rest.strip_prefix(name)?.strip_prefix('"'));
    // JSON has no other spaces than those of ASCII.
    let rest = behind_name.unwrap_or_else(|| split_first(array).1).trim_ascii();
    rest.strip_prefix(',').and_then(|rest| rest.strip_suffix(']')).unwrap_or_default().trim_ascii()
}

/// Checks that each placeholder object names one of `attachments` attachments, however it is written.
///
/// This recurses, and serde_json's own limit of 127 levels holds as well.
pub(super) fn check_placeholders(text: &str, attachments: usize) -> Result<(), serde_json::Error> {
    let mut json = serde_json::Deserializer::from_str(text);
    Placeholders { attachments }.deserialize(&mut json)?;
    json.end()
}

#[derive(Clone, Copy)]
struct Placeholders {
    attachments: usize,
}

/// A key of an object that may be a placeholder.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Key {
    /// `_placeholder`: whether it is one.
    Placeholder,
    /// `num`: which attachment it stands for.
    Num,
    Other,
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;

        impl Visitor<'_> for KeyVisitor {
            type Value = Key;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_str<E>(self, key: &str) -> Result<Key, E> {
                Ok(match key {
                    "_placeholder" => Key::Placeholder,
                    "num" => Key::Num,
                    _ => Key::Other,
                })
            }
        }

        deserializer.deserialize_str(KeyVisitor)
    }
}

/// What a value inside a binary packet's JSON can be, as far as placeholders are concerned.
#[derive(Clone, Copy, PartialEq)]
enum Seen {
    True,
    Index(u64),
    Other,
}

impl<'de> DeserializeSeed<'de> for Placeholders {
    type Value = Seen;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Seen, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Placeholders {
    type Value = Seen;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Seen, E> {
        Ok(if value { Seen::True } else { Seen::Other })
    }

    fn visit_u64<E>(self, value: u64) -> Result<Seen, E> {
        Ok(Seen::Index(value))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Seen, E> {
        Ok(Seen::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Seen, E> {
        Ok(Seen::Other)
    }

    fn visit_str<E>(self, _: &str) -> Result<Seen, E> {
        Ok(Seen::Other)
    }

    fn visit_unit<E>(self) -> Result<Seen, E> {
        Ok(Seen::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Seen, A::Error> {
        while seq.next_element_seed(self)?.is_some() {}
        Ok(Seen::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Seen, A::Error> {
        let (mut is_placeholder, mut index) = (false, None);
        while let Some(key) = map.next_key::<Key>()? {
            let value = map.next_value_seed(self)?;
            // Of a key that comes twice the last counts, as in JavaScript.
            match (key, value) {
                (Key::Placeholder, value) => is_placeholder = value == Seen::True,
                (Key::Num, Seen::Index(num)) => index = Some(num),
                (Key::Num, _) => index = None,
                (Key::Other, _) => {}
            }
        }
        let in_range = index.is_some_and(|num| num < self.attachments as u64);
        if is_placeholder && !in_range {
            return Err(A::Error::custom("illegal attachments"));
        }
        Ok(Seen::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_must_name_an_attachment() {
        let check = |text: &str| check_placeholders(text, 2).is_ok();
        assert!(check(r#"["a",{"_placeholder":true,"num":1}]"#));
        assert!(check(r#"["a",{"_placeholder":false,"num":9},{"num":9}]"#));
        for num in ["2", "-1", "1.5", "10", "\"splice\"", "null", "99999999999999999999"] {
            assert!(!check(&format!(r#"["a",{{"deep":[{{"_placeholder":true,"num":{num}}}]}}]"#)), "{num}");
        }
        for other in [
            r#"{"num":N,"_placeholder":true}"#,
            r#"{ "_placeholder":true,"num":N}"#,
            r#"{"_placeholder":true,"num":N,"more":1}"#,
            r#"{"_\u0070laceholder":true,"num":N}"#,
            r#"{"_placeholder":true,"num":N},"\"""#,
            r#"{"_placeholder":true,"num":0},{"_placeholder":true,"num":N}"#,
        ] {
            assert!(check(&format!("[\"a\",{}]", other.replace('N', "1"))), "{other}");
            assert!(!check(&format!("[\"a\",{}]", other.replace('N', "2"))), "{other}");
        }
        assert!(!check(r#"["a",{"_placeholder":true}]"#));
        assert!(!check(r#"["a",{"_placeholder":true,"num":0,"num":"x"}]"#));
    }

    #[test]
    fn the_arguments_stand_behind_the_name() {
        for (array, expected) in [
            (r#"["ev"]"#, ""),
            (r#"["ev", {"b":1,"a":1.10}, "x" ]"#, r#"{"b":1,"a":1.10}, "x""#),
            (r#" [ "e\"v" , 1 ] "#, "1"),
            (r#"["ev",[],"]",{"a":[1, 2]}]"#, r#"[],"]",{"a":[1, 2]}"#),
            (r#"["",7]"#, "7"),
            (r#"["\\\\",7]"#, "7"),
            (r#"["\\\"",7]"#, "7"),
            (r#"["\u005cu005c",7]"#, "7"),
            ("[5,6]", "6"),
        ] {
            let name = name_of(array).unwrap();
            assert_eq!(arguments(array, &name), expected, "{array}");
        }
        assert_eq!(arguments("", ""), "", "as of the library's own events");
        assert_eq!((first(r#" [ "e\"v" , 1 ] "#), first("[]"), first("")), (r#""e\"v""#, "", ""));
    }

    #[test]
    fn an_event_name_is_a_string_or_a_number() {
        for (first, expected) in [
            (r#""a""#, "a"),
            (r#""a\u00e9""#, "aé"),
            (r#""""#, ""),
            ("42", "42"),
            ("-1", "-1"),
            ("1.5", "1.5"),
            ("1e2", "100"),
        ] {
            assert_eq!(event_name(first).as_deref(), Some(expected), "{first}");
        }
        for first in ["", "null", "true", "{}", "[]", r#""\ud800""#, "1e999"] {
            assert_eq!(event_name(first), None, "{first}");
        }
    }
}
