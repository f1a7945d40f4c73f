//! The operator's configuration, applied again while an app is served.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

use rustix::process::Signal;

use crate::support::{App, Serving, ask, manifest};

const GRANTED: &str = "key_value_stores = [\"default\"]\n";

/// An app whose guest keeps what it is sent in the store `default`, which stands in `file`.
fn app(file: &str, more: &str) -> App {
    let app = App::of("spin5-kv", &format!("{GRANTED}{more}"));
    app.file("runtime.toml", &in_file(file));
    app
}

fn in_file(file: &str) -> String {
    format!("[key_value_store.default]\ntype = \"spin\"\npath = \"{file}\"\n")
}

const IN_MEMORY: &str = "[key_value_store.default]\ntype = \"memory\"\n";

fn up(app: &App) -> Serving {
    app.up(&["--runtime-config-file", "runtime.toml", "--quiet"])
}

/// Writes another configuration and waits until it is applied.
fn renew(app: &App, serving: &Serving, config: &str) {
    app.file("runtime.toml", config);
    serving.error(|line| line.ends_with("new instances have what it binds"));
}

fn put(serving: &Serving, key: &str, value: &str) {
    assert_eq!(ask(&serving.address, "PUT", key, &[], value.as_bytes()).status, 201);
}

fn value(serving: &Serving, key: &str) -> Option<String> {
    let (status, body) = serving.get(key);
    (status == 200).then_some(body)
}

#[test]
fn a_store_is_swapped_under_load_and_no_request_fails() {
    const CLIENTS: usize = 4;
    let app = app("one.db", "");
    let serving = up(&app);
    put(&serving, "/which", "one");
    let (stop, done) = (AtomicBool::new(false), AtomicU32::new(0));
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (address, stop, done) = (&serving.address, &stop, &done);
            scope.spawn(move || {
                while !stop.load(Relaxed) {
                    let answer = ask(address, "PUT", &format!("/client-{client}"), &[], b"x");
                    assert_eq!(answer.status, 201, "{}", answer.text());
                    let answer = ask(address, "GET", "/which", &[], b"");
                    assert!(matches!(answer.status, 200 | 404), "{}: {}", answer.status, answer.text());
                    done.fetch_add(1, Relaxed);
                }
            });
        }
        let more_work = || {
            let before = done.load(Relaxed);
            while done.load(Relaxed) < before + 20 {
                std::thread::yield_now();
            }
        };
        more_work();
        renew(&app, &serving, &in_file("two.db"));
        assert_eq!(value(&serving, "/which"), None, "the second file is another store");
        put(&serving, "/which", "two");
        more_work();
        renew(&app, &serving, IN_MEMORY);
        assert_eq!(value(&serving, "/which"), None, "memory is another store");
        more_work();
        renew(&app, &serving, &in_file("one.db"));
        assert_eq!(value(&serving, "/which").as_deref(), Some("one"));
        renew(&app, &serving, &in_file("two.db"));
        assert_eq!(value(&serving, "/which").as_deref(), Some("two"));
        more_work();
        stop.store(true, Relaxed);
    });
    assert!(app.path("one.db").exists() && app.path("two.db").exists());
    assert!(serving.stop().success());
}

#[test]
fn a_request_in_progress_finishes_with_the_store_that_it_began_with() {
    let app = app("one.db", "");
    let serving = up(&app);
    let mut stream = TcpStream::connect(&serving.address).unwrap();
    let head = "PUT /late HTTP/1.1\r\nhost: x\r\nconnection: close\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    // The server wants the body when the guest reads it, so that the guest runs now. It opens its store when it has read it.
    let mut asked = [0; "HTTP/1.1 100 Continue\r\n\r\n".len()];
    stream.read_exact(&mut asked).unwrap();
    renew(&app, &serving, &in_file("two.db"));
    stream.write_all(b"late").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    assert_eq!(value(&serving, "/late"), None);
    renew(&app, &serving, &in_file("one.db"));
    assert_eq!(value(&serving, "/late").as_deref(), Some("late"));
}

#[test]
fn a_configuration_that_does_not_fit_is_told_and_changes_nothing() {
    let app = app("one.db", "");
    let serving = up(&app);
    put(&serving, "/which", "one");
    for (config, told) in [
        ("[key_value_store.default]\ntype = \"rediss\"\n", "error: `[key_value_store.default]` has the type `rediss`, which is not known"),
        ("[key_value_store.default\n", "runtime.toml:1: "),
        ("[keyvalue.default]\ntype = \"memory\"\n", "error: the runtime configuration has unknown keys: keyvalue"),
        ("[key_value_store.default]\ntype = \"spin\"\npath = \".\"\n", "error: the key-value store `default` at "),
    ] {
        app.file("runtime.toml", config);
        serving.error(|line| line.contains(told));
        serving.error(|line| line == "runtime.toml is not applied; the configuration before it stays");
        assert_eq!(value(&serving, "/which").as_deref(), Some("one"), "{config}");
    }
    std::fs::remove_file(app.path("runtime.toml")).unwrap();
    serving.error(|line| line.contains("the runtime configuration runtime.toml cannot be read"));
    renew(&app, &serving, &in_file("two.db"));
    assert_eq!(value(&serving, "/which"), None);
}

#[test]
fn what_is_bound_now_is_told() {
    let app = app("one.db", "");
    let serving = up(&app);
    renew(&app, &serving, IN_MEMORY);
    assert_eq!(serving.error(|line| line.contains("spin5-kv")), "  spin5-kv: key-value default → memory");
}

#[test]
fn a_hangup_applies_the_configuration_again() {
    let app = app("one.db", "");
    let serving = up(&app);
    put(&serving, "/which", "one");
    serving.signal(Signal::HUP);
    serving.error(|line| line.ends_with("new instances have what it binds"));
    assert_eq!(value(&serving, "/which").as_deref(), Some("one"));
    assert!(serving.stop().success());
}

#[test]
fn what_did_not_change_keeps_its_data() {
    let app = App::of("spin5-kv", "key_value_stores = [\"default\", \"other\"]\n");
    let other = |kind: &str| format!("{IN_MEMORY}[key_value_store.other]\ntype = \"{kind}\"\n");
    app.file("runtime.toml", &other("memory"));
    let serving = up(&app);
    put(&serving, "/kept", "in memory");
    renew(&app, &serving, &other("spin"));
    assert_eq!(value(&serving, "/kept").as_deref(), Some("in memory"));
}

#[test]
fn an_instance_that_is_reused_is_not_used_with_an_old_store() {
    let app = App::new();
    app.fixture("spin5-kv");
    app.file("coracle.toml", &manifest("spin5-kv", &format!("{GRANTED}instances = {{ policy = \"reuse\" }}\n")));
    app.file("runtime.toml", &in_file("one.db"));
    let serving = up(&app);
    put(&serving, "/which", "one");
    assert_eq!(value(&serving, "/which").as_deref(), Some("one"));
    renew(&app, &serving, &in_file("two.db"));
    assert_eq!(value(&serving, "/which"), None);
}

#[test]
fn variables_have_their_new_values() {
    let app = App::new();
    app.fixture("spin7-variables");
    let granted = "[component.spin7-variables.variables]\ngreeting = \"{{ greeting }}\"\n[variables]\ngreeting = { required = true }\n";
    app.file("spin.toml", &manifest("spin7-variables", granted));
    let values = |greeting: &str| format!("[[variables_provider]]\ntype = \"env\"\ndotenv_path = \"{greeting}.env\"\n");
    for greeting in ["hello", "servus"] {
        app.file(&format!("{greeting}.env"), &format!("SPIN_VARIABLE_GREETING={greeting}\n"));
    }
    app.file("runtime.toml", &values("hello"));
    let serving = up(&app);
    assert_eq!(serving.get("/").1, "hello");
    renew(&app, &serving, &values("servus"));
    assert_eq!(serving.get("/").1, "servus");
    // The configuration names this file, which is a part of it.
    app.file("servus.env", "SPIN_VARIABLE_GREETING=\"servus again\"\n");
    serving.error(|line| line.ends_with("new instances have what it binds"));
    assert_eq!(serving.get("/").1, "servus again");
}

#[test]
fn a_burst_of_changes_is_applied_when_it_is_over() {
    const WRITES: usize = 60;
    let app = app("one.db", "");
    let serving = up(&app);
    for number in 0..WRITES {
        app.file("runtime.toml", &in_file(&format!("burst-{number}.db")));
    }
    app.file("runtime.toml", &in_file("last.db"));
    serving.error(|line| line.ends_with("/last.db"));
    let made = std::fs::read_dir(app.path("")).unwrap().filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_str().is_some_and(|name| name.starts_with("burst-") && name.ends_with(".db"))
    });
    // A writer that the machine lets wait looks like two bursts.
    assert!(made.count() < WRITES / 2);
}

#[test]
fn a_database_is_swapped() {
    let app = App::of("spin5-sqlite", "sqlite_databases = [\"default\"]\n");
    let in_file = |file: &str| format!("[sqlite_database.default]\ntype = \"spin\"\npath = \"{file}\"\n");
    app.file("runtime.toml", &in_file("one.db"));
    let serving = up(&app);
    let entries = |path: &str| serving.get(path).1.lines().count() - 1;
    assert_eq!((entries("/a"), entries("/b")), (1, 2));
    renew(&app, &serving, &in_file("two.db"));
    assert_eq!(entries("/c"), 1);
    renew(&app, &serving, &in_file("one.db"));
    assert_eq!(entries("/d"), 3);
}

#[test]
fn operations_are_counted_by_capability_component_and_outcome() {
    let app = app("one.db", "");
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let serving = app.up(&["--runtime-config-file", "runtime.toml", "--quiet", "--admin-listen", &free]);
    put(&serving, "/a", "x");
    assert_eq!(value(&serving, "/a").as_deref(), Some("x"));
    renew(&app, &serving, IN_MEMORY);
    assert_eq!(value(&serving, "/a"), None);
    let metrics = crate::support::get(&free, "/metrics").1;
    let count = |operation: &str| {
        let name = "coracle_operation_count_total{capability=\"key-value\"";
        format!("{name},operation=\"{operation}\",outcome=\"ok\",component_id=\"spin5-kv\"}}")
    };
    for line in [format!("{} 1", count("set")), format!("{} 2", count("get"))] {
        assert!(metrics.lines().any(|known| known == line), "{line}: {metrics}");
    }
}
