//! Every version against a real server: functions, errors, bounds, and what the pool hands on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use coracle_engine::{Bind, Capability as _, GrantRequest, Identity, InstanceState, Limits, RuntimeConfig, Site};
use coracle_testkit::servers::{self, Server};
use serde_json::json;

use super::spin_v1::bindings::fermyon::spin::{redis as v1, redis_types as v1_types};
use super::spin_v2::bindings::fermyon::spin::redis as v2;
use super::*;
use crate::redis::config::Outbound;
use crate::redis::{GRANT, Redis};

/// An app whose component may reach `hosts`.
struct App {
    site: Site,
    hosts: Vec<String>,
}

impl App {
    fn new(hosts: &[&str], config: &str) -> Self {
        let mut site = Site::default();
        let mut config = RuntimeConfig::new(toml::from_str(config).unwrap(), None);
        Redis.bind(&mut Bind { site: &mut site, config: &mut config, labels: &BTreeMap::new() }).unwrap();
        Self { site, hosts: hosts.iter().map(|host| (*host).to_owned()).collect() }
    }

    fn of(server: &Server) -> Self {
        Self::new(&[&address(server, "")], "")
    }

    fn instance(&self, component: &str) -> InstanceState {
        let grants = BTreeMap::from([(GRANT.to_owned(), json!(self.hosts))]);
        let grant = Redis.grant(&GrantRequest { component, grants: &grants, site: &self.site }).unwrap();
        let identity = Identity { app: "a".to_owned(), component: component.to_owned() };
        InstanceState::new(Arc::new(identity), grant.into_iter().collect(), Arc::new(Limits::default()))
    }
}

fn address(server: &Server, more: &str) -> String {
    format!("redis://{}{more}", server.place().address())
}

/// A connection of version 2.
struct Connected<'a> {
    view: View<'a, State>,
    connection: Resource<Handle>,
}

impl<'a> Connected<'a> {
    async fn open(instance: &'a mut InstanceState, address: &str) -> Result<Self, v2::Error> {
        let mut view = view(instance);
        let connection = v2::HostConnection::open(&mut view, address.to_owned()).await.unwrap()?;
        Ok(Self { view, connection })
    }

    fn again(&self) -> Resource<Handle> {
        Resource::new_borrow(self.connection.rep())
    }

    async fn execute(&mut self, words: &[&str]) -> Result<Vec<v2::RedisResult>, v2::Error> {
        let arguments = words[1..].iter().map(|word| v2::RedisParameter::Binary(word.as_bytes().to_vec())).collect();
        let again = self.again();
        v2::HostConnection::execute(&mut self.view, again, words[0].to_owned(), arguments).await.unwrap()
    }

    /// The number by which the server knows the connection.
    async fn id(&mut self) -> i64 {
        match self.execute(&["CLIENT", "ID"]).await.unwrap()[..] {
            [v2::RedisResult::Int64(id)] => id,
            ref other => panic!("{other:?}"),
        }
    }

    async fn close(mut self) {
        v2::HostConnection::drop(&mut self.view, self.connection).await.unwrap();
    }
}

#[tokio::test]
async fn version_2_has_every_function_in_both_protocols() {
    let server = servers::redis::start().unwrap();
    let app = App::of(&server);
    for protocol in ["", "?protocol=resp3"] {
        let mut instance = app.instance("c");
        let mut guest = Connected::open(&mut instance, &address(&server, protocol)).await.unwrap();
        guest.execute(&["FLUSHALL"]).await.unwrap();
        let (again, key) = (|| Resource::<Handle>::new_borrow(guest.connection.rep()), |key: &str| key.to_owned());
        let view = &mut guest.view;
        use v2::HostConnection as Api;
        assert_eq!(Api::get(view, again(), key("k")).await.unwrap().unwrap(), None);
        Api::set(view, again(), key("k"), vec![0, 255]).await.unwrap().unwrap();
        assert_eq!(Api::get(view, again(), key("k")).await.unwrap().unwrap(), Some(vec![0, 255]));
        assert_eq!(Api::incr(view, again(), key("n")).await.unwrap().unwrap(), 1);
        assert!(matches!(Api::incr(view, again(), key("k")).await.unwrap(), Err(v2::Error::TypeError)));
        let members = || ["a", "b"].map(str::to_owned).to_vec();
        assert_eq!(Api::sadd(view, again(), key("s"), members()).await.unwrap().unwrap(), 2);
        assert_eq!(Api::srem(view, again(), key("s"), vec![key("b"), key("c")]).await.unwrap().unwrap(), 1);
        assert_eq!(Api::smembers(view, again(), key("s")).await.unwrap().unwrap(), ["a"]);
        assert!(matches!(Api::get(view, again(), key("s")).await.unwrap(), Err(v2::Error::TypeError)));
        Api::publish(view, again(), key("channel"), vec![1]).await.unwrap().unwrap();
        assert_eq!(Api::del(view, again(), vec![key("k"), key("n"), key("absent")]).await.unwrap().unwrap(), 2);
        assert_eq!(Api::del(view, again(), vec![]).await.unwrap().unwrap(), 0);

        let parts = guest.execute(&["HSET", "h", "f", "1"]).await.unwrap();
        assert!(matches!(parts[..], [v2::RedisResult::Int64(1)]));
        let parts = guest.execute(&["HGETALL", "h"]).await.unwrap();
        assert!(matches!(&parts[..], [v2::RedisResult::Binary(f), v2::RedisResult::Binary(v)] if f == b"f" && v == b"1"), "{parts:?}");
        assert!(matches!(&guest.execute(&["SET", "k", "v"]).await.unwrap()[..], [v2::RedisResult::Status(ok)] if ok == "OK"));
        assert!(matches!(guest.execute(&["GET", "absent"]).await.unwrap()[..], [v2::RedisResult::Nil]));
        let refused = guest.execute(&["NO-SUCH", "x"]).await;
        assert!(matches!(&refused, Err(v2::Error::Other(text)) if text.contains("unknown command")), "{refused:?}");
    }
}

#[tokio::test]
async fn version_1_names_the_address_in_each_call() {
    let server = servers::redis::start().unwrap();
    let app = App::of(&server);
    let mut instance = app.instance("c");
    let view = &mut view(&mut instance);
    let (at, key) = (|| address(&server, ""), || "k".to_owned());
    use v1::Host as Api;
    assert_eq!(Api::get(view, at(), key()).await.unwrap(), b"", "an absent key is an empty value");
    Api::set(view, at(), key(), b"5".to_vec()).await.unwrap();
    assert_eq!(Api::incr(view, at(), key()).await.unwrap(), 6);
    assert_eq!(Api::sadd(view, at(), "s".to_owned(), vec![key()]).await.unwrap(), 1);
    assert_eq!(Api::smembers(view, at(), "s".to_owned()).await.unwrap(), ["k"]);
    assert_eq!(Api::srem(view, at(), "s".to_owned(), vec![key()]).await.unwrap(), 1);
    assert_eq!(Api::del(view, at(), vec![key()]).await.unwrap(), 1);
    Api::publish(view, at(), key(), vec![]).await.unwrap();
    let echo = Api::execute(view, at(), "ECHO".to_owned(), vec![v1_types::RedisParameter::Int64(7)]).await.unwrap();
    assert!(matches!(&echo[..], [v1_types::RedisResult::Binary(bytes)] if bytes == b"7"));
    assert_eq!(Api::get(view, "redis://127.0.0.1:1".to_owned(), key()).await, Err(v1_types::Error::Error));
    assert_eq!(view.state.begin_open(&at()).err(), None, "places of calls are given back");
}

#[tokio::test]
async fn what_is_not_allowed_is_an_invalid_address() {
    let server = servers::redis::start().unwrap();
    let app = App::of(&server);
    for elsewhere in ["redis://127.0.0.1:1", "redis://localhost", "rediss://127.0.0.1:1", "127.0.0.1", "", "redis://self.alt"] {
        let mut instance = app.instance("c");
        let refused = Connected::open(&mut instance, elsewhere).await.err();
        assert!(matches!(refused, Some(v2::Error::InvalidAddress)), "{elsewhere}: {refused:?}");
    }
    let mut instance = App::new(&[], "").instance("c");
    assert!(matches!(Connected::open(&mut instance, &address(&server, "")).await.err(), Some(v2::Error::InvalidAddress)));
    let mut instance = App::new(&["redis://127.0.0.1:1"], "").instance("c");
    let away = Connected::open(&mut instance, "redis://127.0.0.1:1").await.err();
    assert!(matches!(&away, Some(v2::Error::Other(text)) if text == "the server could not be reached"), "{away:?}");
}

#[tokio::test]
async fn a_connection_is_handed_on_only_as_it_was() {
    let server = servers::redis::start().unwrap();
    let app = App::of(&server);
    let at = address(&server, "");
    // Each changes the connection; what comes next must not see it.
    for words in [&["SELECT", "3"][..], &["MULTI"], &["WATCH", "k"], &["CLIENT", "SETNAME", "x"], &["SUBSCRIBE", "c"], &["select", "1"]] {
        let mut instance = app.instance("c");
        let mut guest = Connected::open(&mut instance, &at).await.unwrap();
        guest.execute(words).await.unwrap();
        guest.close().await;
        let mut instance = app.instance("c");
        let mut guest = Connected::open(&mut instance, &at).await.unwrap();
        let info = guest.execute(&["CLIENT", "INFO"]).await.unwrap();
        let [v2::RedisResult::Binary(info)] = &info[..] else { panic!("{info:?}") };
        let info = String::from_utf8_lossy(info);
        assert!(
            info.contains(" db=0 ") && info.contains(" multi=-1 ") && info.contains(" sub=0 ") && info.contains(" name= "),
            "{words:?}: {info}"
        );
    }

    // What changes nothing is handed on: to the same component, for the same address.
    let opened = |component: &'static str, more: &'static str| {
        let (app, at) = (&app, address(&server, more));
        async move {
            let mut instance = app.instance(component);
            let guest = Connected::open(&mut instance, &at).await.unwrap();
            // The number is asked of a second connection's list, since asking is a change.
            guest.close().await;
        }
    };
    opened("one", "").await;
    let count = || async {
        let mut instance = app.instance("watcher");
        let mut guest = Connected::open(&mut instance, &at).await.unwrap();
        let stats = guest.execute(&["INFO", "stats"]).await.unwrap();
        let [v2::RedisResult::Binary(stats)] = &stats[..] else { panic!("{stats:?}") };
        let stats = String::from_utf8_lossy(stats).into_owned();
        let line = stats.lines().find_map(|line| line.strip_prefix("total_connections_received:")).unwrap().to_owned();
        line.trim().parse::<u64>().unwrap()
    };
    let before = count().await;
    opened("one", "").await;
    opened("one", "").await;
    assert_eq!(count().await, before + 1, "only the count's own connection is new");
    opened("two", "").await;
    opened("one", "/0").await;
    assert_eq!(count().await, before + 4, "another component and another spelling have their own");
}

#[tokio::test]
async fn connections_are_bounded_and_their_places_given_back() {
    let server = servers::redis::start().unwrap();
    let (at, other) = (address(&server, ""), address(&server, "/1"));
    let mut app = App::new(&[&at], "[outbound_redis]\nmax_connections = 1");
    let pool = Arc::clone(&app.site.shared::<Outbound>().unwrap().pool);
    let mut outbound = Outbound { pool, ..Outbound::default() };
    outbound.limits.wait_max = Duration::from_millis(20);
    app.site.share(Arc::new(outbound));
    let mut instance = app.instance("c");
    let mut first = Connected::open(&mut instance, &at).await.unwrap();
    let id = first.id().await;
    let mut second = app.instance("c");
    assert!(matches!(Connected::open(&mut second, &at).await.err(), Some(v2::Error::TooManyConnections)));
    first.close().await;
    // One that waits for a guest gives way to one that is wanted.
    Connected::open(&mut second, &at).await.unwrap().close().await;
    let mut third = app.instance("c");
    assert_ne!(Connected::open(&mut third, &other).await.unwrap().id().await, id);

    let mut instance = App::new(&[&at], "[outbound_redis]\nmax_connections = 0").instance("c");
    assert!(matches!(Connected::open(&mut instance, &at).await.err(), Some(v2::Error::TooManyConnections)));

    let app = App::of(&server);
    let mut instance = app.instance("c");
    let view = &mut view(&mut instance);
    let connections_max = crate::redis::Limits::default().connections_max;
    for _ in 0..connections_max {
        v2::HostConnection::open(view, at.clone()).await.unwrap().unwrap();
    }
    assert!(matches!(v2::HostConnection::open(view, at.clone()).await.unwrap(), Err(v2::Error::TooManyConnections)));
}

#[tokio::test]
async fn commands_and_answers_are_bounded() {
    let server = servers::redis::start().unwrap();
    let app = App::of(&server);
    let limits = crate::redis::Limits::default();
    let mut instance = app.instance("c");
    let mut guest = Connected::open(&mut instance, &address(&server, "")).await.unwrap();
    let other = |answer: Result<Vec<v2::RedisResult>, v2::Error>| match answer {
        Err(v2::Error::Other(text)) => text,
        other => panic!("{:?}", other.map(|parts| parts.len())),
    };
    let large = "x".repeat(limits.command_bytes_max);
    assert!(other(guest.execute(&["SET", "k", &large]).await).contains("exceeds the limit"));
    guest.execute(&["SETRANGE", "k", &limits.answer_bytes_max.to_string(), "x"]).await.unwrap();
    assert!(other(guest.execute(&["GET", "k"]).await).contains("the answer exceeds"));
    let many = format!("local list = {{}} for n = 1, {} do list[n] = 1 end return list", limits.answer_elements_max + 1);
    assert!(other(guest.execute(&["EVAL", &many, "0"]).await).contains("the answer exceeds"));
    assert!(guest.execute(&["EVAL", "local list = {} for n = 1, 1000 do list[n] = 1 end return list", "0"]).await.unwrap().len() == 1_000);
    for _ in 0..limits.operations_max {
        if let Err(error) = guest.execute(&["PING"]).await {
            assert!(matches!(&error, v2::Error::Other(text) if text.contains("1000 operations of Redis")), "{error:?}");
            return;
        }
    }
    panic!("operations are not bounded");
}

#[tokio::test]
async fn a_server_that_went_is_an_error_and_one_that_came_back_is_used() {
    let mut server = servers::redis::start().unwrap();
    let app = App::of(&server);
    let at = address(&server, "");
    let mut instance = app.instance("c");
    let mut guest = Connected::open(&mut instance, &at).await.unwrap();
    guest.execute(&["SET", "k", "v"]).await.unwrap();
    app.instance("c");
    server.crash().unwrap();
    assert!(guest.execute(&["GET", "k"]).await.is_err());
    let mut other = app.instance("c");
    assert!(matches!(Connected::open(&mut other, &at).await.err(), Some(v2::Error::Other(_))));
    server.resume().unwrap();
    let parts = guest.execute(&["GET", "k"]).await.unwrap();
    assert!(matches!(&parts[..], [v2::RedisResult::Binary(bytes)] if bytes == b"v"), "the connection is made anew: {parts:?}");
    guest.execute(&["SELECT", "1"]).await.unwrap();
    server.crash().unwrap();
    server.resume().unwrap();
    assert!(guest.execute(&["GET", "k"]).await.is_err(), "but not where the guest would not notice what it lost");
}

#[tokio::test]
async fn a_server_that_hangs_is_an_error_in_time_and_used_again_later() {
    let server = servers::redis::start().unwrap();
    let mut app = App::of(&server);
    let mut outbound = Outbound::default();
    outbound.limits.operation_time_max = Duration::from_millis(200);
    app.site.share(Arc::new(outbound));
    let at = address(&server, "");
    let mut instance = app.instance("c");
    let mut guest = Connected::open(&mut instance, &at).await.unwrap();
    let in_time = |answer: Result<Vec<v2::RedisResult>, v2::Error>| {
        assert!(matches!(&answer, Err(v2::Error::Other(text)) if text == "the server did not answer in time"), "{answer:?}");
    };
    in_time(guest.execute(&["BLPOP", "nothing", "0"]).await);
    guest.execute(&["SET", "k", "v"]).await.unwrap();
    server.freeze().unwrap();
    in_time(guest.execute(&["GET", "k"]).await);
    guest.close().await;
    let mut other = app.instance("c");
    // Its machine still accepts connections.
    in_time(Connected::open(&mut other, &at).await.unwrap().execute(&["GET", "k"]).await);
    server.thaw().unwrap();
    let mut third = app.instance("c");
    Connected::open(&mut third, &at).await.unwrap().execute(&["GET", "k"]).await.unwrap();
}

/// What one instance does: it writes a value of its own and reads it back, on a connection that others had before.
async fn round(app: &App, at: &str, worker: usize, number: usize) -> Result<(), v2::Error> {
    let mut instance = app.instance("c");
    let mut guest = Connected::open(&mut instance, at).await?;
    let (key, value) = (format!("worker-{worker}"), format!("{worker}:{number}"));
    guest.execute(&["SET", &key, &value]).await?;
    // Some leave the connection in another state, or with an answer that nobody waits for.
    match number % 5 {
        0 => drop(guest.execute(&["SELECT", "7"]).await?),
        1 => drop(tokio::time::timeout(Duration::from_micros(1), guest.execute(&["ECHO", "late"])).await),
        _ => {
            let found = guest.execute(&["GET", &key]).await?;
            assert!(matches!(&found[..], [v2::RedisResult::Binary(found)] if found == value.as_bytes()), "{value}: {found:?}");
        }
    }
    guest.close().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn instances_do_not_meet_on_connections_and_a_crash_is_over_when_the_server_is_back() {
    const WORKERS: usize = 6;
    const ROUNDS: usize = 60;
    let mut server = servers::redis::start().unwrap();
    let (app, at) = (Arc::new(App::of(&server)), address(&server, ""));
    for crashes in [false, true] {
        let workers: Vec<_> = (0..WORKERS)
            .map(|worker| {
                let (app, at) = (Arc::clone(&app), at.clone());
                tokio::spawn(async move {
                    let mut failed = 0;
                    for number in 0..ROUNDS {
                        failed += usize::from(round(&app, &at, worker, number).await.is_err());
                    }
                    failed
                })
            })
            .collect();
        if crashes {
            server.crash().unwrap();
            server.resume().unwrap();
        }
        for worker in workers {
            let failed = worker.await.unwrap();
            assert!(crashes || failed == 0, "{failed} rounds failed while the server was there");
        }
        for number in 0..ROUNDS {
            round(&app, &at, 0, number).await.unwrap();
        }
    }
}
