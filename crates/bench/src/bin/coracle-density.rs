//! Serves many apps at once, for the benchmark of their memory. Usage: `coracle-density ADDRESS COUNT FOLDER CACHE`.

use std::path::Path;

use anyhow::{Context as _, Result, bail};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, count, folder, cache] = arguments.as_slice() else {
        bail!("usage: coracle-density ADDRESS COUNT FOLDER CACHE");
    };
    let (address, count) = (address.parse().context("the address")?, count.parse().context("the count")?);
    coracle_bench::density::serve(address, count, Path::new(folder), Path::new(cache))
}
