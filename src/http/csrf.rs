//! The rule against requests that another site makes a browser send with the user's cookie.

use http::{HeaderMap, HeaderName, header::ORIGIN};

use crate::config::Origin;

/// What a request says about where it comes from.
#[derive(Clone, Copy, Debug)]
pub struct Provenance<'a> {
    /// The `Origin` header.
    pub origin: Option<&'a str>,
    /// The `Sec-Fetch-Site` header.
    pub sec_fetch_site: Option<&'a str>,
}

impl<'a> Provenance<'a> {
    /// Reads the two headers.
    #[must_use]
    pub fn of(headers: &'a HeaderMap) -> Self {
        // A value that is not text is not a known one either, so that it must not look like an absent one.
        let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
        Self { origin: text(ORIGIN), sec_fetch_site: text(HeaderName::from_static("sec-fetch-site")) }
    }
}

/// Why a request counts as cross-site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrossSite {
    /// `Origin` is neither the service's own nor allowed.
    ForeignOrigin,
    /// There is no `Origin`, and the browser says that another site is behind the request.
    ForeignFetch,
}

/// Decides whether a state-changing request may come in.
///
/// `Origin`, if present, must be own or allowed; else `Sec-Fetch-Site`, if present, must be `same-origin` or `none`;
/// a request with neither is not from a browser.
///
/// # Errors
/// What makes the request cross-site.
pub fn check(provenance: Provenance<'_>, is_known: impl Fn(&Origin) -> bool) -> Result<(), CrossSite> {
    match provenance {
        Provenance { origin: Some(origin), .. } => {
            let known = Origin::parse(origin).is_some_and(|origin| is_known(&origin));
            if known { Ok(()) } else { Err(CrossSite::ForeignOrigin) }
        }
        Provenance { origin: None, sec_fetch_site: Some(site) } => match site {
            "same-origin" | "none" => Ok(()),
            _ => Err(CrossSite::ForeignFetch),
        },
        Provenance { origin: None, sec_fetch_site: None } => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_as_a_table() {
        let own = Origin::parse("http://localhost:8080").unwrap();
        let allowed = Origin::parse("https://app.example").unwrap();
        let foreign_origin = Err(CrossSite::ForeignOrigin);
        let foreign_fetch = Err(CrossSite::ForeignFetch);
        let rows = [
            (Some("http://localhost:8080"), None, Ok(())),
            (Some("https://app.example"), Some("cross-site"), Ok(())),
            (Some("https://app.example:443"), None, Ok(())),
            (Some("https://evil.example"), None, foreign_origin),
            (Some("https://evil.example"), Some("same-origin"), foreign_origin),
            (Some("https://localhost:8080"), None, foreign_origin),
            (Some("http://localhost"), None, foreign_origin),
            (Some("http://localhost:8080.evil.example"), None, foreign_origin),
            (Some("https://app.example.evil"), None, foreign_origin),
            (Some("null"), None, foreign_origin),
            (Some(""), None, foreign_origin),
            (None, Some("same-origin"), Ok(())),
            (None, Some("none"), Ok(())),
            (None, Some("same-site"), foreign_fetch),
            (None, Some("cross-site"), foreign_fetch),
            (None, Some(""), foreign_fetch),
            (None, Some("Same-Origin"), foreign_fetch),
            (None, None, Ok(())),
        ];
        for (origin, sec_fetch_site, expected) in rows {
            let provenance = Provenance { origin, sec_fetch_site };
            let got = check(provenance, |origin| *origin == own || *origin == allowed);
            assert_eq!(got, expected, "{provenance:?}");
        }
    }
}
