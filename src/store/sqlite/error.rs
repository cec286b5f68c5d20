//! What SQLite's errors mean to the callers of the store.

use rusqlite::ErrorCode;

use crate::store::StoreError;

/// Turns an error of SQLite into the store's: contents that cannot be read are corrupt, all else may pass.
#[expect(clippy::needless_pass_by_value, reason = "the signature `map_err` wants")]
pub(super) fn unavailable(error: rusqlite::Error) -> StoreError {
    if is_corrupt(&error) {
        StoreError::Corrupt(error.to_string())
    } else {
        StoreError::Unavailable(error.to_string())
    }
}

/// Tells whether a UNIQUE or PRIMARY KEY constraint refused the row.
pub(super) fn is_duplicate(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error().map(|error| error.extended_code),
        Some(rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE | rusqlite::ffi::SQLITE_CONSTRAINT_PRIMARYKEY)
    )
}

fn is_corrupt(error: &rusqlite::Error) -> bool {
    let by_code =
        matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase));
    by_code
        || matches!(
            error,
            rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::InvalidColumnType(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
                | rusqlite::Error::Utf8Error(..)
        )
}
