//! An event by itself, as servers pass it to each other.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{args::ArgsError, payload::Payload};

/// An event's name and arguments.
///
/// With serde it is the JSON array that begins with the name, as text, the attachments in base64, and the offset if
/// there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The name.
    pub name: String,
    /// The arguments.
    pub args: Payload,
    /// What tells the event from all others of its namespace on all servers of a cluster, if clients that miss it get
    /// it when they come back: see [`Config::connection_state_recovery`](crate::Config::connection_state_recovery).
    pub offset: Option<Box<str>>,
}

/// The form of an event between servers.
#[derive(Serialize, Deserialize)]
struct Wire {
    event: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    attachments: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    offset: Option<Box<str>>,
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let attachments = self.args.attachments().iter().map(|bytes| BASE64_STANDARD.encode(bytes)).collect();
        Wire { event: self.to_json(), attachments, offset: self.offset.clone() }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wire = Wire::deserialize(deserializer)?;
        let bytes = |text: &String| BASE64_STANDARD.decode(text).map(Bytes::from);
        let attachments = wire.attachments.iter().map(bytes).collect::<Result<_, _>>();
        let event = Self::from_json(&wire.event, attachments.map_err(de::Error::custom)?);
        event.map(|event| Self { offset: wire.offset, ..event }).map_err(de::Error::custom)
    }
}

impl Event {
    /// An event with these arguments: a tuple is several, `()` none, anything else one.
    ///
    /// # Errors
    /// The arguments have no JSON form.
    pub fn new<T: Serialize + ?Sized>(name: impl Into<String>, args: &T) -> Result<Self, ArgsError> {
        Ok(Self { name: name.into(), args: Payload::new(args)?, offset: None })
    }

    /// Reads an event in the form that Socket.IO packets have: a JSON array that begins with the name.
    ///
    /// # Errors
    /// The text is no such array.
    pub fn from_json(array: &str, attachments: Vec<Bytes>) -> Result<Self, ArgsError> {
        let (name, args) = Payload::with_name(array, attachments)?;
        Ok(Self { name, args, offset: None })
    }

    /// The event as a JSON array that begins with the name; the arguments' placeholders name
    /// [attachments](Payload::attachments). The offset is not in it.
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

    #[test]
    fn an_event_passes_between_servers_with_its_attachments_and_its_offset() {
        let array = r#"["a",{"_placeholder":true,"num":0}]"#;
        let mut event = Event::from_json(array, vec![Bytes::from_static(b"\xff\0")]).unwrap();
        event.offset = Some("BwcHBw.1".into());
        let text = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), event);
        let text = serde_json::to_string(&Event::new("a", &()).unwrap()).unwrap();
        assert_eq!(text, r#"{"event":"[\"a\"]"}"#);
        for text in [r#"{"event":"[]"}"#, r#"{"event":"[\"a\"]","attachments":["?"]}"#] {
            assert!(serde_json::from_str::<Event>(text).is_err(), "{text}");
        }
    }
}
