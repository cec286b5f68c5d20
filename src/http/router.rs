//! From method and path to a target: a table written by hand, compiled once, read without allocation.

use std::borrow::Cow;

use http::{HeaderValue, Method};

use super::percent;

/// The longest path that is looked at, in bytes.
const MAX_PATH_BYTES: usize = 2048;

/// One line of the table: method, pattern and target.
///
/// A pattern is a path of which one segment may be a parameter, written `:name`.
pub type Line<T> = (Method, &'static str, T);

/// A compiled table.
#[derive(Debug)]
pub struct Router<T> {
    paths: Vec<Path<T>>,
}

/// One pattern with the targets of its methods.
#[derive(Debug)]
struct Path<T> {
    /// What comes before the parameter, or the whole pattern.
    prefix: &'static str,
    /// What comes after the parameter; `None` if the pattern has none.
    suffix: Option<&'static str>,
    targets: Vec<(Method, T)>,
    allow: HeaderValue,
}

/// What the table says about a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Found<'a, T> {
    /// There is a target for path and method.
    Target {
        /// The target.
        target: T,
        /// The decoded parameter; empty if the pattern has none.
        parameter: Cow<'a, str>,
    },
    /// The path exists, but not with this method; the value is for `Allow`.
    WrongMethod(&'a HeaderValue),
    /// The path exists, but its parameter is not percent-encoded UTF-8.
    BadParameter,
    /// No pattern has this path.
    Nothing,
}

impl<T: Copy> Router<T> {
    /// Compiles a table. HEAD is added wherever `head` allows it for a GET.
    #[must_use]
    pub fn new(lines: &[Line<T>], head: impl Fn(T) -> bool) -> Self {
        let mut paths: Vec<Path<T>> = Vec::new();
        for (method, pattern, target) in lines {
            let (prefix, suffix) = split(pattern);
            let at = paths.iter().position(|path| path.prefix == prefix && path.suffix == suffix);
            let at = at.unwrap_or_else(|| {
                paths.push(Path { prefix, suffix, targets: Vec::new(), allow: HeaderValue::from_static("") });
                paths.len() - 1
            });
            let targets = &mut paths[at].targets;
            targets.push((method.clone(), *target));
            if method == Method::GET && head(*target) {
                targets.push((Method::HEAD, *target));
            }
        }
        for path in &mut paths {
            path.allow = allow(path.targets.iter().map(|(method, _)| method));
        }
        Self { paths }
    }

    /// Looks up a request; one slash at the end of the path is ignored.
    #[must_use]
    pub fn find<'a>(&'a self, method: &Method, path: &'a str) -> Found<'a, T> {
        let Some((found, raw)) = self.path(path) else { return Found::Nothing };
        let target = found.targets.iter().find(|(known, _)| known == method);
        let Some((_, target)) = target else { return Found::WrongMethod(&found.allow) };
        match percent::decode(raw, false) {
            Some(parameter) => Found::Target { target: *target, parameter },
            None => Found::BadParameter,
        }
    }

    /// The `Allow` value of a path, if it exists.
    #[must_use]
    pub fn allow(&self, path: &str) -> Option<&HeaderValue> {
        self.path(path).map(|(found, _)| &found.allow)
    }

    /// Finds the pattern of a path and the raw text of its parameter.
    fn path<'a>(&self, path: &'a str) -> Option<(&Path<T>, &'a str)> {
        if path.len() > MAX_PATH_BYTES {
            return None;
        }
        let path = if path.len() > 1 { path.strip_suffix('/').unwrap_or(path) } else { path };
        self.paths.iter().find_map(|pattern| Some((pattern, pattern.parameter(path)?)))
    }
}

impl<T> Path<T> {
    /// The raw parameter if `path` has this pattern.
    fn parameter<'a>(&self, path: &'a str) -> Option<&'a str> {
        let rest = path.strip_prefix(self.prefix)?;
        match self.suffix {
            None => rest.is_empty().then_some(""),
            Some(suffix) => {
                let raw = rest.strip_suffix(suffix)?;
                (!raw.is_empty() && !raw.contains('/')).then_some(raw)
            }
        }
    }
}

/// Splits a pattern around its parameter.
fn split(pattern: &'static str) -> (&'static str, Option<&'static str>) {
    let Some(colon) = pattern.find("/:") else { return (pattern, None) };
    let (prefix, parameter) = pattern.split_at(colon + 1);
    let end = parameter.find('/').unwrap_or(parameter.len());
    (prefix, Some(&parameter[end..]))
}

/// Joins methods for `Allow`; OPTIONS is always among them because preflights are answered.
fn allow<'a>(methods: impl Iterator<Item = &'a Method>) -> HeaderValue {
    let mut text = String::new();
    for method in methods {
        text.push_str(method.as_str());
        text.push_str(", ");
    }
    text.push_str("OPTIONS");
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("OPTIONS"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn router() -> Router<u8> {
        let lines = [
            (Method::GET, "/healthz", 1),
            (Method::GET, "/chat/rooms", 2),
            (Method::GET, "/chat/join-room/:roomCode", 3),
            (Method::POST, "/chat/join-room/:roomCode", 3),
            (Method::POST, "/chat/message", 4),
            (Method::GET, "/a/:b/c", 5),
        ];
        Router::new(&lines, |target| target < 3)
    }

    #[test]
    fn requests_find_their_targets() {
        type Row = (Method, &'static str, Option<(u8, &'static str)>);
        let rows: [Row; 18] = [
            (Method::GET, "/healthz", Some((1, ""))),
            (Method::HEAD, "/healthz", Some((1, ""))),
            (Method::GET, "/healthz/", Some((1, ""))),
            (Method::GET, "/healthz//", None),
            (Method::GET, "/healthzz", None),
            (Method::GET, "/chat/rooms", Some((2, ""))),
            (Method::GET, "/chat/join-room/ABC", Some((3, "ABC"))),
            (Method::POST, "/chat/join-room/A%20B/", Some((3, "A B"))),
            (Method::POST, "/chat/join-room/A%2FB", Some((3, "A/B"))),
            (Method::GET, "/chat/join-room/", None),
            (Method::GET, "/chat/join-room", None),
            (Method::GET, "/chat/join-room/A/B", None),
            (Method::GET, "/a/x/c", Some((5, "x"))),
            (Method::GET, "/a//c", None),
            (Method::GET, "/a/c", None),
            (Method::GET, "/", None),
            (Method::GET, "", None),
            (Method::GET, "/chat/../healthz", None),
        ];
        let router = router();
        for (method, path, expected) in rows {
            let expected = match expected {
                Some((target, parameter)) => Found::Target { target, parameter: parameter.into() },
                None => Found::Nothing,
            };
            assert_eq!(router.find(&method, path), expected, "{method} {path}");
        }
        assert_eq!(router.find(&Method::GET, "/chat/join-room/%ff"), Found::BadParameter);
        let long = format!("/chat/join-room/{}", "x".repeat(MAX_PATH_BYTES));
        assert_eq!(router.find(&Method::GET, &long), Found::Nothing);
    }

    #[test]
    fn a_wrong_method_learns_the_right_ones() {
        let router = router();
        let rows = [
            (Method::POST, "/healthz", "GET, HEAD, OPTIONS"),
            (Method::HEAD, "/chat/join-room/A", "GET, POST, OPTIONS"),
            (Method::DELETE, "/chat/message", "POST, OPTIONS"),
        ];
        for (method, path, allow) in rows {
            let expected = HeaderValue::from_static(allow);
            assert_eq!(router.find(&method, path), Found::WrongMethod(&expected), "{method} {path}");
        }
    }
}
