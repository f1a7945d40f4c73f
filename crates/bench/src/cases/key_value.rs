//! A read from a key-value store.

use anyhow::Result;

use super::Case;
use crate::app::App;
use crate::bench::Bench;
use crate::contest::{Contest, Contestant, Discipline};
use crate::load::{Requests, request};
use crate::peers::wasmtime;
use crate::record::{Metric, Series};
use crate::subjects::{CORACLE, WASMTIME};

const CORACLE_SQLITE: &str = "coracle, SQLite file";

pub(super) const CASE: Case = Case {
    name: "key-value",
    title: "Key-value read",
    about: "A guest that opens a store through `wasi:keyvalue` and answers with the value of one key: ours in memory and in an SQLite \
            file, and that of `wasmtime serve` in memory.",
    untold: "One key, which every cache has; nothing writes meanwhile.",
    peers: &[&wasmtime::PEER],
    run,
    columns: &[Metric::RequestsPerS, Metric::CpuUs, Metric::P50Ms, Metric::P99Ms],
    plot: Metric::CpuUs,
    reference: CORACLE,
};

fn run(bench: &Bench) -> Result<Vec<Series>> {
    let guest = bench.guest("key-value-read")?;
    let mut app = App::new("key-value", guest.clone());
    app.settings = "key_value_stores = [\"default\"]".to_owned();
    let pair = ["--key-value", "greeting=hello from the store"];
    let memory = bench.coracle(&app)?.args(pair);
    app.name = "key-value-sqlite".to_owned();
    app.state = Some(bench.folder("key-value-state")?);
    let sqlite = bench.coracle(&app)?.args(pair);
    let mut contestants = vec![
        Contestant::new(CORACLE, memory).asked_for("/default/greeting"),
        Contestant::new(CORACLE_SQLITE, sqlite).asked_for("/default/greeting"),
    ];
    if let Some(program) = bench.peer(&wasmtime::PEER) {
        let launch = wasmtime::serve(program, &guest, wasmtime::Mode::Fresh, &bench.wasmtime_cache()?)?;
        let launch = wasmtime::with_option(launch, "-Skeyvalue-in-memory-data=greeting=hello from the store");
        // Its store has no name.
        contestants.push(Contestant::new(WASMTIME, launch).asked_for("//greeting"));
    }
    let requests = Requests::one(request("GET", "localhost", "/default/greeting", b""));
    Contest::start(contestants)?.run(bench, &Discipline::closed("", requests))
}
