//! A JSON API of realistic size.

use anyhow::Result;

use super::Case;
use crate::app::App;
use crate::bench::Bench;
use crate::contest::{Contest, Contestant, Discipline};
use crate::load::{Requests, request};
use crate::peers::wasmtime;
use crate::record::{Metric, Series};
use crate::subjects::{CORACLE, CORACLE_REUSE, NATIVE, WASMTIME};

const ORDER: &str = r#"{"customer":{"name":"Ada Byron","email":"ada@example.com","country":"NO","website":"https://ada.example.com/shop"},
"lines":[{"thing":7,"count":2},{"thing":11,"count":1,"made_to":{"width_mm":900,"depth_mm":400,"height_mm":700}},{"thing":130,"count":3}],
"voucher":"SPRING","delivery":"courier"}"#;

pub(super) const CASE: Case = Case {
    name: "json",
    title: "JSON API",
    about: "A guest of some 450 kB that serves a catalogue and takes orders with `serde_json` and `url`: by turns it lists a filtered and \
            sorted page, looks one thing up, and checks and prices an order. The native server is compiled from the same source file.",
    untold: "The API has no database behind it: with one, the difference between the rows becomes smaller than it is here.",
    peers: &[&wasmtime::PEER],
    run,
    columns: &[Metric::RequestsPerS, Metric::CpuUs, Metric::P50Ms, Metric::P99Ms, Metric::ResidentMib],
    plot: Metric::CpuUs,
    reference: NATIVE,
};

fn run(bench: &Bench) -> Result<Vec<Series>> {
    let guest = bench.guest("catalogue")?;
    let app = App::new("catalogue", guest.clone());
    let mut contestants = vec![
        Contestant::new(CORACLE, bench.coracle(&app)?),
        Contestant::new(NATIVE, bench.native("per-core")?),
        Contestant::new(CORACLE_REUSE, bench.coracle(&App { name: "catalogue-reuse".to_owned(), ..app.reused() })?),
    ];
    if let Some(program) = bench.peer(&wasmtime::PEER) {
        let launch = wasmtime::serve(program, &guest, wasmtime::Mode::Fresh, &bench.wasmtime_cache()?)?;
        contestants.push(Contestant::new(WASMTIME, launch));
    }
    for contestant in &mut contestants {
        contestant.launch = contestant.launch.clone().ready_at("/api/things/1");
    }
    Contest::start(contestants)?.run(bench, &discipline())
}

/// The three kinds of requests by turns.
pub(crate) fn discipline() -> Discipline {
    let kinds = vec![
        request("GET", "localhost", "/api/things?kind=lamp&cents_max=60000&count=10", b""),
        request("GET", "localhost", "/api/things/7", b""),
        request("POST", "localhost", "/api/orders", ORDER.as_bytes()),
    ];
    Discipline::closed("", Requests::mixed(kinds, vec![0, 1, 2]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::native::catalogue;

    #[test]
    fn the_order_is_one_that_is_taken() {
        let reply = catalogue::answer("POST", "/api/orders", ORDER.as_bytes());
        assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
    }
}
