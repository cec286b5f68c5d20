//! Query strings in the form encoding of browsers.

use std::borrow::Cow;

use crate::error::Error;

use super::percent;

/// Pairs of one query string that are looked at.
const MAX_PAIRS: usize = 100;

/// A query string, read on demand.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a>(&'a str);

impl<'a> Query<'a> {
    /// Takes the text after the question mark.
    #[must_use]
    pub fn new(text: &'a str) -> Self {
        Self(text)
    }

    /// The first value of `name`, decoded; only the first 100 pairs are looked at.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the value is not percent-encoded UTF-8.
    pub fn get(&self, name: &str) -> Result<Option<Cow<'a, str>>, Error> {
        let pairs = self.0.split('&').take(MAX_PAIRS).map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        for (key, value) in pairs {
            if key == name || percent::decode(key, true).as_deref() == Some(name) {
                let decoded = percent::decode(value, true);
                return decoded.map(Some).ok_or_else(|| {
                    Error::invalid(format!("`{name}` in the query must be percent-encoded UTF-8"))
                });
            }
        }
        Ok(None)
    }

    /// Like [`get`](Self::get), with an empty value counting as none.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the value is not percent-encoded UTF-8.
    pub fn get_filled(&self, name: &str) -> Result<Option<Cow<'a, str>>, Error> {
        Ok(self.get(name)?.filter(|value| !value.is_empty()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_value_of_a_name_is_found_and_decoded() {
        let rows = [
            ("roomName=My+Room%21", Some("My Room!")),
            ("a=1&roomName=x&roomName=y", Some("x")),
            ("room%4eame=x", Some("x")),
            ("roomName", Some("")),
            ("roomName=", Some("")),
            ("roomName=a=b", Some("a=b")),
            ("roomname=x", None),
            ("", None),
            ("&&=&", None),
        ];
        for (text, expected) in rows {
            assert_eq!(Query::new(text).get("roomName").unwrap().as_deref(), expected, "{text}");
        }
        assert!(Query::new("roomName=%").get("roomName").is_err());
        assert_eq!(Query::new("before=").get_filled("before").unwrap(), None);
    }

    #[test]
    fn a_query_bomb_is_looked_at_in_part_only() {
        let bomb = "a&".repeat(MAX_PAIRS) + "b=1";
        assert_eq!(Query::new(&bomb).get("b").unwrap(), None);
    }
}
