//! Files embedded in the binary, with validators, so that browsers fetch each version once.

use std::collections::HashMap;

use http::{
    HeaderMap, HeaderValue, Method, StatusCode,
    header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH},
};
use sha2::{Digest, Sha256};

use super::{Response, response};

/// What the page may load and where it may connect: the service itself and nothing else.
const POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'";

/// One embedded file.
#[derive(Clone, Copy, Debug)]
pub struct Asset {
    /// The path it is served at, such as `/` or `/app.css`.
    pub path: &'static str,
    /// Its content.
    pub content: &'static [u8],
}

/// The media type of a path's ending; a path without one is a page, one with an unknown one plain bytes.
#[must_use]
pub fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("html", |(_, ending)| ending) {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" | "map" => "application/json; charset=utf-8",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// A table of embedded files.
#[derive(Debug)]
pub struct StaticFiles {
    files: HashMap<&'static str, File>,
}

/// A file with its validator.
#[derive(Debug)]
struct File {
    asset: Asset,
    etag: HeaderValue,
}

impl StaticFiles {
    /// Computes the validators of all files.
    #[must_use]
    pub fn new(assets: &'static [Asset]) -> Self {
        let file = |asset: &Asset| (asset.path, File { asset: *asset, etag: etag(asset.content) });
        Self { files: assets.iter().map(file).collect() }
    }

    /// Answers a GET or HEAD for one of the files; `None` if there is no such file.
    ///
    /// Paths are compared as they are: nothing is decoded and no directory is walked.
    #[must_use]
    pub fn respond(&self, method: &Method, path: &str, headers: &HeaderMap) -> Option<Response> {
        let file = self.files.get(path)?;
        let mut response = if method != Method::GET && method != Method::HEAD {
            let mut response = response::empty(StatusCode::METHOD_NOT_ALLOWED);
            response.headers_mut().insert(http::header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            return Some(response);
        } else if is_fresh(headers, &file.etag) {
            response::empty(StatusCode::NOT_MODIFIED)
        } else {
            let mut response = response::file(file.asset.content);
            let content_type = HeaderValue::from_static(content_type(file.asset.path));
            response.headers_mut().insert(CONTENT_TYPE, content_type);
            response
        };
        let headers = response.headers_mut();
        headers.insert(ETAG, file.etag.clone());
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        Some(if method == Method::HEAD { response::without_body(response) } else { response })
    }
}

/// The strong validator of a content.
fn etag(content: &[u8]) -> HeaderValue {
    let digest: String = Sha256::digest(content).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    HeaderValue::try_from(format!("\"{digest}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

/// Whether the browser has this version already (RFC 9110, section 13.1.2: weak comparison).
fn is_fresh(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let lines = headers.get_all(IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
    let mut tags = lines.flat_map(|line| line.split(',')).map(str::trim);
    tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag).as_bytes() == etag.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    static ASSETS: [Asset; 2] =
        [Asset { path: "/", content: b"<!doctype html>" }, Asset { path: "/app.css", content: b"a{}" }];

    fn get(path: &str, if_none_match: Option<&str>) -> Option<Response> {
        let mut headers = HeaderMap::new();
        if let Some(tag) = if_none_match {
            headers.insert(IF_NONE_MATCH, tag.parse().unwrap());
        }
        StaticFiles::new(&ASSETS).respond(&Method::GET, path, &headers)
    }

    #[test]
    fn files_are_served_with_type_validator_and_policy() {
        let response = get("/", None).unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()[CONTENT_TYPE], "text/html; charset=utf-8");
        let policy = response.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("default-src 'self'") && !policy.contains("unsafe"));
        assert_ne!(response.headers()[ETAG], get("/app.css", None).unwrap().headers()[ETAG]);
    }

    #[test]
    fn a_known_version_is_not_sent_again() {
        let etag = get("/", None).unwrap().headers()[ETAG].to_str().unwrap().to_owned();
        let rows = [
            (etag.clone(), 304),
            (format!("W/{etag}"), 304),
            (format!("\"x\", {etag}"), 304),
            ("*".to_owned(), 304),
            ("\"x\"".to_owned(), 200),
        ];
        for (tag, status) in rows {
            assert_eq!(get("/", Some(&tag)).unwrap().status(), status, "{tag}");
        }
    }

    #[test]
    fn only_listed_paths_exist() {
        for path in ["/../Cargo.toml", "/%2e%2e/", "//", "/app.css/", "/APP.CSS", ""] {
            assert!(get(path, None).is_none(), "{path}");
        }
        let files = StaticFiles::new(&ASSETS);
        assert_eq!(files.respond(&Method::POST, "/", &HeaderMap::new()).unwrap().status(), 405);
        let head = files.respond(&Method::HEAD, "/app.css", &HeaderMap::new()).unwrap();
        assert_eq!(head.headers()[http::header::CONTENT_LENGTH], "3");
    }
}
