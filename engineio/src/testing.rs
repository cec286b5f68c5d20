//! What unit tests of several modules share.

use proptest::{
    collection::{SizeRange, vec},
    prelude::*,
};

/// How often a test does what it does `count` times: less often under Miri, which takes some thousand times as long.
pub(crate) const fn times(count: usize) -> usize {
    if cfg!(miri) { count / 64 } else { count }
}

/// The longest data that tests make for its own sake.
pub(crate) const LONGEST: usize = if cfg!(miri) { 1_000 } else { 1 << 30 };

/// Any text of so many characters. A regular expression says the same, but is compiled once more for each text, which
/// Miri takes seconds for.
pub(crate) fn any_text(length: impl Into<SizeRange>) -> impl Strategy<Value = String> {
    vec(any::<char>(), length).prop_map(String::from_iter)
}
