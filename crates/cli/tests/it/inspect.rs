//! `coracle inspect`, `capabilities`, `schema`, `compile` and `completions`.

use expect_test::expect;

use crate::support::{App, manifest};

fn stdout(app: &App, arguments: &[&str]) -> String {
    let output = app.output(arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_table_tells_what_a_component_wants_and_may_do() {
    let app = App::of("spin5-kv", "allowed_outbound_hosts = [\"https://example.com\"]\n");
    expect![[r#"
        test 0.1.0 (spin.toml)

        component spin5-kv
          code       spin5-kv.wasm: component (WASI 0.2), 289.4 KiB
          called by  http /...
          exports    wasi:http/incoming-handler@0.2.0
          grants     outbound-hosts = ["https://example.com"]

          imports                          allowed
          wasi:io/poll@0.2.6               always
          wasi:io/error@0.2.6              always
          wasi:io/streams@0.2.6            always
          wasi:http/types@0.2.6            always
          wasi:cli/environment@0.2.6       denied; to allow it add environment = { NAME = "value" }
          wasi:cli/exit@0.2.6              always
          wasi:cli/stdin@0.2.6             always
          wasi:cli/stdout@0.2.6            always
          wasi:cli/stderr@0.2.6            always
          wasi:clocks/wall-clock@0.2.6     always
          wasi:filesystem/types@0.2.6      always
          wasi:filesystem/preopens@0.2.6   denied; to allow it add files = ["assets/**/*"]
          wasi:random/insecure-seed@0.2.6  always
          fermyon:spin/key-value@2.0.0     denied; to allow it add key_value_stores = ["default"]
    "#]]
    .assert_eq(&stdout(&app, &["inspect", "--no-compile"]));
}

#[test]
fn json_tells_the_same() {
    let app = App::of("spin5-kv", "key_value_stores = [\"default\"]\n");
    let value: serde_json::Value = serde_json::from_str(&stdout(&app, &["inspect", "--json"])).unwrap();
    let component = &value["components"][0];
    assert_eq!(component["id"], "spin5-kv");
    assert_eq!(component["bytes"], 296_357);
    assert!(component["compiled_bytes"].as_u64().unwrap() > 100_000);
    let import = component["imports"].as_array().unwrap().iter().find(|it| it["interface"] == "fermyon:spin/key-value@2.0.0").unwrap();
    assert_eq!((import["standing"].as_str(), import["granted_by"].as_str()), (Some("granted"), Some("key-value")));
}

#[test]
fn capabilities_are_listed_and_described() {
    let app = App::new();
    let all = stdout(&app, &["capabilities"]);
    assert!(all.contains("key-value    spin, sqlite, memory") && all.contains("wasi"), "{all}");
    let interfaces = stdout(&app, &["capabilities", "--interfaces"]);
    let line = interfaces.lines().find(|line| line.starts_with("wasi:keyvalue/atomics ")).unwrap();
    assert_eq!(
        line.split_whitespace().collect::<Vec<_>>(),
        ["wasi:keyvalue/atomics", "0.2.0-draft,", "0.2.0-draft2", "key-value", "key-value"]
    );
    let one = stdout(&app, &["capabilities", "key-value"]);
    assert!(one.contains("fermyon:spin/key-value") && one.contains("Without a grant"), "{one}");
    assert!(one.contains("[key_value_store.<label>]") && one.contains("16 MiB"), "{one}");
    let json: serde_json::Value = serde_json::from_str(&stdout(&app, &["capabilities", "--json"])).unwrap();
    assert_eq!(json.as_array().unwrap().len(), all.lines().count() - 1);
    let refused = app.refusal(&["capabilities", "teleport"]);
    assert!(refused.starts_with("exit 1\nerror: there is no capability `teleport`\n  help: there are"), "{refused}");
}

#[test]
fn the_schema_is_json_schema_and_a_page() {
    let app = App::new();
    for flags in [&["schema"][..], &["schema", "--spin"]] {
        let schema: serde_json::Value = serde_json::from_str(&stdout(&app, flags)).unwrap();
        assert!(schema["properties"]["application"].is_object());
    }
    assert!(stdout(&app, &["schema", "--markdown"]).starts_with("# "));
}

#[test]
fn an_artifact_is_written_ahead_of_time() {
    let app = App::new();
    app.fixture("wasip2-hello");
    let line = stdout(&app, &["compile", "wasip2-hello.wasm", "-o", "hello.artifact"]);
    assert!(line.starts_with("hello.artifact ("), "{line}");
    assert!(app.path("hello.artifact").metadata().unwrap().len() > 100_000);
}

#[test]
fn every_shell_gets_its_completions() {
    let app = App::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = stdout(&app, &["completions", shell]);
        assert!(script.contains("coracle") && script.contains("runtime-config-file"), "{shell}");
    }
}

#[test]
fn a_module_is_told_by_what_it_imports_from() {
    let app = App::new();
    app.fixture("c-cli-p1");
    let text = stdout(&app, &["inspect", "c-cli-p1.wasm", "--no-compile"]);
    assert!(text.contains("c-cli-p1.wasm: core module, ") && text.contains("  exports    memory, _start"), "{text}");
    assert!(text.lines().any(|line| line.contains("wasi_snapshot_preview1") && line.contains("no files and no environment")), "{text}");
}

#[test]
fn files_dependencies_and_limits_are_told() {
    let app = App::of("spin5-hello", "");
    let more = "files = [\"static\", { source = \"data\", destination = \"/data\", writable = true }]\n\
                [component.spin5-hello.limits]\nmemory = \"64MiB\"\ncpu = \"1s\"\n\
                [component.spin5-hello.dependencies]\n\"a:b/c\" = { path = \"x.wasm\", inherit_configuration = [\"files\"] }\n";
    app.file("coracle.toml", &manifest("spin5-hello", more));
    let text = stdout(&app, &["inspect", "--no-compile"]);
    let told = text.lines().skip_while(|line| !line.starts_with("  exports")).skip(1).take_while(|line| !line.is_empty());
    let told: Vec<_> = told.map(str::trim_start).collect();
    expect![[r#"
        files      static
        files      data → /data (writable)
        depends on a:b/c (inherits files)
        limits     memory 64.0 MiB, cpu 1000 ms"#]]
    .assert_eq(&told.join("\n"));
}

#[test]
fn an_artifact_runs_without_a_compiler() {
    let app = App::new();
    app.fixture("wasip2-hello");
    app.fixture("cli-rust-p1");
    stdout(&app, &["compile", "wasip2-hello.wasm"]);
    stdout(&app, &["compile", "cli-rust-p1.wasm"]);
    std::fs::remove_file(app.path("wasip2-hello.wasm")).unwrap();
    assert_eq!(app.up(&["wasip2-hello.artifact", "--disable-cache"]).get("/").0, 200);
    let output = app.output(&["run", "cli-rust-p1.artifact", "--", "one"]);
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
    let mut bytes = std::fs::read(app.path("wasip2-hello.artifact")).unwrap();
    bytes[5_000] ^= 1;
    std::fs::write(app.path("wasip2-hello.artifact"), bytes).unwrap();
    let refused = app.refusal(&["up", "wasip2-hello.artifact", "--listen", "127.0.0.1:0"]);
    assert!(refused.contains("the image of the artifact is damaged; compile it again"), "{refused}");
}

#[test]
fn an_artifact_that_cannot_be_written_is_refused_before_compiling() {
    let app = App::new();
    app.fixture("wasip2-hello");
    expect![[r#"
        exit 1
        error: the folder of no/such/x does not exist
          help: create it, or name another file with `--output`
    "#]]
    .assert_eq(&app.refusal(&["compile", "wasip2-hello.wasm", "-o", "no/such/x"]));
    expect![[r#"
        exit 1
        error: nothing.wasm does not exist or is no file
          help: name a component or a module
    "#]]
    .assert_eq(&app.refusal(&["compile", "nothing.wasm"]));
}
