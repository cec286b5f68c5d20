//! The packets of a WebTransport stream.

use engineio::engine::stream::{Decoder, Frame, FrameError, encode};

/// A stream's packets are the same however it is torn, and those that were read are read again when they are written.
pub fn engine_stream(data: &[u8]) {
    let Some((&step, bytes)) = data.split_first() else { return };
    let whole = frames([bytes]);
    assert_eq!(whole, frames(bytes.chunks(usize::from(step) + 1)));
    let (packets, _) = whole;
    let mut written = Vec::new();
    for (is_binary, payload) in &packets {
        encode(*is_binary, payload, &mut written);
    }
    assert_eq!(frames([&written[..]]), (packets, None));
}

/// The packets of a stream and how it ended.
fn frames<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<(bool, Vec<u8>)>, Option<FrameError>) {
    let (mut decoder, mut frames) = (Decoder::new(300), Vec::new());
    for mut piece in pieces {
        loop {
            match decoder.next(&mut piece) {
                Ok(Some(Frame::Text(text))) => frames.push((false, text.as_bytes().to_vec())),
                Ok(Some(Frame::Binary(bytes))) => frames.push((true, bytes.to_vec())),
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            }
        }
        assert!(piece.is_empty(), "what is no whole packet is kept");
    }
    (frames, None)
}
