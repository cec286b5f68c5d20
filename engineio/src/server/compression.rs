//! Compressing polling responses.

use std::io::Write;

use bytes::Bytes;
use flate2::{
    Compression,
    write::{GzEncoder, ZlibEncoder},
};
use http::{HeaderMap, HeaderValue, Response, header::CONTENT_ENCODING};

use super::{
    encodings::preferred,
    headers::{Body, packets},
};
use crate::hub::{Coding, PollPayload};

/// Payloads of more bytes than this are compressed where they hold up no other connection.
const AT_ONCE: usize = 64 * 1024;

/// When polling responses are compressed, by gzip or deflate as the client's `Accept-Encoding` has it.
///
/// A packet that was sent to be left as it is takes no part in this. What a broadcast sends to many is compressed
/// once for all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpCompression {
    /// The bytes of the smallest response that is compressed. Default 1,024.
    pub threshold: usize,
}

impl Default for HttpCompression {
    fn default() -> Self {
        Self { threshold: 1_024 }
    }
}

/// Answers a poll, compressed if that is wanted.
pub(super) async fn respond(
    options: Option<&HttpCompression>,
    request: &HeaderMap,
    payload: PollPayload,
) -> Response<Body> {
    let wanted = options.is_some_and(|options| payload.compress && payload.bytes.len() >= options.threshold);
    let coding = if wanted { coding(request) } else { None };
    let Some((coding, name)) = coding else { return packets(payload) };
    let bytes = if payload.bytes.len() <= AT_ONCE {
        compressed(&payload, coding)
    } else {
        let plain = payload.clone();
        match tokio::task::spawn_blocking(move || compressed(&plain, coding)).await {
            Ok(compressed) => compressed,
            // The runtime is stopping.
            Err(_) => return packets(payload),
        }
    };
    let mut response = packets(PollPayload { bytes, ..payload });
    response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(name));
    response
}

fn coding(request: &HeaderMap) -> Option<(Coding, &'static str)> {
    match preferred(request, &["gzip", "deflate"])? {
        "gzip" => Some((Coding::Gzip, "gzip")),
        _ => Some((Coding::Deflate, "deflate")),
    }
}

/// The payload in a coding; a packet that is all of the payload keeps it for the next that asks.
fn compressed(payload: &PollPayload, coding: Coding) -> Bytes {
    match &payload.packet {
        Some(packet) => packet.compressed(coding, || compress(&payload.bytes, coding)),
        None => compress(&payload.bytes, coding),
    }
}

/// Compresses bytes; what HTTP calls deflate is the zlib format.
pub(super) fn compress(bytes: &[u8], coding: Coding) -> Bytes {
    let level = Compression::default();
    // Writing to memory cannot fail; an empty body would only show as such.
    let compressed = match coding {
        Coding::Gzip => {
            let mut encoder = GzEncoder::new(Vec::new(), level);
            encoder.write_all(bytes).and_then(|()| encoder.finish())
        }
        Coding::Deflate => {
            let mut encoder = ZlibEncoder::new(Vec::new(), level);
            encoder.write_all(bytes).and_then(|()| encoder.finish())
        }
    };
    compressed.unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::{GzDecoder, ZlibDecoder};
    use http::header::ACCEPT_ENCODING;
    use http_body_util::BodyExt;

    use super::*;
    use crate::hub::Encoded;

    async fn ask(payload: PollPayload, threshold: Option<usize>, accepted: &'static str) -> (String, Bytes) {
        let request = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(accepted))]);
        let options = threshold.map(|threshold| HttpCompression { threshold });
        let response = respond(options.as_ref(), &request, payload).await;
        let coding = response.headers().get(CONTENT_ENCODING).map_or("", |coding| coding.to_str().unwrap());
        (coding.to_owned(), response.into_body().collect().await.unwrap().to_bytes())
    }

    fn payload(length: usize) -> PollPayload {
        PollPayload { bytes: vec![b'x'; length].into(), compress: true, ..PollPayload::default() }
    }

    #[tokio::test]
    async fn responses_from_the_threshold_on_are_compressed_small_and_large() {
        for length in [1_024, 200_000] {
            let (coding, body) = ask(payload(length), Some(1_024), "gzip").await;
            let mut plain = String::new();
            GzDecoder::new(&body[..]).read_to_string(&mut plain).unwrap();
            assert_eq!((coding.as_str(), plain.len()), ("gzip", length));
            let (coding, body) = ask(payload(length), Some(1_024), "deflate").await;
            let mut plain = String::new();
            ZlibDecoder::new(&body[..]).read_to_string(&mut plain).unwrap();
            assert_eq!((coding.as_str(), plain.len()), ("deflate", length));
        }
    }

    #[tokio::test]
    async fn what_is_small_or_unwanted_is_left_as_it_is() {
        let unflagged = PollPayload { compress: false, ..payload(2_000) };
        for (payload, threshold, accepted) in [
            (payload(1_023), Some(1_024), "gzip"),
            (payload(2_000), None, "gzip"),
            (payload(2_000), Some(1_024), "br"),
            (unflagged, Some(1_024), "gzip"),
        ] {
            let length = payload.bytes.len();
            let (coding, body) = ask(payload, threshold, accepted).await;
            assert_eq!((coding.as_str(), body.len()), ("", length));
        }
    }

    #[tokio::test]
    async fn a_packet_for_many_is_compressed_once() {
        let packet = Encoded::text(|out| out.resize(out.len() + 5_000, b'x'));
        let plain = PollPayload { bytes: packet.payload().clone(), compress: true, ..PollPayload::default() };
        let payload = || PollPayload { packet: Some(packet.clone()), ..plain.clone() };
        let (_, first) = ask(payload(), Some(1_024), "gzip").await;
        let (_, second) = ask(payload(), Some(1_024), "gzip").await;
        assert_eq!(first.as_ptr(), second.as_ptr());
        let (coding, other) = ask(payload(), Some(1_024), "deflate").await;
        assert_eq!(coding, "deflate");
        assert_ne!(first, other);
    }
}
