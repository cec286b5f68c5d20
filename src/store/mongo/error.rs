//! What the driver's errors mean to the callers of the store, and how long anything may take.

use std::{future::Future, time::Duration};

use mongodb::error::{Error, ErrorKind, WriteFailure};
use tokio::time::timeout;

use crate::store::StoreError;

/// The longest a call of the store may take in all, whatever the network does.
const CALL_LIMIT: Duration = Duration::from_secs(5);

/// The server's code of a unique index refusing a document.
pub(super) const DUPLICATE_KEY: i32 = 11_000;

/// The server's codes of an index that exists with other options or under another name.
const INDEX_CONFLICTS: [i32; 2] = [85, 86];

/// Ends `call` with [`StoreError::Unavailable`] when its time is up.
pub(super) async fn bounded<T>(
    call: impl Future<Output = Result<T, StoreError>> + Send,
) -> Result<T, StoreError> {
    timeout(CALL_LIMIT, call)
        .await
        .unwrap_or_else(|_| Err(StoreError::Unavailable("it took too long to answer".to_owned())))
}

/// Turns an error of the driver into the store's: answers that cannot be read are corrupt, all else may pass.
#[expect(clippy::needless_pass_by_value, reason = "the signature `map_err` wants")]
pub(super) fn unavailable(error: Error) -> StoreError {
    if matches!(*error.kind, ErrorKind::BsonDeserialization(_) | ErrorKind::InvalidResponse { .. }) {
        StoreError::Corrupt(error.kind.to_string())
    } else {
        StoreError::Unavailable(error.kind.to_string())
    }
}

/// Tells whether a unique index refused the document.
pub(super) fn is_duplicate(error: &Error) -> bool {
    code(error) == Some(DUPLICATE_KEY)
}

/// Tells whether an index of the same keys exists that is not quite the wanted one.
pub(super) fn is_index_conflict(error: &Error) -> bool {
    code(error).is_some_and(|code| INDEX_CONFLICTS.contains(&code))
}

fn code(error: &Error) -> Option<i32> {
    if let ErrorKind::Write(WriteFailure::WriteError(refused)) = &*error.kind {
        Some(refused.code)
    } else if let ErrorKind::Command(failed) = &*error.kind {
        Some(failed.code)
    } else {
        None
    }
}
