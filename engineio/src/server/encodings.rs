//! Which content codings a client reads (RFC 9110, section 12.5.3).

use http::{HeaderMap, header::ACCEPT_ENCODING};

/// The coding that the client likes best of those `offered`, and among equals the one that stands first there; `None` if
/// it reads none of them.
pub(super) fn preferred<'a>(request: &HeaderMap, offered: &[&'a str]) -> Option<&'a str> {
    let accepted = request.get(ACCEPT_ENCODING)?.to_str().ok()?;
    let mut best: Option<(&str, u16)> = None;
    for coding in offered {
        let weight = weight(accepted, coding);
        if weight > best.map_or(0, |(_, weight)| weight) {
            best = Some((coding, weight));
        }
    }
    best.map(|(coding, _)| coding)
}

/// How much the client wants a coding, in thousandths.
fn weight(accepted: &str, coding: &str) -> u16 {
    let mut of_any = 0;
    for item in accepted.split(',') {
        let (name, parameters) = item.split_once(';').unwrap_or((item, ""));
        let quality = || parameters.trim().strip_prefix("q=").map_or(1000, thousandths);
        match name.trim() {
            name if name.eq_ignore_ascii_case(coding) => return quality(),
            "*" => of_any = quality(),
            _ => {}
        }
    }
    of_any
}

/// A weight such as `0.25`; what is none counts as nothing.
fn thousandths(quality: &str) -> u16 {
    let quality: f32 = quality.trim().parse().unwrap_or(0.0);
    // A cast of a number out of range ends at the range's end.
    (quality.clamp(0.0, 1.0) * 1000.0) as u16
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn check(accepted: &'static str, expected: Option<&str>) {
        let request = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(accepted))]);
        assert_eq!(preferred(&request, &["gzip", "deflate"]), expected, "{accepted}");
    }

    #[test]
    fn the_client_s_weights_decide_and_then_the_server_s_order() {
        check("gzip, deflate, br", Some("gzip"));
        check("deflate, gzip", Some("gzip"));
        check("gzip;q=0.5, deflate", Some("deflate"));
        check("GZIP", Some("gzip"));
        check("*", Some("gzip"));
        check("gzip;q=0, *;q=0.1", Some("deflate"));
        check("gzip; q=0.001", Some("gzip"));
    }

    #[test]
    fn what_the_client_does_not_read_is_not_sent() {
        check("", None);
        check("br", None);
        check("identity", None);
        check("gzip;q=0", None);
        check("gzip;q=0.000, deflate;q=0", None);
        check("*;q=0", None);
        check("gzip;q=nonsense", None);
        check("gzip;q=NaN", None);
        assert_eq!(preferred(&HeaderMap::new(), &["gzip"]), None);
    }
}
