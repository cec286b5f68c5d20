//! The server under test, and the requests to it, prepared once.

use std::net::{SocketAddr, ToSocketAddrs};

use serde::de::IgnoredAny;

use crate::{
    fault::{Fault, excerpt},
    options::Common,
    wire::{http::KEY, packet::Packets},
};

/// Where the server is and what every request to it looks like.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) packets: Packets,
    /// The request that opens a session over WebSocket, for a client without an account.
    pub(crate) open_websocket: Vec<u8>,
    /// The request that opens a session over long-polling.
    pub(crate) open_polling: Vec<u8>,
    /// Path and query up to the transport's name.
    query: String,
    /// Host and the headers given, each with its line end.
    headers: String,
}

impl Target {
    /// Looks the server up and prepares the requests.
    ///
    /// # Errors
    /// The URL is not `http://` or has no address, or a header has no name.
    pub(crate) fn new(common: &Common) -> Result<Self, Fault> {
        let url = common.url.as_str();
        let authority = url.strip_prefix("http://").or_else(|| url.strip_prefix("ws://"));
        let Some(authority) = authority.and_then(|rest| rest.split('/').next()) else {
            return Err(Fault::setting(format!("the URL must begin with http://, found `{url}`")));
        };
        let with_port = if has_port(authority) { authority.to_owned() } else { format!("{authority}:80") };
        let address = with_port.to_socket_addrs().ok().and_then(|mut found| found.next());
        let address = address.ok_or_else(|| Fault::setting(format!("`{authority}` has no address")))?;

        let mut headers = format!("Host: {authority}\r\n");
        for header in &common.header {
            if !header.contains(':') || header.contains(['\r', '\n']) {
                return Err(Fault::setting(format!("a header must be `Name: value`, found `{header}`")));
            }
            headers += header;
            headers += "\r\n";
        }
        if !common.cookie.is_empty() {
            headers += &format!("Cookie: {}\r\n", common.cookie.join("; "));
        }
        let mut query = format!("/{}/?EIO=4", common.path.trim_matches('/'));
        for pair in &common.query {
            if !pair.contains('=') || pair.contains(|c: char| c == '#' || !c.is_ascii_graphic()) {
                return Err(Fault::setting(format!(
                    "--query must be NAME=VALUE as in a URL, found `{pair}`"
                )));
            }
            query += &format!("&{pair}");
        }
        query += "&transport=";
        let mut target = Self {
            address,
            packets: Packets::new(&common.namespace, &auths(common)?),
            open_websocket: Vec::new(),
            open_polling: Vec::new(),
            query,
            headers,
        };
        target.open_websocket = target.upgrade("", "");
        target.open_polling = target.get("");
        Ok(target)
    }

    /// The upgrade request of a session, or of a new one if the id is empty. The cookie may be empty as well.
    pub(crate) fn upgrade(&self, sid: &str, cookie: &str) -> Vec<u8> {
        let cookie = cookie_line(cookie);
        let wishes = format!(
            "{cookie}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n"
        );
        self.head("GET", "websocket", sid, &wishes)
    }

    /// The poll of a session, or the request for a new one if the id is empty.
    pub(crate) fn get(&self, sid: &str) -> Vec<u8> {
        self.head("GET", "polling", sid, "Accept: */*\r\n")
    }

    /// A POST of a session up to the value of `Content-Length`; the number, an empty line and the body follow.
    pub(crate) fn post(&self, sid: &str) -> Vec<u8> {
        let mut head =
            self.head("POST", "polling", sid, "Content-Type: text/plain;charset=UTF-8\r\nContent-Length: ");
        head.truncate(head.len() - 2);
        head
    }

    /// A GET of another path than that of Socket.IO.
    pub(crate) fn get_path(&self, path: &str) -> Vec<u8> {
        format!("GET {path} HTTP/1.1\r\n{}\r\n", self.headers).into_bytes()
    }

    /// A request with a JSON body to another path than that of Socket.IO. The cookie may be empty.
    pub(crate) fn post_json(&self, path: &str, cookie: &str, body: &str) -> Vec<u8> {
        let (headers, cookie, length) = (&self.headers, cookie_line(cookie), body.len());
        format!(
            "POST {path} HTTP/1.1\r\n{headers}{cookie}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .into_bytes()
    }

    fn head(&self, method: &str, transport: &str, sid: &str, more: &str) -> Vec<u8> {
        let sid = if sid.is_empty() { String::new() } else { format!("&sid={sid}") };
        format!("{method} {}{transport}{sid} HTTP/1.1\r\n{}{more}\r\n", self.query, self.headers).into_bytes()
    }
}

/// The authentication payloads: the one that was given, or those in a file.
fn auths(common: &Common) -> Result<Vec<String>, Fault> {
    let mut auths: Vec<String> = common.auth.iter().cloned().collect();
    if let Some(path) = &common.auth_file {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Fault::setting(format!("--auth-file {}: {error}", path.display())))?;
        auths.extend(text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned));
        if auths.is_empty() {
            return Err(Fault::setting(format!("--auth-file {} is empty", path.display())));
        }
    }
    let wrong = auths.iter().find(|auth| serde_json::from_str::<IgnoredAny>(auth).is_err());
    match wrong {
        Some(auth) => {
            Err(Fault::setting(format!("authentication must be JSON, found {}", excerpt(auth.as_bytes()))))
        }
        None => Ok(auths),
    }
}

fn cookie_line(cookie: &str) -> String {
    if cookie.is_empty() { String::new() } else { format!("Cookie: {cookie}\r\n") }
}

fn has_port(authority: &str) -> bool {
    authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn common() -> Common {
        Common { url: "http://127.0.0.1:3000".into(), ..Common::default() }
    }

    #[test]
    fn requests_carry_path_headers_and_cookies() {
        let common = Common {
            path: "/rt".into(),
            header: vec!["X-A: 1".into()],
            cookie: vec!["a=b".into(), "c=d".into()],
            query: vec!["token=a%20b".into(), "v=2".into()],
            ..common()
        };
        let target = Target::new(&common).unwrap();
        assert_eq!(
            String::from_utf8(target.get("S")).unwrap(),
            "GET /rt/?EIO=4&token=a%20b&v=2&transport=polling&sid=S HTTP/1.1\r\nHost: 127.0.0.1:3000\r\nX-A: 1\r\nCookie: a=b; c=d\r\nAccept: */*\r\n\r\n"
        );
        let post = String::from_utf8(target.post("S")).unwrap();
        assert!(
            post.starts_with("POST /rt/?EIO=4&token=a%20b&v=2&transport=polling&sid=S HTTP/1.1\r\n"),
            "{post}"
        );
        assert!(post.ends_with("\r\nContent-Length: "), "{post}");
        let upgrade = String::from_utf8(target.open_websocket).unwrap();
        assert!(
            upgrade.starts_with("GET /rt/?EIO=4&token=a%20b&v=2&transport=websocket HTTP/1.1\r\n"),
            "{upgrade}"
        );
        assert!(upgrade.ends_with("dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"), "{upgrade}");
    }

    #[test]
    fn other_paths_are_asked_for_as_they_are() {
        let target = Target::new(&common()).unwrap();
        let request = String::from_utf8(target.get_path("/healthz")).unwrap();
        assert_eq!(request, "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:3000\r\n\r\n");
    }

    #[test]
    fn requests_of_an_account_carry_its_cookie() {
        let target = Target::new(&common()).unwrap();
        let upgrade = String::from_utf8(target.upgrade("", "token=t")).unwrap();
        assert!(upgrade.contains("\r\nCookie: token=t\r\n"), "{upgrade}");
        assert_eq!(
            String::from_utf8(target.post_json("/chat/message", "token=t", "{}")).unwrap(),
            "POST /chat/message HTTP/1.1\r\nHost: 127.0.0.1:3000\r\nCookie: token=t\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
        );
    }

    #[test]
    fn senseless_settings_are_named() {
        for common in [
            Common { url: "https://127.0.0.1".into(), ..common() },
            Common { header: vec!["no colon".into()], ..common() },
            Common { auth: Some("{".into()), ..common() },
            Common { auth_file: Some("/nowhere".into()), ..common() },
            Common { query: vec!["a=b c".into()], ..common() },
        ] {
            assert_eq!(Target::new(&common).unwrap_err().kind, crate::FaultKind::Setting);
        }
    }
}
