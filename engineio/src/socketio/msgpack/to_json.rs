//! MessagePack to JSON and attachments, as the parser of text would have got them.

use std::fmt::Write;

use bytes::Bytes;

use super::{
    Invalid,
    reader::{Head, Reader},
};
use crate::{config::Config, socketio::packet::DecodeError};

/// A value as JSON, and the binary data its placeholders stand for.
#[derive(Debug, Default)]
pub(super) struct Json {
    pub(super) text: String,
    pub(super) attachments: Vec<Bytes>,
}

/// An array or map whose members are being written.
struct Open {
    is_map: bool,
    /// The members that have not been read.
    left: u32,
    /// Whether one has been written.
    has_members: bool,
}

impl Open {
    fn new(head: Head<'_>) -> Option<Self> {
        let (is_map, left) = if let Head::Array(length) = head {
            (false, length)
        } else if let Head::Map(length) = head {
            (true, length)
        } else {
            return None;
        };
        Some(Self { is_map, left, has_members: false })
    }
}

/// Reads one value.
///
/// Nothing recurses: the containers that are open wait on a list.
pub(super) fn value(reader: &mut Reader<'_>, config: &Config) -> Result<Json, DecodeError> {
    let (mut json, mut open) = (Json::default(), Vec::new());
    let mut next = Some(reader.head()?);
    while let Some(head) = next {
        if let Some(container) = Open::new(head) {
            json.text.push(if container.is_map { '{' } else { '[' });
            open.push(container);
            let limit = config.max_json_depth;
            if open.len() > limit {
                return Err(DecodeError::TooDeep { limit });
            }
        } else {
            json.push(head, config)?;
        }
        next = json.next_member(reader, &mut open)?;
    }
    Ok(json)
}

impl Json {
    /// Ends the containers that are complete and reads up to the next member; `None` at the end.
    fn next_member<'a>(
        &mut self,
        reader: &mut Reader<'a>,
        open: &mut Vec<Open>,
    ) -> Result<Option<Head<'a>>, Invalid> {
        while let Some(container) = open.last_mut() {
            if container.left == 0 {
                self.text.push(if container.is_map { '}' } else { ']' });
                open.pop();
                continue;
            }
            container.left -= 1;
            let key = if container.is_map { Some(reader.head()?) } else { None };
            let member = reader.head()?;
            if key.is_some() && member == Head::Undefined {
                // As in JSON.stringify, which leaves out what has no value.
                continue;
            }
            if std::mem::replace(&mut container.has_members, true) {
                self.text.push(',');
            }
            if let Some(key) = key {
                self.push_key(key)?;
            }
            return Ok(Some(member));
        }
        Ok(None)
    }

    fn push_key(&mut self, key: Head<'_>) -> Result<(), Invalid> {
        match key {
            // A key of the sender's own, and no placeholder of ours: the same name in other letters (see `placeholder`).
            Head::Text("_placeholder") => self.text.push_str(r#""\u005fplaceholder""#),
            Head::Text(key) => self.push_text(key),
            Head::Unsigned(key) => self.push_display(format_args!("\"{key}\"")),
            Head::Signed(key) => self.push_display(format_args!("\"{key}\"")),
            Head::Nil
            | Head::Undefined
            | Head::Bool(_)
            | Head::Float(_)
            | Head::Binary(_)
            | Head::Date(_)
            | Head::Extension(..)
            | Head::Array(_)
            | Head::Map(_) => return Err(Invalid("a key is neither a text nor an integer")),
        }
        self.text.push(':');
        Ok(())
    }

    /// Appends a value that is no container.
    fn push(&mut self, head: Head<'_>, config: &Config) -> Result<(), DecodeError> {
        match head {
            Head::Nil | Head::Undefined => self.text.push_str("null"),
            Head::Bool(value) => self.text.push_str(if value { "true" } else { "false" }),
            Head::Unsigned(number) => self.push_display(number),
            Head::Signed(number) => self.push_display(number),
            Head::Float(number) if number.is_finite() => self.push_display(format_args!("{number:?}")),
            Head::Float(_) => self.text.push_str("null"),
            Head::Text(text) => self.push_text(text),
            Head::Binary(bytes) => self.attach(bytes, config)?,
            Head::Date(milliseconds) => match iso_date(milliseconds) {
                Some(date) => self.push_text(&date),
                None => self.text.push_str("null"),
            },
            Head::Extension(kind, bytes) => {
                self.push_display(format_args!("[{kind},"));
                self.attach(bytes, config)?;
                self.text.push(']');
            }
            Head::Array(_) | Head::Map(_) => {}
        }
        Ok(())
    }

    fn attach(&mut self, bytes: &[u8], config: &Config) -> Result<(), DecodeError> {
        let (index, limit) = (self.attachments.len(), config.max_attachments);
        if index >= limit {
            return Err(DecodeError::TooManyAttachments { limit, count: index + 1 });
        }
        self.push_display(format_args!(r#"{{"_placeholder":true,"num":{index}}}"#));
        // Copied, so that who keeps a small attachment does not keep the whole message.
        self.attachments.push(Bytes::copy_from_slice(bytes));
        Ok(())
    }

    fn push_display(&mut self, value: impl std::fmt::Display) {
        // Writing to a string cannot fail.
        let _ = write!(self.text, "{value}");
    }

    fn push_text(&mut self, text: &str) {
        self.text.push('"');
        let mut rest = text;
        while let Some(at) = rest.bytes().position(|byte| byte < b' ' || byte == b'"' || byte == b'\\') {
            let (plain, special) = rest.split_at(at);
            self.text.push_str(plain);
            // What was found is one byte long.
            let (special, behind) = special.split_at(1);
            match special {
                "\"" => self.text.push_str("\\\""),
                "\\" => self.text.push_str("\\\\"),
                "\n" => self.text.push_str("\\n"),
                control => self.push_display(format_args!("\\u{:04x}", control.as_bytes()[0])),
            }
            rest = behind;
        }
        self.text.push_str(rest);
        self.text.push('"');
    }
}

/// A date as JavaScript's `toISOString` writes it; `None` for one that JavaScript cannot have.
fn iso_date(milliseconds: i64) -> Option<String> {
    const DAY: i64 = 24 * 60 * 60 * 1_000;
    const MOST: u64 = 100_000_000 * DAY as u64;
    if milliseconds.unsigned_abs() > MOST {
        return None;
    }
    let (year, month, day) = civil(milliseconds.div_euclid(DAY));
    let time = milliseconds.rem_euclid(DAY);
    let (hours, minutes) = (time / 3_600_000, time / 60_000 % 60);
    let (seconds, fraction) = (time / 1_000 % 60, time % 1_000);
    let year = match year {
        0..=9_999 => format!("{year:04}"),
        _ => format!("{year:+07}"),
    };
    Some(format!("{year}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}.{fraction:03}Z"))
}

/// Year, month and day of a day counted from 1970-01-01, in the Gregorian calendar.
///
/// Years are counted from March, so that the day a leap year adds is its last; 400 years have 146,097 days.
fn civil(day: i64) -> (i64, i64, i64) {
    const ERA: i64 = 146_097;
    /// From 0000-03-01 to 1970-01-01.
    const EPOCH: i64 = 719_468;
    let (era, day) = ((day + EPOCH).div_euclid(ERA), (day + EPOCH).rem_euclid(ERA));
    let leaps = day / 1_460 - day / 36_524 + day / (ERA - 1);
    let year = (day - leaps) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    // Five months from March on have 153 days, whichever five.
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next_year) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (400 * era + year + next_year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_as_in_javascript() {
        for (milliseconds, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_735_689_599_999, "2024-12-31T23:59:59.999Z"),
            (253_402_300_800_000, "+010000-01-01T00:00:00.000Z"),
            (-62_167_219_200_001, "-000001-12-31T23:59:59.999Z"),
            (-62_167_219_200_000, "0000-01-01T00:00:00.000Z"),
            (8_640_000_000_000_000, "+275760-09-13T00:00:00.000Z"),
            (-8_640_000_000_000_000, "-271821-04-20T00:00:00.000Z"),
        ] {
            assert_eq!(iso_date(milliseconds).as_deref(), Some(text), "{milliseconds}");
        }
        for milliseconds in [8_640_000_000_000_001, i64::MAX, i64::MIN] {
            assert_eq!(iso_date(milliseconds), None);
        }
    }

    #[test]
    fn texts_are_escaped_where_json_wants_it() {
        let mut json = Json::default();
        json.push_text("a\"b\\c\nd\u{1}é€\u{7f}");
        assert_eq!(json.text, "\"a\\\"b\\\\c\\nd\\u0001é€\u{7f}\"");
        assert_eq!(serde_json::from_str::<String>(&json.text).unwrap(), "a\"b\\c\nd\u{1}é€\u{7f}");
    }
}
