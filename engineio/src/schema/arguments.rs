//! The arguments of an event with types and names, so that what is wrong with them can be told.

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::{
    hub::{ArgsError, read_all},
    socketio::with_attachments,
};

/// The arguments of an event, as a tuple of up to eight.
pub trait Arguments: Sized {
    /// Reads them from an event's array, whose first element is the event's name.
    ///
    /// # Errors
    /// There are more or fewer than `names`, or one has another form; the error names it.
    fn read(data: &str, attachments: &[Bytes], names: &[&str]) -> Result<Self, ArgsError>;
}

impl Arguments for () {
    fn read(data: &str, attachments: &[Bytes], names: &[&str]) -> Result<Self, ArgsError> {
        match read_all::<[(); 0]>(data, attachments) {
            Ok([]) => Ok(()),
            Err(error) => Err(check_number(data, names).err().unwrap_or(error)),
        }
    }
}

macro_rules! arguments {
    ($($type:ident)+) => {
        impl<$($type: DeserializeOwned),+> Arguments for ($($type,)+) {
            fn read(data: &str, attachments: &[Bytes], names: &[&str]) -> Result<Self, ArgsError> {
                // Only when this has failed is it worth to look which argument is to blame.
                read_all(data, attachments).map_err(|error| {
                    let values = match check_number(data, names) {
                        Ok(values) => values,
                        Err(error) => return error,
                    };
                    let mut arguments = names.iter().zip(values);
                    $(
                        if let Some((name, value)) = arguments.next()
                            && let Err(error) = check::<$type>(name, value, attachments)
                        {
                            return error;
                        }
                    )+
                    error
                })
            }
        }
    };
}

arguments!(A);
arguments!(A B);
arguments!(A B C);
arguments!(A B C D);
arguments!(A B C D E);
arguments!(A B C D E F);
arguments!(A B C D E F G);
arguments!(A B C D E F G H);

/// The arguments as JSON, if there are as many as names.
fn check_number<'a>(data: &'a str, names: &[&str]) -> Result<Vec<&'a RawValue>, ArgsError> {
    let mut values: Vec<&RawValue> = serde_json::from_str(data)?;
    values.drain(..values.len().min(1));
    if values.len() == names.len() {
        return Ok(values);
    }
    let (wanted, got) = (names.len(), values.len());
    let names = if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) };
    let s = if wanted == 1 { "" } else { "s" };
    Err(ArgsError::new(format!("wanted {wanted} argument{s}{names}, got {got}")))
}

fn check<T: DeserializeOwned>(name: &str, value: &RawValue, attachments: &[Bytes]) -> Result<(), ArgsError> {
    match with_attachments(attachments, || serde_json::from_str::<T>(value.get())) {
        Ok(_) => Ok(()),
        Err(error) => Err(ArgsError::new(format!("argument `{name}`: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::socketio::Binary;

    fn error<A: Arguments>(data: &str, names: &[&str]) -> String {
        A::read(data, &[], names).err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn arguments_are_read_by_type() {
        assert!(<()>::read(r#"["ev"]"#, &[], &[]).is_ok());
        let read = <(String, Option<u8>)>::read(r#"["ev", "a", null]"#, &[], &["a", "b"]).unwrap();
        assert_eq!(read, ("a".into(), None));
        let data = r#"["ev",{"_placeholder":true,"num":0}]"#;
        assert_eq!(<(Binary,)>::read(data, &["x".into()], &["a"]).unwrap(), (Binary::from("x"),));
    }

    #[test]
    fn an_error_names_the_argument() {
        let wanted = "argument `b`: invalid type: string \"x\", expected u8 at line 1 column 3";
        assert_eq!(error::<(String, u8)>(r#"["ev","a","x"]"#, &["a", "b"]), wanted);
        let error = error::<(u8, u8)>(r#"["ev",1,300]"#, &["a", "b"]);
        assert!(error.starts_with("argument `b`: invalid value: integer `300`"), "{error}");
    }

    #[test]
    fn an_error_tells_how_many_arguments_are_wanted() {
        assert_eq!(error::<()>(r#"["ev",1]"#, &[]), "wanted 0 arguments, got 1");
        assert_eq!(error::<(u8,)>(r#"["ev"]"#, &["a"]), "wanted 1 argument (a), got 0");
        assert_eq!(error::<(u8, u8)>(r#"["ev",1,2,3]"#, &["a", "b"]), "wanted 2 arguments (a, b), got 3");
    }
}
