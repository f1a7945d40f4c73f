//! Which backend stands behind which label: the `[blob_store.<label>]` tables of the runtime configuration, and what the label
//! `default` is without one.

use std::collections::BTreeMap;
use std::sync::Arc;

use coracle_engine::{Bind, BindError, ConfigTable, DEFAULT_LABEL, Site};

use super::grant::Granted;
use super::{GRANT, Limits, Store, directory, memory, s3};
use crate::backend::{Binding, Kind, Opened, absolute};

/// The folder of the label `default` in the state folder.
const DEFAULT_FOLDER: &str = "blobs";

/// What the reference page says of the tables.
pub(super) const TABLES: &[ConfigTable] = &[ConfigTable {
    header: "[blob_store.<label>]",
    about: "The store behind a label. `default` needs no table: it is a folder in the state folder. A container is a folder of a \
            `directory`, and the first part of the keys in the bucket of an `s3`.",
    example: "[blob_store.cache]\ntype = \"memory\"\nmax_bytes = 67108864\n\n[blob_store.photos]\ntype = \"directory\"\npath = \"photos\"\n\n\
              [blob_store.archive]\ntype = \"s3\"\nbucket = \"archive\"\nregion = \"eu-central-1\"\nprefix = \"shop\"\naccess_key_id = \"AKIAEXAMPLE\"\n\
              secret_access_key = \"secret\"\n\n[blob_store.local]\ntype = \"s3\"\nendpoint = \"http://minio:9000\"\nallow_http = true\nbucket = \"local\"\n",
}];

/// The stores of one app by label.
#[derive(Default)]
pub(super) struct Bindings(BTreeMap<String, Arc<Granted>>);

/// Every kind of backend.
const KINDS: &[&Kind<dyn Store>] = &[&directory::KIND, &memory::KIND, &s3::KIND];

const BINDING: Binding<dyn Store> = Binding {
    grant: GRANT,
    table: "blob_store",
    kinds: KINDS,
    default: |label, site| (label == DEFAULT_LABEL).then(|| default_table(site)),
    missing: &[],
};

impl Bindings {
    pub(super) fn get(&self, label: &str) -> Option<Arc<Granted>> {
        self.0.get(label).cloned()
    }
}

/// Reads the configuration, and opens what components were granted.
pub(super) fn bind(bind: &mut Bind<'_>) -> Result<(), BindError> {
    let opened = BINDING.open(bind)?;
    let granted = |(label, opened): (String, Opened<dyn Store>)| {
        (label.clone(), Arc::new(Granted { label, place: opened.place, store: opened.backend, limits: Limits::default() }))
    };
    bind.site.share(Arc::new(Bindings(opened.into_iter().map(granted).collect())));
    Ok(())
}

/// What the label `default` is: a folder in the state folder; without one, memory.
fn default_table(site: &Site) -> toml::Table {
    let mut table = toml::Table::new();
    let Some(folder) = &site.state_dir else {
        table.insert("type".to_owned(), "memory".into());
        return table;
    };
    table.insert("type".to_owned(), "directory".into());
    table.insert("path".to_owned(), absolute(folder).join(DEFAULT_FOLDER).display().to_string().into());
    table
}
