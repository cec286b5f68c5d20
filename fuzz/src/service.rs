//! The chat service's own parsers: cookies, tokens, bodies and paths.

use std::{borrow::Cow, time::Duration};

use http::Method;
use roomcast::{
    auth::{TokenSubject, Tokens},
    chat::rules,
    config::{SameSite, Secret},
    http::{
        cookie::{self, CookieStyle},
        percent,
        router::{Found, Router},
    },
    service::input::{History, LogIn, PostMessage, SignUp},
};
use serde_json::Value;

const NOW: i64 = 1_700_000_000;

/// A cookie's values are those of the pairs with its name.
pub fn cookie(data: &[u8]) {
    let Ok(header) = std::str::from_utf8(data) else { return };
    let blank = |letter: char| letter == ' ' || letter == '\t';
    let mut naive = Vec::new();
    for pair in header.split(';').take(128) {
        let Some((name, value)) = pair.split_once('=') else { continue };
        let value = value.trim_matches(blank);
        let quoted = value.len() >= 2 && value.starts_with('"') && value.ends_with('"');
        if name.trim_matches(blank) == "token" {
            naive.push(if quoted { &value[1..value.len() - 1] } else { value });
        }
    }
    assert_eq!(cookie::values(header, "token").collect::<Vec<_>>(), naive, "{header:?}");
}

/// A cookie is set exactly if its value has the characters that RFC 6265 allows, with no attribute but ours, and comes
/// back as it was set.
pub fn set_cookie(data: &[u8]) {
    let Ok(value) = std::str::from_utf8(data) else { return };
    let allowed = |byte: u8| matches!(byte, 0x21 | 0x23..=0x2b | 0x2d..=0x3a | 0x3c..=0x5b | 0x5d..=0x7e);
    let set = CookieStyle::new("token", SameSite::Lax, true).set(value, 60);
    assert_eq!(set.is_some(), value.bytes().all(allowed), "{value:?}");
    let Some(set) = set else { return };
    let parts: Vec<_> = set.to_str().unwrap().split("; ").collect();
    assert_eq!(parts[1..], ["Max-Age=60", "Path=/", "HttpOnly", "SameSite=Lax", "Secure"]);
    let header = format!("other=1; {}; more=2", parts[0]);
    assert_eq!(cookie::values(&header, "token").collect::<Vec<_>>(), [value]);
}

/// A text is decoded as a split at its percent signs decodes it.
pub fn percent(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for plus_is_space in [false, true] {
        let ours = percent::decode(text, plus_is_space);
        assert_eq!(ours.as_deref(), naive_percent(text, plus_is_space).as_deref(), "{text:?}");
    }
}

fn naive_percent(text: &str, plus_is_space: bool) -> Option<String> {
    let plain = |text: &str| if plus_is_space { text.replace('+', " ") } else { text.to_owned() };
    let mut parts = text.split('%');
    let mut bytes = plain(parts.next()?).into_bytes();
    for part in parts {
        let digits = part.get(..2).filter(|digits| digits.chars().all(|digit| digit.is_ascii_hexdigit()))?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend(plain(&part[2..]).bytes());
    }
    String::from_utf8(bytes).ok()
}

/// No text is a token but those that were signed; a token with another byte anywhere is none.
pub fn token(data: &[u8]) {
    let tokens = Tokens::new(&Secret::new(&[7; 32]), Duration::from_hours(1));
    if let Ok(text) = std::str::from_utf8(data) {
        assert!(tokens.verify(text, NOW).is_err(), "{text:?} was not signed");
    }
    let subject =
        TokenSubject { user_oid: "65f0a1b2c3d4e5f601234567", email: "ann@example.org", name: "Ann" };
    let (good, _) = tokens.mint(subject, NOW).unwrap();
    let mut bytes = good.clone().into_bytes();
    if let [high, low, byte, ..] = *data {
        let place = usize::from(u16::from_be_bytes([high, low])) % bytes.len();
        bytes[place] = byte;
    }
    let changed = String::from_utf8_lossy(&bytes);
    assert_eq!(tokens.verify(&changed, NOW).is_ok(), changed == good, "{changed}");
}

/// A body is read as its type or refused, and what the rules let through keeps to them.
pub fn json_body(data: &[u8]) {
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let value: Option<Value> = serde_json::from_slice(data).ok();
    if let Ok(sign_up) = serde_json::from_slice::<SignUp>(data) {
        if let Ok(name) = rules::user_name(sign_up.name.as_deref()) {
            assert!(!name.is_empty() && name.chars().count() <= rules::MAX_USER_NAME_CHARS);
            assert_eq!(name.trim(), name);
        }
        if let Some(value) = value.as_ref().filter(|value| value.is_object()) {
            assert_eq!(sign_up.email, text(value, "email"));
        }
    }
    if let Ok(message) = serde_json::from_slice::<PostMessage>(data) {
        if let Ok(msg) = rules::message(message.msg.as_deref(), 100) {
            assert!(msg.chars().count() <= 100 && !msg.trim().is_empty());
        }
        if let Ok(Some(id)) = rules::client_id(message.client_id.as_deref()) {
            assert!((1..=rules::MAX_CLIENT_ID_CHARS).contains(&id.chars().count()));
        }
        if let Ok(code) = rules::room_code(message.room_code.as_deref()) {
            assert!(code.0.len() <= rules::MAX_ROOM_CODE_BYTES);
        }
    }
    if let Ok(history) = serde_json::from_slice::<History>(data)
        && let Ok(limit) = rules::page_limit(history.limit)
    {
        assert!((1..=rules::MAX_PAGE).contains(&limit));
    }
    let _ = serde_json::from_slice::<LogIn>(data);
}

/// A path leads where a naive comparison with the patterns leads.
pub fn route(data: &[u8]) {
    let Ok(path) = std::str::from_utf8(data) else { return };
    let lines = [
        (Method::GET, "/chat/rooms", 1),
        (Method::GET, "/chat/join-room/:roomCode", 2),
        (Method::POST, "/chat/join-room/:roomCode", 3),
        (Method::GET, "/a/:b/c", 4),
    ];
    let found = Router::new(&lines, |_| true);
    let slashless = path.strip_suffix('/').unwrap_or(path);
    let parameter = if path.len() > 2048 {
        None
    } else if slashless == "/chat/rooms" {
        Some((1, ""))
    } else if let Some(code) = slashless.strip_prefix("/chat/join-room/") {
        (!code.is_empty() && !code.contains('/')).then_some((2, code))
    } else {
        let middle = slashless.strip_prefix("/a/").and_then(|rest| rest.strip_suffix("/c"));
        middle.filter(|middle| !middle.is_empty() && !middle.contains('/')).map(|middle| (4, middle))
    };
    let expected = match parameter {
        None => Found::Nothing,
        Some((target, raw)) => match percent::decode(raw, false) {
            Some(parameter) => Found::Target { target, parameter },
            None => Found::BadParameter,
        },
    };
    assert_eq!(found.find(&Method::GET, path), expected, "{path:?}");
    if let Some(Cow::Owned(decoded)) = percent::decode(path, true) {
        assert!(decoded.len() <= path.len());
    }
}
