//! Accounts and revoked tokens in SQLite.

use rusqlite::{Connection, OptionalExtension, Row};

use super::error::{is_duplicate, unavailable};
use crate::{
    chat::{NewUser, User, UserOid},
    store::{StoreError, email_key, oid::Oid, unix_millis, unix_seconds},
};

const INSERT: &str = "INSERT INTO users (oid, name, email, email_key, password_hash, created_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
const BY_EMAIL: &str = "SELECT oid, name, email, password_hash FROM users WHERE email_key = ?1";
const BY_OID: &str = "SELECT oid, name, email, password_hash FROM users WHERE oid = ?1";
const REVOKE: &str = "INSERT INTO revoked_tokens (jti, expires_at) VALUES (?1, ?2)
    ON CONFLICT (jti) DO UPDATE SET expires_at = max(expires_at, excluded.expires_at)";
const FORGET_EXPIRED: &str = "DELETE FROM revoked_tokens WHERE expires_at <= ?1";
const IS_REVOKED: &str = "SELECT 1 FROM revoked_tokens WHERE jti = ?1 AND expires_at > ?2";

/// Creates an account; the unique index on the e-mail's key decides between equal ones.
pub(super) fn create(conn: &Connection, user: NewUser) -> Result<User, StoreError> {
    let oid = UserOid(Oid::next().to_string());
    let row = (&oid.0, &user.name, &user.email, email_key(&user.email), &user.password_hash, unix_millis());
    match conn.prepare_cached(INSERT).and_then(|mut insert| insert.execute(row)) {
        Ok(_) => Ok(User { oid, name: user.name, email: user.email, password_hash: user.password_hash }),
        Err(error) if is_duplicate(&error) => Err(StoreError::EmailTaken),
        Err(error) => Err(unavailable(error)),
    }
}

/// Finds an account by its e-mail's key; here there is one at most, so its spelling needs no ranking.
pub(super) fn by_email(conn: &Connection, email: &str) -> Result<Option<User>, StoreError> {
    find(conn, BY_EMAIL, &email_key(email))
}

/// Finds an account by id.
pub(super) fn by_oid(conn: &Connection, oid: &UserOid) -> Result<Option<User>, StoreError> {
    find(conn, BY_OID, &oid.0)
}

/// Keeps a revoked token until it expires, and forgets those that have.
pub(super) fn revoke(conn: &Connection, jti: &str, expires_at: i64) -> Result<(), StoreError> {
    conn.prepare_cached(FORGET_EXPIRED)
        .and_then(|mut forget| forget.execute([unix_seconds()]))
        .map_err(unavailable)?;
    conn.prepare_cached(REVOKE)
        .and_then(|mut revoke| revoke.execute((jti, expires_at)))
        .map(drop)
        .map_err(unavailable)
}

/// Tells whether a token is revoked at this moment.
pub(super) fn is_revoked(conn: &Connection, jti: &str) -> Result<bool, StoreError> {
    conn.prepare_cached(IS_REVOKED)
        .and_then(|mut query| query.exists((jti, unix_seconds())))
        .map_err(unavailable)
}

fn find(conn: &Connection, sql: &str, key: &str) -> Result<Option<User>, StoreError> {
    conn.prepare_cached(sql)
        .and_then(|mut query| query.query_row([key], user).optional())
        .map_err(unavailable)
}

fn user(row: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User { oid: UserOid(row.get(0)?), name: row.get(1)?, email: row.get(2)?, password_hash: row.get(3)? })
}
