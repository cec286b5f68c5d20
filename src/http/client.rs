//! Who sent a request, seen through the reverse proxies that are trusted.

use std::{fmt::Write, net::IpAddr};

use http::{HeaderMap, HeaderName, header::HOST};

use crate::config::Origin;

/// The other end of the connection, as the listener knows it.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// The address the connection came from.
    pub address: IpAddr,
    /// Whether the connection itself is encrypted.
    pub tls: bool,
}

/// The client's address, seen through `hops` trusted proxies.
///
/// Each proxy adds to the right end of `X-Forwarded-*`, so that counting from the right never reaches what the
/// client itself wrote, unless there are fewer proxies than were told. Without hops the headers mean nothing.
#[must_use]
pub fn address(headers: &HeaderMap, peer: Peer, hops: usize) -> IpAddr {
    let forwarded = if hops == 0 { None } else { from_right(headers, "x-forwarded-for", hops) };
    let parsed = forwarded.and_then(parse_address);
    parsed.unwrap_or(peer.address).to_canonical()
}

/// The origin at which the client reached the service, seen through `hops` trusted proxies; `None` if the request
/// names no usable host.
#[must_use]
pub fn origin(headers: &HeaderMap, peer: Peer, hops: usize) -> Option<Origin> {
    let own_scheme = if peer.tls { "https" } else { "http" };
    let own_host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let (scheme, host) = if hops == 0 {
        (own_scheme, own_host)
    } else {
        let scheme = from_right(headers, "x-forwarded-proto", hops).unwrap_or(own_scheme);
        (scheme, from_right(headers, "x-forwarded-host", hops).or(own_host))
    };
    let host = host?;
    let mut text = String::with_capacity(scheme.len() + 3 + host.len());
    let _ = write!(text, "{scheme}://{host}");
    Origin::parse(&text)
}

/// The element number `hops` from the right of a comma-separated header, or the leftmost one if there are fewer.
fn from_right<'a>(headers: &'a HeaderMap, name: &'static str, hops: usize) -> Option<&'a str> {
    let lines = headers.get_all(HeaderName::from_static(name)).iter();
    let texts = lines.rev().filter_map(|line| line.to_str().ok());
    let elements = texts.flat_map(|text| text.rsplit(',')).map(str::trim).filter(|text| !text.is_empty());
    elements.take(hops).last()
}

/// An address as proxies write it: bare, with a port, or an IPv6 address in brackets.
fn parse_address(text: &str) -> Option<IpAddr> {
    let bare = text.parse().ok();
    let with_port = || text.parse::<std::net::SocketAddr>().ok().map(|address| address.ip());
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok().map(IpAddr::V6);
    bare.or_else(with_port).or_else(bracketed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    const PEER: Peer = Peer { address: IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1)), tls: false };

    #[test]
    fn the_address_is_counted_from_the_right() {
        let rows = [
            (0, "9.9.9.9", "10.0.0.1"),
            (1, "9.9.9.9, 8.8.8.8", "8.8.8.8"),
            (2, "9.9.9.9, 8.8.8.8", "9.9.9.9"),
            (3, "9.9.9.9, 8.8.8.8", "9.9.9.9"),
            (1, "9.9.9.9:4711", "9.9.9.9"),
            (1, "[2001:db8::1]:4711", "2001:db8::1"),
            (1, "[2001:db8::1]", "2001:db8::1"),
            (1, "::ffff:9.9.9.9", "9.9.9.9"),
            (1, "unknown", "10.0.0.1"),
            (1, "", "10.0.0.1"),
        ];
        for (hops, forwarded, expected) in rows {
            let headers = headers(&[("x-forwarded-for", forwarded)]);
            assert_eq!(address(&headers, PEER, hops).to_string(), expected, "{hops} {forwarded}");
        }
        let two_lines = headers(&[("x-forwarded-for", "9.9.9.9"), ("x-forwarded-for", "8.8.8.8")]);
        assert_eq!(address(&two_lines, PEER, 1).to_string(), "8.8.8.8");
        assert_eq!(address(&two_lines, PEER, 2).to_string(), "9.9.9.9");
    }

    #[test]
    fn the_origin_is_believed_from_proxies_only() {
        type Row<'a> = (usize, &'a [(&'static str, &'a str)], Option<&'a str>);
        let rows: [Row<'_>; 8] = [
            (0, &[("host", "localhost:8080")], Some("http://localhost:8080")),
            (0, &[("host", "Chat.Example:80")], Some("http://chat.example")),
            (
                0,
                &[("host", "a"), ("x-forwarded-proto", "https"), ("x-forwarded-host", "b")],
                Some("http://a"),
            ),
            (1, &[("host", "a"), ("x-forwarded-proto", "https")], Some("https://a")),
            (
                1,
                &[("host", "a"), ("x-forwarded-proto", "http, https"), ("x-forwarded-host", "b, c")],
                Some("https://c"),
            ),
            (1, &[("host", "a")], Some("http://a")),
            (0, &[], None),
            (0, &[("host", "a/b")], None),
        ];
        for (hops, pairs, expected) in rows {
            let origin = origin(&headers(pairs), PEER, hops);
            assert_eq!(origin.as_ref().map(Origin::as_str), expected, "{pairs:?}");
        }
        let tls = origin(&headers(&[("host", "a")]), Peer { tls: true, ..PEER }, 0);
        assert_eq!(tls.unwrap().as_str(), "https://a");
    }
}
