//! What is known about revoked tokens, so that the store is not asked at every request.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

/// Tokens that are remembered at once.
const MAX_TOKENS: usize = 10_000;
/// How long a token counts as good without asking again; a logout by this process is known at once.
const GOOD_FOR: Duration = Duration::from_secs(5);

/// A bounded memory of tokens, good and revoked.
pub(super) struct RevokedCache {
    tokens: Mutex<HashMap<String, Known>>,
}

#[derive(Clone, Copy)]
struct Known {
    revoked: bool,
    until: Instant,
}

impl RevokedCache {
    pub(super) fn new() -> Self {
        Self { tokens: Mutex::new(HashMap::new()) }
    }

    /// Whether the token is revoked, if that is known.
    pub(super) fn get(&self, token_id: &str, now: Instant) -> Option<bool> {
        let known = *self.tokens.lock().get(token_id)?;
        (now < known.until).then_some(known.revoked)
    }

    /// Remembers that the store knew no revocation.
    pub(super) fn is_good(&self, token_id: &str, now: Instant) {
        let mut tokens = self.tokens.lock();
        // A logout may have come between the question and its answer.
        if tokens.get(token_id).is_some_and(|known| known.revoked && now < known.until) {
            return;
        }
        insert(&mut tokens, token_id, Known { revoked: false, until: now + GOOD_FOR }, now);
    }

    /// Remembers a revocation for the rest of the token's life.
    pub(super) fn is_revoked(&self, token_id: &str, lifetime: Duration, now: Instant) {
        // Ten minutes are enough: after them the store is asked once more.
        let until = now + lifetime.min(Duration::from_secs(600));
        insert(&mut self.tokens.lock(), token_id, Known { revoked: true, until }, now);
    }
}

/// Adds an entry; a full memory first loses what has run out, then everything, because the store knows it all.
fn insert(tokens: &mut HashMap<String, Known>, token_id: &str, known: Known, now: Instant) {
    if tokens.len() >= MAX_TOKENS && !tokens.contains_key(token_id) {
        tokens.retain(|_, known| now < known.until);
        if tokens.len() >= MAX_TOKENS {
            tokens.clear();
        }
    }
    tokens.insert(token_id.to_owned(), known);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_runs_out() {
        let cache = RevokedCache::new();
        let now = Instant::now();
        cache.is_good("a", now);
        cache.is_revoked("b", Duration::from_secs(60), now);
        let rows =
            [("a", 0, Some(false)), ("a", 5, None), ("b", 59, Some(true)), ("b", 60, None), ("c", 0, None)];
        for (token, seconds, expected) in rows {
            assert_eq!(cache.get(token, now + Duration::from_secs(seconds)), expected, "{token} {seconds}");
        }
    }

    #[test]
    fn a_late_answer_does_not_undo_a_logout() {
        let cache = RevokedCache::new();
        let now = Instant::now();
        cache.is_revoked("a", Duration::from_secs(60), now);
        cache.is_good("a", now);
        assert_eq!(cache.get("a", now), Some(true));
    }

    #[test]
    fn memory_is_bounded() {
        let cache = RevokedCache::new();
        let now = Instant::now();
        for token in 0..MAX_TOKENS * 2 + 5 {
            cache.is_good(&token.to_string(), now);
        }
        assert!(cache.tokens.lock().len() <= MAX_TOKENS);
    }
}
