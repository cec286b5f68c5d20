//! What a program may decide, add or see while requests are answered.

use std::{borrow::Cow, fmt, future::Future, net::IpAddr, sync::Arc};

use http::{HeaderMap, header::ORIGIN, request::Parts};

use crate::{
    Sid,
    engine::{BadRequest, Query, RequestError},
    hub::BoxFuture,
};

/// A function that is asked about a request, and answers at once or later. The text of an error is what went wrong.
pub struct Decide<T>(Arc<Ask<T>>);

type Ask<T> = dyn Fn(&Parts) -> Answer<T> + Send + Sync;

/// Decides whether a request may open a session; the text of a refusal is what the client is told, with status 403.
///
/// # Examples
/// ```
/// use engineio::server::{AllowRequest, Options};
///
/// async fn is_known(token: Option<String>) -> Result<(), String> {
///     // Perhaps a question to a database.
///     token.map(|_| ()).ok_or_else(|| "who are you?".into())
/// }
///
/// let at_once = AllowRequest::new(|request| match request.headers.get("x-token") {
///     Some(_) => Ok(()),
///     None => Err("who are you?".into()),
/// });
/// let later = AllowRequest::later(|request| {
///     let token = request.headers.get("x-token").and_then(|token| token.to_str().ok()).map(str::to_owned);
///     is_known(token)
/// });
/// let options = Options { allow_request: Some(later), ..Options::default() };
/// ```
pub type AllowRequest = Decide<()>;

/// Makes the id of a session that a request opens; a failure is answered as a bad request.
///
/// Whoever knows an id can read its session's packets, so that most of it must be random. An id that is in use is
/// refused as well.
///
/// # Examples
/// ```
/// use engineio::{Sid, server::GenerateId};
///
/// # fn fill_with_random(_: &mut [u8]) {}
/// /// Two bytes say which of several servers has the session, for a load balancer that looks at them.
/// fn generator(server: u16) -> GenerateId {
///     GenerateId::new(move |_| {
///         let mut bytes = [0; Sid::BYTES];
///         fill_with_random(&mut bytes[2..]);
///         bytes[..2].copy_from_slice(&server.to_be_bytes());
///         Ok(Sid::from_bytes(bytes))
///     })
/// }
/// ```
pub type GenerateId = Decide<Sid>;

enum Answer<T> {
    Now(Result<T, String>),
    Later(BoxFuture<'static, Result<T, String>>),
}

impl<T> Decide<T> {
    /// A function that answers at once.
    pub fn new(decide: impl Fn(&Parts) -> Result<T, String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(move |request| Answer::Now(decide(request))))
    }

    /// A function that takes what it wants from the request and answers with a future.
    pub fn later<F>(decide: impl Fn(&Parts) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<T, String>> + Send + 'static,
    {
        Self(Arc::new(move |request| Answer::Later(Box::pin(decide(request)))))
    }

    pub(super) async fn ask(&self, request: &Parts) -> Result<T, String> {
        let answer = (self.0)(request);
        match answer {
            Answer::Now(result) => result,
            Answer::Later(result) => result.await,
        }
    }
}

impl<T> Clone for Decide<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> fmt::Debug for Decide<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Decide(..)")
    }
}

/// Tells the address of the client that sent a request, for [`Config::sessions`](crate::Config::sessions). A program
/// behind a proxy reads it from a header that the proxy, and nobody before it, has written.
pub type ClientAddress = Arc<dyn Fn(&Parts) -> Option<IpAddr> + Send + Sync>;

/// Changes the headers of an answer to a request.
pub type HeadersHook = Arc<dyn Fn(&mut HeaderMap, &Parts) + Send + Sync>;

/// Sees requests that are refused.
pub type ConnectionErrorHook = Arc<dyn Fn(&ConnectionError<'_>) + Send + Sync>;

/// A request that was refused before it reached a session. Its [`RequestError`] has the code and prints the message.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionError<'a> {
    /// The request.
    pub request: &'a Parts,
    /// What the client was told.
    pub error: &'a RequestError,
}

impl<'a> ConnectionError<'a> {
    /// What the reference implementation tells about the error: the transport, the session id, the method or the
    /// protocol version that was asked for, or the `name` of what is wrong with a bad request.
    #[must_use]
    pub fn context(&self) -> Vec<(&'static str, Cow<'a, str>)> {
        let query = Query::parse(self.request.uri.query().unwrap_or_default());
        let transport = ("transport", query.transport.unwrap_or_default());
        match self.error {
            RequestError::UnknownTransport => vec![transport],
            RequestError::UnknownSid => vec![("sid", query.sid.unwrap_or_default())],
            RequestError::BadHandshakeMethod => vec![("method", self.request.method.as_str().into())],
            RequestError::BadRequest(bad) => self.bad_request(bad, transport),
            RequestError::Forbidden(message) => vec![("message", message.into())],
            RequestError::Unavailable { retry_after } => vec![("retryAfter", retry_after.to_string().into())],
            RequestError::UnsupportedVersion => vec![("protocol", query.version.unwrap_or_default())],
        }
    }

    fn bad_request(
        &self,
        bad: &'a BadRequest,
        transport: (&'static str, Cow<'a, str>),
    ) -> Vec<(&'static str, Cow<'a, str>)> {
        let name = ("name", bad.name().into());
        match bad {
            BadRequest::InvalidOrigin => {
                let origin = self.request.headers.get(ORIGIN).map_or(&[][..], |origin| origin.as_bytes());
                vec![name, ("origin", String::from_utf8_lossy(origin))]
            }
            BadRequest::TransportMismatch => vec![name, transport],
            BadRequest::TransportHandshakeError => vec![name],
            BadRequest::IdGenerationError(error) | BadRequest::MiddlewareFailure(error) => {
                vec![name, ("error", error.into())]
            }
        }
    }
}
