//! Variables, in each version of Spin's interfaces.

use std::path::Path;

use coracle_capabilities as capabilities;
use coracle_engine::{GrantRequest, Site};
use coracle_testkit::fakes::vault::Vault;
use serde_json::json;
use wasmtime::component::Val;

use crate::guest::Given;
use crate::logging::Lines;
use crate::shim::{Function, Shim, shown};

const SECRET: &str = "c4n4ry";

fn given() -> Given {
    Given::default()
        .variables(
            &[("greeting", Some("hello")), ("secret_token", None), ("other", Some("unseen"))],
            &[("SPIN_VARIABLE_SECRET_TOKEN", SECRET)],
        )
        .grant("variables", json!({ "greeting": "{{ greeting }} from spin", "token": "{{ secret_token }}", "plain": "as it is" }))
}

#[tokio::test]
async fn a_guest_of_spin_7_reads_its_variables() {
    let guest = given().serve("spin7-variables");
    for (path, status, expected) in [
        ("/", 200, "hello from spin"),
        ("/greeting", 200, "hello from spin"),
        ("/token", 200, SECRET),
        ("/plain", 200, "as it is"),
        ("/other", 404, "Undefined"),
        ("/secret_token", 404, "Undefined"),
        ("/non_existent", 404, "Undefined"),
        ("/invalid-name", 404, "InvalidName"),
        ("/invalid!name", 404, "InvalidName"),
        ("/4invalidname", 404, "InvalidName"),
        ("/GREETING", 404, "InvalidName"),
    ] {
        let (met, body) = guest.get(path).await;
        assert_eq!(met, status, "{path}: {body}");
        assert!(body.contains(expected), "{path}: {body}");
    }
}

#[tokio::test]
async fn a_component_without_the_grant_has_no_variables() {
    let guest = Given::default().variables(&[("greeting", Some("hello"))], &[]).serve("spin7-variables");
    let (status, body) = guest.get("/greeting").await;
    assert_eq!(status, 404);
    assert!(body.contains("Undefined") && body.contains("`variables` in the manifest"), "{body}");
}

#[tokio::test]
async fn both_synchronous_versions_answer_in_their_own_words() {
    const V1: &str =
        r#"(variant (case "provider" string) (case "invalid-key" string) (case "invalid-schema" string) (case "other" string))"#;
    const V2: &str = r#"(variant (case "invalid-name" string) (case "undefined" string) (case "provider" string) (case "other" string))"#;
    for (interface, name, error, signature, undefined, invalid) in [
        (
            "fermyon:spin/config",
            "get-config",
            V1,
            r#"(param "key" string) (result (result string (error $error)))"#,
            "provider",
            "invalid-key",
        ),
        (
            "fermyon:spin/variables@2.0.0",
            "get",
            V2,
            r#"(param "name" string) (result (result string (error $error)))"#,
            "undefined",
            "invalid-name",
        ),
    ] {
        let function = Function { name, signature, flat_params: 2, has_result: true };
        let shim = Shim::new(given(), interface, ("error", error), &[function]);
        for (asked, expected) in [
            ("greeting", r#"ok("hello from spin")"#.to_owned()),
            ("plain", r#"ok("as it is")"#.to_owned()),
            ("other", format!("err({undefined}(")),
            ("invalid-name", format!("err({invalid}(")),
            ("", format!("err({invalid}(")),
        ] {
            let answers = shim.call(&[(name, &[Val::String(asked.to_owned())])]).await;
            let answer = shown(answers[0].as_ref().unwrap());
            assert!(answer.starts_with(&expected), "{interface} {asked}: {answer}");
        }
        let function = Function { name, signature, flat_params: 2, has_result: true };
        let ungranted = Given::default().variables(&[("greeting", Some("hello"))], &[]);
        let answers =
            Shim::new(ungranted, interface, ("error", error), &[function]).call(&[(name, &[Val::String("greeting".to_owned())])]).await;
        let answer = shown(answers[0].as_ref().unwrap());
        assert!(answer.starts_with(&format!("err({undefined}(")), "{interface} without a grant: {answer}");
    }
}

#[test]
fn a_grant_that_cannot_be_given_names_component_variable_and_remedy() {
    let refusal = |grant| {
        let grants = [("variables".to_owned(), grant)].into();
        let site = Site::default();
        match capabilities::grants(&GrantRequest { component: "web", grants: &grants, site: &site }) {
            Ok(_) => panic!("granted"),
            Err(error) => error.to_string(),
        }
    };
    for (grant, expected) in [
        (
            json!({ "a": "{{ unknown }}" }),
            "component `web`: variable `a` uses `unknown`, which the application does not declare; add `unknown` to",
        ),
        (json!({ "a": "{{ unknown" }), "component `web`: the template of variable `a` is wrong: a `{{` is never closed"),
        (json!({ "A": "x" }), "component `web`: `A` is not the name of a variable"),
        (json!(["a"]), "component `web`: `variables` must be a table of strings"),
    ] {
        let error = refusal(grant);
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn the_start_up_table_names_variables_and_shows_no_value() {
    let granted = given().run("web", &coracle_testkit::fixture("spin7-variables").unwrap()).granted().join("\n");
    assert!(granted.lines().any(|line| line == "greeting, plain, token"), "{granted}");
    assert!(!granted.contains(SECRET) && !granted.contains("hello"), "{granted}");
}

#[test]
fn the_start_up_table_names_the_providers_that_were_configured() {
    let config = "[[variables_provider]]\ntype = \"vault\"\nurl = \"https://vault.internal:8200/base\"\ntoken = \"c4n4ry\"\nmount = \"secret\"\n\
                  [[variables_provider]]\ntype = \"files\"\npath = \"/\"";
    let given = given().runtime_config(config, Path::new("/"));
    let granted = given.run("web", &coracle_testkit::fixture("spin7-variables").unwrap()).granted().join("\n");
    let expected = "greeting, plain, token → vault https://vault.internal:8200 secret, files /";
    assert!(granted.contains(expected) && !granted.contains(SECRET), "{granted}");
}

#[tokio::test]
async fn no_log_at_any_level_has_a_secret() {
    let lines = Lines::default();
    let _listening = lines.listen("trace");
    let guest = given().serve("spin7-variables");
    assert_eq!(guest.get("/token").await, (200, SECRET.to_owned()));
    // Another test may have met the lookup first, at the moment when this one began to listen, and been told that nobody listens.
    tracing::callsite::rebuild_interest_cache();
    assert_eq!(guest.get("/token").await, (200, SECRET.to_owned()));
    assert_eq!(guest.get("/missing").await.0, 404);
    let text = lines.text();
    assert!(text.contains("spin_variables.get"), "the lookups themselves are logged: {text}");
    assert!(!text.contains(SECRET), "{text}");
}

/// What the guest is answered with these providers, for variables that nobody else has a value of.
async fn provided(config: &str, folder: &Path, paths: &[&str]) -> Vec<(u16, String)> {
    let given = Given::default()
        .variables(&[("greeting", None), ("secret_token", None), ("fallback", Some("default"))], &[])
        .grant("variables", json!({ "greeting": "{{ greeting }}!", "token": "{{ secret_token }}", "fallback": "{{ fallback }}" }))
        .runtime_config(config, folder);
    let guest = given.serve("spin7-variables");
    let mut answers = Vec::new();
    for path in paths {
        answers.push(guest.get(path).await);
    }
    answers
}

#[tokio::test]
async fn a_guest_of_spin_7_reads_values_of_vault() {
    let vault = Vault::start("t0k3n", None).unwrap();
    vault.set("app/greeting", "hello");
    vault.set("app/secret_token", SECRET);
    let config = format!(
        "[[variables_provider]]\ntype = \"vault\"\nurl = \"{}\"\ntoken = \"t0k3n\"\nmount = \"secret\"\nprefix = \"app\"",
        vault.url()
    );
    let paths = ["/greeting", "/token", "/fallback", "/absent"];
    let answers = provided(&config, Path::new("/"), &paths).await;
    let ok = |text: &str| (200, text.to_owned());
    assert_eq!(answers[..3], [ok("hello!"), ok(SECRET), ok("default")]);
    assert!(answers[3].0 == 404 && answers[3].1.contains("Undefined"), "{:?}", answers[3]);
    assert_eq!(vault.asked(), ["greeting", "secret_token", "fallback"].map(|name| format!("/v1/secret/data/app/{name}")));

    vault.seal(true);
    let lines = Lines::default();
    let _listening = lines.listen("coracle=trace");
    for (status, text) in provided(&config, Path::new("/"), &["/greeting", "/fallback"]).await {
        assert!(status == 404 && text.contains("Provider") && text.contains("cannot be looked up now"), "{text}");
        assert!(!text.contains("localhost"), "a guest does not learn where the Vault is: {text}");
    }
    let text = lines.text();
    assert!(text.contains("unseal it") && !text.contains("t0k3n") && !text.contains(SECRET), "{text}");
}

#[tokio::test]
async fn a_guest_of_spin_7_reads_mounted_files_as_they_are_now() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("greeting"), "hello\n").unwrap();
    let config = "[[variables_provider]]\ntype = \"files\"\npath = \".\"\n[[variables_provider]]\ntype = \"static\"\nvalues = { secret_token = \"s\" }";
    let answers = provided(config, folder.path(), &["/greeting", "/token", "/fallback"]).await;
    assert_eq!(answers, ["hello!", "s", "default"].map(|text| (200, text.to_owned())));

    let given = Given::default().variables(&[("greeting", None)], &[]).grant("variables", json!({ "greeting": "{{ greeting }}" }));
    let guest = given.runtime_config(config, folder.path()).serve("spin7-variables");
    assert_eq!(guest.get("/greeting").await, (200, "hello".to_owned()));
    std::fs::write(folder.path().join("greeting"), "good evening").unwrap();
    assert_eq!(guest.get("/greeting").await, (200, "good evening".to_owned()));
    std::fs::remove_file(folder.path().join("greeting")).unwrap();
    let (status, text) = guest.get("/greeting").await;
    assert!(status == 404 && text.contains("Provider") && text.contains("SPIN_VARIABLE_GREETING"), "{text}");
}
