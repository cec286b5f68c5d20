//! Payloads that tell who sent them and as which message, so that a wrong one is noticed.

/// The bytes of the two numbers at the start of a payload, in hexadecimal digits; the least size.
pub(crate) const MIN_SIZE: usize = 16;

/// Payloads of one size.
#[derive(Clone, Debug)]
pub(crate) struct Payload {
    filler: Vec<u8>,
}

impl Payload {
    /// Printable characters that JSON leaves as they are.
    pub(crate) fn text(size: usize) -> Self {
        const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789-_ ABCDEFGHIJKLMNOPQRSTUVWXYZ";
        Self { filler: LETTERS.iter().copied().cycle().take(size.saturating_sub(MIN_SIZE)).collect() }
    }

    /// All values a byte can have.
    pub(crate) fn binary(size: usize) -> Self {
        Self { filler: (0..=u8::MAX).cycle().take(size.saturating_sub(MIN_SIZE)).collect() }
    }

    /// Appends the payload of a sender's message.
    pub(crate) fn push(&self, out: &mut Vec<u8>, sender: u32, number: u32) {
        for half in [sender, number] {
            for shift in (0..8).rev() {
                out.push(b"0123456789abcdef"[(half >> (shift * 4) & 0xf) as usize]);
            }
        }
        out.extend_from_slice(&self.filler);
    }

    /// Whose payload it is, and its number; none if any byte is not as it was sent.
    pub(crate) fn read(&self, payload: &[u8]) -> Option<(u32, u32)> {
        let (head, filler) = payload.split_at_checked(MIN_SIZE)?;
        let number = |digits| u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok();
        (filler == self.filler).then_some((number(&head[..8])?, number(&head[8..])?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_tells_its_sender_and_number_and_shows_damage() {
        for (payload, size) in [(Payload::text(64), 64), (Payload::binary(300), 300), (Payload::text(16), 16)]
        {
            let mut bytes = Vec::new();
            payload.push(&mut bytes, 0xdead_beef, 7);
            assert_eq!(bytes.len(), size);
            assert_eq!(payload.read(&bytes), Some((0xdead_beef, 7)));
            assert_eq!(payload.read(&bytes[1..]), None);
            let last = bytes.len() - 1;
            bytes[last] ^= 0x80;
            assert_eq!(payload.read(&bytes), None);
        }
    }
}
