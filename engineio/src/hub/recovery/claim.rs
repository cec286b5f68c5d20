//! What a client says of the connection it had, and what its server asks the others then.

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Serialize};

use super::{Book, History, offset::Mark};
use crate::sid::Sid;

/// What a client says of an earlier connection.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claim {
    pub(crate) pid: Sid,
    /// The last event it has.
    pub(super) offset: Option<Box<str>>,
}

/// The form in a CONNECT packet's payload, where other fields may stand as well.
#[derive(Deserialize)]
struct Auth<'a> {
    #[serde(borrow)]
    pid: Cow<'a, str>,
    #[serde(borrow, default)]
    offset: Option<Cow<'a, str>>,
}

impl Claim {
    /// Reads a CONNECT packet's payload; `None` if it claims nothing, or nothing that could exist.
    pub(crate) fn read(auth: &str) -> Option<Self> {
        let auth: Auth<'_> = serde_json::from_str(auth).ok()?;
        let pid = Sid::parse(&auth.pid)?;
        if auth.offset.as_deref().is_some_and(|offset| Mark::parse(offset).is_none()) {
            return None;
        }
        Some(Self { pid, offset: auth.offset.map(Into::into) })
    }
}

/// A client's claim to the session it had on another server, as [`Adapter::restore_session`] passes it to that server's
/// [`Namespace::hand_over`]. It holds the client's secret.
///
/// [`Adapter::restore_session`]: crate::hub::Adapter::restore_session
/// [`Namespace::hand_over`]: crate::hub::Namespace::hand_over
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionClaim {
    pub(super) claim: Claim,
    /// The last event that the asking server has sent.
    pub(super) server: Mark,
}

impl fmt::Debug for SessionClaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionClaim").field("server", &self.server.to_string()).finish_non_exhaustive()
    }
}

/// A claim that other servers may know more of, counted while it exists.
pub(crate) struct OpenClaim<'a> {
    history: &'a History,
    pid: Sid,
    has_asked: bool,
}

impl History {
    /// Counts a claim that other servers are to be asked about; `None` if too many are open.
    pub(crate) fn open_claim(&self, claim: &Claim) -> Option<OpenClaim<'_>> {
        let mut book = self.open();
        if book.state.open_claims >= self.limits.max_claims {
            return None;
        }
        book.state.open_claims += 1;
        Some(OpenClaim { history: self, pid: claim.pid, has_asked: false })
    }
}

impl OpenClaim<'_> {
    /// What the other servers are to be asked, once nobody else asks for the same session; `Some(None)` if it has come
    /// here meanwhile.
    pub(crate) fn question(&mut self, book: &mut Book<'_>, claim: &Claim) -> Option<Option<SessionClaim>> {
        if book.holder(&self.pid).is_some() {
            return Some(None);
        }
        self.has_asked = book.state.asked_for.insert(self.pid);
        self.has_asked.then(|| Some(SessionClaim { claim: claim.clone(), server: book.mark() }))
    }
}

impl Drop for OpenClaim<'_> {
    fn drop(&mut self) {
        let mut book = self.history.open();
        book.state.open_claims -= 1;
        if self.has_asked {
            book.state.asked_for.remove(&self.pid);
            book.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_the_form_of_a_claim_is_one() {
        let pid = "AAAAAAAAAAAAAAAAAAAA";
        for (auth, is_claim) in [
            (format!(r#"{{"pid":"{pid}"}}"#), true),
            (format!(r#"{{"pid":"{pid}","offset":null,"token":1}}"#), true),
            (format!(r#"{{"pid":"{pid}","offset":"BwcHBw.1f"}}"#), true),
            (format!(r#"{{"pid":"{pid}","offset":"hello"}}"#), false),
            (r#"{"pid":"short"}"#.to_owned(), false),
            (r#"{"offset":"BwcHBw.1f"}"#.to_owned(), false),
            (String::new(), false),
        ] {
            assert_eq!(Claim::read(&auth).is_some(), is_claim, "{auth}");
        }
    }

    #[test]
    fn the_secret_of_a_claim_is_passed_on_and_not_printed() {
        let claim = Claim::read(r#"{"pid":"AAAAAAAAAAAAAAAAAAAA","offset":"BwcHBw.1"}"#).unwrap();
        let claim = SessionClaim { server: Mark::parse("BwcHBw.2").unwrap(), claim };
        let json = serde_json::to_string(&claim).unwrap();
        assert_eq!(serde_json::from_str::<SessionClaim>(&json).unwrap(), claim);
        let printed = format!("{claim:?}");
        assert!(printed.contains("BwcHBw.2") && !printed.contains("AAAA"), "{printed}");
    }
}
