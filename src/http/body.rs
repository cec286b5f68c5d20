//! Reading request bodies within a size and a pace.

use std::{pin::pin, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header::CONTENT_LENGTH};
use http_body_util::BodyExt;
use hyper::body::Body;
use tokio::time::{Instant, timeout_at};

use crate::error::Error;

/// How much a body may hold and how slowly it may come.
#[derive(Clone, Copy, Debug)]
pub struct BodyLimits {
    /// Largest body, in bytes.
    pub max_bytes: usize,
    /// Bytes that must arrive within each window.
    pub progress_bytes: usize,
    /// The window.
    pub progress_window: Duration,
}

impl BodyLimits {
    /// 1 kB every 10 s, up to `max_bytes`.
    #[must_use]
    pub fn new(max_bytes: usize) -> Self {
        Self { max_bytes, progress_bytes: 1000, progress_window: Duration::from_secs(10) }
    }
}

/// Reads a whole body. A body of one piece is not copied.
///
/// # Errors
/// [`Error::BodyTooLarge`] as soon as that is known, [`Error::BodyTimeout`] when too little arrives, and
/// [`Error::BodyBroken`] when the connection ends early or the framing is wrong.
pub async fn read<B>(headers: &HeaderMap, body: B, limits: BodyLimits) -> Result<Bytes, Error>
where
    B: Body<Data = Bytes>,
{
    let too_large = Error::BodyTooLarge { limit: limits.max_bytes };
    if declared_length(headers).is_some_and(|length| length > limits.max_bytes as u64) {
        return Err(too_large);
    }
    let mut body = pin!(body);
    let mut pieces = Pieces::default();
    let mut window = Window::open(limits);
    while !body.is_end_stream() {
        let frame = timeout_at(window.end, body.frame()).await.map_err(|_| Error::BodyTimeout)?;
        let Some(frame) = frame else { break };
        let Ok(data) = frame.map_err(|_| Error::BodyBroken)?.into_data() else { continue };
        if pieces.len() + data.len() > limits.max_bytes {
            return Err(too_large);
        }
        window.advance(data.len(), limits);
        pieces.push(data);
    }
    Ok(pieces.join())
}

/// The length the request declares, if it does.
fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The time until which a number of bytes must arrive.
struct Window {
    end: Instant,
    missing: usize,
}

impl Window {
    fn open(limits: BodyLimits) -> Self {
        Self { end: Instant::now() + limits.progress_window, missing: limits.progress_bytes }
    }

    /// Opens the next window once this one's bytes have arrived.
    fn advance(&mut self, bytes: usize, limits: BodyLimits) {
        self.missing = self.missing.saturating_sub(bytes);
        if self.missing == 0 {
            *self = Self::open(limits);
        }
    }
}

/// What has arrived: usually one piece.
#[derive(Default)]
struct Pieces {
    first: Bytes,
    rest: BytesMut,
}

impl Pieces {
    fn len(&self) -> usize {
        self.first.len() + self.rest.len()
    }

    fn push(&mut self, data: Bytes) {
        if self.first.is_empty() && self.rest.is_empty() {
            self.first = data;
        } else {
            self.rest.extend_from_slice(&std::mem::take(&mut self.first));
            self.rest.extend_from_slice(&data);
        }
    }

    fn join(self) -> Bytes {
        if self.rest.is_empty() { self.first } else { self.rest.freeze() }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::Pin,
        task::{Context, Poll},
    };

    use hyper::body::Frame;
    use tokio::time::{Sleep, sleep};

    use super::*;

    /// A body that sends `pieces` one after another, each after `pause`.
    struct Paced {
        pieces: Vec<Bytes>,
        pause: Duration,
        sleep: Pin<Box<Sleep>>,
    }

    impl Paced {
        fn new(pieces: usize, bytes: usize, pause: Duration) -> Self {
            let pieces = vec![Bytes::from(vec![b'x'; bytes]); pieces];
            Self { pieces, pause, sleep: Box::pin(sleep(pause)) }
        }
    }

    impl Body for Paced {
        type Data = Bytes;
        type Error = std::io::Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
            if self.sleep.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            let next = Instant::now() + self.pause;
            self.sleep.as_mut().reset(next);
            Poll::Ready(self.pieces.pop().map(|piece| Ok(Frame::data(piece))))
        }
    }

    async fn read_paced(pieces: usize, bytes: usize, pause: u64) -> Result<usize, Error> {
        let body = Paced::new(pieces, bytes, Duration::from_secs(pause));
        read(&HeaderMap::new(), body, BodyLimits::new(10_000)).await.map(|body| body.len())
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_must_make_progress() {
        assert_eq!(read_paced(9, 1000, 9).await, Ok(9000), "slow but steady");
        assert_eq!(read_paced(3, 10, 2).await, Ok(30), "short");
        assert_eq!(read_paced(100, 10, 1).await, Err(Error::BodyTimeout), "ten bytes a second");
        assert_eq!(read_paced(1, 10, 11).await, Err(Error::BodyTimeout), "silence");
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_must_not_be_too_large() {
        assert_eq!(read_paced(10, 1000, 0).await, Ok(10_000));
        assert_eq!(read_paced(11, 1000, 0).await, Err(Error::BodyTooLarge { limit: 10_000 }));
        let headers = HeaderMap::from_iter([(CONTENT_LENGTH, "10001".parse().unwrap())]);
        let body = Paced::new(1, 1, Duration::from_secs(3600));
        let refused = read(&headers, body, BodyLimits::new(10_000)).await;
        assert_eq!(refused, Err(Error::BodyTooLarge { limit: 10_000 }), "before the first byte");
    }
}
