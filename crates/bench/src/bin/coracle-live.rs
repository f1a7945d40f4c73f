//! Holds many instances at once and prints what they take of memory, for the benchmark. Usage: `coracle-live GUEST CACHE`.

use std::ffi::OsString;

use anyhow::{Result, bail};

fn main() -> Result<()> {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let [guest, cache] = arguments.as_slice() else { bail!("usage: coracle-live GUEST CACHE") };
    coracle_bench::live::print(guest.as_ref(), cache.as_ref())
}
