//! Checks on JSON that came from outside, without building a tree of it.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

/// What is at the front of an event's array.
pub(super) struct EventHead<'a> {
    pub(super) name: Cow<'a, str>,
    pub(super) arguments: usize,
}

/// Reads the name of an event and counts its arguments; a number as name becomes its decimal text.
pub(super) fn event_head(array: &str) -> Result<EventHead<'_>, serde_json::Error> {
    struct Head;

    impl<'de> Visitor<'de> for Head {
        type Value = EventHead<'de>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an array that begins with the event's name")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            let name = seq.next_element::<Name<'de>>()?.ok_or_else(|| A::Error::invalid_length(0, &self))?;
            Ok(EventHead { name: name.0, arguments: count(seq)? })
        }
    }

    let mut json = serde_json::Deserializer::from_str(array);
    let head = json.deserialize_seq(Head)?;
    json.end()?;
    Ok(head)
}

/// Reads the name of an event that [`event_head`] has read before.
pub(super) fn event_name(array: &str) -> Option<Cow<'_, str>> {
    let behind_bracket = array.trim_start().strip_prefix('[')?;
    let mut values = serde_json::Deserializer::from_str(behind_bracket).into_iter::<Name<'_>>();
    values.next()?.ok().map(|name| name.0)
}

/// Counts the elements of an array.
pub(super) fn array_len(array: &str) -> Result<usize, serde_json::Error> {
    struct Len;

    impl<'de> Visitor<'de> for Len {
        type Value = usize;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an array")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
            count(seq)
        }
    }

    let mut json = serde_json::Deserializer::from_str(array);
    let len = json.deserialize_seq(Len)?;
    json.end()?;
    Ok(len)
}

/// Checks that a text is one valid JSON value.
pub(super) fn check_value(text: &str) -> Result<(), serde_json::Error> {
    serde_json::from_str::<IgnoredAny>(text).map(drop)
}

fn count<'de, A: SeqAccess<'de>>(mut seq: A) -> Result<usize, A::Error> {
    let mut len = 0;
    while seq.next_element::<IgnoredAny>()?.is_some() {
        len += 1;
    }
    Ok(len)
}

struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;

        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an event name: a string or a number")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }

            fn visit_u64<E>(self, name: u64) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(name.to_string())))
            }

            fn visit_i64<E>(self, name: i64) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(name.to_string())))
            }

            fn visit_f64<E>(self, name: f64) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(name.to_string())))
            }
        }

        deserializer.deserialize_any(NameVisitor)
    }
}

/// Tells whether arrays and objects are nested at most `limit` deep in a JSON text.
pub(super) fn is_within_depth(text: &str, limit: usize) -> bool {
    let bytes = text.as_bytes();
    // Nearly every message passes this first count, which costs a fraction of walking the strings.
    if bytes.iter().filter(|&&byte| byte == b'[' || byte == b'{').count() <= limit {
        return true;
    }
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    for &byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => depth += 1,
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > limit {
            return false;
        }
    }
    true
}

/// Checks that each placeholder object names one of `attachments` attachments.
///
/// This walk recurses, so here serde_json's own limit of 127 levels holds as well.
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
    fn depth_counts_brackets_outside_strings_only() {
        assert!(is_within_depth("[[]]", 2));
        assert!(!is_within_depth("[[[]]]", 2));
        assert!(is_within_depth(r#"["[[[[\"[[["]"#, 1));
        assert!(is_within_depth("[[],[],[],[]]", 2));
        assert!(!is_within_depth(&"[".repeat(100_000), 128));
    }

    #[test]
    fn placeholders_must_name_an_attachment() {
        let check = |text: &str| check_placeholders(text, 2).is_ok();
        assert!(check(r#"["a",{"_placeholder":true,"num":1}]"#));
        assert!(check(r#"["a",{"_placeholder":false,"num":9},{"num":9}]"#));
        for num in ["2", "-1", "1.5", "10", "\"splice\"", "null", "99999999999999999999"] {
            assert!(!check(&format!(r#"["a",{{"deep":[{{"_placeholder":true,"num":{num}}}]}}]"#)), "{num}");
        }
        assert!(!check(r#"["a",{"_placeholder":true}]"#));
        assert!(!check(r#"["a",{"_placeholder":true,"num":0,"num":"x"}]"#));
    }

    #[test]
    fn an_event_name_is_a_string_or_a_number() {
        let name = |text: &str| event_head(text).map(|head| (head.name.into_owned(), head.arguments)).ok();
        assert_eq!(name(r#"["a\u00e9",1,{}]"#), Some(("aé".into(), 2)));
        assert_eq!(name("[42]"), Some(("42".into(), 0)));
        for text in [r#"["aé",1,{}]"#, "[42]", " [ 42,1]"] {
            assert_eq!(event_name(text), event_head(text).map(|head| head.name).ok(), "{text}");
        }
        for text in ["[]", "{}", "[null]", "[true]", "[{}]", "[[]]", r#"["a""#, r#"["a"]x"#] {
            assert_eq!(name(text), None, "{text}");
        }
    }
}
