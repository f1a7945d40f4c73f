//! The lowest versions that `Cargo.lock` may hold, each with its reason, and the crates it may not hold. It needs no
//! network and no advisory database, so it holds on every machine; `deny.toml` adds what those know.

use anyhow::{Context as _, Result};
use semver::Version;
use serde::Deserialize;

use super::{Case, Finding};
use crate::source::Tree;

pub(super) const CASE: Case = Case { name: "floors", rule: "dependencies meet the version floors and come from crates.io", check };

const LOCK: &str = "Cargo.lock";
const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

#[derive(Clone, Copy)]
enum Demand {
    AtLeast(&'static str),
    Exactly(&'static str),
    Never,
}

use Demand::{AtLeast, Exactly, Never};

/// What is asked of a crate, and what its earlier releases do otherwise. `name*` stands for every crate that starts so.
const DEMANDS: &[(&str, Demand, &str)] = &[
    ("wasmtime", Exactly("48.0.8"), WASMTIME),
    ("wasmtime-*", Exactly("48.0.8"), WASMTIME),
    ("h2", AtLeast("0.4.16"), "a peer exhausts memory with empty DATA frames (RUSTSEC-2026-0258)"),
    ("hyper", AtLeast("1.0.0"), "0.14 gets no more fixes"),
    ("rustls", AtLeast("0.23.46"), "the version that wasmtime 48.0.8 is tested with"),
    ("rustls-webpki", AtLeast("0.103.13"), "a revocation list makes it panic (RUSTSEC-2026-0104)"),
    ("rustls-pemfile", Never, "unmaintained (RUSTSEC-2025-0134); `rustls::pki_types::pem` reads PEM"),
    ("ring", AtLeast("0.17.12"), "AES panics where overflow is checked (RUSTSEC-2025-0009)"),
    ("aws-lc-sys", AtLeast("0.39.0"), "revocation lists are matched wrongly (RUSTSEC-2026-0048)"),
    ("tar", AtLeast("0.4.45"), "an archive changes modes outside its folder (RUSTSEC-2026-0067)"),
    ("astral-tokio-tar", AtLeast("0.6.2"), "an archive smuggles entries past checks (RUSTSEC-2026-0145)"),
    ("tokio-tar", Never, "unmaintained, and smuggles entries past checks (RUSTSEC-2025-0111); use `tar`"),
    ("zip", AtLeast("2.3.0"), "an archive writes outside its folder (RUSTSEC-2025-0168)"),
    ("serde_yml", Never, "unsound and unmaintained (RUSTSEC-2025-0068); write TOML or JSON"),
    ("rsa", Never, "leaks keys through timing, without a fix (RUSTSEC-2023-0071); use ECDSA or Ed25519"),
    ("hickory-*", AtLeast("0.26.1"), "a DNS answer keeps a CPU busy for ever (RUSTSEC-2026-0119, -0120)"),
    ("bytes", AtLeast("1.11.1"), "`BytesMut::reserve` overflows (RUSTSEC-2026-0007)"),
    ("time", AtLeast("0.3.47"), "a date exhausts the stack (RUSTSEC-2026-0009)"),
    ("quinn-proto", AtLeast("0.11.15"), "a peer exhausts memory (RUSTSEC-2026-0185)"),
    ("tracing-subscriber", AtLeast("0.3.20"), "strangers write terminal escapes to logs (RUSTSEC-2025-0055)"),
    ("tungstenite", AtLeast("0.20.1"), "a peer's headers cost unbounded time (RUSTSEC-2023-0065)"),
    ("tonic", AtLeast("0.12.3"), "a peer ends the accept loop (RUSTSEC-2024-0376)"),
    ("sqlx", AtLeast("0.8.1"), "a long value forges protocol messages (RUSTSEC-2024-0363)"),
    ("protobuf", AtLeast("3.7.2"), "a message exhausts the stack (RUSTSEC-2024-0437)"),
    ("object_store", AtLeast("0.10.2"), "credentials reach the log (RUSTSEC-2024-0358)"),
    ("idna", AtLeast("1.0.0"), "two spellings name one host (RUSTSEC-2024-0421)"),
    ("async-nats", AtLeast("0.29.0"), "the server's TLS name is not checked (RUSTSEC-2023-0027)"),
    ("crossbeam-channel", AtLeast("0.5.15"), "frees memory twice (RUSTSEC-2025-0024)"),
    ("crossbeam-epoch", AtLeast("0.9.20"), "printing a pointer follows it (RUSTSEC-2026-0204)"),
    ("lru", AtLeast("0.18.2"), "a panic in `pop` leaves freed memory in use (RUSTSEC-2026-0253)"),
];

const WASMTIME: &str = "the LTS; 48.0.0 to 48.0.7 have 36 known holes, and all of its crates must be of one release";

/// Releases that were an attack.
/// RUSTSEC-2026-0260, -0262 and -0266.
const MALICIOUS: &[(&str, &str)] = &[("arrayref", "0.3.10"), ("append-only-vec", "0.1.9"), ("internment", "0.8.7")];

#[derive(Deserialize)]
struct Lock {
    package: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: Version,
    source: Option<String>,
}

fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let mut found = Vec::new();
    let locks = tree.files().iter().filter(|file| file.path == LOCK || file.path.ends_with("/Cargo.lock"));
    for file in locks {
        let lock: Lock = toml::from_str(&file.text).with_context(|| format!("could not read {}", file.path))?;
        for package in &lock.package {
            let complaints = foreign_source(package)
                .into_iter()
                .chain(malicious(package))
                .chain(DEMANDS.iter().filter_map(|(name, demand, reason)| unmet(package, name, *demand, reason)));
            found.extend(complaints.map(|message| Finding::new(&file.path, 0, message)));
        }
    }
    Ok(found)
}

fn foreign_source(package: &Package) -> Option<String> {
    let source = package.source.as_deref()?;
    let name = &package.name;
    (source != CRATES_IO).then(|| format!("`{name}` comes from {source}; depend on a release from crates.io"))
}

fn malicious(package: &Package) -> Option<String> {
    let Package { name, version, .. } = package;
    MALICIOUS
        .iter()
        .any(|(bad, release)| name == bad && version.to_string() == *release)
        .then(|| format!("`{name}` {version} was an attack; run `cargo update -p {name}` and look at what it ran on this machine"))
}

fn unmet(package: &Package, demanded: &str, demand: Demand, reason: &str) -> Option<String> {
    let Package { name, version, source } = package;
    let is_meant = match demanded.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == demanded,
    };
    if !is_meant || source.is_none() {
        return None;
    }
    match demand {
        AtLeast(floor) if parse(floor).is_none_or(|floor| *version < floor) => {
            Some(format!("`{name}` {version} is below {floor}: {reason}; run `cargo update -p {name}@{version}`, or raise who needs it"))
        }
        Exactly(exact) if parse(exact).is_none_or(|exact| *version != exact) => {
            Some(format!("`{name}` is {version} and must be {exact}: {reason}; pin it with `={exact}` in Cargo.toml"))
        }
        Never => Some(format!("`{name}` may not be used: {reason}; `cargo tree -i {name}` shows who needs it")),
        _ => None,
    }
}

fn parse(version: &str) -> Option<Version> {
    Version::parse(version).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::lines_of;

    fn found(name: &str, version: &str, source: &str) -> Vec<String> {
        let lock = format!("version = 4\n[[package]]\nname = \"{name}\"\nversion = \"{version}\"\nsource = \"{source}\"\n");
        lines_of(&CASE, &[(LOCK, &lock)])
    }

    #[test]
    fn every_demand_is_a_version_with_a_reason() {
        for (name, demand, reason) in DEMANDS {
            if let AtLeast(version) | Exactly(version) = demand {
                assert!(parse(version).is_some(), "{name} {version}");
            }
            assert!(!reason.is_empty(), "{name}");
        }
    }

    #[test]
    fn versions_at_and_above_the_floor_pass() {
        for (name, version) in [("h2", "0.4.16"), ("h2", "0.5.0"), ("wasmtime-wasi", "48.0.8"), ("serde", "0.1.0")] {
            assert_eq!(found(name, version, CRATES_IO), [""; 0], "{name} {version}");
        }
    }

    #[test]
    fn a_version_below_its_floor_is_found() {
        let found = found("h2", "0.4.15", CRATES_IO).concat();
        assert!(found.contains("`h2` 0.4.15 is below 0.4.16: ") && found.contains("cargo update -p h2@0.4.15"), "{found}");
    }

    #[test]
    fn any_other_wasmtime_is_found() {
        for (name, version) in [("wasmtime", "48.0.7"), ("wasmtime-internal-cranelift", "50.0.1")] {
            let found = found(name, version, CRATES_IO).concat();
            assert!(found.contains("must be 48.0.8"), "{found}");
        }
    }

    #[test]
    fn forbidden_malicious_and_foreign_crates_are_found() {
        assert!(found("rsa", "0.9.8", CRATES_IO).concat().contains("may not be used"));
        assert!(found("arrayref", "0.3.10", CRATES_IO).concat().contains("was an attack"));
        assert!(found("serde", "1.0.0", "git+https://example.com/serde").concat().contains("depend on a release"));
    }
}
