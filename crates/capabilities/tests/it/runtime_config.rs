//! The page about the runtime configuration: every example on it is understood, every key of its tables is one, and what is not there is
//! refused by name. So the page cannot say what the program does not do, nor leave out a kind of backend.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use coracle_capabilities::{self as capabilities, ALL};
use coracle_engine::{Bind, RuntimeConfig, Site};
use coracle_testkit::certificates::Certificate;
use tempfile::TempDir;

const PAGE: &str = include_str!("../../../../docs/runtime-configuration.md");

/// Keys that the command line reads before the capabilities do.
const OF_THE_COMMAND_LINE: [&str; 3] = ["state_dir", "log_dir", "max_instance_memory"];

/// Tables that stand in a list.
const LISTS: [&str; 2] = ["variables_provider", "client_tls"];

/// Tables that have a table for each label, and the grant that opens them.
const LABELLED: [(&str, &str); 5] = [
    ("key_value_store", "key-value"),
    ("sqlite_database", "sqlite"),
    ("postgres", "postgres"),
    ("blob_store", "blob-store"),
    ("messaging", "messaging"),
];

/// The files that the examples name.
struct Files {
    folder: TempDir,
}

impl Files {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let certificate = Certificate::new().unwrap();
        let authorities = ["vault", "model", "redis", "nats", "partner", "pg", "mysql", "broker"].map(|name| format!("{name}-ca.pem"));
        for name in authorities.iter().map(String::as_str).chain(["client.pem"]) {
            std::fs::copy(certificate.certificate(), folder.path().join(name)).unwrap();
        }
        std::fs::copy(certificate.key(), folder.path().join("client-key.pem")).unwrap();
        std::fs::write(folder.path().join("shop.env"), "SHOP_A=1\n").unwrap();
        std::fs::create_dir(folder.path().join("secrets")).unwrap();
        Self { folder }
    }
}

/// The examples of the page.
fn examples() -> Vec<toml::Table> {
    let blocks = PAGE.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.map(|block| block.parse().unwrap()).collect()
}

/// Binds a configuration; the error is told as an operator sees it, and so is a key that nobody took.
fn bind(table: toml::Table, folder: &Path) -> Result<(), String> {
    let labels_of = |name: &str| table.get(name).and_then(toml::Value::as_table).into_iter().flat_map(|tables| tables.keys().cloned());
    let labels: BTreeMap<String, BTreeSet<String>> =
        LABELLED.iter().map(|(name, grant)| ((*grant).to_owned(), labels_of(name).collect())).collect();
    let mut config = RuntimeConfig::new(table, Some(folder.join("runtime-config.toml")));
    OF_THE_COMMAND_LINE.iter().for_each(|key| drop(config.take(key)));
    let bound = capabilities::bind(&mut Bind { site: &mut Site::default(), config: &mut config, labels: &labels });
    bound.map_err(|error| coracle_base::chain(&error).to_string())?;
    if config.unused().is_empty() { Ok(()) } else { Err(format!("nobody knows {:?}", config.unused())) }
}

/// The innermost tables of a configuration, each with what changes it in place.
fn each_table(table: &toml::Table) -> Vec<Vec<String>> {
    let mut paths = Vec::new();
    for (name, value) in table {
        match value {
            toml::Value::Table(labels) if LABELLED.iter().any(|(labelled, _)| labelled == name) => {
                paths.extend(labels.keys().map(|label| vec![name.clone(), label.clone()]));
            }
            toml::Value::Table(_) | toml::Value::Array(_) => paths.push(vec![name.clone()]),
            _ => {}
        }
    }
    paths
}

fn table_at<'t>(table: &'t mut toml::Table, path: &[String]) -> &'t mut toml::Table {
    let value = table.get_mut(&path[0]).unwrap();
    match value {
        toml::Value::Array(tables) => tables[0].as_table_mut().unwrap(),
        value if path.len() == 2 => value.as_table_mut().unwrap().get_mut(&path[1]).unwrap().as_table_mut().unwrap(),
        value => value.as_table_mut().unwrap(),
    }
}

#[test]
fn every_example_is_understood() {
    let files = Files::new();
    assert!(examples().len() > 8);
    for example in examples() {
        assert_eq!(bind(example.clone(), files.folder.path()), Ok(()), "{example}");
    }
}

#[test]
fn an_unknown_key_in_any_table_is_refused_by_name() {
    let files = Files::new();
    for example in examples() {
        for path in each_table(&example) {
            let mut wrong = example.clone();
            table_at(&mut wrong, &path).insert("surprise".to_owned(), true.into());
            let error = bind(wrong, files.folder.path()).unwrap_err();
            assert!(error.contains("surprise") && error.contains(&path[0]), "{path:?}: {error}");
        }
        let mut wrong = example.clone();
        wrong.insert("surprise".to_owned(), true.into());
        assert!(bind(wrong, files.folder.path()).unwrap_err().contains("surprise"));
    }
}

#[test]
fn every_value_of_a_wrong_type_is_refused_and_not_shown() {
    let files = Files::new();
    for example in examples() {
        for path in each_table(&example) {
            let keys: Vec<String> = table_at(&mut example.clone(), &path).keys().cloned().collect();
            for key in keys {
                let mut wrong = example.clone();
                let canary: toml::Table = [("k".to_owned(), "c4n4ry".into())].into_iter().collect();
                table_at(&mut wrong, &path).insert(key.clone(), toml::Value::Array(vec![canary.into()]));
                let error = bind(wrong, files.folder.path()).expect_err(&key);
                assert!(!error.contains("c4n4ry"), "{path:?} {key}: {error}");
            }
        }
    }
}

/// The keys in the first column of the page's tables that have a column `meaning`.
fn documented() -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    let mut is_about_keys = false;
    for line in PAGE.lines() {
        match line.strip_prefix("| ") {
            None => is_about_keys &= line.starts_with('|'),
            Some(rest) if rest.starts_with("key |") => is_about_keys = true,
            Some(rest) if is_about_keys => drop(keys.insert(rest.split('`').nth(1).unwrap().to_owned())),
            Some(_) => {}
        }
    }
    keys
}

#[test]
fn examples_and_tables_of_the_page_name_the_same_keys() {
    let mut used = BTreeSet::new();
    for mut example in examples() {
        used.extend(example.iter().filter(|(_, value)| !value.is_table() && !value.is_array()).map(|(key, _)| key.clone()));
        for path in each_table(&example) {
            let is_labelled = path.len() == 2;
            used.extend(table_at(&mut example, &path).keys().filter(|_| !is_labelled).cloned());
        }
    }
    used.remove("type");
    let mut documented = documented();
    documented.remove("type");
    // Only one of `token` and `token_file` may be given, so that no example has both.
    assert!(documented.remove("token"));
    assert_eq!(used, documented);
}

#[test]
fn the_page_tells_of_every_kind_of_backend() {
    for capability in ALL {
        let about = capability.about();
        for backend in about.backends.iter().filter(|backend| **backend != "otlp") {
            assert!(
                PAGE.contains(&format!("`{backend}`")),
                "`{backend}` of `{}` is not in docs/runtime-configuration.md",
                capability.name()
            );
        }
    }
}

#[test]
fn what_spin_has_and_this_version_lacks_is_told_by_name() {
    for config in [
        "[[variables_provider]]\ntype = \"azure_key_vault\"\nvault_url = \"https://x\"",
        "[[config_provider]]\ntype = \"azure_key_vault\"\nvault_url = \"https://x\"",
        "[key_value_store.default]\ntype = \"azure_cosmos\"",
        "[key_value_store.default]\ntype = \"aws_dynamo\"",
        "[llm_compute]\ntype = \"spin\"",
    ] {
        let error = bind(config.parse().unwrap(), Path::new("/")).unwrap_err();
        assert!(error.contains("which this version does not have") && error.contains("use one of"), "{config}: {error}");
    }
}

#[test]
fn lists_and_labels_are_what_they_are_taken_for() {
    for name in LISTS {
        let error = bind([(name.to_owned(), toml::Value::Table(toml::Table::new()))].into_iter().collect(), Path::new("/")).unwrap_err();
        assert!(error.contains(&format!("`{name}` is not understood")), "{error}");
    }
}

#[test]
fn an_authority_that_cannot_be_read_is_refused_with_its_table_and_key() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("empty.pem"), "").unwrap();
    let certificate = Certificate::new().unwrap();
    std::fs::copy(certificate.key(), folder.path().join("key.pem")).unwrap();
    for table in ["outbound_pg", "outbound_mysql", "outbound_redis", "outbound_mqtt"] {
        for (file, why) in [("absent.pem", "No such file"), ("empty.pem", "holds no certificate"), ("key.pem", "holds no certificate")] {
            let config = format!("[{table}]\nca_roots_file = {file:?}");
            let error = bind(config.parse().unwrap(), folder.path()).unwrap_err();
            let is_told = error.contains(&format!("the `ca_roots_file` of `[{table}]` in the runtime configuration cannot be used"));
            assert!(is_told && error.contains(file) && error.contains(why), "{config}: {error}");
        }
    }
}
