//! What reads the frames of WebSockets and the requests for them, for the fuzz targets of this repository.
//!
//! Programs have no use for it, and it may change with any version.

use std::{ops::Range, sync::Arc};

use http::HeaderMap;

use super::{
    codec::{Codec, Scratch, View},
    deflate::{self, PerMessageDeflate},
    first_request, whole_frame,
};
use crate::config::Config;

/// What a client has sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A message of text.
    Text(String),
    /// A binary message.
    Binary(Vec<u8>),
    /// A ping or a pong.
    Control,
}

/// What has become of a connection when all its bytes have been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// More may come.
    Open,
    /// The client has closed it.
    Closed,
    /// The client has broken the protocol or a limit.
    Failed,
}

/// Reads the frames of a connection whose bytes come in these chunks.
pub fn read_frames<'a>(
    chunks: impl IntoIterator<Item = &'a [u8]>,
    config: &Arc<Config>,
    deflates: bool,
) -> (Vec<Heard>, End) {
    let mut codec = Codec::new(config, deflates.then(PerMessageDeflate::default));
    let mut heard = Vec::new();
    for chunk in chunks {
        let mut scratch = Scratch::with(chunk);
        loop {
            let incoming = match codec.next(&mut scratch, &mut |_| ()) {
                Ok(Some(incoming)) => incoming,
                Ok(None) => break,
                Err(_) => return (heard, End::Failed),
            };
            match incoming.view(&scratch) {
                Ok(View::Text(text)) => heard.push(Heard::Text(text.to_owned())),
                Ok(View::Binary(bytes)) => heard.push(Heard::Binary(bytes.to_vec())),
                Ok(View::Control) => heard.push(Heard::Control),
                Ok(View::Close) => return (heard, End::Closed),
                Err(_) => return (heard, End::Failed),
            }
        }
    }
    (heard, End::Open)
}

/// Reads a request for a WebSocket below `/socket.io` that is not left to hyper: its target, and its header lines.
#[must_use]
pub fn upgrade_request(read: &[u8]) -> Option<(String, HeaderMap)> {
    let owns = |path: &str| path.starts_with("/socket.io");
    first_request::upgrade_request(read, owns).map(|(parts, _)| (parts.uri.to_string(), parts.headers))
}

/// Finds and unmasks a message at the front, if it is a whole and plain one of at most `limit` bytes: whether it is
/// text, and where it is.
pub fn whole_frame(bytes: &mut [u8], limit: usize) -> Option<(bool, Range<usize>)> {
    whole_frame::take(bytes, limit).map(|frame| (frame.is_text, frame.payload))
}

/// Compresses a message.
#[must_use]
pub fn compress(message: &[u8]) -> Vec<u8> {
    deflate::compress(message)
}

/// Undoes the compression of a message of at most `limit` bytes; `None` if it is none or longer.
#[must_use]
pub fn inflate(message: &[u8], limit: usize) -> Option<Vec<u8>> {
    deflate::inflate(message, limit).ok()
}
