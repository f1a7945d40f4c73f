//! The work that the shipped program's profile is made of: each kind of request that is measured on its path through the host, for a build
//! that counts what it executes. Nothing is measured here. See `docs/decisions/014-a-profile.md`.

use anyhow::{Context as _, Result};

use crate::app::App;
use crate::bench::Bench;
use crate::cases::{bodies, catalogue};
use crate::contest::{Discipline, load};
use crate::load::{Requests, request};
use crate::server::{Launch, Server};
use crate::terminal::note;

/// A server, and what it is asked.
struct Lesson {
    name: &'static str,
    launch: Launch,
    disciplines: Vec<Discipline>,
}

/// Has the program do each kind of work for as long as a run takes.
pub(crate) fn run(bench: &Bench) -> Result<()> {
    for Lesson { name, launch, disciplines } in lessons(bench)? {
        note(&format!("training: {name}"));
        let server = Server::start(&launch).context(name)?;
        for discipline in &disciplines {
            load(&server, discipline, bench.time()).run().context(name)?;
        }
        // A profile is written at the end of the process.
        server.end()?;
    }
    Ok(())
}

fn lessons(bench: &Bench) -> Result<Vec<Lesson>> {
    let ask = |path: &str| vec![Discipline::closed("", Requests::one(request("GET", "localhost", path, b"")))];
    let app = |name, guest| Ok::<_, anyhow::Error>(App::new(name, bench.guest(guest)?));
    let mut key_value = app("key-value", "key-value-read")?;
    key_value.settings = "key_value_stores = [\"default\"]".to_owned();
    let key_value = bench.coracle(&key_value)?.args(["--key-value", "greeting=hello from the store"]);
    Ok(vec![
        Lesson { name: "hello", launch: bench.coracle(&app("hello", "hello-p2")?)?, disciplines: ask("/") },
        Lesson { name: "hello, reuse", launch: bench.coracle(&app("hello-reuse", "hello-p2")?.reused())?, disciplines: ask("/") },
        Lesson { name: "hello, WASI 0.3", launch: bench.coracle(&app("hello-p3", "hello-p3")?)?, disciplines: ask("/") },
        Lesson {
            name: "JSON API",
            launch: bench.coracle(&app("catalogue", "catalogue")?)?.ready_at("/api/things/1"),
            disciplines: vec![catalogue::discipline()],
        },
        Lesson {
            name: "bodies",
            launch: bench.coracle(&app("bodies", "bodies")?)?.ready_at("/down/0"),
            disciplines: bodies::disciplines().collect(),
        },
        Lesson { name: "key-value read", launch: key_value.ready_at("/default/greeting"), disciplines: ask("/default/greeting") },
    ])
}
