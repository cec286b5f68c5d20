//! Acknowledgements that the server waits for.

use std::{collections::HashMap, fmt, time::Instant};

use bytes::Bytes;
use serde::de::DeserializeOwned;

use super::{attachments::with_attachments, packet::AckId};

/// What the other side answered.
#[derive(Clone, PartialEq, Eq)]
pub struct AckReply {
    /// The arguments as a JSON array.
    pub data: String,
    /// The binary attachments that the array's placeholders name.
    pub attachments: Vec<Bytes>,
}

impl fmt::Debug for AckReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AckReply({}, {} attachments)", self.data, self.attachments.len())
    }
}

impl AckReply {
    /// Reads all arguments as one value, for example a tuple.
    ///
    /// # Errors
    /// [`AckError::Type`] if they do not have the type's form.
    pub fn args<T: DeserializeOwned>(&self) -> Result<T, AckError> {
        with_attachments(&self.attachments, || serde_json::from_str(&self.data))
            .map_err(|error| AckError::Type(error.to_string()))
    }

    /// Reads the first argument.
    ///
    /// # Errors
    /// [`AckError::Type`] if there is none or it does not have the type's form.
    pub fn first<T: DeserializeOwned>(&self) -> Result<T, AckError> {
        let first = with_attachments(&self.attachments, || {
            let values: Vec<&serde_json::value::RawValue> = serde_json::from_str(&self.data)?;
            serde_json::from_str(values.first().map_or("null", |value| value.get()))
        });
        first.map_err(|error: serde_json::Error| AckError::Type(error.to_string()))
    }
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AckError {
    /// The time given for the answer is over.
    #[error("operation has timed out")]
    Timeout,
    /// The socket disconnected before it answered.
    #[error("socket has been disconnected")]
    Disconnected,
    /// The event could not be queued: the socket owes too many answers or its outgoing queue is full.
    #[error("the socket takes no more events now")]
    Full,
    /// The event's arguments cannot be written as JSON, or its name is reserved.
    #[error("the event cannot be sent: {0}")]
    Invalid(String),
    /// The answer has another type than asked for.
    #[error("the answer has another form than expected: {0}")]
    Type(String),
}

/// Called once with the answer, or with the reason why there is none.
pub type AckSink = Box<dyn FnOnce(Result<AckReply, AckError>) + Send>;

/// The answers one socket owes, each with its deadline.
#[derive(Default)]
pub struct Acks {
    pending: HashMap<AckId, (Instant, AckSink)>,
}

impl fmt::Debug for Acks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Acks({} pending)", self.pending.len())
    }
}

impl Acks {
    /// How many answers are owed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pending.len()
    }

    /// Whether no answer is owed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// Adds an answer to wait for.
    pub fn insert(&mut self, id: AckId, deadline: Instant, sink: AckSink) {
        self.pending.insert(id, (deadline, sink));
    }

    /// Takes the waiter for `id`; `None` for an unknown id or a second answer.
    pub fn take(&mut self, id: AckId) -> Option<AckSink> {
        self.pending.remove(&id).map(|(_, sink)| sink)
    }

    /// Takes the waiters whose time is over.
    pub fn take_expired(&mut self, now: Instant) -> Vec<AckSink> {
        self.pending.extract_if(|_, (deadline, _)| *deadline <= now).map(|(_, (_, sink))| sink).collect()
    }

    /// Takes all waiters, as the socket has left.
    pub fn take_all(&mut self) -> Vec<AckSink> {
        std::mem::take(&mut self.pending).into_values().map(|(_, sink)| sink).collect()
    }

    /// The earliest deadline.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.pending.values().map(|(deadline, _)| *deadline).min()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{Arc, Mutex},
        time::Duration,
    };

    use super::*;

    type Answers = Arc<Mutex<Vec<Result<AckReply, AckError>>>>;

    fn sink(answers: &Answers) -> AckSink {
        let answers = Arc::clone(answers);
        Box::new(move |answer| answers.lock().unwrap().push(answer))
    }

    #[test]
    fn an_answer_counts_once() {
        let (mut acks, answers) = (Acks::default(), Answers::default());
        acks.insert(3, Instant::now(), sink(&answers));
        assert!(acks.take(4).is_none());
        assert!(acks.take(3).is_some());
        assert!(acks.take(3).is_none());
        assert!(acks.is_empty());
    }

    #[test]
    fn only_what_is_due_expires() {
        let (mut acks, answers, now) = (Acks::default(), Answers::default(), Instant::now());
        for id in [1, 2, 3] {
            acks.insert(id, now + Duration::from_secs(id), sink(&answers));
        }
        assert_eq!(acks.deadline(), Some(now + Duration::from_secs(1)));
        assert_eq!(acks.take_expired(now + Duration::from_secs(1)).len(), 1);
        assert_eq!(acks.deadline(), Some(now + Duration::from_secs(2)));
        assert_eq!(acks.take_all().len(), 2);
    }

    #[test]
    fn a_reply_is_read_as_all_arguments_or_the_first() {
        let reply =
            AckReply { data: r#"["a",{"_placeholder":true,"num":0}]"#.into(), attachments: vec!["b".into()] };
        assert_eq!(reply.first::<String>(), Ok("a".into()));
        assert_eq!(reply.args::<(String, super::super::Binary)>(), Ok(("a".into(), "b".into())));
        assert!(matches!(reply.first::<u32>(), Err(AckError::Type(_))));
    }
}
