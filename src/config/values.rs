//! From a written value to a typed one. No IO.

use std::{str::FromStr, time::Duration};

use super::{ConfigError, Origin};

/// What to write for a yes-or-no setting.
const BOOL_WANTED: &str = "true or false";
/// What to write for a duration.
const DURATION_WANTED: &str =
    "a duration above zero and up to 3650d such as 90s, 15m, 2h or 7d (a plain number is seconds)";
/// The longest duration a setting takes: ten years.
const MAX_SECONDS: u64 = 3650 * 24 * 3600;

/// One setting: its environment variable's name and what was written for it.
pub(super) struct Setting<'a> {
    name: &'static str,
    text: Option<&'a str>,
}

/// Pairs a variable's name with what was written; an empty text is no text.
pub(super) fn setting<'a>(name: &'static str, text: Option<&'a String>) -> Setting<'a> {
    Setting { name, text: text.map(|text| text.trim()).filter(|text| !text.is_empty()) }
}

impl<'a> Setting<'a> {
    /// The text, if there is one.
    pub(super) fn text(&self) -> Option<&'a str> {
        self.text
    }

    /// The error that repeats the value and says what to write.
    pub(super) fn refuse(&self, wanted: &'static str) -> ConfigError {
        let value = self.text.unwrap_or_default().chars().take(200).collect();
        ConfigError::Value { name: self.name, value, wanted }
    }

    /// A value with a parser of its own, or the default.
    pub(super) fn parse<T: FromStr>(&self, default: T, wanted: &'static str) -> Result<T, ConfigError> {
        self.text.map_or(Ok(default), |text| text.parse().map_err(|_| self.refuse(wanted)))
    }

    /// A whole number inside `range`, or the default.
    pub(super) fn number<T>(
        &self,
        default: T,
        range: std::ops::RangeInclusive<T>,
        wanted: &'static str,
    ) -> Result<T, ConfigError>
    where
        T: FromStr + PartialOrd + Copy,
    {
        let number = self.parse(default, wanted)?;
        if range.contains(&number) { Ok(number) } else { Err(self.refuse(wanted)) }
    }

    /// `true`, `1`, `on`, `yes` or their opposites, or the default.
    pub(super) fn boolean(&self, default: bool) -> Result<bool, ConfigError> {
        let Some(text) = self.text else { return Ok(default) };
        match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "on" | "yes" => Ok(true),
            "false" | "0" | "off" | "no" => Ok(false),
            _ => Err(self.refuse(BOOL_WANTED)),
        }
    }

    /// A duration such as `15m`, or the default.
    pub(super) fn duration(&self, default: Duration) -> Result<Duration, ConfigError> {
        self.text.map_or(Ok(default), |text| parse_duration(text).ok_or_else(|| self.refuse(DURATION_WANTED)))
    }

    /// A duration such as `15m` or 0 for none, or the default.
    pub(super) fn duration_or_none(&self, default: Duration) -> Result<Duration, ConfigError> {
        let is_none = |text: &str| text.trim_end_matches('s') == "0";
        if self.text.is_some_and(is_none) { Ok(Duration::ZERO) } else { self.duration(default) }
    }

    /// One of a few words, without regard to case, or the default.
    pub(super) fn word<T: Copy>(
        &self,
        default: T,
        words: &[(&str, T)],
        wanted: &'static str,
    ) -> Result<T, ConfigError> {
        let Some(text) = self.text else { return Ok(default) };
        let found = words.iter().find(|(word, _)| word.eq_ignore_ascii_case(text));
        found.map(|(_, value)| *value).ok_or_else(|| self.refuse(wanted))
    }

    /// A comma-separated list of origins; without a text the list is empty.
    pub(super) fn origins(&self) -> Result<Vec<Origin>, ConfigError> {
        let parts = self.text.unwrap_or_default().split(',').map(str::trim).filter(|part| !part.is_empty());
        parts.map(|part| Origin::parse(part).ok_or_else(|| self.refuse(Origin::LIST_WANTED))).collect()
    }
}

/// Reads `90s`, `15m`, `2h`, `7d` or a plain number of seconds; zero and over ten years are refused.
fn parse_duration(text: &str) -> Option<Duration> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(split);
    let factor = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "s" | "sec" | "second" | "seconds" => 1,
        "m" | "min" | "minute" | "minutes" => 60,
        "h" | "hr" | "hour" | "hours" => 3600,
        "d" | "day" | "days" => 24 * 3600,
        "w" | "week" | "weeks" => 7 * 24 * 3600,
        _ => return None,
    };
    let seconds = digits.parse::<u64>().ok()?.checked_mul(factor)?;
    (1..=MAX_SECONDS).contains(&seconds).then(|| Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit_or_are_seconds() {
        let rows = [
            ("90s", Some(90)),
            ("15m", Some(900)),
            ("2h", Some(7200)),
            ("7d", Some(604_800)),
            ("7 days", Some(604_800)),
            ("2H", Some(7200)),
            ("3600", Some(3600)),
            ("0", None),
            ("-5m", None),
            ("1.5h", None),
            ("m", None),
            ("5x", None),
            ("99999999999999999999d", None),
            ("3651d", None),
        ];
        for (text, seconds) in rows {
            assert_eq!(parse_duration(text).map(|d| d.as_secs()), seconds, "{text}");
        }
    }

    #[test]
    fn booleans_are_read_in_their_usual_spellings() {
        for (text, value) in
            [("true", true), ("ON", true), ("0", false), ("no", false), ("", true), (" ", true)]
        {
            let text = text.to_owned();
            assert_eq!(setting("X", Some(&text)).boolean(true).unwrap(), value, "{text}");
        }
        let text = "maybe".to_owned();
        let error = setting("COOKIE_SECURE", Some(&text)).boolean(true).unwrap_err();
        assert_eq!(error.to_string(), "COOKIE_SECURE is `maybe`, but must be true or false");
    }
}
