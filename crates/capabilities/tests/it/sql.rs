//! What the tests of all SQL databases share: transactions that their guest does not end, and servers that crash.

use std::cell::Cell;
use std::time::Duration;

use coracle_engine::Metered;
use coracle_testkit::built;
use coracle_testkit::servers::Server;
use coracle_triggers::http::Body;
use serde_json::json;

use crate::guest::{Given, Served};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
/// How soon a server that lets people in again must be used again.
const RECOVERY: Duration = Duration::from_secs(2);
/// Requests that are under way at once.
const AT_ONCE: usize = 4;
/// Answers that show that a server works.
const ENOUGH: u32 = 20;

/// A request that tells a guest where its database is.
pub(crate) fn request(path: &str, address: &str) -> http::Request<Body> {
    let request = http::Request::builder().uri(format!("http://example.com{path}")).header("host", "example.com");
    request.header("address", address).body(Body::full(String::new())).unwrap()
}

/// Runs the check `name` of our guest for async interfaces; it says what is not as it should be.
pub(crate) async fn check_p3(given: Given, name: &str, address: String) {
    let runnable = given.run("sql", &built("sql-p3").unwrap());
    let mut store = runnable.store().unwrap();
    let meter = std::sync::Arc::clone(store.data().meter());
    let running = async {
        let instance = runnable.pre().unwrap().instantiate_async(&mut store).await?;
        let export = instance.get_typed_func::<(String,), (Result<(), String>,)>(&mut store, name)?;
        store.run_concurrent(async |guest| export.call_concurrent(guest, (address,)).await).await?
    };
    let (answer,) = Metered::new(running, meter).await.unwrap().unwrap();
    assert_eq!(answer, Ok(()));
}

/// Lets `guest` leave transactions open and trap in them, and sees that nothing of them stays.
pub(crate) async fn transactions_end(guest: Served, database: &str, address: &str) {
    let ask = async |act: &str| guest.answer(request(&format!("/{database}/{act}"), address)).await;
    let count = async || ask("count").await.unwrap().1.parse::<u32>().unwrap();
    let before = count().await;
    for act in ["leave", "trap", "leave"] {
        let answer = ask(act).await;
        assert_eq!(answer.is_err(), act == "trap", "{act}: {answer:?}");
        assert_eq!(count().await, before, "{act}");
    }
    assert_eq!(ask("commit").await.unwrap(), (200, String::new()));
    assert_eq!(count().await, before + 1);
}

/// Commits rows from several instances at once while `server` crashes and comes back, when it is soon used again. Whatever was acknowledged is there in the end.
pub(crate) async fn survives_a_crash(guest: Served, database: &str, address: &str, mut server: Server) {
    let (acknowledged, failed, is_over) = (Cell::new(0_u32), Cell::new(0_u32), Cell::new(false));
    let until = async |what: &str, holds: &dyn Fn() -> bool| {
        let wait = async {
            while !holds() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("{database}: {what}"));
    };
    let load = async || {
        while !is_over.get() {
            let asked = guest.send_beside_others(request(&format!("/{database}/commit"), address));
            let answer = tokio::time::timeout(PATIENCE, asked).await.expect("no request hangs").unwrap();
            let counter = if answer.0 == 200 { &acknowledged } else { &failed };
            counter.set(counter.get() + 1);
            tokio::task::yield_now().await;
        }
    };
    let story = async {
        until("it works at first", &|| acknowledged.get() >= ENOUGH).await;
        server.crash().unwrap();
        let before = failed.get();
        until("it fails while away", &|| failed.get() >= before + u32::try_from(AT_ONCE).unwrap()).await;
        let before = acknowledged.get();
        server = tokio::task::spawn_blocking(move || {
            server.resume().unwrap();
            server
        })
        .await
        .unwrap();
        let back = coracle_base::clock::now();
        until("it is used again", &|| acknowledged.get() > before).await;
        assert!(back.elapsed() < RECOVERY, "{database}: used again after {:?}", back.elapsed());
        until("it works again", &|| acknowledged.get() >= before + ENOUGH).await;
        let failures = failed.get();
        until("it goes on", &|| acknowledged.get() >= before + 2 * ENOUGH).await;
        is_over.set(true);
        (failures, failed.get(), server)
    };
    let (loads, (failures, failures_after, _server)) = futures::join!(futures::future::join_all((0..AT_ONCE).map(|_| load())), story);
    drop(loads);
    assert_eq!(failures, failures_after, "{database}: errors only while it was away");
    let (status, count) = guest.answer(request(&format!("/{database}/count"), address)).await.unwrap();
    assert_eq!(status, 200, "{count}");
    let count: u32 = count.parse().unwrap();
    assert!(count >= acknowledged.get(), "{database}: {count} rows of {} that were acknowledged", acknowledged.get());
    assert!(count <= acknowledged.get() + failed.get(), "{database}: {count} rows of {} that were sent", acknowledged.get() + failed.get());
}

#[tokio::test]
async fn a_transaction_of_sqlite_ends_with_its_instance() {
    let folder = tempfile::tempdir().unwrap();
    let granted = || Given::default().grant("sqlite", json!(["default"]));
    let mut kept = granted();
    kept.site.state_dir = Some(folder.path().to_owned());
    for given in [granted(), kept] {
        transactions_end(given.serve_built("transactions"), "sqlite", "").await;
    }
}
