//! What clients send, with the same names in HTTP bodies and in socket events.

use serde::Deserialize;

/// A sign-up.
#[derive(Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct SignUp {
    /// The e-mail address.
    pub email: Option<String>,
    /// The display name.
    pub name: Option<String>,
    /// The password.
    pub password: Option<String>,
    /// Whether the token is wanted in the answer, for clients without cookies.
    pub return_token: Option<bool>,
}

/// A login.
#[derive(Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct LogIn {
    /// The e-mail address.
    pub email: Option<String>,
    /// The password.
    pub password: Option<String>,
    /// Whether the token is wanted in the answer.
    pub return_token: Option<bool>,
}

/// A refresh.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Refresh {
    /// Whether the token is wanted in the answer.
    pub return_token: Option<bool>,
}

/// A new room.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct CreateRoom {
    /// The room's name.
    pub room_name: Option<String>,
}

/// A room to join.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct JoinRoom {
    /// The room's code.
    pub room_code: Option<String>,
}

/// A message to send.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PostMessage {
    /// The code of the room the sender is in.
    pub room_code: Option<String>,
    /// The text.
    pub msg: Option<String>,
    /// The sender's own id of the message, which makes sending it again harmless.
    pub client_id: Option<String>,
}

/// A page of history to read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct History {
    /// The room's code.
    pub room_code: Option<String>,
    /// The id of the oldest message of the page before; missing or empty for the newest page.
    pub before: Option<String>,
    /// How many messages, 1 to 200; 50 if missing.
    pub limit: Option<i64>,
}
