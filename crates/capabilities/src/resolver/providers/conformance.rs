//! One suite for every provider: what it says of values that are there, that are not, and that change.

use std::path::Path;
use std::sync::Arc;

use coracle_engine::Site;
use coracle_testkit::fakes::vault::Vault;
use tempfile::TempDir;

use super::*;
use crate::resolver::Environment;

const TOKEN: &str = "t0k3n";

/// Values that every provider keeps as they are.
const VALUES: &[(&str, &str)] = &[
    ("plain", "value"),
    ("empty", ""),
    ("spaces", "  two  words "),
    ("lines", "one\ntwo"),
    ("quotes", "a \"b\" 'c' \\ #d"),
    ("letters", "äß€𝄞"),
    ("with_2_numbers", "2"),
];

/// A provider that has [`VALUES`], and what makes it have another value; `None` where values stand still.
struct Subject {
    provider: Arc<dyn Provider>,
    change: Option<Change>,
    _kept: Kept,
}

/// Gives the variable of the first name the second as its value.
type Change = Box<dyn Fn(&str, &str)>;

enum Kept {
    Nothing,
    Folder { _folder: TempDir },
}

#[track_caller]
fn opened(table: &str, folder: &Path) -> Arc<dyn Provider> {
    let mut table: toml::Table = table.parse().unwrap();
    let kind = backend::find(KINDS, MISSING, "p", &table).unwrap();
    table.remove("type");
    let mut site = Site::default();
    site.share(Arc::new(Environment::default()));
    (kind.open)(&Opening::new("", &site, "p".to_owned(), table, folder)).unwrap().backend
}

fn env() -> Subject {
    let escaped = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let lines: String = VALUES.iter().map(|(name, value)| format!("MY_{}=\"{}\"\n", name.to_uppercase(), escaped(value))).collect();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("values.env"), lines).unwrap();
    let provider = opened("type = 'env'\nprefix = 'MY'\ndotenv_path = 'values.env'", folder.path());
    Subject { provider, change: None, _kept: Kept::Folder { _folder: folder } }
}

fn fixed() -> Subject {
    let values: toml::Table = VALUES.iter().map(|(name, value)| ((*name).to_owned(), toml::Value::from(*value))).collect();
    let table: toml::Table = [("type".to_owned(), "static".into()), ("values".to_owned(), values.into())].into_iter().collect();
    Subject { provider: opened(&table.to_string(), Path::new("/")), change: None, _kept: Kept::Nothing }
}

fn files() -> Subject {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    let write = move |name: &str, value: &str| std::fs::write(path.join(name), format!("{value}\n")).unwrap();
    VALUES.iter().for_each(|(name, value)| write(name, value));
    let provider = opened("type = 'files'\npath = '.'", folder.path());
    Subject { provider, change: Some(Box::new(write)), _kept: Kept::Folder { _folder: folder } }
}

fn vault() -> Subject {
    let vault = Vault::start(TOKEN, None).unwrap();
    let table = format!("type = 'vault'\nurl = '{}'\ntoken = '{TOKEN}'\nmount = 'secret'\nprefix = 'app/web'", vault.url());
    let write = move |name: &str, value: &str| vault.set(&format!("app/web/{name}"), value);
    VALUES.iter().for_each(|(name, value)| write(name, value));
    Subject { provider: opened(&table, Path::new("/")), change: Some(Box::new(write)), _kept: Kept::Nothing }
}

async fn value(provider: &dyn Provider, name: &str) -> Option<String> {
    provider.get(name).await.unwrap().map(|value| value.expose().to_owned())
}

async fn conforms(subject: Subject) {
    let provider = subject.provider.as_ref();
    for (name, expected) in VALUES {
        assert_eq!(value(provider, name).await.as_deref(), Some(*expected), "{name}");
    }
    for absent in ["absent", "plai", "plain2"] {
        assert_eq!(value(provider, absent).await, None, "{absent}");
    }
    let together = futures::future::join_all((0..100).map(|_| value(provider, "plain"))).await;
    assert!(together.iter().all(|value| value.as_deref() == Some("value")), "concurrent lookups do not get in each other's way");
    if let Some(change) = subject.change {
        change("plain", "changed");
        change("absent", "new");
        assert_eq!(value(provider, "plain").await.as_deref(), Some("changed"));
        assert_eq!(value(provider, "absent").await.as_deref(), Some("new"));
    }
    assert!(!format!("{provider:?}").contains("value"), "no value is shown");
}

#[tokio::test]
async fn env_conforms() {
    conforms(env()).await;
}

#[tokio::test]
async fn fixed_conforms() {
    conforms(fixed()).await;
}

#[tokio::test]
async fn files_conforms() {
    conforms(files()).await;
}

#[tokio::test]
async fn vault_conforms() {
    conforms(vault()).await;
}

#[test]
fn every_kind_is_in_the_suite() {
    let types: Vec<_> = KINDS.iter().flat_map(|kind| kind.types).copied().collect();
    assert_eq!(types, ["env", "static", "files", "vault"]);
}

#[tokio::test]
async fn a_folder_that_kubernetes_swaps_is_seen_as_it_is_now() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let version = |name: &str, value: &str| {
        std::fs::create_dir(at(name)).unwrap();
        std::fs::write(at(name).join("password"), value).unwrap();
        // As the kubelet does: a new link takes the place of the old one.
        std::os::unix::fs::symlink(name, at("..data_tmp")).unwrap();
        std::fs::rename(at("..data_tmp"), at("..data")).unwrap();
    };
    version("..2026_01_01", "first");
    std::os::unix::fs::symlink("..data/password", at("password")).unwrap();
    let provider = opened("type = 'files'\npath = '.'", folder.path());
    assert_eq!(value(provider.as_ref(), "password").await.as_deref(), Some("first"));
    version("..2026_01_02", "second");
    std::fs::remove_dir_all(at("..2026_01_01")).unwrap();
    assert_eq!(value(provider.as_ref(), "password").await.as_deref(), Some("second"));
    std::fs::remove_dir_all(at("..2026_01_02")).unwrap();
    assert_eq!(value(provider.as_ref(), "password").await, None);
}

#[tokio::test]
async fn a_file_that_is_no_text_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("binary"), [0xff, 0xfe]).unwrap();
    std::fs::write(folder.path().join("long"), "x".repeat((1 << 20) + 1)).unwrap();
    std::fs::create_dir(folder.path().join("folder")).unwrap();
    let provider = opened("type = 'files'\npath = '.'", folder.path());
    for name in ["binary", "long", "folder"] {
        let error = provider.get(name).await.unwrap_err().to_string();
        assert!(error.contains(name) && error.contains("cannot be read"), "{error}");
    }
}

#[tokio::test]
async fn vault_says_what_is_wrong_and_never_a_value() {
    let vault = Vault::start(TOKEN, None).unwrap();
    let table = format!("type = 'vault'\nurl = '{}'\ntoken = '{TOKEN}'\nmount = '/secret/'", vault.url());
    let provider = opened(&table, Path::new("/"));
    let refused = async |name: &str| {
        let error = provider.get(name).await.unwrap_err().to_string();
        assert!(!error.contains("c4n4ry") && !error.contains(TOKEN), "{error}");
        error
    };
    vault.set_fields("other", serde_json::json!({ "password": "c4n4ry" }));
    vault.set_fields("number", serde_json::json!({ "value": 4711 }));
    vault.set_fields("deleted", serde_json::Value::Null);
    vault.set("there", "c4n4ry");
    assert!(refused("other").await.contains("no field `value`"));
    assert!(refused("number").await.contains("`value` that is no string"));
    assert_eq!(value(provider.as_ref(), "deleted").await, None);
    vault.set_token("another");
    assert!(refused("there").await.contains("check the token and its policy"));
    vault.set_token(TOKEN);
    vault.seal(true);
    assert!(refused("there").await.contains("unseal it"));
    vault.seal(false);
    assert_eq!(value(provider.as_ref(), "there").await.as_deref(), Some("c4n4ry"));
    drop(vault);
    refused("there").await;
}

#[tokio::test]
async fn vault_shows_the_token_that_its_file_has_now() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "old\n").unwrap();
    let vault = Vault::start("old", None).unwrap();
    vault.set("a", "value");
    let provider = opened(&format!("type = 'vault'\nurl = '{}/'\ntoken_file = 'token'\nmount = 'secret'", vault.url()), folder.path());
    assert_eq!(value(provider.as_ref(), "a").await.as_deref(), Some("value"));
    vault.set_token("new");
    provider.get("a").await.unwrap_err();
    std::fs::write(&file, "new").unwrap();
    assert_eq!(value(provider.as_ref(), "a").await.as_deref(), Some("value"));
    std::fs::remove_file(&file).unwrap();
    assert!(provider.get("a").await.unwrap_err().to_string().contains("token file"));
    assert_eq!(vault.asked()[0], "/v1/secret/data/a");
}

#[tokio::test]
async fn vault_is_reached_by_tls_by_those_who_trust_it() {
    let certificate = coracle_testkit::certificates::Certificate::new().unwrap();
    let vault = Vault::start(TOKEN, Some(&certificate)).unwrap();
    vault.set("a", "value");
    let table = |more: &str| format!("type = 'vault'\nurl = '{}'\ntoken = '{TOKEN}'\nmount = 'secret'\n{more}", vault.url());
    let roots = format!("ca_roots_file = '{}'", certificate.certificate().display());
    let trusting = opened(&table(&roots), Path::new("/"));
    assert_eq!(value(trusting.as_ref(), "a").await.as_deref(), Some("value"));
    let doubting = opened(&table(""), Path::new("/"));
    let error = doubting.get("a").await.unwrap_err().to_string();
    assert!(error.contains("TLS"), "{error}");
}

#[tokio::test]
async fn vault_is_asked_again_unless_it_may_be_remembered() {
    let vault = Vault::start(TOKEN, None).unwrap();
    vault.set("a", "first");
    let table = |more: &str| format!("type = 'vault'\nurl = '{}'\ntoken = '{TOKEN}'\nmount = 'secret'\n{more}", vault.url());
    let (asking, remembering) = (opened(&table(""), Path::new("/")), opened(&table("cache_ms = 60000"), Path::new("/")));
    for provider in [&asking, &remembering] {
        assert_eq!(value(provider.as_ref(), "a").await.as_deref(), Some("first"));
    }
    vault.set("a", "second");
    assert_eq!(value(asking.as_ref(), "a").await.as_deref(), Some("second"));
    assert_eq!(value(remembering.as_ref(), "a").await.as_deref(), Some("first"));
    assert_eq!(vault.asked().len(), 3);
}

#[tokio::test]
async fn a_vault_that_does_not_answer_is_given_up_on() {
    let vault = Vault::start(TOKEN, None).unwrap();
    vault.silence(true);
    let provider = opened(&format!("type = 'vault'\nurl = '{}'\ntoken = '{TOKEN}'\nmount = 'secret'", vault.url()), Path::new("/"));
    let error = provider.get("a").await.unwrap_err().to_string();
    assert!(error.contains("within 5 s"), "{error}");
}
