//! Cookies (RFC 6265): reading `Cookie` (section 5.4) and writing `Set-Cookie` (section 4.1).

use std::fmt::Write;

use http::{HeaderMap, HeaderValue, header::COOKIE};

use crate::config::SameSite;

/// Cookies of one request that are looked at.
const MAX_COOKIES: usize = 128;

/// The values of the cookie `name` in one `Cookie` header's text, in the order they were sent.
///
/// A browser sends several when cookies of one name exist for several paths or domains.
pub fn values<'a>(header: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    header.split(';').take(MAX_COOKIES).filter_map(move |pair| {
        let (key, value) = pair.split_once('=')?;
        (key.trim_matches([' ', '\t']) == name).then(|| unquote(value.trim_matches([' ', '\t'])))
    })
}

/// The values of the cookie `name` in all `Cookie` headers of a request.
pub fn all_values<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a str> {
    let texts = headers.get_all(COOKIE).iter().filter_map(|header| header.to_str().ok());
    texts.flat_map(move |text| values(text, name))
}

/// Takes the quotes off a quoted value.
fn unquote(value: &str) -> &str {
    value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value)
}

/// How a cookie is set and cleared: always with the same attributes, or browsers keep two.
#[derive(Clone, Debug)]
pub struct CookieStyle {
    name: &'static str,
    attributes: String,
}

impl CookieStyle {
    /// An HttpOnly cookie for all paths.
    #[must_use]
    pub fn new(name: &'static str, same_site: SameSite, secure: bool) -> Self {
        let same_site = match same_site {
            SameSite::None => "None",
            SameSite::Lax => "Lax",
            SameSite::Strict => "Strict",
        };
        let secure = if secure { "; Secure" } else { "" };
        Self { name, attributes: format!("Path=/; HttpOnly; SameSite={same_site}{secure}") }
    }

    /// The cookie's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The `Set-Cookie` value that sets the cookie for `max_age_seconds`.
    ///
    /// `None` if `value` has characters that a cookie cannot have (RFC 6265, section 4.1.1).
    #[must_use]
    pub fn set(&self, value: &str, max_age_seconds: i64) -> Option<HeaderValue> {
        if !value.bytes().all(is_cookie_octet) {
            return None;
        }
        let mut text = String::with_capacity(self.name.len() + value.len() + self.attributes.len() + 32);
        let _ =
            write!(text, "{}={value}; Max-Age={}; {}", self.name, max_age_seconds.max(0), self.attributes);
        HeaderValue::try_from(text).ok()
    }

    /// The `Set-Cookie` value that makes browsers forget the cookie.
    #[must_use]
    pub fn clear(&self) -> Option<HeaderValue> {
        let text =
            format!("{}=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; {}", self.name, self.attributes);
        HeaderValue::try_from(text).ok()
    }
}

/// RFC 6265, section 4.1.1: `cookie-octet`.
fn is_cookie_octet(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b',' | b';' | b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_found_by_their_exact_name() {
        let rows: [(&str, &[&str]); 8] = [
            ("token=a", &["a"]),
            ("io=1; token=a; token=b", &["a", "b"]),
            ("xtoken=a; tokenx=b; Token=c", &[]),
            ("token=\"a\"", &["a"]),
            ("token=", &[""]),
            ("token", &[]),
            (" token = a ;", &["a"]),
            ("token=a=b", &["a=b"]),
        ];
        for (header, expected) in rows {
            assert_eq!(values(header, "token").collect::<Vec<_>>(), expected, "{header}");
        }
    }

    #[test]
    fn a_cookie_bomb_is_looked_at_in_part_only() {
        let bomb = "a=1;".repeat(MAX_COOKIES) + "token=a";
        assert_eq!(values(&bomb, "token").count(), 0);
    }

    #[test]
    fn several_headers_are_one_list() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("token=a"));
        headers.append(COOKIE, HeaderValue::from_static("token=b"));
        assert_eq!(all_values(&headers, "token").collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn setting_and_clearing_use_the_same_attributes() {
        let rows = [
            (SameSite::None, true, "Path=/; HttpOnly; SameSite=None; Secure"),
            (SameSite::Lax, false, "Path=/; HttpOnly; SameSite=Lax"),
            (SameSite::Strict, true, "Path=/; HttpOnly; SameSite=Strict; Secure"),
        ];
        for (same_site, secure, attributes) in rows {
            let style = CookieStyle::new("token", same_site, secure);
            assert_eq!(style.set("abc", 60).unwrap(), format!("token=abc; Max-Age=60; {attributes}"));
            let cleared = style.clear().unwrap();
            let cleared = cleared.to_str().unwrap();
            assert!(cleared.starts_with("token=; Max-Age=0; Expires=") && cleared.ends_with(attributes));
        }
        assert_eq!(CookieStyle::new("token", SameSite::Lax, true).set("a; Domain=evil", 60), None);
    }
}
