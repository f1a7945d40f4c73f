//! Does one step of the host's part of a request many times, for callgrind to count. `cargo xtask instructions` runs it.
//! Usage: `coracle-steps list`, `coracle-steps prepare CACHE`, `coracle-steps run STEP COUNT CACHE`.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use coracle_bench::steps::{STEPS, prepare, run};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["list"] => STEPS.iter().for_each(|step| say(step.name)),
        ["prepare", cache] => prepare(Path::new(cache))?,
        ["run", step, count, cache] => run(step, Path::new(cache), count.parse().context("the count")?)?,
        _ => bail!("usage: coracle-steps list | prepare CACHE | run STEP COUNT CACHE"),
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the list is what was asked for")]
fn say(text: &str) {
    println!("{text}");
}
