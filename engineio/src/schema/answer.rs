//! What an event is answered with.

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{TsType, Types};
use crate::{
    hub::Ack,
    socketio::{AckError, AckReply},
};

/// What an event can be answered with: each [`TsType`] that serde can write and read, as one argument, and a `Result` of
/// two such types, whose error is sent as `{ "error": … }`.
#[diagnostic::on_unimplemented(
    message = "an event cannot be answered with `{Self}`",
    note = "an answer is a type with `TsType`, `Serialize` and `Deserialize`, or a `Result` of two such types",
    note = "`events!` declares structures and enumerations that have them"
)]
pub trait Answer: Sized + Send + 'static {
    /// The type in TypeScript.
    fn ts(types: &mut Types) -> String;

    /// Answers an event.
    fn send(self, ack: Ack);

    /// Reads the answer of the other side.
    ///
    /// # Errors
    /// [`AckError::Type`] if it has another form.
    fn read(reply: &AckReply) -> Result<Self, AckError>;
}

impl<T: TsType + Serialize + DeserializeOwned + Send + 'static> Answer for T {
    fn ts(types: &mut Types) -> String {
        <T as TsType>::ts(types)
    }

    fn send(self, ack: Ack) {
        // A tuple of its own would be several arguments.
        ack.send(&(self,));
    }

    fn read(reply: &AckReply) -> Result<Self, AckError> {
        reply.first()
    }
}

/// How an error is sent.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Failure<E> {
    error: E,
}

impl<T, E> Answer for Result<T, E>
where
    T: TsType + Serialize + DeserializeOwned + Send + 'static,
    E: TsType + Serialize + DeserializeOwned + Send + 'static,
{
    fn ts(types: &mut Types) -> String {
        let value = T::ts(types);
        format!("{value} | {{ error: {} }}", E::ts(types))
    }

    fn send(self, ack: Ack) {
        match self {
            Ok(value) => ack.send(&(value,)),
            Err(error) => ack.send(&Failure { error }),
        }
    }

    /// An object that has a field `error` and nothing else is the error.
    fn read(reply: &AckReply) -> Result<Self, AckError> {
        match reply.first::<Failure<E>>() {
            Ok(failure) => Ok(Err(failure.error)),
            Err(_) => reply.first().map(Ok),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read<R: Answer>(data: &str) -> Result<R, AckError> {
        R::read(&AckReply { data: data.into(), attachments: Vec::new() })
    }

    #[test]
    fn an_answer_is_read_as_its_value_or_its_error() {
        assert_eq!(read::<Result<Value, String>>("[7]"), Ok(Ok(json!(7))));
        assert_eq!(read::<Result<Value, String>>(r#"[{"error":"no"}]"#), Ok(Err("no".into())));
        assert_eq!(read::<Result<u8, u16>>(r#"[{"error":404}]"#), Ok(Err(404)));
        let object = json!({ "error": "no", "x": 1 });
        assert_eq!(read::<Result<Value, String>>(&json!([object]).to_string()), Ok(Ok(object)));
        assert!(matches!(read::<Result<u8, String>>(r#"["x"]"#), Err(AckError::Type(_))));
    }
}
