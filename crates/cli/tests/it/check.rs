//! `coracle check`.

use expect_test::{Expect, expect};

use crate::support::App;

#[track_caller]
fn check(app: &App, arguments: &[&str], expected: Expect) {
    let output = app.output(&[&["check"], arguments].concat());
    let (out, err) = (app.constant(&output.stdout), app.constant(&output.stderr));
    expected.assert_eq(&format!("exit {}\n{out}--\n{err}", output.status.code().unwrap()));
}

#[test]
fn a_sound_app_is_valid() {
    check(
        &App::of("spin5-kv", "key_value_stores = [\"default\"]\n"),
        &[],
        expect![[r#"
        exit 0
        spin.toml is valid
        --
    "#]],
    );
}

#[test]
fn what_middleware_passes_on_is_no_unknown_import() {
    let app = App::new();
    app.fixture("spin7-hello");
    std::fs::copy(coracle_testkit::built_path("gate-p3"), app.path("gate.wasm")).unwrap();
    let gated = "spin_manifest_version = 2\napplication.name = \"gated\"\n[component.hello]\nsource = \"spin7-hello.wasm\"\n\
        [component.gate]\nsource = \"gate.wasm\"\n[[trigger.http]]\nroute = \"/...\"\ncomponent = \"hello\"\n";
    app.file("spin.toml", &format!("{gated}dependencies.middleware = [{{ component = \"gate\" }}]\n"));
    check(
        &app,
        &[],
        expect![[r#"
        exit 0
        spin.toml is valid
        --
    "#]],
    );
    let inspected = String::from_utf8(app.output(&["inspect"]).stdout).unwrap();
    assert_eq!(inspected.matches("called by  http /...").count(), 2, "{inspected}");
    assert!(inspected.contains("answered by what comes after it"), "{inspected}");
    app.file("spin.toml", gated);
    check(
        &app,
        &[],
        expect![[r#"
        exit 1
        --
        error: component `gate` imports `wasi:http/handler@0.3.0`, which this host does not have; `coracle capabilities` lists what there is
        1 errors, 0 warnings
    "#]],
    );
}

#[test]
fn what_is_doubtful_fails_only_when_strict() {
    let app = App::of("spin5-kv", "");
    check(
        &app,
        &[],
        expect![[r#"
        exit 0
        spin.toml is valid
        --
        warning: component `spin5-kv` imports `fermyon:spin/key-value@2.0.0` without a grant; to allow it add key_value_stores = ["default"]
        0 errors, 1 warnings
    "#]],
    );
    check(
        &app,
        &["--strict"],
        expect![[r#"
        exit 1
        --
        warning: component `spin5-kv` imports `fermyon:spin/key-value@2.0.0` without a grant; to allow it add key_value_stores = ["default"]
        0 errors, 1 warnings
    "#]],
    );
}

#[test]
fn every_error_is_told_at_once() {
    let app = App::new();
    app.file("bad.wasm", "not wasm");
    app.fixture("cli-rust-p2");
    app.file(
        "spin.toml",
        r#"
spin_manifest_version = 2
[application]
name = "x"
[[trigger.http]]
route = "/a"
component = "gone"
[[trigger.http]]
route = "/a"
component = "bad"
[[trigger.http]]
route = "/b"
component = "program"
[[trigger.redis]]
channel = "c"
component = "bad"
[component.gone]
source = "gone.wasm"
files = ["nowhere.txt"]
[component.bad]
source = "bad.wasm"
[component.program]
source = "cli-rust-p2.wasm"
"#,
    );
    check(
        &app,
        &[],
        expect![[r#"
        exit 1
        --
        warning: spin.toml:9:9: route `/a` of trigger `gone-http-trigger` is hidden by route `/a` of trigger `bad-http-trigger`; change one of them
        error: component `gone` has no code: ./gone.wasm does not exist; build it, or correct `source` in the manifest
        error: component `gone`: `nowhere.txt` of `files` does not exist; create it or correct the entry
        error: component `bad` cannot be used: this is not WebAssembly: it begins with `not wasm`; build the component first, or check the path
        warning: component `program` imports `wasi:sockets/udp@0.2.6` without a grant; to allow it add allowed_outbound_hosts = ["https://example.com"]
        warning: component `program` imports `wasi:sockets/tcp@0.2.6` without a grant; to allow it add allowed_outbound_hosts = ["https://example.com"]
        error: component `program` has nothing that a trigger `http` could call; it exports wasi:cli/run@0.2.6
        error: trigger `bad-redis-trigger` is of the kind `redis`, which this host does not have; it has `http` and `command`
        5 errors, 3 warnings
    "#]],
    );
}

#[test]
fn every_error_of_the_manifest_is_told_at_once() {
    let app = App::new();
    app.file("coracle.toml", "spin_manifest_version = 2\n[application]\nnam = \"x\"\n[[trigger.http]]\nroute = 3\ncomponent = \"y\"\n");
    check(
        &app,
        &[],
        expect![[r#"
        exit 1
        --
        error: coracle.toml:2:2: missing field `name` in `application`
          help: add `name`: The application's name
        error: coracle.toml:3:1: unknown key `nam` in `application`
          help: did you mean `name`?
        error: coracle.toml:5:9: `trigger.http.route` must be a string or a table, not an integer
          help: write a string or a table: The path to answer, such as `"/users/:id"` or `"/files/..."`, or `{ private = true }` for a component that only other components call
        error: coracle.toml:6:13: component `y` does not exist
          help: add `[component.y]`
        4 errors, 0 warnings
    "#]],
    );
}
