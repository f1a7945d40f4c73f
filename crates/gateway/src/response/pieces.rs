//! Pieces of a body that leave together: guests write 4 KiB at a time, and to send each by itself would cost both ends more than the bytes do.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes};

/// At most so many pieces leave together.
pub(super) const PIECES_MAX: usize = 64;
/// Once so many bytes are together, no piece is added.
pub(super) const PIECES_BYTES_MAX: usize = 256 << 10;

/// One piece or more, sent as if they were one.
#[derive(Debug)]
pub(crate) struct Pieces {
    first: Bytes,
    more: VecDeque<Bytes>,
    bytes: usize,
}

impl Pieces {
    pub(super) fn push(&mut self, piece: Bytes) {
        self.bytes = self.bytes.saturating_add(piece.len());
        self.more.push_back(piece);
    }

    /// Whether no other piece should join these.
    pub(super) fn are_enough(&self) -> bool {
        self.bytes >= PIECES_BYTES_MAX || self.more.len() + 1 >= PIECES_MAX
    }
}

impl From<Bytes> for Pieces {
    fn from(first: Bytes) -> Self {
        Self { bytes: first.len(), first, more: VecDeque::new() }
    }
}

impl Buf for Pieces {
    fn remaining(&self) -> usize {
        self.bytes
    }

    fn chunk(&self) -> &[u8] {
        if self.first.is_empty() { self.more.iter().find(|piece| !piece.is_empty()).map_or(&[], |piece| piece) } else { &self.first }
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let pieces = std::iter::once(&self.first).chain(&self.more).filter(|piece| !piece.is_empty());
        let filled = slices.iter_mut().zip(pieces).map(|(slice, piece)| *slice = IoSlice::new(piece));
        filled.count()
    }

    /// Takes `count` bytes off the front; what is more than there are is not asked for.
    fn advance(&mut self, count: usize) {
        let mut count = count.min(self.bytes);
        self.bytes -= count;
        loop {
            let taken = count.min(self.first.len());
            self.first.advance(taken);
            count -= taken;
            if !self.first.is_empty() {
                return;
            }
            match self.more.pop_front() {
                Some(next) => self.first = next,
                None => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(texts: &[&'static str]) -> Pieces {
        let mut all = texts.iter().map(|text| Bytes::from_static(text.as_bytes()));
        let mut pieces = Pieces::from(all.next().unwrap_or_default());
        all.for_each(|piece| pieces.push(piece));
        pieces
    }

    #[test]
    fn pieces_read_as_one_whatever_is_taken_at_once() {
        for step in 1..=8 {
            let (mut pieces, mut read) = (pieces(&["ab", "", "cde", "f", ""]), Vec::new());
            while pieces.has_remaining() {
                let chunk = pieces.chunk();
                let taken = step.min(chunk.len());
                read.extend_from_slice(&chunk[..taken]);
                pieces.advance(taken);
            }
            assert_eq!((read.as_slice(), pieces.remaining(), pieces.chunk().len()), (b"abcdef".as_slice(), 0, 0), "step {step}");
        }
    }

    #[test]
    fn bytes_of_several_pieces_are_taken_at_once() {
        let mut pieces = pieces(&["ab", "cde", "f"]);
        pieces.advance(4);
        assert_eq!((pieces.remaining(), pieces.chunk()), (2, b"e".as_slice()));
        pieces.advance(100);
        assert_eq!((pieces.remaining(), pieces.chunk().len()), (0, 0));
    }

    #[test]
    fn all_pieces_are_shown_for_one_write_as_far_as_there_is_room() {
        let pieces = pieces(&["ab", "", "cde", "f"]);
        let mut slices = [IoSlice::new(&[]); 8];
        let count = pieces.chunks_vectored(&mut slices);
        let shown: Vec<u8> = slices[..count].iter().flat_map(|slice| slice.iter().copied()).collect();
        assert_eq!((count, shown.as_slice()), (3, b"abcdef".as_slice()));
        let mut slices = [IoSlice::new(&[]); 2];
        assert_eq!(pieces.chunks_vectored(&mut slices), 2);
    }

    #[test]
    fn no_more_pieces_and_bytes_are_together_than_may_be() {
        let mut pieces = pieces(&["a"; PIECES_MAX - 1]);
        assert!(!pieces.are_enough());
        pieces.push(Bytes::from_static(b"b"));
        assert!(pieces.are_enough());
        assert!(Pieces::from(Bytes::from(vec![0; PIECES_BYTES_MAX])).are_enough());
    }
}
