//! The arguments of an event as JSON, on their way from one place to another.

use std::fmt;

use bytes::Bytes;
use serde::{
    Serialize,
    de::{DeserializeOwned, Deserializer, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{
    args::{ArgsError, write_args},
    event_ref::EventRef,
};
use crate::socketio::with_attachments;

/// The arguments of an event as they came: JSON and the attachments its placeholders name.
///
/// Passing them on costs no parsing.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Payload {
    /// The arguments, separated by commas, without the brackets of an array.
    json: String,
    attachments: Vec<Bytes>,
}

impl Payload {
    pub(crate) fn from_event(event: &EventRef<'_>) -> Self {
        Self { json: event.arguments().to_owned(), attachments: event.attachments.to_vec() }
    }

    /// The arguments as serde writes them: a tuple is several, `()` none, anything else one.
    ///
    /// # Errors
    /// They have no JSON form.
    pub fn new<T: Serialize + ?Sized>(args: &T) -> Result<Self, ArgsError> {
        let (mut json, mut attachments) = (Vec::new(), Vec::new());
        write_args(args, false, &mut json, &mut attachments)?;
        let json = String::from_utf8(json).map_err(|error| ArgsError::new(error.to_string()))?;
        Ok(Self { json, attachments })
    }

    /// Takes an event's array apart: its name, and its arguments with the attachments they name.
    pub(crate) fn with_name(array: &str, attachments: Vec<Bytes>) -> Result<(String, Self), ArgsError> {
        let (mut name, mut json) = (None, String::with_capacity(array.len()));
        let mut reader = serde_json::Deserializer::from_str(array);
        reader.deserialize_seq(Copied { name: &mut name, json: &mut json })?;
        reader.end()?;
        let name = name.ok_or(ArgsError::new("wanted an event's array, got one without a name"))?;
        Ok((name, Self { json, attachments }))
    }

    /// Reads all arguments as one value, such as a tuple or a vector.
    ///
    /// # Errors
    /// They do not have the type's form.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, ArgsError> {
        let array = format!("[{}]", self.json);
        Ok(with_attachments(&self.attachments, || serde_json::from_str(&array))?)
    }

    /// The arguments as JSON, separated by commas, without the brackets of an array.
    #[must_use]
    pub fn json(&self) -> &str {
        &self.json
    }

    /// The binary attachments that the arguments' placeholders name.
    #[must_use]
    pub fn attachments(&self) -> &[Bytes] {
        &self.attachments
    }
}

/// Takes an event's array apart: the name, and what stands behind it with commas between.
struct Copied<'a> {
    name: &'a mut Option<String>,
    json: &'a mut String,
}

impl<'de> Visitor<'de> for Copied<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event's array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        *self.name = seq.next_element()?;
        while let Some(argument) = seq.next_element::<&RawValue>()? {
            if !self.json.is_empty() {
                self.json.push(',');
            }
            self.json.push_str(argument.get());
        }
        Ok(())
    }
}
