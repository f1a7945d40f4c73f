//! Arguments, environment, standard streams, exit codes and randomness of commands.

use std::sync::{Arc, Mutex};

use coracle_capabilities::ALL;
use coracle_capabilities::wasi::{Captured, Command, LogSink, Logs, Stdin, Stdout, Stream};
use coracle_engine::{Fault, Identity, Limits, Shape};
use coracle_testkit::fixture;
use serde_json::json;

use super::{Guest, Setting};

#[derive(Default)]
struct Kept(Mutex<Vec<String>>);

impl LogSink for Kept {
    fn write_line(&self, component: &Identity, stream: Stream, line: &[u8]) {
        let line = format!("{} {}: {}", component.component, stream.name(), String::from_utf8_lossy(line));
        self.0.lock().unwrap().push(line);
    }
}

#[test]
fn every_interface_that_other_peoples_guests_import_is_known() {
    let mut checked = 0;
    for name in ["c-cli-p2", "cli-rust-p2", "js-hello", "py-hello", "spin5-hello", "spin7-hello", "wstd-hello", "wasip2-hello"] {
        let shape = Shape::of(&fixture(name).unwrap()).unwrap();
        for import in shape.imports() {
            let is_ours = import.name.starts_with("wasi:") && !import.name.starts_with("wasi:http/");
            let is_wasi = ["cli", "clocks", "random", "io", "filesystem", "sockets"];
            if !is_ours || !is_wasi.iter().any(|package| import.name.starts_with(&format!("wasi:{package}/"))) {
                continue;
            }
            // The release candidate is renamed on load, before anything is matched.
            if import.version.as_deref().is_some_and(|version| version.contains("-rc-")) {
                continue;
            }
            let known = ALL.iter().flat_map(|capability| capability.interfaces());
            let mut answering = known.filter(|interface| interface.answers(&import.name, import.version.as_deref()));
            assert!(answering.next().is_some(), "{name} imports {import}");
            checked += 1;
        }
    }
    assert!(checked > 50, "only {checked} imports were looked at");
}

#[tokio::test]
async fn a_command_sees_what_it_was_given() {
    let guest = Guest::fixture("cli-rust-p2");
    let data = tempfile::tempdir().unwrap();
    std::fs::write(data.path().join("hello.txt"), "from a file").unwrap();
    let files = json!([{ "source": data.path(), "destination": "/data" }]);
    let setting = Setting::granted(json!({ "environment": { "GREETING": "hello" }, "files": files }));

    let printed = Captured::new(4096);
    let arguments = ["program", "one", "two"].map(str::to_owned).to_vec();
    let stdin = Stdin::Bytes("a line\n".into());
    let command = Command { arguments, stdin, stdout: Stdout::Capture(printed.clone()), ..Command::default() };
    let ended = guest.run(&setting, command).await;

    assert_eq!(
        String::from_utf8_lossy(&printed.bytes()),
        "args=[\"program\", \"one\", \"two\"]\nGREETING=hello\nfile=from a file\ntrue\nstdin=\"a line\\n\"\n"
    );
    let exit = ended.unwrap_err();
    let Fault::Trap(error) = &exit else { panic!("{exit:?}") };
    assert_eq!(error.downcast_ref::<wasmtime_wasi::I32Exit>().map(|exit| exit.0), Some(1), "0.2 knows only success and failure");
}

#[tokio::test]
async fn a_command_without_grants_sees_nothing_and_is_logged() {
    let kept = Arc::new(Kept::default());
    let setting = Setting::logging_to(Logs(Arc::clone(&kept) as _));
    let ended = Guest::fixture("cli-rust-p2").run(&setting, Command::default()).await;
    assert!(ended.is_err());
    let lines = kept.0.lock().unwrap().join("\n");
    assert_eq!(
        lines,
        "guest stdout: args=[]\nguest stdout: file error=No such file or directory (os error 44)\nguest stdout: true\nguest stdout: stdin=\"\""
    );
}

#[tokio::test]
async fn a_log_ends_at_its_limit() {
    let kept = Arc::new(Kept::default());
    let limits = Limits { log_bytes: 20, ..Limits::default() };
    let setting = Setting { limits, ..Setting::logging_to(Logs(Arc::clone(&kept) as _)) };
    let _ = Guest::fixture("cli-rust-p2").run(&setting, Command::default()).await;
    let lines = kept.0.lock().unwrap().clone();
    assert_eq!(
        lines,
        [
            "guest stdout: args=[]",
            "guest stdout: file error=N",
            "guest stderr: log limit: this invocation wrote more than 20 bytes; raise `log` in its limits"
        ]
    );
}

#[test]
fn an_environment_that_cannot_be_is_refused_at_start() {
    let guest = Guest::fixture("cli-rust-p2");
    let long = "x".repeat(700 << 10);
    for (environment, expected) in [
        (json!(["A=1"]), "component `guest`: `environment` must be a table of strings"),
        (json!({ "": "1" }), "`` under `environment` cannot be an environment variable; a name is not empty"),
        (json!({ "A=B": "1" }), "`A=B` under `environment` cannot be"),
        (json!({ "A": "1\u{0}2" }), "neither name nor value has a NUL"),
        (json!({ "A": long }), "`environment` has 1 variables of 716801 bytes together; at most 1000 of 640 KiB are possible"),
    ] {
        let found = guest.ready(&Setting::granted(json!({ "environment": environment }))).err().unwrap().to_string();
        assert!(found.contains(expected), "{found}");
    }
}
