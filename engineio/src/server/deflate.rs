//! Compression of WebSocket messages (RFC 7692, `permessage-deflate`), without memory of earlier messages.
//!
//! Neither side may refer to what was sent before: so a connection needs no window of its own, one compressor and one
//! decompressor for each thread do, and what a broadcast sends is compressed once for all its receivers.

use std::cell::RefCell;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use http::{HeaderMap, HeaderValue, header::SEC_WEBSOCKET_EXTENSIONS};
use tokio_tungstenite::tungstenite::{
    Error,
    error::{CapacityError, ProtocolError},
};

use crate::hub::Encoded;

/// What ends each compressed message and is left out (RFC 7692, section 7.2.1).
const TAIL: &[u8] = &[0, 0, 0xff, 0xff];
/// The answer to an offer.
const ACCEPTED: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

thread_local! {
    static COMPRESS: RefCell<Compress> = RefCell::new(Compress::new(Compression::fast(), false));
    static DECOMPRESS: RefCell<Decompress> = RefCell::new(Decompress::new(false));
}

/// When messages to WebSocket clients are compressed, if they have offered it.
///
/// Each message is compressed by itself, which costs compression where messages are small and alike, and spares the
/// memory of a window for each connection. A message from a client may be at most
/// [`Config::max_payload`](crate::Config::max_payload) bytes long when it is decompressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PerMessageDeflate {
    /// The bytes of the smallest message that is compressed. Default 1,024.
    pub threshold: usize,
}

impl Default for PerMessageDeflate {
    fn default() -> Self {
        Self { threshold: 1_024 }
    }
}

/// The answer to the first offer that can be accepted.
pub(super) fn negotiate(request: &HeaderMap) -> Option<HeaderValue> {
    let values =
        request.get_all(SEC_WEBSOCKET_EXTENSIONS).into_iter().filter_map(|value| value.to_str().ok());
    let mut offers = values.flat_map(|value| value.split(','));
    offers.any(is_acceptable).then(|| HeaderValue::from_static(ACCEPTED))
}

/// Whether this is an offer of which every parameter can be met. A smaller window of ours (`server_max_window_bits`)
/// cannot, as the compressor has but one.
fn is_acceptable(offer: &str) -> bool {
    let mut parts = offer.split(';').map(str::trim);
    parts.next() == Some("permessage-deflate")
        && parts.all(|parameter| {
            let name = parameter.split('=').next().unwrap_or_default().trim();
            matches!(
                name,
                "server_no_context_takeover" | "client_no_context_takeover" | "client_max_window_bits"
            )
        })
}

/// A packet with its larger messages compressed.
pub(super) fn deflated(packet: &Encoded, threshold: usize) -> Encoded {
    packet.deflated(|message| (!message.is_empty() && message.len() >= threshold).then(|| compress(message)))
}

/// Compresses a message.
pub(super) fn compress(message: &[u8]) -> Vec<u8> {
    COMPRESS.with_borrow_mut(|compress| {
        compress.reset();
        let mut out = Vec::with_capacity(message.len() / 2 + 64);
        loop {
            let rest = message.get(taken(compress.total_in())..).unwrap_or_default();
            let status = compress.compress_vec(rest, &mut out, FlushCompress::Sync);
            // Room that is left means that everything has been written.
            if status.is_err() || out.len() < out.capacity() {
                break;
            }
            out.reserve(out.len());
        }
        if out.ends_with(TAIL) {
            out.truncate(out.len() - TAIL.len());
        }
        out
    })
}

/// Undoes the compression of a message.
///
/// # Errors
/// It was not compressed, or is longer than `limit` bytes.
pub(super) fn inflate(message: &[u8], limit: usize) -> Result<Vec<u8>, Error> {
    DECOMPRESS.with_borrow_mut(|decompress| {
        decompress.reset(false);
        let mut out = Vec::new();
        for part in [message, TAIL] {
            if inflate_part(decompress, part, &mut out, limit)? == Status::StreamEnd {
                break;
            }
        }
        Ok(out)
    })
}

fn inflate_part(
    decompress: &mut Decompress,
    part: &[u8],
    out: &mut Vec<u8>,
    limit: usize,
) -> Result<Status, Error> {
    let before = decompress.total_in();
    loop {
        if out.len() == out.capacity() {
            // One byte past the limit shows that it is passed.
            let room = (limit + 1).saturating_sub(out.len());
            out.reserve_exact(room.min(out.len().max(4 * part.len()).max(64)));
        }
        let rest = part.get(taken(decompress.total_in() - before)..).unwrap_or_default();
        let so_far = (decompress.total_in(), out.len());
        let status = decompress.decompress_vec(rest, out, FlushDecompress::Sync);
        let status = status.map_err(|_| Error::Protocol(ProtocolError::NonZeroReservedBits))?;
        if out.len() > limit {
            let size = out.len();
            return Err(Error::Capacity(CapacityError::MessageTooLong { size, max_size: limit }));
        }
        // What it has decompressed, it may give out before it reads on: only standing still is the end.
        let stands_still = so_far == (decompress.total_in(), out.len()) && out.len() < out.capacity();
        if status == Status::StreamEnd || stands_still {
            return Ok(status);
        }
    }
}

/// How many bytes have been read, which are never more than there are in memory.
fn taken(total: u64) -> usize {
    usize::try_from(total).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_compressed_comes_back() {
        for length in [1, 10, 1_000, 100_000] {
            let mut seed = 1_u32;
            let noise: Vec<u8> = std::iter::repeat_with(|| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                seed.to_le_bytes()[3]
            })
            .take(length)
            .collect();
            for message in [vec![b'x'; length], noise] {
                assert_eq!(inflate(&compress(&message), length).unwrap(), message);
            }
        }
    }

    #[test]
    fn the_rfc_s_examples_are_understood() {
        // RFC 7692, sections 7.2.3.1 and 7.2.3.4: a compressed block, and one that says that it is the last.
        assert_eq!(inflate(&[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00], 5).unwrap(), b"Hello");
        assert_eq!(inflate(&[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00], 5).unwrap(), b"Hello");
        assert_eq!(inflate(&[0x00], 5).unwrap(), b"");
    }

    #[test]
    fn a_small_message_that_becomes_large_stops_at_the_limit() {
        let bomb = compress(&vec![0; 10_000_000]);
        assert!(bomb.len() < 100_000);
        let refused = inflate(&bomb, 1_000);
        assert!(matches!(refused, Err(Error::Capacity(CapacityError::MessageTooLong { size: 1_001, .. }))));
        assert!(inflate(&compress(&[0; 1_000]), 1_000).is_ok());
    }

    #[test]
    fn what_is_no_compressed_message_is_refused() {
        assert!(matches!(inflate(&[0xff, 0xff, 0xff], 1_000), Err(Error::Protocol(_))));
    }

    #[test]
    fn an_offer_is_accepted_if_every_parameter_can_be_met() {
        let answer = |offer: &'static str| {
            negotiate(&HeaderMap::from_iter([(SEC_WEBSOCKET_EXTENSIONS, HeaderValue::from_static(offer))]))
        };
        for offer in [
            "permessage-deflate",
            "permessage-deflate; client_max_window_bits",
            "permessage-deflate; client_max_window_bits=10; server_no_context_takeover",
            "x-other, permessage-deflate; server_max_window_bits=10, permessage-deflate",
        ] {
            assert_eq!(answer(offer).unwrap(), ACCEPTED, "{offer}");
        }
        for offer in
            ["", "x-other", "permessage-deflate; server_max_window_bits=10", "permessage-deflate; new=1"]
        {
            assert_eq!(answer(offer), None, "{offer}");
        }
    }
}
