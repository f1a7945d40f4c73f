//! What cannot be done is said in one line, with a way out and the right exit code, and leaves nothing behind.

use expect_test::{Expect, expect};

use crate::support::{App, manifest};

#[track_caller]
fn check(app: &App, arguments: &[&str], expected: Expect) {
    let before = names(app);
    expected.assert_eq(&app.refusal(arguments));
    assert_eq!(names(app), before, "a refusal leaves nothing behind");
}

fn names(app: &App) -> Vec<String> {
    let mut names: Vec<_> =
        std::fs::read_dir(app.path("")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn there_is_no_manifest() {
    check(
        &App::new(),
        &["up"],
        expect![[r#"
        exit 1
        error: there is no coracle.toml or spin.toml in <app> or above
          help: change to the app's folder, or name the app: `coracle up PATH`
    "#]],
    );
    check(
        &App::new(),
        &["up", "nowhere"],
        expect![[r#"
        exit 1
        error: nowhere does not exist
          help: name a manifest, a folder with one, or a WebAssembly file
    "#]],
    );
    check(
        &App::new(),
        &["up", "ghcr.io/someone/app:v1"],
        expect![[r#"
        exit 1
        error: ghcr.io/someone/app:v1 looks like an app in a registry, and registries are not supported yet
          help: fetch the app first, and name its manifest or WebAssembly file
    "#]],
    );
}

#[test]
fn the_manifest_is_of_another_kind() {
    let app = App::new();
    app.file("Cargo.toml", "[package]\nname = \"x\"\n");
    check(
        &app,
        &["up", "Cargo.toml"],
        expect![[r#"
        exit 1
        error: Cargo.toml:1:1: this is a Cargo manifest, not that of an application
          help: name the application's coracle.toml or spin.toml
    "#]],
    );
    app.file("app.json", "{}\n");
    check(
        &app,
        &["up", "app.json"],
        expect![[r#"
        exit 1
        error: app.json:1:1: this is JSON, not a manifest
          help: name a coracle.toml or spin.toml; `coracle schema` prints the format
    "#]],
    );
    app.file("deployment.yaml", "apiVersion: apps/v1\nkind: Deployment\n");
    check(
        &app,
        &["up", "deployment.yaml"],
        expect![[r#"
            exit 1
            error: deployment.yaml:1:1: this is a Kubernetes document of the kind `Deployment`, not a manifest
              help: name a wadm Application, a WorkloadDeployment of wasmCloud, a coracle.toml or a spin.toml
        "#]],
    );
    std::fs::write(app.path("image.png"), b"\x89PNG\r\n\x1a\n\xff\xfe").unwrap();
    check(
        &app,
        &["up", "image.png"],
        expect![[r#"
        exit 1
        error: image.png is neither a manifest nor WebAssembly
          help: name a coracle.toml, a spin.toml or a file that begins like WebAssembly
    "#]],
    );
}

#[test]
fn every_error_of_a_manifest_is_told_with_its_place() {
    let app = App::new();
    app.file("spin.toml", "spin_manifest_version = 2\n[application]\nname = \"x\"\nsize = 3\n[component.a_b]\n");
    check(
        &app,
        &["up"],
        expect![[r#"
        exit 1
        error: spin.toml:1:1: missing field `trigger`
          help: add `trigger`: What wakes the components: `[[trigger.http]]`, `[[trigger.redis]]` and so on
        error: spin.toml:4:1: unknown key `size` in `application`
          help: the known keys are `name`, `version`, `description`, `authors`, `targets`, `trigger`, `tool`
        error: spin.toml:5:12: missing field `source` in `component.a_b`
          help: add `source`: Where the code is: a path, a URL with its digest, or a package of a registry
        error: spin.toml:5:12: component id `a_b`: words must be separated with '-', not '_'
          help: write it in kebab-case, such as `my-component`
    "#]],
    );
}

#[test]
fn the_webassembly_is_unusable() {
    let app = App::new();
    app.file("empty.wasm", "");
    check(
        &app,
        &["up", "empty.wasm"],
        expect![[r#"
        exit 1
        error: empty.wasm cannot be used: this is not WebAssembly: it begins with nothing, the file is empty; build the component first, or check the path
    "#]],
    );
    app.file("text.wasm", "hello, this is text");
    check(
        &app,
        &["up", "text.wasm"],
        expect![[r#"
        exit 1
        error: text.wasm cannot be used: this is not WebAssembly: it begins with `hello, t`; build the component first, or check the path
    "#]],
    );
    app.file("bad.wat", "(component (");
    check(
        &app,
        &["up", "bad.wat"],
        expect![[r#"
        exit 1
        error: bad.wat:1:13: expected valid component field; correct the text, or name a binary
    "#]],
    );
    let mut bytes = coracle_testkit::fixture("spin5-hello").unwrap();
    bytes.truncate(100_000);
    std::fs::write(app.path("cut.wasm"), bytes).unwrap();
    check(
        &app,
        &["up", "cut.wasm"],
        expect![[r#"
        exit 1
        error: cut.wasm cannot be used: the WebAssembly binary does not validate; it is damaged or was built wrongly, so build it again: unexpected end-of-file (at offset 0x17ffc)
    "#]],
    );
}

#[test]
fn the_webassembly_is_for_another_world() {
    let app = App::new();
    app.file("nothing.wat", "(component)");
    check(
        &app,
        &["up", "nothing.wat"],
        expect![[r#"
        exit 1
        error: component `nothing` exports no HTTP handler (it exports nothing); build it for `wasi:http/incoming-handler@0.2` or `wasi:http/handler@0.3`, or give it another trigger
    "#]],
    );
    app.file("foreign.wat", "(component (import \"acme:rockets/launch@1.0.0\" (instance (export \"go\" (func)))))");
    check(
        &app,
        &["up", "foreign.wat"],
        expect![[r#"
        exit 1
        error: component `foreign` imports `acme:rockets/launch@1.0.0`, which this host does not have; `coracle capabilities` lists what there is
    "#]],
    );
    app.fixture("as-hello");
    check(
        &app,
        &["up", "as-hello.wasm"],
        expect![[r#"
        exit 1
        error: component `as-hello` cannot be loaded: this module was built by AssemblyScript for a JavaScript host (it imports `env.abort`); build it with the WASI shim, `asc --config ./node_modules/@assemblyscript/wasi-shim/asconfig.json`, so that it imports `wasi_snapshot_preview1`
    "#]],
    );
    app.file("filter.wat", "(module (func (export \"proxy_abi_version_0_2_1\")))");
    check(
        &app,
        &["up", "filter.wat"],
        expect![[r#"
        exit 1
        error: component `filter` cannot be loaded: this module is a proxy-wasm filter, which is not supported yet; build what it does as a component for `wasi:http`
    "#]],
    );
    app.file("fastly.wat", "(module (import \"fastly_abi\" \"init\" (func (param i64) (result i32))) (func (export \"_start\")))");
    check(
        &app,
        &["run", "fastly.wat"],
        expect![[r#"
        exit 1
        error: component `fastly` cannot be loaded: this module was built for Fastly Compute, whose host functions are not supported yet; build it for `wasi:http` instead
    "#]],
    );
    app.fixture("spin5-hello");
    check(
        &app,
        &["run", "spin5-hello.wasm"],
        expect![[r#"
        exit 1
        error: component `spin5-hello` is no program: it does not export `wasi:cli/run`; if it answers HTTP, serve it with `coracle up`
    "#]],
    );
}

#[test]
fn the_code_is_not_built() {
    let app = App::new();
    app.file("spin.toml", &manifest("missing", "build.command = \"make\"\n"));
    check(
        &app,
        &["up", "--state-dir", ""],
        expect![[r#"
            exit 1
            error: spin.toml:9:1: component `missing` has no code: <app>/missing.wasm does not exist; run `coracle build` first, or `coracle up --build`
        "#]],
    );
}

#[test]
fn a_build_fails() {
    let app = App::new();
    app.file("spin.toml", &manifest("broken", "build.command = \"echo oh no >&2; exit 7\"\n"));
    check(
        &app,
        &["build"],
        expect![[r#"
        exit 1
        building `broken`: echo oh no >&2; exit 7
        oh no
        error: building component `broken` failed: `echo oh no >&2; exit 7` ended with exit status: 7
          help: mend what the command complains about, and build again
    "#]],
    );
    check(
        &app,
        &["up", "--build"],
        expect![[r#"
        exit 1
        building `broken`: echo oh no >&2; exit 7
        oh no
        error: building component `broken` failed: `echo oh no >&2; exit 7` ended with exit status: 7
          help: mend what the command complains about, and build again
    "#]],
    );
}

#[test]
fn the_port_is_taken() {
    let app = App::of("spin5-hello", "");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let listener = std::net::TcpListener::bind(taken).unwrap();
    let text = app.refusal(&["up", "--listen", &taken.to_string()]).replace(&taken.port().to_string(), "<port>");
    expect![[r#"
        exit 1
        error: port <port> of 127.0.0.1 is already in use; stop what listens there, or choose another address with `--listen`
    "#]]
    .assert_eq(&text);
    drop(listener);
}

#[test]
fn the_state_folder_is_unusable() {
    let app = App::of("spin5-hello", "");
    app.file("occupied", "a file");
    check(
        &app,
        &["up", "--listen", "127.0.0.1:0", "--state-dir", "occupied"],
        expect![[r#"
        exit 1
        error: the state folder occupied cannot be used: File exists (os error 17)
          help: name a folder that can be written with `--state-dir`, or `--state-dir ""` to keep everything in memory
    "#]],
    );
    check(
        &app,
        &["up", "--listen", "127.0.0.1:0", "--state-dir", "", "--log-dir", "occupied"],
        expect![[r#"
        exit 1
        error: the log folder occupied cannot be used: File exists (os error 17)
          help: name a folder that can be written with `--log-dir`, or `--log-dir ""` for none
    "#]],
    );
}

#[test]
fn a_trigger_is_of_a_kind_that_this_host_does_not_have() {
    let app = App::of("spin5-hello", "");
    app.file("spin.toml", &app.read("spin.toml").replace("[[trigger.http]]\nroute = \"/...\"", "[[trigger.redis]]\nchannel = \"x\""));
    check(
        &app,
        &["up", "--listen", "127.0.0.1:0", "--state-dir", ""],
        expect![[r#"
            exit 1
            error: spin.toml:5:1: trigger `spin5-hello-redis-trigger` is of the kind `redis`, which this host does not have
              help: it has `http` and `command`; run the other components alone with `--component-id`
        "#]],
    );
}

#[test]
fn a_component_that_is_named_does_not_exist() {
    let app = App::of("spin5-hello", "");
    check(
        &app,
        &["up", "--listen", "127.0.0.1:0", "--state-dir", "", "-c", "helo"],
        expect![[r#"
        exit 1
        error: `--component-id helo` names a component that is not in this app
          help: it has `spin5-hello`
    "#]],
    );
    check(
        &app,
        &["up", "--listen", "127.0.0.1:0", "--state-dir", "", "--follow", "helo"],
        expect![[r#"
        exit 1
        error: `--follow helo` names a component that is not in this app
          help: it has `spin5-hello`
    "#]],
    );
}

#[test]
fn the_runtime_configuration_is_wrong() {
    let app = App::of("spin5-hello", "");
    let up = ["up", "--listen", "127.0.0.1:0", "--state-dir", "", "--runtime-config-file"];
    check(
        &app,
        &[&up[..], &["none.toml"]].concat(),
        expect![[r#"
        exit 1
        error: the runtime configuration none.toml cannot be read: No such file or directory (os error 2)
          help: correct the path of `--runtime-config-file`, or check its permissions
    "#]],
    );
    app.file("broken.toml", "a = 1\nb = \n");
    check(
        &app,
        &[&up[..], &["broken.toml"]].concat(),
        expect![[r#"
        exit 1
        error: broken.toml:2: string values must be quoted, expected literal string
          help: a runtime configuration is TOML; correct this line
    "#]],
    );
    app.file("unknown.toml", "[key_valu_store.default]\ntype = \"spin\"\n");
    check(
        &app,
        &[&up[..], &["unknown.toml"]].concat(),
        expect![[r#"
        exit 1
        error: the runtime configuration has unknown keys: key_valu_store; remove them or correct their names
    "#]],
    );
}

#[test]
fn a_required_variable_has_no_value() {
    let more = "[component.spin5-hello.variables]\ntoken = \"{{ token }}\"\n[variables]\ntoken = { required = true, secret = true }\n";
    check(
        &App::of("spin5-hello", more),
        &["up", "--listen", "127.0.0.1:0", "--state-dir", ""],
        expect![[r#"
        exit 1
        error: no provider resolved required variable(s): [token]; set SPIN_VARIABLE_TOKEN in the environment, pass `--variable token=…`, or add a `[[variables_provider]]`
    "#]],
    );
}

#[test]
fn the_command_line_is_wrong() {
    let app = App::of("spin5-hello", "");
    check(
        &app,
        &["up", "--listen", "nonsense"],
        expect![[r#"
        exit 2
        error: invalid value 'nonsense' for '--listen <ADDRESS>': write an IP address and a port, such as `127.0.0.1:3000` or `[::]:80`

        For more information, try '--help'.
    "#]],
    );
    check(
        &app,
        &["up", "--tls-cert", "x.pem"],
        expect![[r#"
        exit 2
        error: the following required arguments were not provided:
          --tls-key <FILE>

        Usage: coracle up --tls-cert <FILE> --tls-key <FILE> [APP]

        For more information, try '--help'.
    "#]],
    );
    check(
        &app,
        &["up", "--http1-max-buf-size", "100"],
        expect![[r#"
        exit 2
        error: invalid value '100' for '--http1-max-buf-size <BYTES>': at least 8192 bytes are needed

        For more information, try '--help'.
    "#]],
    );
    check(
        &app,
        &["up", "--variable", "no-equals-sign"],
        expect![[r#"
        exit 1
        error: `--variable` number 1 is not `name=value`, `name=@file`, `@file.json` or `@file.toml`
    "#]],
    );
    check(
        &app,
        &["fly"],
        expect![[r#"
        exit 2
        error: unrecognized subcommand 'fly'

        Usage: coracle <COMMAND>

        For more information, try '--help'.
    "#]],
    );
}

#[test]
fn an_app_without_triggers_says_so_as_spin_does() {
    let app = App::new();
    app.file("spin.toml", "spin_manifest_version = 2\n[application]\nname = \"x\"\n");
    check(
        &app,
        &["up", "--listen", "127.0.0.1:0", "--state-dir", ""],
        expect![[r#"
        exit 1
        error: spin.toml:1:1: missing field `trigger`
          help: add `trigger`: What wakes the components: `[[trigger.http]]`, `[[trigger.redis]]` and so on
    "#]],
    );
}
