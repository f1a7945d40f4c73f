//! The snapshot of 2023-10-18.

use coracle_capabilities::ALL;
use coracle_capabilities::linker;
use coracle_engine::{Component, Engines, Settings};
use serde_json::json;
use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{ManglingAndAbi, Resolve};

use super::{Guest, Setting};

/// A component that imports every function of the snapshot.
fn importer() -> Vec<u8> {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("snapshot.wit", include_str!("../../../src/wasi/legacy/snapshot.wit")).unwrap();
    let world = resolve.select_world(&[package], Some("everything")).unwrap();
    let mut module = dummy_module(&resolve, world, ManglingAndAbi::Standard32);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().module(&module).unwrap().encode().unwrap()
}

#[test]
fn every_function_of_the_snapshot_links_with_its_type() {
    let engines = Engines::new(&Settings { pooling: false, ..Settings::default() }).unwrap();
    let component = Component::compile(&engines, &importer()).unwrap();
    let linker = linker(engines.get(component.generation()), component.generation()).unwrap();
    component.prepare(&linker).unwrap();
    let imports = component.shape().imports();
    assert!(imports.len() > 20, "{imports:?}");
    for import in imports {
        let known = ALL.iter().flat_map(|capability| capability.interfaces());
        let mut answering = known.filter(|interface| interface.answers(&import.name, import.version.as_deref()));
        assert!(answering.next().is_some(), "{import} links and is not listed");
    }
}

#[tokio::test]
async fn a_command_of_the_snapshot_runs() {
    let guest = Guest::built("snapshot");
    let data = tempfile::tempdir().unwrap();
    std::fs::write(data.path().join("hello.txt"), "hello from a file").unwrap();
    let files = json!([{ "source": data.path(), "destination": "/data" }]);
    let setting = Setting::granted(json!({ "environment": { "A": "b" }, "files": files }));
    let expected = [
        "arguments [\"guest\", \"one\"]",
        "environment [(\"A\", \"b\")]",
        "zone UTC 0",
        "ready true",
        "waited true",
        "random 4",
        "terminal false",
        "socket denied true",
        "hello from a file",
        "/data has 17 bytes, Ok(17) forwarded",
        "outside Some(\"not-permitted\")",
        "created Some(\"not-permitted\")",
        "locked Some(\"unsupported\")",
    ];
    assert_eq!(guest.says(&setting, &["one"]).await, expected.join("\n"));
    assert!(guest.says(&Setting::default(), &[]).await.ends_with("socket denied true\nno directories"));
}
