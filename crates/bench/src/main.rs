//! The first benchmarks: start of the process, instances in one process, and HTTP beside a native server in the same run. Every figure
//! is a median of several runs, interleaved with those it is compared with.

mod cold_start;
mod http;
mod in_process;
mod native;
mod process;
mod stats;

use anyhow::{Context as _, Result, bail};

/// A benchmark: its name, what it measures, and how it is run.
struct Benchmark {
    name: &'static str,
    about: &'static str,
    run: fn() -> Result<stats::Table>,
}

/// Every benchmark, in the order in which they run.
const BENCHMARKS: &[Benchmark] = &[
    Benchmark { name: "cold-start", about: "process start to the first 200, warm artifact cache", run: cold_start::run },
    Benchmark { name: "in-process", about: "instantiate + call + drop of a fresh instance, one thread", run: in_process::run },
    Benchmark { name: "http", about: "requests over keep-alive connections, beside native hyper", run: http::run },
];

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, workers] = arguments.as_slice()
        && flag == native::FLAG
    {
        return native::serve(workers.parse().context("the number of workers")?);
    }
    if let Some(unknown) = arguments.iter().find(|name| BENCHMARKS.iter().all(|benchmark| benchmark.name != name.as_str())) {
        let known: Vec<_> = BENCHMARKS.iter().map(|benchmark| benchmark.name).collect();
        bail!("there is no benchmark `{unknown}`; there are {}", known.join(", "));
    }
    process::describe_machine();
    for benchmark in BENCHMARKS {
        if arguments.is_empty() || arguments.iter().any(|name| name == benchmark.name) {
            stats::say(&format!("\n## {}: {}\n", benchmark.name, benchmark.about));
            let table = (benchmark.run)().with_context(|| format!("benchmark `{}`", benchmark.name))?;
            stats::say(&table.to_string());
        }
    }
    Ok(())
}
