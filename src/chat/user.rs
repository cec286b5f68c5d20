//! Accounts.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A user's permanent id: 24 lowercase hexadecimal digits, the form of a MongoDB `ObjectId`.
///
/// Both stores use this form, so that tokens and clients never see which one is behind.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserOid(pub String);

impl fmt::Display for UserOid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An account as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The account's id.
    pub oid: UserOid,
    /// The display name.
    pub name: String,
    /// The e-mail address as it was typed at sign-up.
    pub email: String,
    /// The bcrypt hash of the password.
    pub password_hash: String,
}

/// An account that is to be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewUser {
    /// The display name.
    pub name: String,
    /// The e-mail address; unique without regard to case.
    pub email: String,
    /// The bcrypt hash of the password.
    pub password_hash: String,
}
