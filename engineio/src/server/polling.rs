//! HTTP long-polling: GET waits for packets, POST brings them (Engine.IO protocol, "HTTP long-polling").

use std::{future::poll_fn, sync::Arc, task::Poll};

use bytes::Bytes;
use http::{
    HeaderMap, Response, StatusCode,
    header::{CONTENT_LENGTH, CONTENT_TYPE},
};
use http_body_util::BodyExt;
use hyper::body::Body as HttpBody;

use super::{
    clock::now,
    compression::{HttpCompression, respond},
    headers::{Body, empty, ok},
};
use crate::{
    config::after,
    engine::{
        Action, BadRequest, CloseReason, Input, Packet, PacketError, RequestError, Revision, payload, v3,
    },
    hub::{Peer, PollAnswer, Refusal, Waiting},
};

/// Bytes that must arrive in each [`Config::body_timeout`](crate::Config::body_timeout).
const MIN_PROGRESS: usize = 1_000;

/// Ends the session if the client cuts its poll: hyper then drops the waiting future, and this with it.
struct WaitingPoll<'a> {
    peer: &'a Arc<Peer>,
    answered: bool,
}

impl Drop for WaitingPoll<'_> {
    fn drop(&mut self) {
        self.peer.outbox().set_writable(false);
        self.peer.feed(if self.answered { Input::PollAnswered } else { Input::PollAborted });
    }
}

/// Answers a GET of a session as soon as there is something to tell.
///
/// # Errors
/// The session does not take the request, and is unharmed.
pub(super) async fn get(
    peer: &Arc<Peer>,
    headers: &HeaderMap,
    compression: Option<&HttpCompression>,
) -> Result<Response<Body>, RequestError> {
    let action = peer.feed(Input::PollOpened);
    if action == Action::Farewell {
        return Ok(respond(compression, headers, peer.farewell()).await);
    }
    if let Some(refused) = refused(&action)? {
        return Ok(refused);
    }
    let mut waiting = WaitingPoll { peer, answered: false };
    peer.outbox().set_writable(true);
    let answer = poll_fn(|cx| {
        peer.poll_for(Waiting::Owner, cx, |_| peer.poll_answer().map_or(Poll::Pending, Poll::Ready))
    })
    .await;
    waiting.answered = true;
    drop(waiting);
    Ok(match answer {
        PollAnswer::Payload(payload) => respond(compression, headers, payload).await,
        PollAnswer::Failed => empty(StatusCode::BAD_REQUEST),
    })
}

/// The answer to a request that its session does not take.
fn refused(action: &Action<'_>) -> Result<Option<Response<Body>>, RequestError> {
    if *action == Action::Refuse {
        return Err(RequestError::BadRequest(BadRequest::TransportMismatch));
    }
    // A second request of the same kind at once: the session has ended, and the first has been told so.
    Ok(matches!(action, Action::Close(_)).then(|| empty(StatusCode::BAD_REQUEST)))
}

/// Takes in the packets of a POST.
///
/// # Errors
/// The session does not take the request, and is unharmed.
pub(super) async fn post<B>(
    peer: &Arc<Peer>,
    headers: &HeaderMap,
    body: B,
) -> Result<Response<Body>, RequestError>
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    if let Some(refused) = refused(&peer.feed(Input::PostOpened))? {
        return Ok(refused);
    }
    let response = tokio::select! {
        body = read_body(peer, headers, body) => match body {
            Ok(body) => take_in(peer, &body, is_binary(headers)).await,
            Err(status) => {
                count(peer, status);
                peer.describe(|| describe(status, peer.config().max_payload));
                peer.fail();
                empty(status)
            }
        },
        () = ended(peer) => empty(StatusCode::BAD_REQUEST),
    };
    peer.feed(Input::PostEnded);
    Ok(response)
}

fn count(peer: &Peer, status: StatusCode) {
    let refusal = match status {
        StatusCode::PAYLOAD_TOO_LARGE => Refusal::Payload,
        StatusCode::REQUEST_TIMEOUT => Refusal::BodyTimeout,
        _ => Refusal::Protocol,
    };
    peer.count(refusal);
}

/// Why a body was not read, for the application.
fn describe(status: StatusCode, max_payload: usize) -> String {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => format!("message of more than {max_payload} bytes"),
        StatusCode::REQUEST_TIMEOUT => "the body of a request came too slowly".into(),
        status => format!("the body of a request could not be read: {status}"),
    }
}

/// Waits for the end of the session.
async fn ended(peer: &Peer) {
    poll_fn(|cx| {
        peer.poll_for(Waiting::Post, cx, |_| peer.ended().map_or(Poll::Pending, |_| Poll::Ready(())))
    })
    .await;
}

/// Waits until the listeners have caught up: a client that sends faster is held back, as its next POST waits for the
/// answer to this one.
async fn caught_up(peer: &Peer) {
    poll_fn(|cx| {
        peer.poll_for(Waiting::Post, cx, |_| {
            if peer.is_behind() && peer.ended().is_none() { Poll::Pending } else { Poll::Ready(()) }
        })
    })
    .await;
}

async fn take_in(peer: &Arc<Peer>, body: &[u8], is_binary: bool) -> Response<Body> {
    let taken = match (peer.revision(), is_binary) {
        (Revision::V3, true) => feed_all(peer, v3::payload::decode_binary(body)),
        (Revision::V3, false) => text(body).and_then(|text| feed_all(peer, v3::payload::decode_text(text))),
        (Revision::V4, _) => text(body).and_then(|text| feed_all(peer, payload::decode(text))),
    };
    if let Err(error) = taken {
        if peer.count(Refusal::Protocol) {
            tracing::debug!(%error, "closing a polling session");
        }
        peer.describe(|| format!("undecodable packet: {error}"));
        peer.lost(CloseReason::ParseError);
        return empty(StatusCode::BAD_REQUEST);
    }
    caught_up(peer).await;
    ok()
}

fn text(body: &[u8]) -> Result<&str, PacketError> {
    std::str::from_utf8(body).map_err(|_| PacketError::InvalidText)
}

/// Gives packets to the session until it ends.
fn feed_all<'a>(
    peer: &Arc<Peer>,
    packets: impl Iterator<Item = Result<Packet<'a>, PacketError>>,
) -> Result<(), PacketError> {
    for packet in packets {
        peer.feed(Input::Packet(packet?));
        if peer.ended().is_some() {
            break;
        }
    }
    Ok(())
}

/// Whether a body is no text.
fn is_binary(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("application/octet-stream"))
}

/// Reads a body that obeys the limits on length and slowness. One that comes in one piece is not copied.
async fn read_body<B>(peer: &Peer, headers: &HeaderMap, mut body: B) -> Result<Bytes, StatusCode>
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    let config = peer.config();
    if is_binary(headers) && peer.revision() == Revision::V4 {
        return Err(StatusCode::BAD_REQUEST);
    }
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    let length: usize = length.and_then(|length| length.parse().ok()).unwrap_or(0);
    if length > config.max_payload {
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    let (mut first, mut rest) = (Bytes::new(), Vec::new());
    let progress_until = || after(now(), config.body_timeout).into();
    let mut deadline = progress_until();
    let mut milestone = MIN_PROGRESS;
    while !body.is_end_stream() {
        let frame = tokio::time::timeout_at(deadline, body.frame());
        let frame = match frame.await {
            Err(_) => return Err(StatusCode::REQUEST_TIMEOUT),
            Ok(None) => break,
            Ok(Some(Err(_))) => return Err(StatusCode::BAD_REQUEST),
            Ok(Some(Ok(frame))) => frame,
        };
        let Ok(data) = frame.into_data() else { continue };
        let bytes = first.len() + rest.len() + data.len();
        if bytes > config.max_payload {
            return Err(StatusCode::PAYLOAD_TOO_LARGE);
        }
        if first.is_empty() && rest.is_empty() {
            first = data;
        } else {
            rest.reserve(length.saturating_sub(rest.len()));
            rest.extend_from_slice(&std::mem::take(&mut first));
            rest.extend_from_slice(&data);
        }
        if bytes >= milestone {
            milestone = bytes + MIN_PROGRESS;
            deadline = progress_until();
        }
    }
    Ok(if rest.is_empty() { first } else { rest.into() })
}
