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
            exit 0
            spin.toml is valid
            --
            warning: spin.toml:6:1: component `gate` imports `wasi:http/handler@0.3.0`, which this host does not have; it would not load, but nothing uses it
            0 errors, 1 warning
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
            warning: spin.toml:9:1: component `spin5-kv` imports `fermyon:spin/key-value@2.0.0` without a grant; to allow it add key_value_stores = ["default"]
            0 errors, 1 warning
        "#]],
    );
    check(
        &app,
        &["--strict"],
        expect![[r#"
            exit 1
            --
            warning: spin.toml:9:1: component `spin5-kv` imports `fermyon:spin/key-value@2.0.0` without a grant; to allow it add key_value_stores = ["default"]
            0 errors, 1 warning
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
files = ["nowhere.txt", { source = "/etc", destination = "/x" }]
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
            error: spin.toml:18:1: component `gone` has no code: ./gone.wasm does not exist; build it, or correct its path
            error: spin.toml:19:1: component `gone`: `nowhere.txt` does not exist and is not a glob; create it or correct the entry of `files`
            error: spin.toml:19:1: component `gone`: `/etc` is outside of the app's folder; move the files below it
            error: spin.toml:21:1: component `bad` cannot be used: this is not WebAssembly: it begins with `not wasm`; build the component first, or check the path
            warning: spin.toml:23:1: component `program` imports `wasi:sockets/udp@0.2.6` without a grant; to allow it add allowed_outbound_hosts = ["https://example.com"]
            warning: spin.toml:23:1: component `program` imports `wasi:sockets/tcp@0.2.6` without a grant; to allow it add allowed_outbound_hosts = ["https://example.com"]
            error: spin.toml:23:1: component `program` has nothing that a trigger `http` could call; it exports wasi:cli/run@0.2.6
            error: spin.toml:14:1: trigger `bad-redis-trigger` is of the kind `redis`, which this host does not have; it has `http` and `command`
            6 errors, 3 warnings
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

#[test]
fn every_grant_has_its_say_without_a_runtime_configuration() {
    let app = App::of(
        "spin5-hello",
        "allowed_outbound_hosts = [\n  \"x.dev\",\n  \"https://ok.dev\",\n  \"http://y.dev/a/b\",\n]\nkey_value_stores = [\"default\", \"cache\"]\nai_models = [\"llama2-chat\"]\n",
    );
    check(
        &app,
        &[],
        expect![[r#"
        exit 1
        --
        warning: spin.toml:15:1: `cache` under `key-value` has no backend; add `[key_value_store.cache]` to the runtime configuration
        error: spin.toml:10:1: component `spin5-hello`: an entry of `allowed_outbound_hosts` is malformed: `x.dev` has no scheme; write `https://x.dev`, or `*://x.dev` with a port for every scheme; correct `x.dev`
        error: spin.toml:10:1: component `spin5-hello`: an entry of `allowed_outbound_hosts` is malformed: `http://y.dev/a/b` has the path `/a/b`, and access is granted to whole hosts only; remove the path; correct `http://y.dev/a/b`
        2 errors, 1 warning
    "#]],
    );
    app.file("bound.toml", "[key_value_store.cache]\ntype = \"spin\"\n[outbound_htp]\n");
    check(
        &app,
        &["--runtime-config-file", "bound.toml"],
        expect![[r#"
        exit 1
        --
        error: the runtime configuration has an unknown key `outbound_htp`; remove it or correct its name
        error: spin.toml:10:1: component `spin5-hello`: an entry of `allowed_outbound_hosts` is malformed: `x.dev` has no scheme; write `https://x.dev`, or `*://x.dev` with a port for every scheme; correct `x.dev`
        error: spin.toml:10:1: component `spin5-hello`: an entry of `allowed_outbound_hosts` is malformed: `http://y.dev/a/b` has the path `/a/b`, and access is granted to whole hosts only; remove the path; correct `http://y.dev/a/b`
        3 errors, 0 warnings
    "#]],
    );
}

#[test]
fn dependencies_and_middleware_are_looked_at() {
    let app = App::new();
    for fixture in ["spin5-hello", "spin7-hello", "wasip2-hello"] {
        app.fixture(fixture);
    }
    app.file("lib.wat", "(module (func (export \"f\")))");
    app.file(
        "spin.toml",
        r#"
spin_manifest_version = 2
application = { name = "x" }
[[trigger.http]]
route = "/old"
component = "old"
dependencies.middleware = [{ path = "spin7-hello.wasm" }]
[[trigger.http]]
route = "/cgi"
component = "new"
executor = { type = "wagi" }
[[trigger.http]]
route = "/unused"
component = "unused"
[component.old]
source = "spin5-hello.wasm"
[component.new]
source = "spin7-hello.wasm"
[component.new.dependencies]
"acme:rockets/launch" = { path = "gone.wasm" }
[component.unused]
source = "wasip2-hello.wasm"
[component.unused.dependencies]
"acme:rockets/launch" = { path = "spin5-hello.wasm" }
[component.library]
source = "lib.wat"
"#,
    );
    check(
        &app,
        &[],
        expect![[r#"
            exit 1
            --
            error: spin.toml:7:1: middleware `spin7-hello.wasm` cannot stand before component `old`: it must import and export one interface that the component exports, such as `wasi:http/handler@0.3.0`; it imports `wasi:http/types@0.3.0`, `wasi:io/error@0.2.6`, `wasi:io/streams@0.2.6`, `wasi:cli/stdin@0.2.6`, `wasi:cli/stdout@0.2.6`, `wasi:cli/stderr@0.2.6`, `wasi:clocks/wall-clock@0.2.6`, `wasi:filesystem/types@0.2.6`, `coracle-denied-wasi:filesystem/preopens@0.2.6`, `wasi:random/insecure-seed@0.2.6` and exports `wasi:http/handler@0.3.0`, and what comes after it exports `wasi:http/incoming-handler@0.2.0`
            error: spin.toml:19:16: component `new` lacks its part `acme:rockets/launch`: ./gone.wasm does not exist; build it, or correct its path
            error: spin.toml:23:19: dependency `acme:rockets/launch` of component `unused` matches none of its imports; the component imports `wasi:clocks/wall-clock@0.2.12`, `wasi:io/error@0.2.12`, `wasi:io/streams@0.2.12`, `wasi:cli/stdout@0.2.12`, `wasi:cli/stderr@0.2.12`, `wasi:cli/stdin@0.2.12`, `wasi:http/types@0.2.12`, `wasi:filesystem/types@0.2.12`, `wasi:filesystem/preopens@0.2.12`, the dependency exports `wasi:http/incoming-handler@0.2.0`
            error: spin.toml:26:1: component `library` cannot be loaded: this module is a plain library: it exports `f`, and neither `_start` nor a component type says how to call it; build it as a WASI command, or give it a world with wit-bindgen
            error: spin.toml:11:1: trigger `new-http-trigger` asks for the WAGI executor, which is not supported; build the component for `wasi:http` and remove `executor`
            5 errors, 0 warnings
        "#]],
    );
}

#[test]
fn what_nobody_uses_does_not_stop_the_app() {
    let app = App::of("spin5-hello", "[component.spare]\nsource = \"spare.wat\"\n");
    app.file("spare.wat", "(component (import \"acme:rockets/launch@1.0.0\" (instance (export \"go\" (func)))))");
    check(
        &app,
        &[],
        expect![[r#"
        exit 0
        spin.toml is valid
        --
        warning: spin.toml:11:1: component `spare` imports `acme:rockets/launch@1.0.0`, which this host does not have; it would not load, but nothing uses it
        0 errors, 1 warning
    "#]],
    );
    assert_eq!(app.up(&[]).get("/").0, 200);
}

#[test]
fn a_component_without_a_manifest_is_looked_at_too() {
    let app = App::new();
    app.file("lib.wat", "(module (func (export \"f\")))");
    check(
        &app,
        &["lib.wat"],
        expect![[r#"
        exit 1
        --
        error: component `lib` cannot be loaded: this module is a plain library: it exports `f`, and neither `_start` nor a component type says how to call it; build it as a WASI command, or give it a world with wit-bindgen
        1 error, 0 warnings
    "#]],
    );
    app.fixture("cli-rust-p1");
    check(
        &app,
        &["cli-rust-p1.wasm"],
        expect![[r#"
        exit 0
        cli-rust-p1.wasm is valid
        --
    "#]],
    );
}
