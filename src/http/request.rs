//! A request whose body has been read, and what handlers take out of it.

use std::net::IpAddr;

use bytes::Bytes;
use http::{HeaderMap, header::CONTENT_TYPE, request::Parts};
use serde::de::DeserializeOwned;

use crate::error::Error;

use super::query::Query;

/// The longest part of a JSON error that is repeated, in characters.
const MAX_DETAIL_CHARS: usize = 200;

/// A request with its body and the client it comes from.
#[derive(Debug)]
pub struct Request<'a> {
    /// Method, path and headers.
    pub parts: &'a Parts,
    /// The whole body; empty for methods without one.
    pub body: Bytes,
    /// The client's address, seen through trusted proxies.
    pub address: IpAddr,
}

impl Request<'_> {
    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.parts.headers
    }

    /// The query string.
    #[must_use]
    pub fn query(&self) -> Query<'_> {
        Query::new(self.parts.uri.query().unwrap_or_default())
    }

    /// Reads the body as a JSON object; an empty body is an empty object.
    ///
    /// # Errors
    /// [`Error::NotJson`] for another content type, [`Error::Invalid`] for what is not such an object.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let body = self.body.trim_ascii();
        if body.is_empty() {
            return parse("{}".as_bytes());
        }
        let content_type = self.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if !content_type.is_some_and(is_json) {
            return Err(Error::NotJson);
        }
        // serde reads a struct from an array too, which no client means.
        if body.first() != Some(&b'{') {
            return Err(Error::invalid("The body must be a JSON object such as {\"name\":\"value\"}"));
        }
        parse(body)
    }
}

/// Whether a content type is JSON in UTF-8, by name or by suffix (RFC 6839).
fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// Parses JSON; the error says where and what.
fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(body).map_err(|error| {
        let detail: String = error.to_string().chars().take(MAX_DETAIL_CHARS).collect();
        if error.is_data() {
            Error::invalid(format!("The body has a wrong value: {detail}"))
        } else {
            Error::invalid(format!("The body is not valid JSON: {detail}"))
        }
    })
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default)]
    struct Login {
        email: Option<String>,
    }

    fn read(content_type: &str, body: &'static str) -> Result<Login, Error> {
        let request = http::Request::builder().header(CONTENT_TYPE, content_type).body(()).unwrap();
        let (parts, ()) = request.into_parts();
        let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        Request { parts: &parts, body: Bytes::from_static(body.as_bytes()), address }.json()
    }

    #[test]
    fn json_objects_are_read_and_everything_else_is_explained() {
        let json = "application/json";
        type Row = (&'static str, &'static str, Result<Option<&'static str>, &'static str>);
        let rows: [Row; 14] = [
            (json, r#"{"email":"a@b"}"#, Ok(Some("a@b"))),
            ("Application/JSON; charset=utf-8", r#"{"email":"a@b"}"#, Ok(Some("a@b"))),
            ("application/vnd.api+json", "{}", Ok(None)),
            (json, "", Ok(None)),
            ("text/plain", "  ", Ok(None)),
            (json, r#"{"email":null,"more":[1]}"#, Ok(None)),
            ("text/plain", "{}", Err("Send the body as JSON")),
            ("application/x-www-form-urlencoded", "email=a", Err("Send the body as JSON")),
            ("application/json-seq", "{}", Err("Send the body as JSON")),
            (json, "{", Err("The body is not valid JSON: EOF")),
            (json, "[\"a@b\"]", Err("The body must be a JSON object")),
            (json, r#"{"email":{"$gt":""}}"#, Err("The body has a wrong value: invalid type: map")),
            (json, r#"{"email":5}"#, Err("The body has a wrong value: invalid type: integer `5`")),
            (json, "{\"email\":\"\u{0}\"}", Err("The body is not valid JSON: control character")),
        ];
        for (content_type, body, expected) in rows {
            let got = read(content_type, body);
            match (&got, expected) {
                (Ok(login), Ok(email)) => assert_eq!(login.email.as_deref(), email, "{body}"),
                (Err(error), Err(start)) => assert!(error.to_string().starts_with(start), "{error}"),
                _ => panic!("{body}: {got:?}"),
            }
        }
    }

    #[test]
    fn nesting_bombs_are_refused() {
        let bomb: &'static str = Box::leak(format!("{{\"x\":{}", "[".repeat(50_000)).into_boxed_str());
        assert!(read("application/json", bomb).is_err());
    }
}
