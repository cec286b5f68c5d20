//! `/chat`: rooms and messages.

use crate::{
    chat::rules,
    http::Request,
    service::{
        Identity, answer,
        input::{CreateRoom, History, JoinRoom, PostMessage},
    },
};

use super::{Api, reply::Failure, reply::Reply};

/// `GET /chat/rooms`
pub(super) async fn rooms(api: &Api, who: &Identity) -> Result<Reply, Failure> {
    Ok(answer::rooms(&api.service.rooms(who).await?).into())
}

/// `GET|POST /chat/create-room`, `roomName` in the body or in the query
pub(super) async fn create_room(api: &Api, request: &Request<'_>, who: &Identity) -> Result<Reply, Failure> {
    let mut input: CreateRoom = request.json()?;
    if input.room_name.is_none() {
        input.room_name = request.query().get("roomName")?.map(String::from);
    }
    Ok(answer::room_created(&api.service.create_room(who, &input).await?).into())
}

/// `GET|POST /chat/join-room/:roomCode`
pub(super) async fn join_room(api: &Api, code: &str, who: &Identity) -> Result<Reply, Failure> {
    let input = JoinRoom { room_code: Some(code.to_owned()) };
    Ok(answer::room_joined(&api.service.join_room(who, &input).await?).into())
}

/// `POST /chat/leave-room`
pub(super) async fn leave_room(api: &Api, who: &Identity) -> Result<Reply, Failure> {
    Ok(answer::room_left(api.service.leave_room(who).await?.as_ref()).into())
}

/// `POST /chat/message {roomCode, msg, clientId?}`
pub(super) async fn post_message(api: &Api, request: &Request<'_>, who: &Identity) -> Result<Reply, Failure> {
    let input: PostMessage = request.json()?;
    Ok(answer::posted(&api.service.post_message(who, &input).await?).into())
}

/// `GET /chat/messages/:roomCode?before=&limit=`
pub(super) async fn messages(
    api: &Api,
    request: &Request<'_>,
    code: &str,
    who: &Identity,
) -> Result<Reply, Failure> {
    let query = request.query();
    let limit = query.get_filled("limit")?.map(|limit| limit.parse().map_err(|_| rules::bad_limit()));
    let input = History {
        room_code: Some(code.to_owned()),
        before: query.get_filled("before")?.map(String::from),
        limit: limit.transpose()?,
    };
    Ok(answer::history(&api.service.history(who, &input).await?).into())
}
