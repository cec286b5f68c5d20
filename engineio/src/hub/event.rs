//! An event by itself, as servers pass it to each other.

use bytes::Bytes;
use serde::Serialize;

use super::{args::ArgsError, payload::Payload};

/// An event's name and arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The name.
    pub name: String,
    /// The arguments.
    pub args: Payload,
}

impl Event {
    /// An event with these arguments: a tuple is several, `()` none, anything else one.
    ///
    /// # Errors
    /// The arguments have no JSON form.
    pub fn new<T: Serialize + ?Sized>(name: impl Into<String>, args: &T) -> Result<Self, ArgsError> {
        Ok(Self { name: name.into(), args: Payload::new(args)? })
    }

    /// Reads an event in the form that Socket.IO packets have: a JSON array that begins with the name.
    ///
    /// # Errors
    /// The text is no such array.
    pub fn from_json(array: &str, attachments: Vec<Bytes>) -> Result<Self, ArgsError> {
        let (name, args) = Payload::with_name(array, attachments)?;
        Ok(Self { name, args })
    }

    /// The event as a JSON array that begins with the name; the arguments' placeholders name
    /// [attachments](Payload::attachments).
    #[must_use]
    pub fn to_json(&self) -> String {
        let name = serde_json::Value::from(self.name.as_str());
        let comma = if self.args.json().is_empty() { "" } else { "," };
        format!("[{name}{comma}{}]", self.args.json())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_an_array_that_begins_with_its_name() {
        for array in [r#"["a"]"#, r#"["a\"b",1,{"c":[1.50]}]"#] {
            let event = Event::from_json(array, Vec::new()).unwrap();
            assert_eq!(event.to_json(), array);
        }
        assert_eq!(Event::new("a", &(1, "b")).unwrap().to_json(), r#"["a",1,"b"]"#);
        for array in ["", "[]", "[1]", "{}", r#"["a""#] {
            assert!(Event::from_json(array, Vec::new()).is_err(), "{array}");
        }
    }
}
