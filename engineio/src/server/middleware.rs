//! Functions that requests pass before the engine looks at them.

use std::{fmt, future::ready, sync::Arc};

use bytes::Bytes;
use http::{
    HeaderMap, Response,
    header::{SET_COOKIE, VARY},
    request::Parts,
};

use crate::hub::BoxFuture;

/// A request on its way to the engine, and what its answer will have beside the engine's own headers.
#[derive(Debug)]
pub struct Exchange {
    /// The request's head; what is put into its extensions, the application finds there.
    pub request: Parts,
    /// Headers of the answer, that to a WebSocket request and to a refusal included.
    pub headers: HeaderMap,
}

/// What becomes of a request.
#[derive(Debug)]
pub enum Verdict {
    /// It goes on, to the next function or to the engine.
    Next,
    /// It is answered with this, and the headers so far; nobody else sees it.
    End(Response<Bytes>),
    /// It is refused as a bad request (code 3); the text is for [`Options::on_connection_error`](super::Options).
    Fail(String),
}

/// A function that each polling and WebSocket request passes before the engine looks at it, as the functions of an
/// Express application do.
///
/// # Examples
/// ```
/// use engineio::server::{Middleware, Options, Verdict};
/// use http::{HeaderValue, header::REFERRER_POLICY};
///
/// # async fn load_session(_: String) -> Option<u32> { None }
/// let policy = Middleware::new(|exchange| {
///     exchange.headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
///     Verdict::Next
/// });
/// let session = Middleware::later(|exchange| {
///     Box::pin(async move {
///         let cookie = exchange.request.headers.get("cookie").and_then(|cookie| cookie.to_str().ok());
///         match load_session(cookie.unwrap_or_default().to_owned()).await {
///             Some(user) => {
///                 exchange.request.extensions.insert(user);
///                 Verdict::Next
///             }
///             None => Verdict::Fail("no session".into()),
///         }
///     })
/// });
/// let options = Options { middleware: vec![policy, session], ..Options::default() };
/// ```
#[derive(Clone)]
pub struct Middleware(Arc<Decide>);

type Decide = dyn for<'a> Fn(&'a mut Exchange) -> BoxFuture<'a, Verdict> + Send + Sync;

impl fmt::Debug for Middleware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Middleware(..)")
    }
}

impl Middleware {
    /// A function that decides at once.
    pub fn new(decide: impl Fn(&mut Exchange) -> Verdict + Send + Sync + 'static) -> Self {
        Self::later(move |exchange| {
            let verdict = decide(exchange);
            Box::pin(ready(verdict))
        })
    }

    /// A function that waits for something before it decides.
    pub fn later(
        decide: impl for<'a> Fn(&'a mut Exchange) -> BoxFuture<'a, Verdict> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(decide))
    }
}

/// Lets a request pass the functions in order, until one does not let it go on.
pub(super) async fn run(functions: &[Middleware], exchange: &mut Exchange) -> Verdict {
    for function in functions {
        let verdict = (function.0)(exchange).await;
        if !matches!(verdict, Verdict::Next) {
            return verdict;
        }
    }
    Verdict::Next
}

/// Adds headers to an answer. The answer's own remain, except that several of a kind may stand beside each other where
/// HTTP lets them.
pub(super) fn add_headers(headers: &HeaderMap, response: &mut HeaderMap) {
    for name in headers.keys() {
        if name == SET_COOKIE || name == VARY || !response.contains_key(name) {
            headers.get_all(name).iter().for_each(|value| {
                response.append(name, value.clone());
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, Request, header::CACHE_CONTROL};

    use super::*;

    fn exchange() -> Exchange {
        let (request, ()) = Request::new(()).into_parts();
        Exchange { request, headers: HeaderMap::new() }
    }

    fn noting(letter: &'static str, verdict: fn() -> Verdict) -> Middleware {
        Middleware::later(move |exchange| {
            Box::pin(async move {
                exchange.headers.append("x-order", HeaderValue::from_static(letter));
                verdict()
            })
        })
    }

    #[tokio::test]
    async fn a_request_passes_the_functions_in_order_until_one_stops_it() {
        let mut exchange = exchange();
        let functions = [
            noting("a", || Verdict::Next),
            noting("b", || Verdict::Fail("no".into())),
            noting("c", || Verdict::Next),
        ];
        assert!(matches!(run(&functions, &mut exchange).await, Verdict::Fail(reason) if reason == "no"));
        let order: Vec<_> = exchange.headers.get_all("x-order").iter().collect();
        assert_eq!(order, ["a", "b"]);
    }

    #[test]
    fn added_headers_stand_beside_the_answer_s_own_and_never_replace_them() {
        let headers = |pairs: &[(&'static str, &'static str)]| {
            let pairs = pairs.iter().map(|&(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
            pairs.fold(HeaderMap::new(), |mut headers, (name, value): (http::HeaderName, HeaderValue)| {
                headers.append(name, value);
                headers
            })
        };
        let mut answer = headers(&[("cache-control", "no-store"), ("set-cookie", "io=1")]);
        let added = [("cache-control", "public"), ("set-cookie", "a=1"), ("set-cookie", "b=2"), ("x-a", "1")];
        add_headers(&headers(&added), &mut answer);
        let cookies: Vec<_> = answer.get_all(SET_COOKIE).iter().collect();
        assert_eq!(cookies, ["io=1", "a=1", "b=2"]);
        assert_eq!(
            (&answer[CACHE_CONTROL], &answer["x-a"]),
            (&"no-store".parse().unwrap(), &"1".parse().unwrap())
        );
    }
}
