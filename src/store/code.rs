//! Room codes: short to read out, too many to guess.

use super::StoreError;
use crate::chat::RoomCode;

/// Letters and digits that are not mistaken for one another: no i, l, o, 0 or 1.
const ALPHABET: &[u8; 31] = b"abcdefghjkmnpqrstuvwxyz23456789";

/// Characters of a code; 31^10 codes are 49 bits.
const CODE_CHARS: usize = 10;

/// How many codes are tried before a room is refused; a second try is already next to impossible.
pub(super) const CODE_TRIES: usize = 8;

/// The largest multiple of the alphabet's size in a byte: bytes from there on would favour the first characters.
const FAIR_BYTES: u8 = (256 / ALPHABET.len() * ALPHABET.len()) as u8;

/// Makes a random code.
///
/// # Errors
/// [`StoreError::Unavailable`] if the system gives no random bytes: a code that can be guessed is no code.
pub(super) fn random_code() -> Result<RoomCode, StoreError> {
    let mut code = String::with_capacity(CODE_CHARS);
    while code.len() < CODE_CHARS {
        let mut bytes = [0; 2 * CODE_CHARS];
        getrandom::fill(&mut bytes).map_err(|error| StoreError::Unavailable(error.to_string()))?;
        let missing = CODE_CHARS - code.len();
        code.extend(bytes.iter().filter_map(|byte| letter(*byte)).take(missing));
    }
    Ok(RoomCode(code))
}

fn letter(byte: u8) -> Option<char> {
    (byte < FAIR_BYTES).then(|| char::from(ALPHABET[usize::from(byte) % ALPHABET.len()]))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn codes_are_short_unambiguous_and_different() {
        let codes: HashSet<String> = (0..1000).map(|_| random_code().unwrap().0).collect();
        assert_eq!(codes.len(), 1000);
        for code in &codes {
            assert_eq!(code.len(), CODE_CHARS);
            assert!(code.bytes().all(|byte| ALPHABET.contains(&byte)), "{code}");
        }
    }

    #[test]
    fn every_character_is_equally_likely() {
        let mut counts = [0; 31];
        for byte in 0..=u8::MAX {
            if let Some(letter) = letter(byte) {
                counts[ALPHABET.iter().position(|known| char::from(*known) == letter).unwrap()] += 1;
            }
        }
        assert_eq!(counts, [8; 31]);
    }
}
