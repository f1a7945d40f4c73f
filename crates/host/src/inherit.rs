//! Which interfaces a dependency gets only when it inherits the kind of grant that they belong to. Taken from the list of
//! capabilities, so that a new interface cannot be forgotten here.

use coracle_app::{Inherit, InheritKey};
use coracle_capabilities::ALL;
use coracle_engine::Import;

/// Whether a dependency that inherits `inherit` may have `import`. What every component has, such as clocks, it may; so it may what no
/// capability knows. A grant that cannot be named alone is inherited only with everything else, and so is what would change the calls of
/// the other parts.
pub(crate) fn inherits(inherit: &Inherit, import: &Import) -> bool {
    if matches!(inherit, Inherit::All) {
        return true;
    }
    let interfaces = ALL.iter().flat_map(|capability| capability.interfaces().iter().map(move |interface| (capability, interface)));
    let answering = interfaces.filter(|(_, interface)| interface.answers(&import.name, import.version.as_deref()));
    answering.into_iter().all(|(capability, interface)| match (interface.granted_by, inherit) {
        (None, _) => !capability.steers_other_parts(),
        (Some(granted_by), Inherit::Some(keys)) => keys.iter().any(|key| grant_of(*key) == granted_by),
        (Some(_), _) => false,
    })
}

/// The key of the grant that a manifest calls `key`.
fn grant_of(key: InheritKey) -> &'static str {
    match key {
        InheritKey::AiModels => "ai-models",
        InheritKey::AllowedOutboundHosts => "outbound-hosts",
        InheritKey::BlobStores => "blob-store",
        InheritKey::Environment => "environment",
        InheritKey::Files => "files",
        InheritKey::KeyValueStores => "key-value",
        InheritKey::Messaging => "messaging",
        InheritKey::SqliteDatabases => "sqlite",
        InheritKey::Variables => "variables",
    }
}

#[cfg(test)]
mod tests {
    use coracle_app::{Inherit, InheritKey};
    use coracle_engine::Import;

    use crate::compose::restricted;

    /// What Spin denies to a dependency that does not inherit the key, and what it forgets: the sockets of WASI 0.3 among the hosts.
    const BY_KEY: &[(InheritKey, &[&str])] = &[
        (
            InheritKey::AllowedOutboundHosts,
            &[
                "fermyon:spin/http",
                "fermyon:spin/mqtt@2.0.0",
                "spin:mqtt/mqtt@3.0.0",
                "wasi:http/client@0.3.0",
                "wasi:http/client@0.3.0-rc-2026-03-15",
                "wasi:http/outgoing-handler@0.2.6",
                "wasi:http/outgoing-handler@0.2.12",
                "wasi:sockets/ip-name-lookup@0.2.6",
                "wasi:sockets/ip-name-lookup@0.3.0",
                "wasi:sockets/ip-name-lookup@0.3.0-rc-2026-03-15",
                "wasi:sockets/tcp@0.2.6",
                "wasi:sockets/tcp-create-socket@0.2.6",
                "wasi:sockets/udp@0.2.6",
                "wasi:sockets/udp-create-socket@0.2.6",
                "wasi:sockets/types@0.3.0",
                "wasi:sockets/types@0.3.0-rc-2026-03-15",
            ],
        ),
        (InheritKey::BlobStores, &["wasi:blobstore/blobstore@0.2.0-draft", "wasi:blobstore/container@0.2.0-draft"]),
        (
            InheritKey::Messaging,
            &[
                "wasi:messaging/producer@0.2.0-draft",
                "wasmcloud:messaging/consumer@0.2.0",
                "wasmcloud:messaging/consumer@0.3.0",
                "wasmcloud:messaging/request-reply@0.3.0",
            ],
        ),
        (
            InheritKey::Environment,
            &["wasi:cli/environment@0.2.6", "wasi:cli/environment@0.3.0", "wasi:cli/environment@0.3.0-rc-2026-03-15"],
        ),
        (
            InheritKey::Files,
            &["wasi:filesystem/preopens@0.2.6", "wasi:filesystem/preopens@0.3.0", "wasi:filesystem/preopens@0.3.0-rc-2026-03-15"],
        ),
        (
            InheritKey::KeyValueStores,
            &[
                "fermyon:spin/key-value",
                "fermyon:spin/key-value@2.0.0",
                "spin:key-value/key-value@3.0.0",
                "wasi:keyvalue/store@0.2.0-draft2",
                "wasi:keyvalue/atomics@0.2.0-draft2",
                "wasi:keyvalue/batch@0.2.0-draft2",
                "wasmcloud:keyvalue/types@0.2.0",
                "wasmcloud:keyvalue/store@0.2.0",
            ],
        ),
        (
            InheritKey::SqliteDatabases,
            &["fermyon:spin/sqlite", "fermyon:spin/sqlite@2.0.0", "spin:sqlite/sqlite@3.0.0", "spin:sqlite/sqlite@3.1.0"],
        ),
        (
            InheritKey::Variables,
            &["fermyon:spin/config", "fermyon:spin/variables@2.0.0", "spin:variables/variables@3.0.0", "wasi:config/store@0.2.0-rc.1"],
        ),
    ];

    #[test]
    fn each_interface_goes_with_its_key_and_with_no_other() {
        for (key, interfaces) in BY_KEY {
            let others: std::collections::BTreeSet<_> = InheritKey::ALL.into_iter().filter(|other| other != key).collect();
            for name in *interfaces {
                assert!(restricted(&Import::parse(name), &Inherit::None).is_some(), "{name}");
                assert!(restricted(&Import::parse(name), &Inherit::Some(others.clone())).is_some(), "{name}");
                assert_eq!(restricted(&Import::parse(name), &Inherit::Some([*key].into())), None, "{name}");
                assert_eq!(restricted(&Import::parse(name), &Inherit::All), None, "{name}");
            }
        }
    }

    #[test]
    fn grants_without_a_key_go_with_all_of_them() {
        let every = || Inherit::Some(InheritKey::ALL.into());
        for name in [
            "wasmcloud:bus/lattice@1.0.0",
            "wasmcloud:bus/lattice@2.0.1",
            "wasmcloud:secrets/store@0.1.0-draft",
            "wasmcloud:secrets/reveal@2.1.0",
        ] {
            let import = Import::parse(name);
            assert!(restricted(&import, &Inherit::None).is_some() && restricted(&import, &every()).is_some(), "{name}");
            assert_eq!(restricted(&import, &Inherit::All), None, "{name}");
        }
    }

    #[test]
    fn clocks_randomness_and_streams_always_pass() {
        for name in ["wasi:clocks/monotonic-clock@0.2.6", "wasi:random/random@0.3.0", "wasi:cli/stdout@0.2.6", "wasi:io/streams@0.2.12"] {
            assert_eq!(restricted(&Import::parse(name), &Inherit::None), None, "{name}");
        }
    }
}
