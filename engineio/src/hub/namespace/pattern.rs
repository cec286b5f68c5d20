//! Names with wildcards, for namespaces that are made when a client asks for them.

/// The values of a name's wildcards that have names themselves.
pub(crate) type Params = Box<[(Box<str>, Box<str>)]>;

/// A pattern that no name could match, or that is not what was meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{pattern:?} is no pattern of namespaces: {reason}")]
pub struct PatternError {
    pattern: String,
    reason: &'static str,
}

/// A pattern such as `/room-*` or `/tenant/{id}/chat`.
///
/// A wildcard stands for one character or more, but not for `/`. Each part between slashes may have one; written as
/// `{name}`, its value can be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(Box<str>),
    Wild { before: Box<str>, name: Option<Box<str>>, behind: Box<str> },
}

const WILD: [char; 3] = ['*', '{', '}'];

impl Part {
    fn parse(text: &str) -> Result<Self, &'static str> {
        let Some(at) = text.find(WILD) else { return Ok(Self::Literal(text.into())) };
        let (before, rest) = text.split_at(at);
        let (name, behind) = match rest.strip_prefix('{') {
            None => (None, rest.strip_prefix('*').ok_or("a closing brace has no opening one")?),
            Some(rest) => {
                let (name, behind) = rest.split_once('}').ok_or("an opening brace has no closing one")?;
                if name.is_empty() {
                    return Err("a wildcard in braces has no name");
                }
                (Some(name.into()), behind)
            }
        };
        if behind.contains(WILD) {
            return Err("two wildcards stand between the same slashes");
        }
        Ok(Self::Wild { before: before.into(), name, behind: behind.into() })
    }

    /// The value of the wildcard, which is empty where there is none; `None` if the text is another one.
    fn matches<'a>(&self, text: &'a str) -> Option<&'a str> {
        match self {
            Self::Literal(literal) => (**literal == *text).then_some(""),
            Self::Wild { before, behind, .. } => {
                let value = text.strip_prefix(&**before)?.strip_suffix(&**behind)?;
                (!value.is_empty()).then_some(value)
            }
        }
    }
}

impl Pattern {
    /// Reads a pattern that begins with `/`.
    pub(crate) fn parse(pattern: &str) -> Result<Self, PatternError> {
        let parts: Result<_, _> = pattern.split('/').map(Part::parse).collect();
        parts.map(Self).map_err(|reason| PatternError { pattern: pattern.to_owned(), reason })
    }

    /// The values of the named wildcards if the name matches.
    pub(crate) fn matches(&self, name: &str) -> Option<Params> {
        let mut texts = name.split('/');
        let mut params = Vec::new();
        for part in &self.0 {
            let value = part.matches(texts.next()?)?;
            if let Part::Wild { name: Some(name), .. } = part {
                params.push((name.clone(), value.into()));
            }
        }
        texts.next().is_none().then(|| params.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, name: &str, expected: Option<&[(&str, &str)]>) {
        let found = Pattern::parse(pattern).unwrap().matches(name);
        let found: Option<Vec<_>> =
            found.as_ref().map(|params| params.iter().map(|(name, value)| (&**name, &**value)).collect());
        assert_eq!(found.as_deref(), expected, "{pattern} on {name}");
    }

    #[test]
    fn a_wildcard_is_one_character_or_more_between_slashes() {
        check("/room-*", "/room-1", Some(&[]));
        check("/room-*", "/room-ä", Some(&[]));
        check("/room-*", "/room-", None);
        check("/room-*", "/room-1/x", None);
        check("/room-*", "/groom-1", None);
        check("/*", "/", None);
        check("/*-end", "/a-end-end", Some(&[]));
        check("/ab*ba", "/aba", None);
        check("/*/chat", "/x/chat", Some(&[]));
        check("/*/chat", "/x/y/chat", None);
        check("/*/*", "/x", None);
    }

    #[test]
    fn wildcards_in_braces_have_values() {
        check("/tenant/{id}", "/tenant/7", Some(&[("id", "7")]));
        check("/{tenant}/v{version}", "/acme/v2", Some(&[("tenant", "acme"), ("version", "2")]));
        check("/{tenant}/v{version}", "/acme/2", None);
    }

    #[test]
    fn a_name_without_wildcards_matches_itself() {
        check("/a", "/a", Some(&[]));
        check("/a", "/b", None);
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for pattern in ["/{id", "/id}", "/{}", "/a**", "/{a}{b}", "/*{b}"] {
            assert!(Pattern::parse(pattern).is_err(), "{pattern}");
        }
    }
}
