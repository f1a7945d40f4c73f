//! The apps in `examples/`: one for each capability, found by what the list of capabilities says, so that a new one cannot go without.

use std::path::{Path, PathBuf};

use coracle_capabilities::ALL;

use crate::support::App;

/// The folder of all examples.
fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples")
}

/// A copy of an example with its compiled guest.
fn example(name: &str) -> App {
    let (app, from) = (App::new(), examples().join(name));
    assert!(from.join("coracle.toml").is_file(), "examples/{name} is missing; each capability needs a small app there");
    for entry in walkdir::WalkDir::new(&from).into_iter().filter_entry(|entry| entry.file_name() != "target") {
        let entry = entry.unwrap();
        let to = app.path(entry.path().strip_prefix(&from).unwrap().to_str().unwrap());
        if entry.file_type().is_dir() {
            std::fs::create_dir_all(to).unwrap();
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
    std::fs::copy(coracle_testkit::built_path(&format!("examples/{name}")), app.path(&format!("{name}.wasm"))).unwrap();
    app
}

#[test]
fn every_capability_has_an_example_without_fault() {
    let list = std::fs::read_to_string(examples().join("README.md")).unwrap();
    for capability in ALL {
        let name = capability.example_app();
        let app = example(name);
        let config = app.path("runtime-config.toml");
        let mut arguments = vec!["check"];
        if config.is_file() {
            arguments.extend(["--runtime-config-file", "runtime-config.toml"]);
        }
        let output = app.output(&arguments);
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{name}");
        assert!(list.contains(&format!("[{name}]({name}/)")), "examples/README.md does not list {name}");
    }
}

#[test]
fn examples_do_what_they_say() {
    for (name, path, answer) in [
        ("hello", "/ada", "Hello, ada!\n"),
        ("variables", "/", "Hello, world!\n"),
        ("config", "/", "region = eu-central\nreplicas = 3\n"),
        ("wasi", "/", "Dear Ada,\nthis stood in a file.\n"),
        ("logging", "/", "see the log\n"),
        ("http-client", "/", "the other server says: it is late\n"),
        ("key-value", "/a", "visit 1 of /a\n"),
        ("sqlite", "/a", "1 /a\n"),
        ("secrets", "/", "the token has 9 bytes\n"),
        ("otel", "/", "told\n"),
        ("blob-store", "/", ""),
        ("messaging", "/a", "published to orders.a\n"),
    ] {
        let app = example(name);
        let serving = app.up(&["--quiet"]);
        assert_eq!(serving.get(path), (200, answer.to_owned()), "{name}");
    }
}

#[test]
fn what_an_app_has_is_told_by_capability_and_label() {
    let app = example("key-value");
    let serving = app.up(&["--quiet", "--state-dir", ""]);
    let row = serving.line(|line| line.contains("→"));
    assert_eq!(row.split_whitespace().collect::<Vec<_>>(), ["key-value", "key-value", "default", "→", "memory"]);
}
