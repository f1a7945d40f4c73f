//! What a link leads to is tested where the labels are; here, who is told of what.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use coracle_engine::{Bind, GrantRequest, Identity, InstanceState, Limits, RuntimeConfig, Site};
use serde_json::json;
use wasmtime::component::Resource;

use super::host::{v1, v2};
use super::*;

const INTERFACES: [&str; 5] =
    ["wasi:keyvalue/store", "wasi:keyvalue/atomics", "wasi:keyvalue/batch", "wasi:blobstore/blobstore", "wasmcloud:messaging/consumer"];

/// An instance that was granted the labels `default` and `backup` of everything that is linked, all of it in memory.
fn instance() -> InstanceState {
    let (mut site, labels) = (Site::default(), ["default", "backup"]);
    let keys = ["key-value", "blob-store", "messaging"];
    let asked: BTreeMap<String, BTreeSet<String>> =
        keys.iter().map(|key| ((*key).to_owned(), labels.iter().map(|label| (*label).to_owned()).collect())).collect();
    let text = "[key_value_store.backup]\ntype = \"memory\"\n[blob_store.backup]\ntype = \"memory\"\n[messaging.backup]\ntype = \"memory\"";
    let mut config = RuntimeConfig::new(toml::from_str(text).unwrap(), None);
    crate::bind(&mut Bind { site: &mut site, config: &mut config, labels: &asked }).unwrap();
    let grants = keys.iter().map(|key| ((*key).to_owned(), json!(labels))).collect();
    let grants = crate::grants(&GrantRequest { component: "c", grants: &grants, site: &site }).unwrap();
    let identity = Identity { app: "a".to_owned(), component: "c".to_owned() };
    InstanceState::new(Arc::new(identity), grants.into(), Arc::new(Limits::default()))
}

fn targets(instance: &mut InstanceState, interfaces: &[&str]) -> Vec<Resource<Target>> {
    let target = |interface: &&str| {
        let (namespace, rest) = interface.split_once(':').unwrap();
        let (package, interface) = rest.split_once('/').unwrap();
        v2::HostCallTargetInterface::new(instance, namespace.to_owned(), package.to_owned(), interface.to_owned()).unwrap()
    };
    interfaces.iter().map(target).collect()
}

/// Chooses by the version that tells of errors.
fn set(instance: &mut InstanceState, name: &str, interfaces: &[&str]) -> Result<(), String> {
    let targets = targets(instance, interfaces);
    v2::Host::set_link_name(instance, name.to_owned(), targets).unwrap()
}

/// What was chosen for each interface.
fn chosen(instance: &mut InstanceState) -> Vec<Option<String>> {
    let mut of = |interface: &&str| {
        ALL.iter().find_map(|capability| {
            let linkable = capability.linkable(instance)?;
            linkable.interfaces.contains(interface).then(|| linkable.links.chosen(interface).map(str::to_owned))
        })
    };
    INTERFACES.iter().map(|interface| of(interface).unwrap()).collect()
}

fn some(label: &str) -> Option<String> {
    Some(label.to_owned())
}

#[test]
fn each_interface_is_linked_alone_until_it_goes_back() {
    let mut instance = instance();
    assert_eq!(chosen(&mut instance), [None, None, None, None, None]);
    set(&mut instance, "backup", &INTERFACES).unwrap();
    assert_eq!(chosen(&mut instance), vec![some("backup"); 5]);
    set(&mut instance, "default", &["wasi:keyvalue/atomics", "wasmcloud:messaging/consumer"]).unwrap();
    assert_eq!(chosen(&mut instance), [some("backup"), None, some("backup"), some("backup"), None]);
    set(&mut instance, "backup", &[]).unwrap();
    crate::begin_invocation(&mut instance);
    assert_eq!(chosen(&mut instance), [None, None, None, None, None], "an invocation begins with the default");
    assert!(instance.table().is_empty(), "targets that were handed over are gone");
}

#[test]
fn what_cannot_be_linked_is_told_and_changes_nothing() {
    let mut instance = instance();
    let lost = set(&mut instance, "lost", &["wasi:keyvalue/store"]).unwrap_err();
    assert_eq!(lost, "`wasi:keyvalue/store` has no link `lost`; grant the component that label");
    for unknown in ["acme:words/greeting", "wasi:http/outgoing-handler", "fermyon:spin/key-value", "wasi:keyvalue/store@0.2.0-draft"] {
        let error = set(&mut instance, "backup", &["wasi:keyvalue/store", unknown]).unwrap_err();
        assert_eq!(error, format!("`{unknown}` does not follow links; name what you mean where you open it"));
    }
    let long = format!("wasi:keyvalue/{}", "x".repeat(1 << 20));
    assert!(set(&mut instance, "backup", &[&long]).unwrap_err().len() < 200);
    assert!(set(&mut instance, &"é".repeat(1 << 20), &["wasi:keyvalue/store"]).unwrap_err().len() < 300);
    assert_eq!(chosen(&mut instance), [None, None, None, None, None]);
}

#[test]
fn the_first_version_tells_nothing_and_leaves_it_to_later_calls() {
    let mut instance = instance();
    let set = |instance: &mut InstanceState, name: &str, interfaces: &[&str]| {
        let targets = targets(instance, interfaces);
        v1::Host::set_link_name(instance, name.to_owned(), targets).unwrap();
    };
    set(&mut instance, "lost", &["acme:words/greeting", "wasi:keyvalue/store"]);
    set(&mut instance, "backup", &["wasmcloud:messaging/consumer"]);
    assert_eq!(chosen(&mut instance), [some("lost"), None, None, None, some("backup")]);
    set(&mut instance, &"x".repeat(1 << 20), &["wasi:keyvalue/store"]);
    assert!(chosen(&mut instance)[0].as_ref().is_some_and(|link| link.len() == NAME_BYTES_MAX));
}

#[test]
fn an_instance_without_grants_has_no_links() {
    let identity = Identity { app: "a".to_owned(), component: "c".to_owned() };
    let mut instance = InstanceState::new(Arc::new(identity), Arc::new([]), Arc::new(Limits::default()));
    for interface in INTERFACES {
        assert!(set(&mut instance, "backup", &[interface]).unwrap_err().contains("has no link `backup`"), "{interface}");
    }
}
