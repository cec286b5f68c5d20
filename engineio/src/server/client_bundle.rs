//! The browser's client library, served beside the protocol so that both fit each other.

use std::{fmt, sync::OnceLock};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY},
};

use super::{compression::compress, encodings::preferred, headers::Body};
use crate::hub::Coding;

/// How the name of a file ends that is compressed already.
const BROTLI: &str = ".br";

/// The files of one version of `socket.io-client`, taken from the `dist` folder of its npm package.
///
/// They are served below the service's path under their own names, with the version as `ETag`, as the
/// reference's `serveClient` does, and compressed by gzip or deflate for those who can read it. A file that is called
/// like another one with `.br` behind it is taken for that one's content compressed by Brotli: it is sent to those who
/// can read that. No compressor for it is built in, as it would be the largest part of many a program, and can take its
/// time when the program is built.
#[derive(Debug, Default)]
pub struct ClientBundle {
    version: String,
    files: Vec<File>,
}

struct File {
    name: &'static str,
    content: Bytes,
    brotli: Option<Bytes>,
    /// Made when the first browser asks for it.
    gzip: OnceLock<Bytes>,
    deflate: OnceLock<Bytes>,
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
        let (compressed, plain): (Vec<_>, Vec<_>) =
            files.into_iter().partition(|(name, _)| name.ends_with(BROTLI));
        let brotli = |name: &str| {
            let mut compressed = compressed.iter();
            compressed
                .find(|(known, _)| known.strip_suffix(BROTLI) == Some(name))
                .map(|&(_, content)| content)
        };
        let file = |(name, content)| File {
            name,
            content: Bytes::from_static(content),
            brotli: brotli(name).map(Bytes::from_static),
            gzip: OnceLock::new(),
            deflate: OnceLock::new(),
        };
        Self { version: version.into(), files: plain.into_iter().map(file).collect() }
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
        let (coding, content) = file.encoded_for(request);
        if let Some(coding) = coding {
            response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(coding));
        }
        *response.body_mut() = Body::new(content);
        Some(response)
    }
}

impl File {
    /// The content in the coding that the browser likes best, and that coding's name.
    fn encoded_for(&self, request: &HeaderMap) -> (Option<&'static str>, Bytes) {
        let offered = ["br", "gzip", "deflate"];
        let offered = if self.brotli.is_some() { &offered[..] } else { &offered[1..] };
        let coding = preferred(request, offered);
        let content = match (coding, &self.brotli) {
            (Some("br"), Some(brotli)) => brotli,
            (Some("gzip"), _) => self.gzip.get_or_init(|| compress(&self.content, Coding::Gzip)),
            (Some("deflate"), _) => self.deflate.get_or_init(|| compress(&self.content, Coding::Deflate)),
            _ => return (None, self.content.clone()),
        };
        (coding, content.clone())
    }
}

/// Whether the browser has this version; weak and strong tags are the same here (RFC 9110, section 13.1.2).
fn is_known(request: &HeaderMap, tag: &str) -> bool {
    let tags = request.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
    tags.split(',').any(|known| known.trim().trim_start_matches("W/") == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bundle() -> ClientBundle {
        let files = [
            ("socket.io.js", &b"code"[..]),
            ("socket.io.js.map", b"{}"),
            ("socket.io.min.js", b"min"),
            ("socket.io.min.js.br", b"compressed by Brotli"),
        ];
        ClientBundle::new("4.8.4", files)
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
        let encoding = |name, accepted| {
            let response = ask(name, &[("accept-encoding", accepted)]).unwrap();
            response.headers().get(CONTENT_ENCODING).map(|coding| coding.to_str().unwrap().to_owned())
        };
        assert_eq!(encoding("socket.io.js", "br, gzip").as_deref(), Some("gzip"));
        assert_eq!(encoding("socket.io.js", "deflate").as_deref(), Some("deflate"));
        assert_eq!(encoding("socket.io.js", "gzip;q=0"), None);
        assert_eq!(encoding("socket.io.js", "br"), None);
        assert_eq!(encoding("socket.io.min.js", "gzip, deflate, br").as_deref(), Some("br"));
        assert!(ask("socket.io.min.js.br", &[]).is_none());
    }
}
