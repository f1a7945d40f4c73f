//! Which broker stands behind which label: the `[messaging.<label>]` tables of the runtime configuration; the label `default` is a
//! broker in this process without one.

use std::collections::BTreeMap;
use std::sync::Arc;

use coracle_engine::{Bind, BindError, ConfigTable, DEFAULT_LABEL, Site};

use super::grant::Granted;
use super::local::{self, Local, Locals};
use super::{Broker, GRANT, Limits, mqtt, nats, redis};
use crate::backend::{Binding, Kind, Opened};

/// What the reference page says of the tables.
pub(super) const TABLES: &[ConfigTable] = &[ConfigTable {
    header: "[messaging.<label>]",
    about: "The broker behind a label. `default` needs no table: it is a broker in the process. With `jetstream`, NATS acknowledges a \
            message when a stream has it on disk. Redis publishes to channels; the dots of a subject are slashes to MQTT. These two carry \
            neither replies nor metadata.",
    example: "[messaging.internal]\ntype = \"memory\"\n\n[messaging.events]\ntype = \"nats\"\nurl = \"tls://nats.example\"\njetstream = true\n\
              credentials = \"nats.creds\"\n\n[messaging.cache]\ntype = \"redis\"\nurl = \"rediss://:password@redis.example\"\n\n\
              [messaging.field]\ntype = \"mqtt\"\nurl = \"mqtts://broker.example\"\nusername = \"shop\"\npassword = \"secret\"\nqos = 1\n",
}];

/// The brokers of one app by label.
#[derive(Default)]
pub(super) struct Bindings(BTreeMap<String, Arc<Granted>>);

/// Every kind of backend.
const KINDS: &[&Kind<dyn Broker>] = &[&local::KIND, &nats::KIND, &redis::KIND, &mqtt::KIND];

const BINDING: Binding<dyn Broker> = Binding {
    grant: GRANT,
    table: "messaging",
    kinds: KINDS,
    default: |label, _| {
        let table = || toml::Table::from_iter([("type".to_owned(), "memory".into())]);
        (label == DEFAULT_LABEL).then(table)
    },
    missing: &[],
};

impl Bindings {
    pub(super) fn get(&self, label: &str) -> Option<Arc<Granted>> {
        self.0.get(label).cloned()
    }
}

/// The broker of this process behind `label`, for those who listen to it here.
#[must_use]
pub fn local(site: &Site, label: &str) -> Option<Arc<Local>> {
    site.shared::<Locals>()?.get(label)
}

/// Reads the configuration, and opens what components were granted.
pub(super) fn bind(bind: &mut Bind<'_>) -> Result<(), BindError> {
    bind.site.share(Arc::new(Locals::default()));
    let opened = BINDING.open(bind)?;
    let granted = |(label, opened): (String, Opened<dyn Broker>)| {
        (label.clone(), Arc::new(Granted { label, place: opened.place, broker: opened.backend, limits: Limits::default() }))
    };
    bind.site.share(Arc::new(Bindings(opened.into_iter().map(granted).collect())));
    Ok(())
}
