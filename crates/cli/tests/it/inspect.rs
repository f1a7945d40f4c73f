//! `coracle inspect`, `capabilities`, `schema`, `compile` and `completions`.

use expect_test::expect;

use crate::support::App;

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
    assert!(all.contains("key-value") && all.contains("wasi"), "{all}");
    let one = stdout(&app, &["capabilities", "key-value"]);
    assert!(one.contains("fermyon:spin/key-value") && one.contains("Without a grant"), "{one}");
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
