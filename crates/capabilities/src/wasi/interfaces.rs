//! What the start-up table and admission know about WASI: each interface, the versions that link, and the manifest key that grants it.

use coracle_engine::Interface;

use super::legacy;

/// The last 0.2, which answers every 0.2.x, and the snapshot before it.
const P2: &[&str] = &["0.2.12", legacy::VERSION];
const P3: &[&str] = &["0.3.0"];
const BOTH: &[&str] = &["0.2.12", "0.3.0", legacy::VERSION];
const LEGACY: &[&str] = &[legacy::VERSION];

/// Every interface that the capability links.
pub(super) const ALL: &[Interface] = &[
    granted("wasi:cli/environment", BOTH, "environment"),
    free("wasi:cli/exit", BOTH),
    free("wasi:cli/types", P3),
    free("wasi:cli/stdin", BOTH),
    free("wasi:cli/stdout", BOTH),
    free("wasi:cli/stderr", BOTH),
    free("wasi:cli/terminal-input", BOTH),
    free("wasi:cli/terminal-output", BOTH),
    free("wasi:cli/terminal-stdin", BOTH),
    free("wasi:cli/terminal-stdout", BOTH),
    free("wasi:cli/terminal-stderr", BOTH),
    free("wasi:clocks/types", P3),
    free("wasi:clocks/monotonic-clock", BOTH),
    free("wasi:clocks/wall-clock", P2),
    free("wasi:clocks/system-clock", P3),
    free("wasi:clocks/timezone", LEGACY),
    free("wasi:random/random", BOTH),
    free("wasi:random/insecure", BOTH),
    free("wasi:random/insecure-seed", BOTH),
    free("wasi:io/error", &["0.2.12"]),
    free("wasi:io/poll", P2),
    free("wasi:io/streams", P2),
    // A descriptor comes from a preopen or from nowhere, so `types` alone opens nothing.
    free("wasi:filesystem/types", BOTH),
    granted("wasi:filesystem/preopens", BOTH, "files"),
    free("wasi:sockets/network", P2),
    free("wasi:sockets/instance-network", P2),
    granted("wasi:sockets/tcp", P2, "outbound-hosts"),
    granted("wasi:sockets/tcp-create-socket", P2, "outbound-hosts"),
    granted("wasi:sockets/udp", P2, "outbound-hosts"),
    granted("wasi:sockets/udp-create-socket", P2, "outbound-hosts"),
    // In 0.3 sockets are made by `types`, so that is where the grant stands.
    granted("wasi:sockets/types", P3, "outbound-hosts"),
    granted("wasi:sockets/ip-name-lookup", BOTH, "outbound-hosts"),
];

const fn free(name: &'static str, versions: &'static [&'static str]) -> Interface {
    Interface { name, versions, granted_by: None }
}

const fn granted(name: &'static str, versions: &'static [&'static str], key: &'static str) -> Interface {
    Interface { name, versions, granted_by: Some(key) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_interface_stands_once_and_answers_every_0_2() {
        let mut names: Vec<_> = ALL.iter().map(|interface| interface.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
        let answers = |name: &str, version| ALL.iter().any(|interface| interface.answers(name, Some(version)));
        assert!(answers("wasi:cli/environment", "0.2.0") && answers("wasi:cli/environment", "0.3.0"));
        assert!(answers("wasi:io/poll", "0.2.6") && !answers("wasi:io/poll", "0.3.0"));
        // A release candidate is answered where its components are given the names of the release.
        assert!(answers("wasi:cli/environment", "0.2.0-rc-2023-11-10") && answers("wasi:cli/environment", "0.3.0-rc-2026-03-15"));
        assert!(!answers("wasi:cli/environment", "0.2.0-rc-2023-12-05") && !answers("wasi:cli/environment", "0.3.0-rc-2025-09-16"));
    }
}
