//! What clients read: the JSON of every result and failure, the same over HTTP and in acknowledgements.

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::{
    chat::{Message, Room, User, UserOid, notice},
    error::Error,
    store::{ListedRoom, Page},
};

use super::{LoggedIn, Posted, clock::iso8601};

/// A finished JSON text; it serializes as itself, so that it can be the argument of an acknowledgement.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct Answer(Box<RawValue>);

impl Answer {
    /// The JSON text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// The JSON text, for a body.
    #[must_use]
    pub fn into_string(self) -> String {
        Box::<str>::from(self.0).into_string()
    }

    fn render<T: Serialize>(value: &T) -> Self {
        // Only maps with odd keys and failing `Serialize` implementations make this fail, and there are none here.
        Self(to_raw_value(value).unwrap_or_else(|error| {
            tracing::error!(%error, "an answer cannot be written");
            RawValue::NULL.to_owned()
        }))
    }
}

#[derive(Serialize)]
struct Success<'a, T> {
    success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<T>,
}

fn success<T: Serialize>(message: Option<&str>, result: T) -> Answer {
    Answer::render(&Success { success: true, message, result: Some(result) })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure<'a> {
    success: bool,
    error_message: &'a str,
}

/// A failure: `{"success":false,"errorMessage":…}`.
#[must_use]
pub fn failure(error: &Error) -> Answer {
    failure_text(&error.to_string())
}

/// A failure in other words.
#[must_use]
pub fn failure_text(error_message: &str) -> Answer {
    Answer::render(&Failure { success: false, error_message })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UserView<'a> {
    user_oid: &'a UserOid,
    name: &'a str,
    email: &'a str,
}

impl<'a> From<&'a User> for UserView<'a> {
    fn from(user: &'a User) -> Self {
        Self { user_oid: &user.oid, name: &user.name, email: &user.email }
    }
}

#[derive(Serialize)]
struct Account<'a> {
    user: UserView<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
}

fn account(logged_in: &LoggedIn, return_token: bool) -> Account<'_> {
    Account { user: (&logged_in.user).into(), token: return_token.then_some(&*logged_in.token) }
}

/// A new account: `message`, `result.user` and, if asked for, `result.token`.
#[must_use]
pub fn signed_up(logged_in: &LoggedIn, return_token: bool) -> Answer {
    success(Some(&notice::signed_up(&logged_in.user.name)), account(logged_in, return_token))
}

/// A login or a refresh: `result.user` and, if asked for, `result.token`.
#[must_use]
pub fn logged_in(logged_in: &LoggedIn, return_token: bool) -> Answer {
    success(None, account(logged_in, return_token))
}

/// A logout.
#[must_use]
pub fn logged_out() -> Answer {
    done("You have been logged out.")
}

#[derive(Serialize)]
struct Me<'a> {
    user: UserView<'a>,
    room: Option<RoomView<'a>>,
}

/// The account and the room its user is in: `result.user` and `result.room`, null if there is none.
#[must_use]
pub fn me(user: &User, room: Option<&Room>) -> Answer {
    success(None, Me { user: user.into(), room: room.map(RoomView::from) })
}

/// Success with a word and no result.
#[must_use]
pub fn done(message: &str) -> Answer {
    Answer::render(&Success::<()> { success: true, message: Some(message), result: None })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RoomView<'a> {
    code: &'a str,
    name: &'a str,
    host_user_oid: &'a UserOid,
    active: bool,
    created_at: String,
}

impl<'a> From<&'a Room> for RoomView<'a> {
    fn from(room: &'a Room) -> Self {
        Self {
            code: &room.code.0,
            name: &room.name,
            host_user_oid: &room.host,
            active: room.active,
            created_at: iso8601(room.created_at),
        }
    }
}

#[derive(Serialize)]
struct HostView<'a> {
    name: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ListedRoomView<'a> {
    #[serde(flatten)]
    room: RoomView<'a>,
    /// `null` if the host's account is gone, as a mongoose population leaves it.
    host_user: Option<HostView<'a>>,
    member: bool,
}

impl<'a> From<&'a ListedRoom> for ListedRoomView<'a> {
    fn from(listed: &'a ListedRoom) -> Self {
        let host_user = listed.host_name.as_deref().map(|name| HostView { name });
        Self { room: (&listed.room).into(), host_user, member: listed.member }
    }
}

#[derive(Serialize)]
struct Rooms<'a> {
    rooms: Vec<ListedRoomView<'a>>,
}

/// The list of rooms: `result.rooms`.
#[must_use]
pub fn rooms(listed: &[ListedRoom]) -> Answer {
    let rooms = listed.iter().map(ListedRoomView::from).collect();
    success(None, Rooms { rooms })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NewRoom<'a> {
    new_room: RoomView<'a>,
}

/// A new room: `result.newRoom`.
#[must_use]
pub fn room_created(room: &Room) -> Answer {
    success(None, NewRoom { new_room: room.into() })
}

#[derive(Serialize)]
struct CurrentRoom<'a> {
    room: Option<RoomView<'a>>,
}

/// A room that was joined: `result.room`.
#[must_use]
pub fn room_joined(room: &Room) -> Answer {
    success(None, CurrentRoom { room: Some(room.into()) })
}

/// A room that was left: `result.room`, or null if the user was in none.
#[must_use]
pub fn room_left(room: Option<&Room>) -> Answer {
    success(None, CurrentRoom { room: room.map(RoomView::from) })
}

#[derive(Serialize)]
struct PostedView<'a> {
    message: &'a Message,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    duplicate: bool,
}

/// A message that was sent: `result.message`, and `result.duplicate` if it had been sent before.
#[must_use]
pub fn posted(posted: &Posted) -> Answer {
    success(None, PostedView { message: &posted.message, duplicate: posted.duplicate })
}

#[derive(Serialize)]
struct PageView<'a> {
    messages: &'a [Message],
    next: Option<&'a str>,
}

/// A page of history: `result.messages` and `result.next`.
#[must_use]
pub fn history(page: &Page) -> Answer {
    success(None, PageView { messages: &page.messages, next: page.next.as_deref() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::RoomCode;

    fn room() -> Room {
        Room {
            code: RoomCode("AB12".into()),
            host: UserOid("65f0a1b2c3d4e5f601234567".into()),
            name: "Lounge \"<b>\"".into(),
            active: true,
            created_at: 1_700_000_000_123,
        }
    }

    #[test]
    fn answers_have_their_exact_form() {
        let view = r#""code":"AB12","name":"Lounge \"<b>\"","hostUserOid":"65f0a1b2c3d4e5f601234567","active":true,"createdAt":"2023-11-14T22:13:20.123Z""#;
        let listed = |host: Option<&str>| {
            [ListedRoom { room: room(), host_name: host.map(str::to_owned), member: true }]
        };
        let rows = [
            (
                failure(&Error::Internal),
                r#"{"success":false,"errorMessage":"Something went wrong on the server"}"#.to_owned(),
            ),
            (room_created(&room()), format!(r#"{{"success":true,"result":{{"newRoom":{{{view}}}}}}}"#)),
            (room_joined(&room()), format!(r#"{{"success":true,"result":{{"room":{{{view}}}}}}}"#)),
            (room_left(None), r#"{"success":true,"result":{"room":null}}"#.to_owned()),
            (
                rooms(&listed(Some("Ann"))),
                format!(
                    r#"{{"success":true,"result":{{"rooms":[{{{view},"hostUser":{{"name":"Ann"}},"member":true}}]}}}}"#
                ),
            ),
            (
                rooms(&listed(None)),
                format!(
                    r#"{{"success":true,"result":{{"rooms":[{{{view},"hostUser":null,"member":true}}]}}}}"#
                ),
            ),
            (
                history(&Page { messages: vec![], next: None }),
                r#"{"success":true,"result":{"messages":[],"next":null}}"#.to_owned(),
            ),
        ];
        for (answer, expected) in rows {
            assert_eq!(answer.as_str(), expected);
            assert_eq!(serde_json::to_string(&answer).unwrap(), expected, "as an argument");
        }
    }
}
