//! HTTP long-polling: GET waits for packets, POST brings them (Engine.IO protocol 4, "HTTP long-polling").

use std::{future::poll_fn, sync::Arc, task::Poll};

use bytes::Bytes;
use http::{
    HeaderMap, Response, StatusCode,
    header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName},
};
use http_body_util::BodyExt;
use hyper::body::Body as HttpBody;

use super::{
    clock::now,
    headers::{Body, empty, ok, packets, refusal},
};
use crate::{
    config::after,
    engine::{Action, CloseReason, Input, RequestError, payload},
    hub::{Peer, PollAnswer, Waiting},
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
pub(super) async fn get(peer: &Arc<Peer>) -> Response<Body> {
    let action = peer.feed(Input::PollOpened);
    if action == Action::Farewell {
        return packets(farewell(peer));
    }
    if let Some(refused) = refused(&action) {
        return refused;
    }
    let mut waiting = WaitingPoll { peer, answered: false };
    peer.outbox().set_writable(true);
    let answer = poll_fn(|cx| {
        // Registering first means that nothing that happens in between can be missed.
        peer.wait(Waiting::Owner, cx.waker());
        peer.poll_answer().map_or(Poll::Pending, Poll::Ready)
    })
    .await;
    waiting.answered = true;
    match answer {
        PollAnswer::Payload(payload) => packets(payload.bytes),
        PollAnswer::Noop | PollAnswer::Ended(CloseReason::TransportClose) => {
            packets(Bytes::from_static(b"6"))
        }
        PollAnswer::Ended(_) => packets(Bytes::from_static(b"1")),
        PollAnswer::Failed => empty(StatusCode::BAD_REQUEST),
    }
}

/// The answer to a request that its session does not take.
fn refused(action: &Action<'_>) -> Option<Response<Body>> {
    if *action == Action::Refuse {
        return Some(refusal(&RequestError::BadRequest));
    }
    // A second request of the same kind at once: the session has ended, and the first has been told so.
    matches!(action, Action::Close(_)).then(|| empty(StatusCode::BAD_REQUEST))
}

/// What was sent before the end, and, once that is all, the close packet.
fn farewell(peer: &Arc<Peer>) -> Bytes {
    let mut body = peer
        .outbox()
        .take_payload(peer.config())
        .map_or_else(|| b"6".to_vec(), |payload| payload.bytes.into());
    if peer.outbox().is_empty() {
        body.extend_from_slice(b"\x1e1");
        peer.feed(Input::FarewellSent);
    } else {
        peer.feed(Input::PollAnswered);
    }
    body.into()
}

/// Takes in the packets of a POST.
pub(super) async fn post<B>(peer: &Arc<Peer>, headers: &HeaderMap, body: B) -> Response<Body>
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    if let Some(refused) = refused(&peer.feed(Input::PostOpened)) {
        return refused;
    }
    let response = tokio::select! {
        body = read_body(peer, headers, body) => match body {
            Ok(body) => take_in(peer, &body).await,
            Err(status) => {
                peer.fail();
                empty(status)
            }
        },
        () = ended(peer) => empty(StatusCode::BAD_REQUEST),
    };
    peer.feed(Input::PostEnded);
    response
}

/// Waits for the end of the session.
async fn ended(peer: &Peer) {
    poll_fn(|cx| {
        peer.wait(Waiting::Post, cx.waker());
        peer.ended().map_or(Poll::Pending, |_| Poll::Ready(()))
    })
    .await;
}

/// Waits until the listeners have caught up: a client that sends faster is held back, as its next POST waits for the
/// answer to this one.
async fn caught_up(peer: &Peer) {
    poll_fn(|cx| {
        peer.wait(Waiting::Post, cx.waker());
        if peer.is_behind() && peer.ended().is_none() { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
}

async fn take_in(peer: &Arc<Peer>, body: &[u8]) -> Response<Body> {
    let Ok(text) = std::str::from_utf8(body) else {
        peer.lost(CloseReason::ParseError);
        return empty(StatusCode::BAD_REQUEST);
    };
    for packet in payload::decode(text) {
        match packet {
            Ok(packet) => {
                peer.feed(Input::Packet(packet));
            }
            Err(error) => {
                tracing::debug!(%error, "closing a polling session");
                peer.lost(CloseReason::ParseError);
                return empty(StatusCode::BAD_REQUEST);
            }
        }
        if peer.ended().is_some() {
            break;
        }
    }
    caught_up(peer).await;
    ok()
}

/// Reads a body that obeys the limits on length and slowness.
async fn read_body<B>(peer: &Peer, headers: &HeaderMap, mut body: B) -> Result<Vec<u8>, StatusCode>
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    let config = peer.config();
    let header = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if header(CONTENT_TYPE).is_some_and(|kind| kind.starts_with("application/octet-stream")) {
        return Err(StatusCode::BAD_REQUEST);
    }
    let length: usize = header(CONTENT_LENGTH).and_then(|length| length.parse().ok()).unwrap_or(0);
    if length > config.max_payload {
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    let mut bytes = Vec::with_capacity(length);
    let progress_until = || after(now(), config.body_timeout).into();
    let mut deadline = progress_until();
    let mut milestone = MIN_PROGRESS;
    loop {
        let frame = tokio::time::timeout_at(deadline, body.frame());
        let frame = match frame.await {
            Err(_) => return Err(StatusCode::REQUEST_TIMEOUT),
            Ok(None) => return Ok(bytes),
            Ok(Some(Err(_))) => return Err(StatusCode::BAD_REQUEST),
            Ok(Some(Ok(frame))) => frame,
        };
        let Some(data) = frame.data_ref() else { continue };
        if bytes.len() + data.len() > config.max_payload {
            return Err(StatusCode::PAYLOAD_TOO_LARGE);
        }
        bytes.extend_from_slice(data);
        if bytes.len() >= milestone {
            milestone = bytes.len() + MIN_PROGRESS;
            deadline = progress_until();
        }
    }
}
