//! From the start of the process to the first 200, with an artifact cache that an earlier start filled.

use anyhow::{Result, bail};

use crate::process::{Server, answers, coracle, native};
use crate::stats::{Table, median, percentile};

/// Starts of each server.
const STARTS: usize = 15;

pub(crate) fn run() -> Result<Table> {
    let cache = tempfile::tempdir()?;
    // Fills the cache.
    first_200_ms(&mut coracle(cache.path())?)?;
    let (mut guest, mut host) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        guest.push(first_200_ms(&mut coracle(cache.path())?)?);
        host.push(first_200_ms(&mut native(1)?)?);
    }
    let mut table = Table::new(&["server", "median ms", "min ms", "max ms", "× native"]);
    for (name, times) in [("coracle up, warm cache", &guest), ("native hyper", &host)] {
        table.row(vec![
            name.to_owned(),
            format!("{:.1}", median(times)),
            format!("{:.1}", percentile(times, 0.0)),
            format!("{:.1}", percentile(times, 100.0)),
            format!("{:.2}", median(times) / median(&host)),
        ]);
    }
    Ok(table)
}

fn first_200_ms(command: &mut std::process::Command) -> Result<f64> {
    let server = Server::start(command)?;
    if !answers(server.address) {
        bail!("the first answer is not a 200");
    }
    Ok(server.started.elapsed().as_secs_f64() * 1_000.0)
}
