//! wasmCloud's secrets in both versions, and that no secret is ever seen where it should not be.

use std::sync::Arc;

use coracle_capabilities as capabilities;
use coracle_capabilities::resolver::{AppVariables, Declared, Environment};
use coracle_engine::{GrantRequest, Metered, Site};
use coracle_testkit::built;
use serde_json::{Value, json};
use wasmtime::component::{ComponentNamedList, Lift, Lower};

use crate::guest::Given;
use crate::logging::Lines;

const CANARY: &str = "c4n4ry";

/// An app with a secret, a plain variable and a secret without a value, whose component is granted `grant`.
fn given(grant: &Value) -> Given {
    let mut given = Given::default().grant("secrets", grant.clone()).grant("key-value", json!(["default"]));
    share(&mut given.site);
    given
}

pub(crate) fn share(site: &mut Site) {
    let declare = |required, secret| Declared { default: None, required, secret };
    let declared = [("api_token", true, true), ("plain", true, false), ("unset", true, true)];
    let declared = declared.map(|(name, required, secret)| (name.to_owned(), declare(required, secret)));
    site.share(Arc::new(AppVariables { declared: declared.into(), ..AppVariables::default() }));
    let environment = [("SPIN_VARIABLE_API_TOKEN", CANARY), ("SPIN_VARIABLE_PLAIN", "plain")];
    site.share(Arc::new(Environment::new(environment.map(|(name, value)| (name.to_owned(), value.to_owned())))));
}

/// Calls a function of the guest that asks by the first version.
async fn call<P, R>(given: Given, name: &str, arguments: P) -> wasmtime::Result<R>
where
    P: ComponentNamedList + Lower + Send + Sync,
    (R,): ComponentNamedList + Lift + Send + Sync,
    R: Send + Sync + 'static,
{
    let runnable = given.run("teller", &built("teller-p2").unwrap());
    let mut store = runnable.store().unwrap();
    let meter = Arc::clone(store.data().meter());
    let calling = async {
        let instance = runnable.pre().unwrap().instantiate_async(&mut store).await?;
        let function = instance.get_typed_func::<P, (R,)>(&mut store, name)?;
        function.call_async(&mut store, arguments).await
    };
    Metered::new(calling, meter).await.unwrap().map(|(answer,)| answer)
}

async fn secret(grant: Value, key: &str) -> Result<String, String> {
    call(given(&grant), "secret", (key,)).await.unwrap()
}

#[tokio::test]
async fn a_granted_secret_is_revealed_and_no_other_is_found() {
    for (grant, key, expected) in [
        (json!(["api_token"]), "api_token", Ok(CANARY)),
        (json!({ "api-token": "api_token" }), "api-token", Ok(CANARY)),
        (json!({ "api-token": "api_token" }), "api_token", Err("NotFound")),
        (json!(["api_token"]), "plain", Err("NotFound")),
        (json!(["api_token"]), "", Err("NotFound")),
        (json!(["unset"]), "unset", Err("NotFound")),
        (json!([]), "api_token", Err("NotFound")),
    ] {
        let met = secret(grant.clone(), key).await;
        match expected {
            Ok(value) => assert_eq!(met.as_deref(), Ok(value), "{grant} {key}"),
            Err(word) => assert!(met.as_ref().is_err_and(|error| error.contains(word)), "{grant} {key}: {met:?}"),
        }
    }
}

#[tokio::test]
async fn without_a_grant_nothing_is_found() {
    let mut given = Given::default();
    share(&mut given.site);
    let met: Result<String, String> = call(given, "secret", ("api_token",)).await.unwrap();
    assert!(met.is_err_and(|error| error.contains("NotFound")));
}

#[tokio::test]
async fn an_instance_holds_and_asks_for_so_many() {
    let grant = json!(["api_token"]);
    let held: Result<(), String> = call(given(&grant), "hold", ("api_token", 256_u32)).await.unwrap();
    assert_eq!(held, Ok(()));
    let held: Result<(), String> = call(given(&grant), "hold", ("api_token", 257_u32)).await.unwrap();
    assert!(held.is_err_and(|error| error.contains("more than 256 secrets are held")));
}

async fn second_version(grant: &Value, function: &str, key: &str) -> wasmtime::Result<Result<String, String>> {
    let runnable = given(grant).run("secrets", &built("secrets-p3").unwrap());
    let mut store = runnable.store().unwrap();
    let meter = Arc::clone(store.data().meter());
    let calling = async {
        let instance = runnable.pre().unwrap().instantiate_async(&mut store).await?;
        if function == "only" {
            let only = instance.get_typed_func::<(), (String,)>(&mut store, function)?;
            let (answer,) = store.run_concurrent(async |guest| only.call_concurrent(guest, ()).await).await??;
            return Ok(Ok(answer));
        }
        let named = instance.get_typed_func::<(String,), (Result<String, String>,)>(&mut store, function)?;
        let (answer,) = store.run_concurrent(async |guest| named.call_concurrent(guest, (key.to_owned(),)).await).await??;
        Ok(answer)
    };
    Metered::new(calling, meter).await.unwrap()
}

#[tokio::test]
async fn the_second_version_asks_by_name_and_for_the_only_one() {
    let one = json!({ "token": "api_token" });
    assert_eq!(second_version(&one, "named", "token").await.unwrap().as_deref(), Ok(CANARY));
    assert!(second_version(&one, "named", "other").await.unwrap().is_err_and(|error| error.contains("NotFound")));
    assert_eq!(second_version(&one, "only", "").await.unwrap().as_deref(), Ok(CANARY));
    for grant in [json!([]), json!({ "a": "api_token", "b": "api_token" }), json!(["unset"])] {
        let error = second_version(&grant, "only", "").await.unwrap_err();
        assert!(!format!("{error:?}").contains(CANARY), "{error:?}");
    }
}

#[test]
fn a_grant_that_cannot_be_given_names_the_variable_and_the_remedy() {
    for (grant, expected) in [
        (json!(["absent"]), "the secret `absent` is no variable of the application; add `absent = { required = true, secret = true }`"),
        (json!(["plain"]), "the variable `plain` is granted as a secret, and is not declared as one; declare it as"),
        (json!({ "a": 1 }), "`secrets` must be a table of strings"),
        (json!("api_token"), "`secrets` must be a list of variables, or a table of names and variables"),
    ] {
        let mut given = given(&grant);
        given.bind().unwrap();
        let error = match capabilities::grants(&GrantRequest { component: "web", grants: &given.grants, site: &given.site }) {
            Ok(_) => panic!("{grant} is granted"),
            Err(error) => error.to_string(),
        };
        assert!(error.starts_with("component `web`: ") && error.contains(expected), "{error}");
    }
}

#[tokio::test]
async fn no_log_span_or_table_shows_a_secret() {
    let lines = Lines::default();
    let _listening = lines.listen("trace");
    let grant = json!({ "token": "api_token" });
    let described = given(&grant).run("teller", &built("teller-p2").unwrap()).granted().join("\n");
    assert!(described.lines().any(|line| line == "token") && !described.contains(CANARY), "{described}");
    for _ in 0..2 {
        assert_eq!(secret(grant.clone(), "token").await.as_deref(), Ok(CANARY));
        assert_eq!(second_version(&grant, "named", "token").await.unwrap().as_deref(), Ok(CANARY));
        // Another test may have met the lookup first, at the moment when this one began to listen.
        tracing::callsite::rebuild_interest_cache();
    }
    let text = lines.text();
    assert!(text.contains("wasmcloud_secrets.get") && text.contains("wasmcloud_secrets.reveal"), "{text}");
    assert!(!text.contains(CANARY), "{text}");
}
