//! A native server of the benchmark, in a program of its own: it weighs what such a server weighs.
//! Usage: `coracle-native ADDRESS per-core|shared`.

use anyhow::{Context as _, Result, bail};
use coracle_bench::native::{Threads, serve};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, threads] = arguments.as_slice() else { bail!("usage: coracle-native ADDRESS per-core|shared") };
    let threads = match threads.as_str() {
        "per-core" => Threads::PerCore,
        "shared" => Threads::Shared,
        other => bail!("there are `per-core` and `shared`, not `{other}`"),
    };
    serve(address.parse().context("the address")?, threads)
}
