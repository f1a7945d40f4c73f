//! Guests that bring an interpreter.

use anyhow::{Result, ensure};

use super::Case;
use crate::app::App;
use crate::bench::Bench;
use crate::contest::{Contest, Contestant, Discipline};
use crate::load::{Requests, request};
use crate::peers::wasmtime;
use crate::record::{Metric, Series};
use crate::subjects::{CORACLE, CORACLE_REUSE, WASMTIME};

/// Each with its guest, and whether an instance can serve a second request: that of JavaScript keeps its first event for good.
const LANGUAGES: [(&str, &str, bool); 2] = [("JavaScript", "js-hello", false), ("Python", "py-hello", true)];

pub(super) const CASE: Case = Case {
    name: "languages",
    title: "JavaScript and Python",
    about: "Greetings in JavaScript (componentize-js, 12.8 MB) and Python (componentize-py, 18.4 MB), whose components hold their interpreter \
            as it was after start-up. A fresh instance for each request.",
    untold: "Interpreters take far longer for real work than for a greeting, and on every host alike.",
    peers: &[&wasmtime::PEER],
    run,
    columns: &[Metric::RequestsPerS, Metric::CpuUs, Metric::P50Ms, Metric::P99Ms, Metric::IdleMib, Metric::ResidentMib],
    plot: Metric::CpuUs,
    reference: CORACLE,
};

fn run(bench: &Bench) -> Result<Vec<Series>> {
    let mut all = Vec::new();
    for (language, name, is_reusable) in LANGUAGES {
        let guest = coracle_testkit::fixture_path(name);
        ensure!(guest.is_file(), "the guest `{name}` is not among the fixtures");
        let app = App::new(name, guest.clone());
        let mut contestants = vec![Contestant::new(CORACLE, bench.coracle(&app)?)];
        if is_reusable {
            contestants.push(Contestant::new(CORACLE_REUSE, bench.coracle(&App { name: format!("{name}-reuse"), ..app.reused() })?));
        }
        if let Some(program) = bench.peer(&wasmtime::PEER) {
            let launch = wasmtime::serve(program, &guest, wasmtime::Mode::Fresh, &bench.wasmtime_cache()?)?;
            contestants.push(Contestant::new(WASMTIME, launch));
        }
        let requests = Requests::one(request("GET", "localhost", "/", b""));
        all.extend(Contest::start(contestants)?.run(bench, &Discipline::closed(language, requests))?);
    }
    Ok(all)
}
