//! Holds many instances at once and prints what they take of memory, for the benchmark. Usage: `coracle-live GUEST`.

use anyhow::{Context as _, Result};

fn main() -> Result<()> {
    let guest = std::env::args_os().nth(1).context("usage: coracle-live GUEST")?;
    coracle_bench::live::print(guest.as_ref())
}
