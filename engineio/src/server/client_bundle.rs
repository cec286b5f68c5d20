//! The browser's client library, served beside the protocol so that both fit each other.

use std::{fmt, io::Write, sync::OnceLock};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http::{
    HeaderMap, HeaderValue, Response, StatusCode,
    header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY},
};

use super::headers::Body;

/// The files of one version of `socket.io-client`, taken from the `dist` folder of its npm package.
///
/// They are served below the service's path under their own names, with the version as `ETag`, as the
/// reference's `serveClient` does.
#[derive(Debug, Default)]
pub struct ClientBundle {
    version: String,
    files: Vec<File>,
}

struct File {
    name: &'static str,
    content: Bytes,
    /// Made when the first browser asks for it.
    compressed: OnceLock<Bytes>,
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.name, self.content.len())
    }
}

impl ClientBundle {
    /// A bundle of files of this version, each with its name and content.
    pub fn new(
        version: impl Into<String>,
        files: impl IntoIterator<Item = (&'static str, &'static [u8])>,
    ) -> Self {
        let file = |(name, content)| File {
            name,
            content: Bytes::from_static(content),
            compressed: OnceLock::new(),
        };
        Self { version: version.into(), files: files.into_iter().map(file).collect() }
    }

    /// Whether there is nothing to serve.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Answers a request for one of the files; `None` if the name is none of theirs.
    pub(super) fn respond(&self, name: &str, request: &HeaderMap) -> Option<Response<Body>> {
        let file = self.files.iter().find(|file| file.name == name)?;
        let tag = format!("\"{}\"", self.version);
        let mut response = Response::new(Body::default());
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=0"));
        headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
        headers.insert(ETAG, HeaderValue::from_str(&tag).ok()?);
        if is_known(request, &tag) {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return Some(response);
        }
        let is_map = file.name.ends_with(".map");
        let kind = if is_map { "application/json" } else { "application/javascript; charset=utf-8" };
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        *response.body_mut() = if accepts_gzip(request) {
            response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            Body::new(file.compressed().clone())
        } else {
            Body::new(file.content.clone())
        };
        Some(response)
    }
}

impl File {
    fn compressed(&self) -> &Bytes {
        self.compressed.get_or_init(|| {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
            // Writing to memory cannot fail; an empty body would only show as such.
            let _ = encoder.write_all(&self.content);
            encoder.finish().unwrap_or_default().into()
        })
    }
}

/// Whether the browser has this version; weak and strong tags are the same here (RFC 9110, section 13.1.2).
fn is_known(request: &HeaderMap, tag: &str) -> bool {
    let tags = request.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
    tags.split(',').any(|known| known.trim().trim_start_matches("W/") == tag)
}

fn accepts_gzip(request: &HeaderMap) -> bool {
    let accepted = request.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepted.split(',').any(|item| {
        let (name, weight) = item.split_once(';').unwrap_or((item, ""));
        name.trim() == "gzip" && !matches!(weight.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bundle() -> ClientBundle {
        ClientBundle::new("4.8.4", [("socket.io.js", &b"code"[..]), ("socket.io.js.map", b"{}")])
    }

    fn ask(name: &str, headers: &[(&'static str, &'static str)]) -> Option<Response<Body>> {
        let headers =
            headers.iter().map(|&(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)));
        bundle().respond(name, &headers.collect())
    }

    #[test]
    fn only_known_names_are_served() {
        assert!(ask("socket.io.js", &[]).is_some());
        assert!(ask("../socket.io.js", &[]).is_none());
        assert!(ask("other.js", &[]).is_none());
    }

    #[test]
    fn a_known_version_is_not_sent_again() {
        for tag in ["\"4.8.4\"", "W/\"4.8.4\"", "\"1\", W/\"4.8.4\""] {
            let response = ask("socket.io.js", &[("if-none-match", tag)]).unwrap();
            assert_eq!(response.status(), StatusCode::NOT_MODIFIED, "{tag}");
        }
        assert_eq!(ask("socket.io.js", &[("if-none-match", "\"4.8.3\"")]).unwrap().status(), StatusCode::OK);
    }

    #[test]
    fn a_file_is_compressed_for_those_who_can_read_it() {
        let encoding = |accepted| {
            let response = ask("socket.io.js", &[("accept-encoding", accepted)]).unwrap();
            response.headers().get(CONTENT_ENCODING).is_some()
        };
        assert!(encoding("br, gzip"));
        assert!(encoding("gzip;q=0.5"));
        assert!(!encoding("gzip;q=0"));
        assert!(!encoding("br"));
    }
}
