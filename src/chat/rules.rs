//! What names, addresses and messages must be like. No IO.

use crate::error::Error;

use super::RoomCode;

/// Longest name of a user, in characters.
pub const MAX_USER_NAME_CHARS: usize = 80;
/// Longest name of a room, in characters.
pub const MAX_ROOM_NAME_CHARS: usize = 80;
/// Longest e-mail address, in bytes (RFC 5321, section 4.5.3.1.3).
pub const MAX_EMAIL_BYTES: usize = 254;
/// Longest client id of a message, in characters.
pub const MAX_CLIENT_ID_CHARS: usize = 64;
/// Longest room code, in bytes; a longer one names no room.
pub const MAX_ROOM_CODE_BYTES: usize = 64;
/// Most messages of one page of history.
pub const MAX_PAGE: usize = 200;
/// Messages of a page where no number is asked for.
pub const DEFAULT_PAGE: usize = 50;

/// Checks a user's name; spaces around it are dropped.
///
/// # Errors
/// [`Error::Invalid`] if it is missing, blank, too long or has control characters.
pub fn user_name(text: Option<&str>) -> Result<&str, Error> {
    name("name", text, MAX_USER_NAME_CHARS)
}

/// Checks a room's name; spaces around it are dropped.
///
/// # Errors
/// [`Error::Invalid`] if it is missing, blank, too long or has control characters.
pub fn room_name(text: Option<&str>) -> Result<&str, Error> {
    name("roomName", text, MAX_ROOM_NAME_CHARS)
}

/// Checks an e-mail address as far as that is possible without writing to it; spaces around it are dropped.
///
/// # Errors
/// [`Error::Invalid`] if it is missing or cannot be an address.
pub fn email(text: Option<&str>) -> Result<&str, Error> {
    let text = text.map(str::trim).filter(|text| !text.is_empty());
    let text = text.ok_or_else(|| Error::invalid("`email` is missing"))?;
    if text.len() > MAX_EMAIL_BYTES {
        return Err(Error::invalid(format!("`email` must be at most {MAX_EMAIL_BYTES} bytes long")));
    }
    let parts = text.rsplit_once('@').filter(|(local, domain)| !local.is_empty() && !domain.is_empty());
    if parts.is_none() || text.chars().any(|c| c.is_whitespace() || is_hidden(c)) {
        return Err(Error::invalid("`email` must be an e-mail address such as ann@example.org"));
    }
    Ok(text)
}

/// Checks the text of a message; it stays as it is.
///
/// # Errors
/// [`Error::Invalid`] if it is missing, blank, longer than `max_chars` characters or has control characters other
/// than tabs and line ends.
pub fn message(text: Option<&str>, max_chars: usize) -> Result<&str, Error> {
    let text = text.ok_or_else(|| Error::invalid("`msg` is missing"))?;
    if is_blank(text) {
        return Err(Error::invalid("`msg` must not be blank"));
    }
    if is_longer(text, max_chars) {
        return Err(Error::invalid(format!("`msg` must be at most {max_chars} characters long")));
    }
    if text.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r')) {
        return Err(Error::invalid("`msg` must not have control characters"));
    }
    Ok(text)
}

/// Checks the sender's own id of a message.
///
/// # Errors
/// [`Error::Invalid`] if it is empty, too long or has control characters.
pub fn client_id(text: Option<&str>) -> Result<Option<&str>, Error> {
    let Some(text) = text else { return Ok(None) };
    if text.is_empty() || is_longer(text, MAX_CLIENT_ID_CHARS) || text.chars().any(char::is_control) {
        return Err(Error::invalid(format!(
            "`clientId` must be 1 to {MAX_CLIENT_ID_CHARS} characters without control characters"
        )));
    }
    Ok(Some(text))
}

/// Takes a room code; spaces around it are dropped.
///
/// # Errors
/// [`Error::Invalid`] if it is missing, [`Error::NotFound`] if it is too long to be one.
pub fn room_code(text: Option<&str>) -> Result<RoomCode, Error> {
    let text = text.map(str::trim).filter(|text| !text.is_empty());
    let text = text.ok_or_else(|| Error::invalid("`roomCode` is missing"))?;
    if text.len() > MAX_ROOM_CODE_BYTES {
        let start: String = text.chars().take(16).collect();
        return Err(no_such_room(&format!("{start}…")));
    }
    Ok(RoomCode(text.to_owned()))
}

/// The failure for a code that names no room.
#[must_use]
pub fn no_such_room(code: &str) -> Error {
    Error::NotFound(format!("No room of code {code} exists").into())
}

/// Checks how many messages a page of history may have.
///
/// # Errors
/// [`Error::Invalid`] if it is not a number from 1 to 200.
pub fn page_limit(limit: Option<i64>) -> Result<usize, Error> {
    let Some(limit) = limit else { return Ok(DEFAULT_PAGE) };
    let limit = usize::try_from(limit).ok().filter(|limit| (1..=MAX_PAGE).contains(limit));
    limit.ok_or_else(bad_limit)
}

/// The failure for a page size that is not one.
#[must_use]
pub fn bad_limit() -> Error {
    Error::invalid(format!("`limit` must be a whole number from 1 to {MAX_PAGE}"))
}

/// Checks a history cursor: 24 hexadecimal digits, as message ids are.
///
/// # Errors
/// [`Error::Invalid`] if it cannot be the id of a message.
pub fn cursor(text: &str) -> Result<&str, Error> {
    let good = text.len() == 24 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if good { Ok(text) } else { Err(Error::invalid("`before` must be the id of a message in this room")) }
}

fn name<'a>(field: &str, text: Option<&'a str>, max_chars: usize) -> Result<&'a str, Error> {
    let text = text.map(str::trim).filter(|text| !is_blank(text));
    let text = text.ok_or_else(|| Error::invalid(format!("`{field}` is missing")))?;
    if is_longer(text, max_chars) {
        return Err(Error::invalid(format!("`{field}` must be at most {max_chars} characters long")));
    }
    if text.chars().any(is_hidden) {
        return Err(Error::invalid(format!("`{field}` must not have control characters")));
    }
    Ok(text)
}

/// Whether a text has more than `max_chars` characters; it is not read further than that.
fn is_longer(text: &str, max_chars: usize) -> bool {
    text.len() > max_chars && text.chars().nth(max_chars).is_some()
}

/// Whether nothing of a text can be seen.
fn is_blank(text: &str) -> bool {
    let invisible = |c| matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{00ad}');
    text.chars().all(|c| c.is_whitespace() || invisible(c))
}

/// Characters that end a line, give orders to a terminal or turn the direction of what follows: in a name they
/// could make a notice look like another one.
fn is_hidden(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_visible_and_one_line() {
        let long = "é".repeat(80);
        let rows = [
            (Some("Ann"), Some("Ann")),
            (Some("  Ann Lee "), Some("Ann Lee")),
            (Some("アン 🦀"), Some("アン 🦀")),
            (Some(long.as_str()), Some(long.as_str())),
            (None, None),
            (Some(""), None),
            (Some(" \t"), None),
            (Some("\u{200b}\u{feff}"), None),
            (Some("Ann\nserver"), None),
            (Some("Ann\u{202e}"), None),
            (Some("Ann\u{0}"), None),
        ];
        for (text, expected) in rows {
            assert_eq!(user_name(text).ok(), expected, "{text:?}");
            assert_eq!(room_name(text).ok(), expected, "{text:?}");
        }
        assert!(room_name(Some(&"é".repeat(81))).is_err());
        assert_eq!(room_name(None).unwrap_err().to_string(), "`roomName` is missing");
    }

    #[test]
    fn addresses_have_two_parts_and_no_spaces() {
        let long = format!("{}@a", "x".repeat(260));
        let rows = [
            (Some(" ann@example.org "), Some("ann@example.org")),
            (Some("ann@localhost"), Some("ann@localhost")),
            (Some("a@b@c"), Some("a@b@c")),
            (Some("ann"), None),
            (Some("@b"), None),
            (Some("a@"), None),
            (Some("a b@c"), None),
            (Some("a@b\r\nBcc: c"), None),
            (Some(long.as_str()), None),
            (None, None),
        ];
        for (text, expected) in rows {
            assert_eq!(email(text).ok(), expected, "{text:?}");
        }
    }

    #[test]
    fn messages_stay_as_they_are_within_their_length() {
        let rows = [
            ("hello", true),
            (" hello\r\n\tworld ", true),
            ("<script>alert(1)</script>", true),
            ("éééééééééééééééééééééééé", true),
            ("", false),
            (" \n", false),
            ("a\u{0}b", false),
            ("\u{1b}[31m", false),
        ];
        for (text, good) in rows {
            assert_eq!(message(Some(text), 30), if good { Ok(text) } else { message(Some(text), 30) });
            assert_eq!(message(Some(text), 30).is_ok(), good, "{text:?}");
        }
        assert!(message(Some(&"é".repeat(4000)), 4000).is_ok());
        assert!(message(Some(&"é".repeat(4001)), 4000).is_err());
    }

    #[test]
    fn pages_cursors_and_client_ids_are_bounded() {
        let limits = [
            (None, Some(50)),
            (Some(1), Some(1)),
            (Some(200), Some(200)),
            (Some(0), None),
            (Some(201), None),
            (Some(-1), None),
        ];
        for (limit, expected) in limits {
            assert_eq!(page_limit(limit).ok(), expected, "{limit:?}");
        }
        for (text, good) in [
            ("0123456789abcdefABCDEF01", true),
            ("", false),
            ("0123456789abcdefABCDEF0g", false),
            ("1", false),
        ] {
            assert_eq!(cursor(text).is_ok(), good, "{text}");
        }
        let (longest, too_long) = ("é".repeat(64), "é".repeat(65));
        for (text, good) in
            [("x", true), (longest.as_str(), true), (too_long.as_str(), false), ("", false), ("a\0", false)]
        {
            assert_eq!(client_id(Some(text)).is_ok(), good, "{text}");
        }
    }

    #[test]
    fn a_code_that_is_too_long_names_no_room() {
        let error = room_code(Some(&"x".repeat(65))).unwrap_err();
        assert_eq!(error.to_string(), "No room of code xxxxxxxxxxxxxxxx… exists");
        assert_eq!(room_code(Some(" AB12 ")), Ok(RoomCode("AB12".to_owned())));
        assert!(matches!(room_code(Some("  ")), Err(Error::Invalid(_))));
    }
}
