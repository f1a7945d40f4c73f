//! The numbers of one histogram: each group of threads adds to cache lines of its own, and who reads adds them up.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::shards;

/// Numbers in a cache line.
const IN_A_LINE: usize = 8;

/// A histogram with one cell for each bound and one for what is greater.
#[derive(Debug)]
pub(super) struct Cells {
    /// Those of one group after those of another; the first number of each is the sum, as the bits of an `f64`.
    lines: Box<[Line]>,
    /// How many lines each group has.
    each: usize,
    /// How many cells there are.
    count: usize,
}

type Line = shards::Line<[AtomicU64; IN_A_LINE]>;

impl Cells {
    pub(super) fn new(bounds: &[f64]) -> Self {
        let count = bounds.len() + 1;
        let each = (1 + count).div_ceil(IN_A_LINE);
        Self { lines: (0..each * shards::shards()).map(|_| Line::default()).collect(), each, count }
    }

    /// Adds `value` to the sum, and one to the cell with this index.
    pub(super) fn record(&self, cell: usize, value: f64) {
        let Some(lines) = self.lines.chunks_exact(self.each).nth(shards::shard()) else { return };
        if let Some(sum) = number(lines, 0) {
            let _ = sum.fetch_update(Relaxed, Relaxed, |bits| Some((f64::from_bits(bits) + value).to_bits()));
        }
        if let Some(cell) = number(lines, 1 + cell) {
            cell.fetch_add(1, Relaxed);
        }
    }

    /// What was counted in each cell.
    pub(super) fn counts(&self) -> Vec<u64> {
        let in_cell = |cell| self.lines.chunks_exact(self.each).filter_map(|lines| Some(number(lines, 1 + cell)?.load(Relaxed))).sum();
        (0..self.count).map(in_cell).collect()
    }

    /// The sum of all values.
    pub(super) fn sum(&self) -> f64 {
        self.lines.chunks_exact(self.each).filter_map(|lines| Some(f64::from_bits(number(lines, 0)?.load(Relaxed)))).sum()
    }
}

fn number(lines: &[Line], index: usize) -> Option<&AtomicU64> {
    lines.get(index / IN_A_LINE)?.0.get(index % IN_A_LINE)
}
