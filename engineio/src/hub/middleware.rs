//! Functions that may refuse a client before it is let into a namespace.

use std::{future::Future, sync::Arc};

use serde_json::{Value, json};

use super::{runtime::BoxFuture, socket::Socket};

/// Why a client is refused; it arrives as `connect_error` with this message and data.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct ConnectError {
    message: String,
    data: Option<Value>,
}

impl ConnectError {
    /// A refusal with a message.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), data: None }
    }

    /// Adds details, which the client finds in the error's `data`.
    #[must_use]
    pub fn with_data(self, data: Value) -> Self {
        Self { data: Some(data), ..self }
    }

    pub(crate) fn to_json(&self) -> String {
        match &self.data {
            Some(data) => json!({ "message": self.message, "data": data }).to_string(),
            None => json!({ "message": self.message }).to_string(),
        }
    }

    /// What clients of protocol 4 are sent: the details, or else the message alone.
    pub(crate) fn to_bare_json(&self) -> String {
        self.data.as_ref().map_or_else(|| json!(self.message).to_string(), Value::to_string)
    }
}

/// An erased connect middleware.
pub(crate) type Middleware =
    Arc<dyn Fn(Socket) -> BoxFuture<'static, Result<(), ConnectError>> + Send + Sync>;

pub(crate) fn erase<F, Fut>(middleware: F) -> Middleware
where
    F: Fn(Socket) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), ConnectError>> + Send + 'static,
{
    Arc::new(move |socket| Box::pin(middleware(socket)))
}
