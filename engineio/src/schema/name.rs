//! Names of events, checked while a program is compiled.

use crate::socketio::RESERVED_EVENTS;

/// The name without the `r#` of an identifier that is a word of Rust's as well.
#[must_use]
pub const fn plain(identifier: &'static str) -> &'static str {
    match identifier.as_bytes() {
        [b'r', b'#', ..] => identifier.split_at(2).1,
        _ => identifier,
    }
}

/// Refuses names that have a meaning of their own in the client library, and names that stand twice.
///
/// # Panics
/// There is such a name. As it is called for constants, the program then does not compile.
pub const fn check_names(names: &[&str]) {
    let mut at = 0;
    while at < names.len() {
        assert!(!has(&RESERVED_EVENTS, names[at]), "this event's name is reserved");
        assert!(!has(names.split_at(at).0, names[at]), "two events of a set have this name");
        at += 1;
    }
}

const fn has(names: &[&str], name: &str) -> bool {
    let mut at = 0;
    while at < names.len() {
        if is_same(names[at].as_bytes(), name.as_bytes()) {
            return true;
        }
        at += 1;
    }
    false
}

/// Equality that can be asked for while a program is compiled.
const fn is_same(one: &[u8], other: &[u8]) -> bool {
    let mut at = 0;
    while at < one.len() && at < other.len() && one[at] == other[at] {
        at += 1;
    }
    at == one.len() && at == other.len()
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::*;

    #[test]
    fn reserved_names_and_doubles_are_refused_to_the_letter() {
        check_names(&["connected", "", "Connect", "connec", "say", "says"]);
        for name in RESERVED_EVENTS {
            assert!(catch_unwind(|| check_names(&["say", name])).is_err(), "{name}");
        }
        assert!(catch_unwind(|| check_names(&["say", "join", "say"])).is_err());
    }

    #[test]
    fn an_identifier_loses_its_mark() {
        assert_eq!((plain("r#type"), plain("say"), plain("r")), ("type", "say", "r"));
    }
}
