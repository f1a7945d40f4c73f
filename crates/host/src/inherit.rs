//! Which interfaces a dependency gets only when it inherits the kind of grant that they belong to. Taken from the list of
//! capabilities, so that a new interface cannot be forgotten here.

use coracle_app::InheritKey;
use coracle_capabilities::ALL;
use coracle_engine::Import;

/// The kind of grant that `import` belongs to; `None` for what every component has, such as clocks, and for what no capability knows.
pub(crate) fn key_of(import: &Import) -> Option<InheritKey> {
    let interfaces = ALL.iter().flat_map(|capability| capability.interfaces());
    let interface = interfaces.filter(|interface| interface.answers(&import.name, import.version.as_deref())).find_map(|it| it.granted_by);
    interface.and_then(|granted_by| {
        InheritKey::ALL.into_iter().find(|key| {
            granted_by
                == match key {
                    InheritKey::AiModels => "ai-models",
                    InheritKey::AllowedOutboundHosts => "outbound-hosts",
                    InheritKey::Environment => "environment",
                    InheritKey::Files => "files",
                    InheritKey::KeyValueStores => "key-value",
                    InheritKey::SqliteDatabases => "sqlite",
                    InheritKey::Variables => "variables",
                }
        })
    })
}
