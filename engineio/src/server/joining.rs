//! Small pieces in one: the kernel takes one slice with less ado than a list of several.

use std::{cell::RefCell, io::IoSlice};

/// Pieces that have so many bytes together, or fewer, are copied into one.
const MAX_JOINED: usize = 4096;

thread_local! {
    static JOINED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Gives small pieces to `write` as one; `None` if they are large together, which is better not copied.
pub(super) fn joined<T>(pieces: &[IoSlice<'_>], write: impl FnOnce(&[u8]) -> T) -> Option<T> {
    if let [only] = pieces {
        return Some(write(only));
    }
    let length: usize = pieces.iter().map(|piece| piece.len()).sum();
    (length <= MAX_JOINED).then(|| {
        JOINED.with_borrow_mut(|joined| {
            joined.clear();
            pieces.iter().for_each(|piece| joined.extend_from_slice(piece));
            write(joined)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(pieces: &[&[u8]]) -> Option<Vec<u8>> {
        let pieces: Vec<_> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
        joined(&pieces, <[u8]>::to_vec)
    }

    #[test]
    fn small_pieces_come_in_one_and_in_order() {
        assert_eq!(write(&[b"ab", b"", b"cd"]), Some(b"abcd".to_vec()));
        assert_eq!(write(&[b"e"]), Some(b"e".to_vec()));
        let large = [0; MAX_JOINED];
        assert_eq!(write(&[&large]).map(|all| all.len()), Some(MAX_JOINED));
        assert_eq!(write(&[&large, b"x"]), None);
    }
}
