//! The arguments of an event: how they become JSON and attachments, and how a handler gets them back.

use std::{borrow::Cow, fmt, io};

use bytes::Bytes;
use serde::{
    Deserialize, Serialize, Serializer,
    de::{
        DeserializeOwned, Deserializer, IgnoredAny, SeqAccess, Visitor,
        value::{SeqAccessDeserializer, UnitDeserializer},
    },
    ser::{Impossible, SerializeTuple},
};
use serde_json::ser::Formatter;

use crate::socketio::with_attachments;

/// Why arguments cannot be written or read.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ArgsError(Cow<'static, str>);

impl ArgsError {
    pub(crate) fn new(message: impl Into<Cow<'static, str>>) -> Self {
        Self(message.into())
    }
}

impl serde::ser::Error for ArgsError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string().into())
    }
}

impl From<serde_json::Error> for ArgsError {
    fn from(error: serde_json::Error) -> Self {
        Self(error.to_string().into())
    }
}

/// Appends `args` to `out`, which holds the front of a JSON array: a tuple becomes several arguments, `()`
/// none, anything else one.
///
/// # Errors
/// The value has no JSON form, such as a map whose keys are no strings.
pub(crate) fn write_args<T: Serialize + ?Sized>(
    args: &T,
    separate: bool,
    out: &mut Vec<u8>,
    attachments: &mut Vec<Bytes>,
) -> Result<(), ArgsError> {
    match args.serialize(Spread { separate, out, attachments }) {
        Err(error) if error.0 == NO_TUPLE => {
            if separate {
                out.push(b',');
            }
            write_json(args, out, attachments)
        }
        result => result,
    }
}

fn write_json<T: Serialize + ?Sized>(
    value: &T,
    out: &mut Vec<u8>,
    attachments: &mut Vec<Bytes>,
) -> Result<(), ArgsError> {
    let mut serializer = serde_json::Serializer::with_formatter(out, Placeholders { attachments });
    Ok(value.serialize(&mut serializer)?)
}

/// Compact JSON in which bytes become placeholders.
struct Placeholders<'a> {
    attachments: &'a mut Vec<Bytes>,
}

impl Formatter for Placeholders<'_> {
    fn write_byte_array<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: &[u8]) -> io::Result<()> {
        write!(writer, r#"{{"_placeholder":true,"num":{}}}"#, self.attachments.len())?;
        self.attachments.push(Bytes::copy_from_slice(value));
        Ok(())
    }

    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        // A program's own data: so that it is not taken for a placeholder, the same text in other letters.
        let fragment = if fragment == "_placeholder" { r"\u005fplaceholder" } else { fragment };
        writer.write_all(fragment.as_bytes())
    }
}

const NO_TUPLE: &str = "no tuple";

/// Writes the elements of a tuple one by one and refuses everything else before anything is written.
struct Spread<'a> {
    separate: bool,
    out: &'a mut Vec<u8>,
    attachments: &'a mut Vec<Bytes>,
}

impl SerializeTuple for Spread<'_> {
    type Ok = ();
    type Error = ArgsError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), ArgsError> {
        if self.separate {
            self.out.push(b',');
        }
        self.separate = true;
        write_json(value, self.out, self.attachments)
    }

    fn end(self) -> Result<(), ArgsError> {
        Ok(())
    }
}

macro_rules! refuse {
    ($($method:ident($($kind:ty),*);)*) => {
        $(fn $method(self, $(_: $kind),*) -> Result<(), ArgsError> { no_tuple() })*
    };
}

fn no_tuple<T>() -> Result<T, ArgsError> {
    Err(ArgsError(Cow::Borrowed(NO_TUPLE)))
}

impl<'a> Serializer for Spread<'a> {
    type Ok = ();
    type Error = ArgsError;
    type SerializeSeq = Impossible<(), ArgsError>;
    type SerializeTuple = Spread<'a>;
    type SerializeTupleStruct = Impossible<(), ArgsError>;
    type SerializeTupleVariant = Impossible<(), ArgsError>;
    type SerializeMap = Impossible<(), ArgsError>;
    type SerializeStruct = Impossible<(), ArgsError>;
    type SerializeStructVariant = Impossible<(), ArgsError>;

    fn serialize_tuple(self, _: usize) -> Result<Self, ArgsError> {
        Ok(self)
    }

    fn serialize_unit(self) -> Result<(), ArgsError> {
        Ok(())
    }

    refuse! {
        serialize_bool(bool);
        serialize_i8(i8);
        serialize_i16(i16);
        serialize_i32(i32);
        serialize_i64(i64);
        serialize_u8(u8);
        serialize_u16(u16);
        serialize_u32(u32);
        serialize_u64(u64);
        serialize_f32(f32);
        serialize_f64(f64);
        serialize_char(char);
        serialize_str(&str);
        serialize_bytes(&[u8]);
        serialize_none();
        serialize_unit_struct(&'static str);
        serialize_unit_variant(&'static str, u32, &'static str);
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<(), ArgsError> {
        no_tuple()
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: &T,
    ) -> Result<(), ArgsError> {
        no_tuple()
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), ArgsError> {
        no_tuple()
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq, ArgsError> {
        no_tuple()
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleStruct, ArgsError> {
        no_tuple()
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, ArgsError> {
        no_tuple()
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, ArgsError> {
        no_tuple()
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeStruct, ArgsError> {
        no_tuple()
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, ArgsError> {
        no_tuple()
    }
}

/// Reads the first of an event's arguments, which have been checked before.
///
/// # Errors
/// The argument does not have the type's form.
pub(crate) fn read_first<T: DeserializeOwned>(
    arguments: &str,
    attachments: &[Bytes],
) -> Result<T, ArgsError> {
    if arguments.is_empty() {
        // An event without argument still fits types that take nothing, such as `Option` and `()`.
        return Ok(T::deserialize(UnitDeserializer::<serde_json::Error>::new())?);
    }
    let mut first = serde_json::Deserializer::from_str(arguments);
    Ok(with_attachments(attachments, || T::deserialize(&mut first))?)
}

/// Reads all arguments of an event's array as one value, such as a tuple or a vector.
///
/// # Errors
/// The arguments do not have the type's form.
pub(crate) fn read_all<T: DeserializeOwned>(data: &str, attachments: &[Bytes]) -> Result<T, ArgsError> {
    struct Rest<T>(T);

    impl<'de, T: Deserialize<'de>> Deserialize<'de> for Rest<T> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_seq(RestVisitor(std::marker::PhantomData))
        }
    }

    struct RestVisitor<T>(std::marker::PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for RestVisitor<T> {
        type Value = Rest<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an event's array")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Rest<T>, A::Error> {
            seq.next_element::<IgnoredAny>()?;
            T::deserialize(SeqAccessDeserializer::new(seq)).map(Rest)
        }
    }

    let rest: Rest<T> = with_attachments(attachments, || serde_json::from_str(data))?;
    Ok(rest.0)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::socketio::Binary;

    fn write<T: Serialize + ?Sized>(args: &T) -> (String, Vec<Bytes>) {
        let (mut out, mut attachments) = (br#"["ev""#.to_vec(), Vec::new());
        write_args(args, true, &mut out, &mut attachments).unwrap();
        out.push(b']');
        (String::from_utf8(out).unwrap(), attachments)
    }

    #[test]
    fn a_tuple_is_several_arguments_and_anything_else_is_one() {
        assert_eq!(write(&()).0, r#"["ev"]"#);
        assert_eq!(write("a").0, r#"["ev","a"]"#);
        assert_eq!(write(&("a", 1)).0, r#"["ev","a",1]"#);
        assert_eq!(write(&vec![1, 2]).0, r#"["ev",[1,2]]"#);
        assert_eq!(write(&BTreeMap::from([("k", None::<u8>)])).0, r#"["ev",{"k":null}]"#);
        assert_eq!(write(&(vec![("x", 1)], ())).0, r#"["ev",[["x",1]],null]"#);
    }

    #[test]
    fn bytes_become_attachments_in_document_order() {
        let value = (Binary::from("zero"), BTreeMap::from([("b", vec![Binary::from("one")])]));
        let (json, attachments) = write(&value);
        let wanted = r#"["ev",{"_placeholder":true,"num":0},{"b":[{"_placeholder":true,"num":1}]}]"#;
        assert_eq!(json, wanted);
        assert_eq!(attachments, ["zero", "one"]);
        let back: (Binary, BTreeMap<String, Vec<Binary>>) = read_all(&json, &attachments).unwrap();
        assert_eq!(&back.0.0[..], b"zero");
        assert_eq!(&back.1["b"][0].0[..], b"one");
    }

    #[test]
    fn data_that_looks_like_a_placeholder_is_told_apart_by_an_escape() {
        let (json, _) = write(&BTreeMap::from([("_placeholder", true)]));
        assert_eq!(json, r#"["ev",{"\u005fplaceholder":true}]"#);
        let back: (BTreeMap<String, bool>,) = read_all(&json, &[]).unwrap();
        assert!(back.0["_placeholder"]);
    }

    #[test]
    fn what_has_no_json_form_is_an_error() {
        let map = BTreeMap::from([(vec![1], 1)]);
        assert!(write_args(&map, true, &mut Vec::new(), &mut Vec::new()).is_err());
    }

    #[test]
    fn arguments_are_read_by_type() {
        assert_eq!(read_first::<String>(r#""a",1"#, &[]).unwrap(), "a");
        assert_eq!(read_first::<Option<String>>("", &[]).unwrap(), None);
        assert_eq!(read_all::<(String, u8)>(r#"["ev","a",1]"#, &[]).unwrap(), ("a".into(), 1));
        assert_eq!(read_all::<Vec<u8>>(r#"["ev",1,2]"#, &[]).unwrap(), [1, 2]);
        assert!(read_first::<String>("", &[]).is_err());
        assert!(read_first::<String>("5", &[]).is_err());
    }
}
