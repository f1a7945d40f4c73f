//! Every interface, in every version, that Spin's hosts answer: this one answers it, or knows that it lacks it.

use coracle_capabilities::{ALL, is_unavailable, link_labelled, linker};
use coracle_engine::{Component, Engines, Import, Settings};

const WASI_0_2: &[&str] = &["0.2.0", "0.2.1", "0.2.2", "0.2.3", "0.2.4", "0.2.6", "0.2.12", "0.2.0-rc-2023-10-18", "0.2.0-rc-2023-11-10"];
const WASI_0_3: &[&str] = &["0.3.0", "0.3.0-rc-2026-03-15"];

/// The interfaces of a package in these versions.
type Row = (&'static str, &'static [&'static str], &'static [&'static str]);

const ANSWERED: &[Row] = &[
    (
        "wasi:cli",
        &[
            "environment",
            "exit",
            "stdin",
            "stdout",
            "stderr",
            "terminal-input",
            "terminal-output",
            "terminal-stdin",
            "terminal-stdout",
            "terminal-stderr",
        ],
        WASI_0_2,
    ),
    (
        "wasi:cli",
        &[
            "types",
            "environment",
            "exit",
            "stdin",
            "stdout",
            "stderr",
            "terminal-input",
            "terminal-output",
            "terminal-stdin",
            "terminal-stdout",
            "terminal-stderr",
        ],
        WASI_0_3,
    ),
    ("wasi:clocks", &["monotonic-clock", "wall-clock"], WASI_0_2),
    ("wasi:clocks", &["types", "monotonic-clock", "system-clock"], WASI_0_3),
    ("wasi:random", &["random", "insecure", "insecure-seed"], WASI_0_2),
    ("wasi:random", &["random", "insecure", "insecure-seed"], WASI_0_3),
    ("wasi:io", &["poll", "streams"], WASI_0_2),
    ("wasi:io", &["error"], &["0.2.0", "0.2.12", "0.2.0-rc-2023-11-10"]),
    ("wasi:filesystem", &["types", "preopens"], WASI_0_2),
    ("wasi:filesystem", &["types", "preopens"], WASI_0_3),
    ("wasi:sockets", &["network", "instance-network", "tcp", "tcp-create-socket", "udp", "udp-create-socket", "ip-name-lookup"], WASI_0_2),
    ("wasi:sockets", &["types", "ip-name-lookup"], WASI_0_3),
    ("wasi:http", &["types", "outgoing-handler"], WASI_0_2),
    ("wasi:http", &["types", "client"], WASI_0_3),
    ("wasi:config", &["store"], &["0.2.0-draft-2024-09-27", "0.2.0-draft", "0.2.0-rc.1"]),
    ("wasi:config", &["runtime"], &["0.2.0-draft"]),
    ("wasi:keyvalue", &["store", "atomics", "batch"], &["0.2.0-draft", "0.2.0-draft2"]),
    (
        "fermyon:spin",
        &["config", "http", "http-types", "key-value", "llm", "mysql", "postgres", "rdbms-types", "redis", "redis-types", "sqlite"],
        &[""],
    ),
    ("fermyon:spin", &["key-value", "llm", "mqtt", "mysql", "postgres", "rdbms-types", "redis", "sqlite", "variables"], &["2.0.0"]),
    ("spin:mqtt", &["mqtt"], &["3.0.0"]),
    ("wasi:blobstore", &["blobstore", "container", "types"], &["0.2.0-draft"]),
    ("wasmcloud:blobstore", &["blobstore", "container", "types"], &["0.1.0"]),
    ("wasi:messaging", &["types", "producer", "request-reply"], &["0.2.0-draft"]),
    ("wasmcloud:keyvalue", &["atomics", "batch", "cas", "store", "types"], &["0.2.0"]),
    ("wasmcloud:messaging", &["types", "consumer"], &["0.2.0", "0.3.0"]),
    ("wasmcloud:messaging", &["producer", "request-reply"], &["0.3.0"]),
    ("wasi:otel", &["types", "tracing", "metrics", "logs"], &["0.2.0-rc.2"]),
    ("wasi:logging", &["logging"], &["", "0.1.0-draft"]),
    ("wasmcloud:bus", &["lattice"], &["1.0.0", "2.0.1"]),
    ("wasmcloud:secrets", &["store", "reveal"], &["0.1.0-draft", "2.1.0"]),
    ("wasmcloud:secrets", &["secret"], &["2.1.0"]),
    ("spin:key-value", &["key-value"], &["3.0.0"]),
    ("spin:redis", &["redis"], &["3.0.0"]),
    ("spin:variables", &["variables"], &["3.0.0"]),
    ("spin:sqlite", &["sqlite"], &["3.0.0", "3.1.0"]),
    ("spin:mysql", &["mysql"], &["3.0.0"]),
    ("spin:postgres", &["postgres"], &["3.0.0", "4.0.0", "4.1.0", "4.2.0"]),
    ("wasmcloud:postgres", &["types", "query", "prepared"], &["0.1.1-draft", "0.2.0"]),
];

const LACKING: &[Row] = &[("wasmcloud:bus", &["error"], &["2.0.1"]), ("wasmcloud:identity", &["store"], &["0.0.1"])];

fn imports(rows: &[Row]) -> impl Iterator<Item = Import> {
    let names = rows.iter().flat_map(|(package, names, versions)| {
        names.iter().flat_map(move |name| {
            versions.iter().map(move |version| match *version {
                "" => format!("{package}/{name}"),
                version => format!("{package}/{name}@{version}"),
            })
        })
    });
    names.map(|name| Import::parse(&name))
}

fn is_answered(import: &Import) -> bool {
    let mut interfaces = ALL.iter().flat_map(|capability| capability.interfaces());
    interfaces.any(|interface| interface.answers(&import.name, import.version.as_deref()))
}

#[test]
fn whatever_spin_answers_is_answered_or_known_to_be_lacking() {
    for import in imports(ANSWERED) {
        assert!(is_answered(&import) && !is_unavailable(&import), "{import}");
    }
    for import in imports(LACKING) {
        assert!(is_unavailable(&import) && !is_answered(&import), "{import}");
    }
}

#[test]
fn what_nobody_made_is_not_answered() {
    for name in [
        "wasi:cli/environment@0.4.0",
        "wasi:keyvalue/store@0.2.0-draft3",
        "spin:sqlite/sqlite@4.0.0",
        "fermyon:spin/variables",
        "acme:a/b@1.0.0",
    ] {
        let import = Import::parse(name);
        assert!(!is_answered(&import) && !is_unavailable(&import), "{import}");
    }
}

#[test]
fn every_interface_that_may_have_a_label_links_under_one() {
    let engines = Engines::new(&Settings { pooling: false, ..Settings::default() }).unwrap();
    let mut linked = 0;
    for capability in ALL {
        for labelled in capability.labelled() {
            let interfaces: Vec<_> = capability.interfaces().iter().filter(|interface| interface.name == labelled.name).collect();
            assert!(interfaces.iter().any(|interface| interface.granted_by.is_some()), "{} is chosen by a grant", labelled.name);
            for version in interfaces.iter().flat_map(|interface| interface.versions) {
                let interface = format!("{}@{version}", labelled.name);
                // The type is one of WASI 0.3, so that async functions can be linked.
                let text = format!("(component (type (stream u8)) (import \"mine\" (implements \"{interface}\") (instance)))");
                let component = Component::compile(&engines, &wat::parse_str(text).unwrap()).unwrap();
                let mut linker = linker(engines.get(component.generation()), component.generation()).unwrap();
                link_labelled(&mut linker, component.shape()).unwrap();
                assert!(link_labelled(&mut linker, component.shape()).is_err(), "{interface} has functions, which are there now");
                linked += 1;
            }
        }
    }
    assert_eq!(linked, 8);
}
