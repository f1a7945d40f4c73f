//! Which backend stands behind which label: the `[key_value_store.<label>]` tables of the runtime configuration, and what the
//! label `default` is without one.

use std::collections::BTreeMap;
use std::sync::Arc;

use coracle_engine::{Bind, BindError, ConfigTable, DEFAULT_LABEL, Site};

use super::grant::Granted;
use super::{GRANT, Limits, Store, memory, nats, redis, sqlite};
use crate::backend::{Binding, Kind, Opened, absolute};

/// The table of the runtime configuration.
const TABLE: &str = "key_value_store";

/// The same for people.
pub(super) const TABLES: &[ConfigTable] = &[ConfigTable {
    header: "[key_value_store.<label>]",
    about: "The store behind a label. `default` needs no table: it is a file in the state folder.",
    example: "[key_value_store.cache]\ntype = \"memory\"\n\n[key_value_store.orders]\ntype = \"sqlite\"\npath = \"orders.db\"\n\n\
              [key_value_store.sessions]\ntype = \"redis\"\nurl = \"rediss://:password@redis.example:6380/0\"\nprefix = \"sessions:\"\n\n\
              [key_value_store.devices]\ntype = \"nats\"\nurl = \"tls://nats.example\"\nbucket = \"devices\"\ncredentials = \"nats.creds\"\n",
}];

/// The file of the label `default` in the state folder, under the name that Spin gives it.
const DEFAULT_FILE: &str = "sqlite_key_value.db";

/// The stores of one app by label.
#[derive(Default)]
pub(super) struct Bindings(BTreeMap<String, Arc<Granted>>);

/// Every kind of backend.
const KINDS: &[&Kind<dyn Store>] = &[&sqlite::KIND, &memory::KIND, &redis::KIND, &nats::KIND];

const BINDING: Binding<dyn Store> = Binding {
    grant: GRANT,
    table: TABLE,
    kinds: KINDS,
    default: |label, site| (label == DEFAULT_LABEL).then(|| default_table(site)),
    missing: &["azure_cosmos", "aws_dynamo"],
};

impl Bindings {
    pub(super) fn get(&self, label: &str) -> Option<Arc<Granted>> {
        self.0.get(label).cloned()
    }
}

/// Sets `pairs` in the store behind `label` before the app starts, as `--key-value` asks.
///
/// # Errors
/// [`BindError`] when no component was granted the label, or the store refuses.
pub async fn preset(site: &Site, label: &str, pairs: Vec<(String, String)>) -> Result<(), BindError> {
    let bindings = site.shared::<Bindings>().unwrap_or_default();
    let Some(granted) = bindings.get(label) else {
        return Err(BindError::Refused {
            message: format!("no component is granted the key-value store `{label}`"),
            remedy: format!("add `key_value_stores = [\"{label}\"]` to the component that reads what is set"),
        });
    };
    let pairs = pairs.into_iter().map(|(key, value)| (key, value.into_bytes())).collect();
    granted.store.set_many(pairs).await.map_err(|error| BindError::Backend {
        what: format!("the key-value store `{label}` ({})", granted.place),
        remedy: "check that its disk is not full and that this user may write there".to_owned(),
        source: Box::new(error),
    })
}

/// Reads the configuration, and opens what components were granted.
pub(super) fn bind(bind: &mut Bind<'_>) -> Result<(), BindError> {
    bind.site.share(bind.site.before::<sqlite::Files>().unwrap_or_default());
    redis::keep_apart(bind, GRANT, TABLE)?;
    let before = bind.site.before::<Bindings>().unwrap_or_default();
    let granted = |(label, opened): (String, Opened<dyn Store>)| {
        let same = before.get(&label).filter(|granted| Arc::ptr_eq(&granted.store, &opened.backend));
        let granted = same.unwrap_or_else(|| Arc::new(Granted::new(label.clone(), opened.place, opened.backend, Limits::default())));
        (label, granted)
    };
    let opened = BINDING.open(bind)?;
    bind.site.share(Arc::new(Bindings(opened.into_iter().map(granted).collect())));
    Ok(())
}

/// What the label `default` is: Spin's file in the state folder; without one, memory.
fn default_table(site: &Site) -> toml::Table {
    let mut table = toml::Table::new();
    table.insert("type".to_owned(), "spin".into());
    if let Some(folder) = &site.state_dir {
        table.insert("path".to_owned(), absolute(folder).join(DEFAULT_FILE).display().to_string().into());
    }
    table
}

/// The store behind `label` whose table has the type `kind` and the lines `more`, opened as at a start.
#[cfg(test)]
pub(super) fn opened(label: &str, kind: &str, more: &str) -> Arc<dyn Store> {
    let config = format!("[{TABLE}.{label}]\ntype = \"{kind}\"\n{more}");
    let mut config = coracle_engine::RuntimeConfig::new(toml::from_str(&config).unwrap(), None);
    let labels = BTreeMap::from([(GRANT.to_owned(), std::collections::BTreeSet::from([label.to_owned()]))]);
    let mut site = Site::default();
    bind(&mut Bind { site: &mut site, config: &mut config, labels: &labels }).unwrap();
    Arc::clone(&site.shared::<Bindings>().unwrap().get(label).unwrap().store)
}
