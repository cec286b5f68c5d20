//! The query of an Engine.IO request, the open packet and the error answers.

use std::{borrow::Cow, fmt::Write, iter, time::Duration};

use super::revision::Revision;
use crate::{config::Config, sid::Sid};

/// How packets travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// HTTP long-polling.
    Polling,
    /// WebSocket.
    Websocket,
    /// WebTransport: one bidirectional stream of HTTP/3.
    Webtransport,
}

impl Transport {
    /// The name used in the `transport` parameter.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Transport::Polling => "polling",
            Transport::Websocket => "websocket",
            Transport::Webtransport => "webtransport",
        }
    }

    /// Whether packets travel in both directions at once over one connection that lasts, so that its loss is the
    /// session's end.
    #[must_use]
    pub fn is_stream(self) -> bool {
        match self {
            Transport::Polling => false,
            Transport::Websocket | Transport::Webtransport => true,
        }
    }
}

/// What is wrong with a bad request. The client is not told; the server's program is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadRequest {
    /// The `Origin` has characters that no header may have.
    InvalidOrigin,
    /// The transport is not the one the session is using.
    TransportMismatch,
    /// A WebSocket was asked for without an upgrade, or with an upgrade that is not one; or a WebTransport client began
    /// with something else than an open packet.
    TransportHandshakeError,
    /// No id could be made for the session, for this reason.
    IdGenerationError(String),
    /// A middleware failed, for this reason.
    MiddlewareFailure(String),
}

impl BadRequest {
    /// The reference implementation's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            BadRequest::InvalidOrigin => "INVALID_ORIGIN",
            BadRequest::TransportMismatch => "TRANSPORT_MISMATCH",
            BadRequest::TransportHandshakeError => "TRANSPORT_HANDSHAKE_ERROR",
            BadRequest::IdGenerationError(_) => "ID_GENERATION_ERROR",
            BadRequest::MiddlewareFailure(_) => "MIDDLEWARE_FAILURE",
        }
    }
}

/// Why a request is refused before it reaches a session, with the numbers of the reference implementation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Code 0: `transport` is missing, unknown or switched off.
    #[error("Transport unknown")]
    UnknownTransport,
    /// Code 1: no session has this `sid`.
    #[error("Session ID unknown")]
    UnknownSid,
    /// Code 2: a handshake by another method than GET.
    #[error("Bad handshake method")]
    BadHandshakeMethod,
    /// Code 3: anything else that is wrong with the request.
    #[error("Bad request")]
    BadRequest(BadRequest),
    /// Code 4: the application refused the request; status 403 over HTTP.
    #[error("{0}")]
    Forbidden(String),
    /// Code 5: `EIO` is no revision that is served.
    #[error("Unsupported protocol version")]
    UnsupportedVersion,
    /// Code 6, which the reference does not have: there are too many sessions; status 503.
    #[error("Too many connections")]
    Unavailable {
        /// After how many seconds another try is worth it, for the header `Retry-After`.
        retry_after: u32,
    },
}

impl RequestError {
    /// The number in the answer's `code`.
    #[must_use]
    pub fn code(&self) -> u8 {
        match self {
            RequestError::UnknownTransport => 0,
            RequestError::UnknownSid => 1,
            RequestError::BadHandshakeMethod => 2,
            RequestError::BadRequest(_) => 3,
            RequestError::Forbidden(_) => 4,
            RequestError::UnsupportedVersion => 5,
            RequestError::Unavailable { .. } => 6,
        }
    }

    /// The HTTP status of the answer to a polling request.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            RequestError::Forbidden(_) => 403,
            RequestError::Unavailable { .. } => 503,
            RequestError::UnknownTransport
            | RequestError::UnknownSid
            | RequestError::BadHandshakeMethod
            | RequestError::BadRequest(_)
            | RequestError::UnsupportedVersion => 400,
        }
    }

    /// The JSON body of the answer to a polling request: `{"code":…,"message":…}`.
    #[must_use]
    pub fn body(&self) -> String {
        serde_json::json!({ "code": self.code(), "message": self.to_string() }).to_string()
    }
}

/// The parameters of the request's query that the engine reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query<'a> {
    /// `EIO`, the protocol version.
    pub version: Option<Cow<'a, str>>,
    /// `transport`.
    pub transport: Option<Cow<'a, str>>,
    /// `sid`, absent in a handshake.
    pub sid: Option<Cow<'a, str>>,
    /// `b64`: a client of protocol 3 cannot read binary over this transport if it is there and not empty.
    pub b64: Option<Cow<'a, str>>,
}

impl<'a> Query<'a> {
    /// Reads a query string; of a repeated parameter the first counts.
    #[must_use]
    pub fn parse(query: &'a str) -> Self {
        let mut parsed = Self::default();
        for (name, value) in pairs(query) {
            let slot = match name.as_ref() {
                "EIO" => &mut parsed.version,
                "transport" => &mut parsed.transport,
                "sid" => &mut parsed.sid,
                "b64" => &mut parsed.b64,
                _ => continue,
            };
            slot.get_or_insert(value);
        }
        parsed
    }

    /// The transport that a request of HTTP/1.1 or HTTP/2 asks for; WebTransport is none that it could have.
    ///
    /// # Errors
    /// It is missing, unknown, or switched off by `config`.
    pub fn transport(&self, config: &Config) -> Result<Transport, RequestError> {
        match self.transport.as_deref() {
            Some("polling") if config.polling => Ok(Transport::Polling),
            Some("websocket") if config.websocket => Ok(Transport::Websocket),
            _ => Err(RequestError::UnknownTransport),
        }
    }

    /// The revision of the protocol that a handshake asks for.
    ///
    /// # Errors
    /// It is missing, unknown, or 3 and not allowed by `config`.
    pub fn revision(&self, config: &Config) -> Result<Revision, RequestError> {
        match self.version.as_deref() {
            Some("4") => Ok(Revision::V4),
            Some("3") if config.allow_eio3 => Ok(Revision::V3),
            _ => Err(RequestError::UnsupportedVersion),
        }
    }

    /// Whether a later request of a session does not contradict the session's revision.
    #[must_use]
    pub fn is_of(&self, revision: Revision) -> bool {
        self.version.as_deref().is_none_or(|version| version == revision.as_str())
    }

    /// Whether binary data for a client of protocol 3 must be written as base64.
    #[must_use]
    pub fn wants_base64(&self) -> bool {
        self.b64.as_deref().is_some_and(|value| !value.is_empty())
    }
}

/// The name-value pairs of a query string, percent-decoded; `+` is a space.
pub fn pairs(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    // Looked at as a whole, as nearly none has anything to decode.
    let is_plain = is_plain(query);
    let decoded = move |text| if is_plain { Cow::Borrowed(text) } else { decode_component(text) };
    let mut rest = query;
    iter::from_fn(move || {
        while !rest.is_empty() {
            let (pair, behind) = cut(rest, b'&');
            rest = behind;
            if !pair.is_empty() {
                let (name, value) = cut(pair, b'=');
                return Some((decoded(name), decoded(value)));
            }
        }
        None
    })
}

/// What stands before and behind the first of an ASCII character.
fn cut(text: &str, character: u8) -> (&str, &str) {
    match text.bytes().position(|byte| byte == character) {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, ""),
    }
}

/// Whether there is nothing to decode.
fn is_plain(text: &str) -> bool {
    // Without an early end several bytes are compared at once.
    !text.bytes().fold(false, |found, byte| found | (byte == b'%') | (byte == b'+'))
}

/// Undoes percent-encoding; what is no valid escape stays as it is, invalid UTF-8 becomes U+FFFD.
fn decode_component(text: &str) -> Cow<'_, str> {
    if is_plain(text) {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match (byte, escape(bytes, at)) {
            (b'%', Some(decoded)) => {
                out.push(decoded);
                at += 2;
            }
            (b'+', _) => out.push(b' '),
            _ => out.push(byte),
        }
        at += 1;
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

/// The byte written as two hexadecimal digits after position `at`.
fn escape(bytes: &[u8], at: usize) -> Option<u8> {
    let digit = |offset: usize| char::from(*bytes.get(at + offset)?).to_digit(16);
    u8::try_from(digit(1)? * 16 + digit(2)?).ok()
}

/// The open packet's text, type digit included, with exactly the keys of the specification.
///
/// WebTransport is offered while `has_webtransport` says that there is an endpoint for it.
#[must_use]
pub fn open_packet(sid: &Sid, transport: Transport, config: &Config, has_webtransport: bool) -> String {
    let upgradable = config.allow_upgrades && !transport.is_stream();
    let upgrades = match (upgradable && config.websocket, upgradable && has_webtransport) {
        (false, false) => "[]",
        (true, false) => r#"["websocket"]"#,
        (false, true) => r#"["webtransport"]"#,
        (true, true) => r#"["websocket","webtransport"]"#,
    };
    let mut packet = String::with_capacity(160);
    for text in [r#"0{"sid":""#, sid.as_str(), r#"","upgrades":"#, upgrades] {
        packet.push_str(text);
    }
    // Milliseconds have 128 bits, which are written far more slowly than 64.
    let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let (interval, timeout) = (millis(config.ping_interval), millis(config.ping_timeout));
    let _ = write!(packet, r#","pingInterval":{interval},"pingTimeout":{timeout}"#);
    let _ = write!(packet, r#","maxPayload":{}}}"#, config.max_payload);
    packet
}

/// Reads the data of the open packet with which a WebTransport client begins: nothing asks for a new session,
/// `{"sid":"…"}` for the upgrade of this one.
///
/// # Errors
/// The data is something else, or no session has such an id.
pub fn session_to_upgrade(data: &str) -> Result<Option<Sid>, RequestError> {
    #[derive(serde::Deserialize)]
    struct Data<'a> {
        #[serde(borrow)]
        sid: Cow<'a, str>,
    }
    if data.is_empty() {
        return Ok(None);
    }
    let Data { sid } = serde_json::from_str(data)
        .map_err(|_| RequestError::BadRequest(BadRequest::TransportHandshakeError))?;
    Sid::parse(&sid).map(Some).ok_or(RequestError::UnknownSid)
}

/// Tells whether a header value has only the characters HTTP allows there: tab, printable ASCII, and bytes
/// from 0x80.
#[must_use]
pub fn is_valid_header_value(value: &[u8]) -> bool {
    value.iter().all(|&byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_is_percent_decoded_and_the_first_value_counts() {
        let query = Query::parse("EIO=4&transport=poll%69ng&sid=a%2Bb&sid=other&t=x");
        assert_eq!(query.version.as_deref(), Some("4"));
        assert_eq!(query.transport.as_deref(), Some("polling"));
        assert_eq!(query.sid.as_deref(), Some("a+b"));
    }

    #[test]
    fn values_keep_characters_that_separate_pairs() {
        let decoded: Vec<_> = pairs("a=%26a&%26=%3D%3Fa&b=1+2&c=%zz&d").collect();
        let wanted = [("a", "&a"), ("&", "=?a"), ("b", "1 2"), ("c", "%zz"), ("d", "")];
        assert_eq!(decoded, wanted.map(|(name, value)| (name.into(), value.into())));
    }

    #[test]
    fn only_known_transports_that_are_on_are_accepted() {
        let transport = |query: &str, config: &Config| Query::parse(query).transport(config);
        let config = Config::default();
        assert_eq!(transport("transport=polling", &config), Ok(Transport::Polling));
        assert_eq!(transport("transport=websocket", &config), Ok(Transport::Websocket));
        for query in ["", "transport", "transport=", "transport=constructor", "transport=__proto__"] {
            assert_eq!(transport(query, &config), Err(RequestError::UnknownTransport), "{query}");
        }
        let config = Config { polling: false, ..config };
        assert_eq!(transport("transport=polling", &config), Err(RequestError::UnknownTransport));
    }

    #[test]
    fn only_version_four_is_spoken_unless_three_is_allowed() {
        let revision = |query: &str, config: &Config| Query::parse(query).revision(config);
        let strict = Config::default();
        assert_eq!(revision("EIO=4", &strict), Ok(Revision::V4));
        for query in ["", "EIO=3", "EIO=abc", "EIO"] {
            assert_eq!(revision(query, &strict), Err(RequestError::UnsupportedVersion), "{query}");
        }
        let lenient = Config { allow_eio3: true, ..strict };
        assert_eq!(revision("EIO=4", &lenient), Ok(Revision::V4));
        assert_eq!(revision("EIO=3", &lenient), Ok(Revision::V3));
        // The reference takes a missing version for 3, against the tests of the specification.
        for query in ["", "EIO=2", "EIO=abc", "EIO"] {
            assert_eq!(revision(query, &lenient), Err(RequestError::UnsupportedVersion), "{query}");
        }
    }

    #[test]
    fn a_session_is_asked_for_in_its_own_revision() {
        for (query, of_three, of_four) in [("EIO=3", true, false), ("EIO=4", false, true), ("", true, true)] {
            let query = Query::parse(query);
            assert_eq!((query.is_of(Revision::V3), query.is_of(Revision::V4)), (of_three, of_four));
        }
    }

    #[test]
    fn base64_is_asked_for_by_a_value() {
        assert!(Query::parse("b64=1").wants_base64());
        assert!(!Query::parse("b64=").wants_base64());
        assert!(!Query::parse("sid=b64").wants_base64());
    }

    #[test]
    fn the_open_packet_has_exactly_the_keys_of_the_specification() {
        let sid = Sid::from_bytes([0; 15]);
        let text = open_packet(&sid, Transport::Polling, &Config::default(), false);
        assert_eq!(
            text,
            r#"0{"sid":"AAAAAAAAAAAAAAAAAAAA","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#
        );
    }

    #[test]
    fn no_upgrade_is_offered_where_none_can_follow() {
        let sid = Sid::from_bytes([0; 15]);
        let on = Config::default();
        let cases = [
            (Transport::Websocket, on.clone(), true),
            (Transport::Webtransport, on.clone(), true),
            (Transport::Polling, Config { allow_upgrades: false, ..on.clone() }, true),
            (Transport::Polling, Config { websocket: false, ..on }, false),
        ];
        for (transport, config, has_webtransport) in cases {
            let packet = open_packet(&sid, transport, &config, has_webtransport);
            assert!(packet.contains(r#""upgrades":[]"#), "{packet}");
        }
    }

    #[test]
    fn webtransport_is_offered_while_there_is_an_endpoint() {
        let sid = Sid::from_bytes([0; 15]);
        for (websocket, upgrades) in
            [(true, r#"["websocket","webtransport"]"#), (false, r#"["webtransport"]"#)]
        {
            let config = Config { websocket, ..Config::default() };
            let packet = open_packet(&sid, Transport::Polling, &config, true);
            assert!(packet.contains(&format!(r#""upgrades":{upgrades}"#)), "{packet}");
        }
    }

    #[test]
    fn the_open_packet_of_a_client_may_name_a_session() {
        let sid = Sid::from_bytes([0; 15]);
        let bad = Err(RequestError::BadRequest(BadRequest::TransportHandshakeError));
        for (data, wanted) in [
            ("", Ok(None)),
            (r#"{"sid":"AAAAAAAAAAAAAAAAAAAA"}"#, Ok(Some(sid))),
            (r#"{"sid":"\u0041AAAAAAAAAAAAAAAAAAA","x":[]}"#, Ok(Some(sid))),
            (r#"{"sid":"short"}"#, Err(RequestError::UnknownSid)),
            (r#"{"sid":7}"#, bad.clone()),
            ("{}", bad.clone()),
            ("null", bad.clone()),
            ("{", bad),
        ] {
            assert_eq!(session_to_upgrade(data), wanted, "{data}");
        }
    }

    #[test]
    fn error_answers_have_numeric_codes() {
        assert_eq!(RequestError::UnknownSid.body(), r#"{"code":1,"message":"Session ID unknown"}"#);
        assert_eq!(RequestError::UnknownSid.status(), 400);
        assert_eq!(RequestError::Forbidden("no".into()).body(), r#"{"code":4,"message":"no"}"#);
        assert_eq!(RequestError::Forbidden("no".into()).status(), 403);
    }
}
