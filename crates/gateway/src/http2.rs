//! Follows the frames of an HTTP/2 connection, to notice a client that keeps it busy with frames that ask for nothing.

use tokio::time::{Duration, Instant};

const PREFACE_BYTES: u64 = 24;
const HEADER_BYTES: usize = 9;
const WINDOW: Duration = Duration::from_secs(10);

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const WINDOW_UPDATE: u8 = 8;

/// Counts frames that carry neither a request nor a part of one.
pub(crate) struct FrameWatch {
    /// What is left of the preface or of the current frame.
    skip: u64,
    header: [u8; HEADER_BYTES],
    header_bytes: usize,
    idle_frames: u32,
    idle_frames_max: u32,
    since: Instant,
}

impl FrameWatch {
    pub(crate) fn new(idle_frames_max: u32) -> Self {
        let since = Instant::now();
        Self { skip: PREFACE_BYTES, header: [0; HEADER_BYTES], header_bytes: 0, idle_frames: 0, idle_frames_max, since }
    }

    /// Follows `bytes`. False when there were too many such frames.
    pub(crate) fn see(&mut self, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() {
            if self.skip > 0 {
                let part = usize::try_from(self.skip).unwrap_or(usize::MAX).min(bytes.len());
                self.skip -= part as u64;
                bytes = bytes.get(part..).unwrap_or_default();
                continue;
            }
            let part = (HEADER_BYTES - self.header_bytes).min(bytes.len());
            let (start, rest) = bytes.split_at(part);
            if let Some(to) = self.header.get_mut(self.header_bytes..self.header_bytes + part) {
                to.copy_from_slice(start);
            }
            bytes = rest;
            self.header_bytes += part;
            if self.header_bytes == HEADER_BYTES && !self.frame() {
                return false;
            }
        }
        true
    }

    /// A frame's header is complete.
    fn frame(&mut self) -> bool {
        let [high, middle, low, kind, ..] = self.header;
        self.header_bytes = 0;
        self.skip = u64::from(u32::from_be_bytes([0, high, middle, low]));
        // Window updates are the answer to what we send; the bytes they allow have been counted already.
        let is_useful = matches!(kind, HEADERS | WINDOW_UPDATE) || (kind == DATA && self.skip > 0);
        if is_useful {
            return true;
        }
        self.idle_frames += 1;
        if self.idle_frames <= self.idle_frames_max {
            return true;
        }
        let is_flood = self.since.elapsed() < WINDOW;
        (self.idle_frames, self.since) = (0, Instant::now());
        !is_flood
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, length: u8) -> Vec<u8> {
        let mut frame = vec![0, 0, length, kind, 0, 0, 0, 0, 0];
        frame.extend(std::iter::repeat_n(0, usize::from(length)));
        frame
    }

    #[tokio::test]
    async fn pings_are_counted_however_they_are_cut() {
        for cut in [1, 3, 17, 1000] {
            let mut watch = FrameWatch::new(10);
            let mut bytes = vec![0; 24];
            bytes.extend(frame(6, 8).repeat(10));
            bytes.extend(frame(DATA, 5).repeat(50));
            assert!(bytes.chunks(cut).all(|part| watch.see(part)), "{cut}");
            assert!(!frame(6, 8).chunks(cut).all(|part| watch.see(part)), "{cut}");
        }
    }
}
