//! The functions of WASI's draft as a guest meets them: streams, bounds, and what is denied.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use coracle_engine::{Bind, Capability as _, GrantRequest, Identity, InstanceState, Limits, RuntimeConfig, Site};
use serde_json::json;
use wasmtime::component::Resource;
use wasmtime_wasi_io::streams::StreamError;

use super::wasi_draft::bindings::wasi::blobstore::blobstore::{Host as _, ObjectId};
use super::wasi_draft::bindings::wasi::blobstore::container::{HostContainer, HostStreamObjectNames};
use super::wasi_draft::bindings::wasi::blobstore::types::{HostIncomingValue, HostOutgoingValue};
use super::*;
use crate::blob_store::handle::Container;
use crate::blob_store::{BlobStore, GRANT};

/// An instance that was granted `labels`, all of them in memory.
fn instance(labels: &[&str]) -> InstanceState {
    let mut site = Site::default();
    let table = labels.iter().map(|label| format!("[blob_store.{label}]\ntype = \"memory\"\nmax_bytes = {}\n", 64 << 20));
    let mut config = RuntimeConfig::new(toml::from_str(&table.collect::<String>()).unwrap(), None);
    let asked = BTreeMap::from([(GRANT.to_owned(), labels.iter().map(|label| (*label).to_owned()).collect())]);
    BlobStore.bind(&mut Bind { site: &mut site, config: &mut config, labels: &asked }).unwrap();
    let grants = BTreeMap::from([(GRANT.to_owned(), json!(labels))]);
    let grant = BlobStore.grant(&GrantRequest { component: "c", grants: &grants, site: &site }).unwrap();
    let identity = Identity { app: "a".to_owned(), component: "c".to_owned() };
    InstanceState::new(Arc::new(identity), grant.into_iter().collect(), Arc::new(Limits::default()))
}

fn borrow<T: 'static>(resource: &Resource<T>) -> Resource<T> {
    Resource::new_borrow(resource.rep())
}

type Viewed<'a, 'b> = &'a mut View<'b, State>;

async fn container(view: Viewed<'_, '_>, name: &str) -> Resource<Container> {
    view.create_container(name.to_owned()).await.unwrap().unwrap()
}

async fn write(view: Viewed<'_, '_>, container: &Resource<Container>, name: &str, chunks: &[&[u8]]) -> Result<(), String> {
    let value = view.new_outgoing_value().await.unwrap();
    let body = view.outgoing_value_write_body(borrow(&value)).await.unwrap().unwrap();
    view.write_data(borrow(container), name.to_owned(), borrow(&value)).await.unwrap()?;
    for chunk in chunks {
        let stream = view.table.get_mut(&body).unwrap();
        let written = stream.blocking_write_and_flush(Bytes::copy_from_slice(chunk)).await;
        written.map_err(|error| error.to_string())?;
    }
    view.table.delete(body).unwrap();
    HostOutgoingValue::finish(view, value).await.unwrap()
}

async fn read(view: Viewed<'_, '_>, container: &Resource<Container>, name: &str, first: u64, last: u64) -> Result<Vec<u8>, String> {
    let value = view.get_data(borrow(container), name.to_owned(), first, last).await.unwrap()?;
    let size = view.size(borrow(&value)).await.unwrap();
    let body = view.incoming_value_consume_sync(value).await.unwrap()?;
    assert_eq!(size, body.len() as u64);
    Ok(body)
}

#[tokio::test]
async fn objects_are_streamed_in_and_out() {
    let mut instance = instance(&["default"]);
    let mut view = view(&mut instance);
    let files = container(&mut view, "files").await;
    let chunk = vec![7; 3 << 20];
    write(&mut view, &files, "large", &[&chunk, &chunk, b"end"]).await.unwrap();
    assert_eq!(read(&mut view, &files, "large", (6 << 20) - 1, u64::MAX).await.unwrap(), b"\x07end");
    assert_eq!(read(&mut view, &files, "large", 1, 2).await.unwrap(), [7, 7]);
    assert!(read(&mut view, &files, "large", 2, 1).await.unwrap_err().contains("its end must not be before its start"));
    assert_eq!(read(&mut view, &files, "absent", 0, 1).await.unwrap_err(), "object `absent` does not exist");

    let value = view.get_data(borrow(&files), "large".to_owned(), 0, u64::MAX).await.unwrap().unwrap();
    let stream = view.incoming_value_consume_async(value).await.unwrap().unwrap();
    let mut bytes = 0;
    loop {
        match view.table.get_mut(&stream).unwrap().blocking_read(100_000).await {
            Ok(chunk) => bytes += chunk.len(),
            Err(StreamError::Closed) => break,
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(bytes, (6 << 20) + 3);
    let info = view.object_info(borrow(&files), "large".to_owned()).await.unwrap().unwrap();
    assert_eq!((info.name.as_str(), info.container.as_str(), info.size), ("large", "files", (6 << 20) + 3));
}

#[tokio::test]
async fn a_body_may_be_written_before_its_object_is_named() {
    let mut instance = instance(&["default"]);
    let mut view = view(&mut instance);
    let files = container(&mut view, "files").await;
    let value = view.new_outgoing_value().await.unwrap();
    let body = view.outgoing_value_write_body(borrow(&value)).await.unwrap().unwrap();
    assert!(view.outgoing_value_write_body(borrow(&value)).await.unwrap().is_err(), "there is one stream");
    let chunk = Bytes::from(vec![1; 3 << 20]);
    view.table.get_mut(&body).unwrap().blocking_write_and_flush(chunk.clone()).await.unwrap();
    view.table.delete(body).unwrap();
    view.write_data(borrow(&files), "a".to_owned(), borrow(&value)).await.unwrap().unwrap();
    let again = view.write_data(borrow(&files), "b".to_owned(), borrow(&value)).await.unwrap();
    assert!(again.unwrap_err().contains("make another value"));
    HostOutgoingValue::finish(&mut view, value).await.unwrap().unwrap();
    assert_eq!(read(&mut view, &files, "a", 0, u64::MAX).await.unwrap().len(), 3 << 20);

    // Without an end it would fill the host's memory.
    let value = view.new_outgoing_value().await.unwrap();
    let body = view.outgoing_value_write_body(borrow(&value)).await.unwrap().unwrap();
    let stream = view.table.get_mut(&body).unwrap();
    stream.blocking_write_and_flush(chunk.clone()).await.unwrap();
    stream.blocking_write_and_flush(chunk.clone()).await.unwrap();
    let refused = stream.blocking_write_and_flush(chunk).await.unwrap_err().to_string();
    assert!(refused.contains("give the value to `write-data`"), "{refused}");
    assert!(HostOutgoingValue::finish(&mut view, value).await.unwrap().is_err());
}

#[tokio::test]
async fn a_value_that_is_dropped_or_fails_leaves_the_object_as_it_was() {
    let mut instance = instance(&["default"]);
    let mut view = view(&mut instance);
    let files = container(&mut view, "files").await;
    write(&mut view, &files, "a", &[b"before"]).await.unwrap();
    let value = view.new_outgoing_value().await.unwrap();
    let body = view.outgoing_value_write_body(borrow(&value)).await.unwrap().unwrap();
    view.write_data(borrow(&files), "a".to_owned(), borrow(&value)).await.unwrap().unwrap();
    view.table.get_mut(&body).unwrap().blocking_write_and_flush(Bytes::from_static(b"after")).await.unwrap();
    HostOutgoingValue::drop(&mut view, value).await.unwrap();
    let refused = view.table.get_mut(&body).unwrap().blocking_write_and_flush(Bytes::from_static(b"more")).await;
    assert!(refused.unwrap_err().to_string().contains("the value was dropped"));
    assert_eq!(read(&mut view, &files, "a", 0, 99).await.unwrap(), b"before");

    // The store has room for 64 MiB.
    let chunk = vec![1; 1 << 20];
    let failed = write(&mut view, &files, "a", &vec![&chunk[..]; 70]).await.unwrap_err();
    assert!(failed.contains("the storage is full"), "{failed}");
    assert_eq!(read(&mut view, &files, "a", 0, 99).await.unwrap(), b"before");
    write(&mut view, &files, "b", &vec![&chunk[..]; 60]).await.unwrap();
    let whole = read(&mut view, &files, "b", 0, u64::MAX).await;
    assert_eq!(whole.unwrap().len(), 60 << 20);
}

#[tokio::test]
async fn a_container_lies_in_the_first_store_or_in_the_one_that_is_named() {
    let mut instance = instance(&["default", "archive"]);
    let mut view = view(&mut instance);
    let (near, far) = (container(&mut view, "photos").await, container(&mut view, "archive/photos").await);
    write(&mut view, &near, "a", &[b"near"]).await.unwrap();
    assert!(!view.has_object(borrow(&far), "a".to_owned()).await.unwrap().unwrap());
    let id = |container: &str, object: &str| ObjectId { container: container.to_owned(), object: object.to_owned() };
    view.copy_object(id("photos", "a"), id("archive/photos", "b")).await.unwrap().unwrap();
    assert_eq!(read(&mut view, &far, "b", 0, 9).await.unwrap(), b"near");
    view.move_object(id("archive/photos", "b"), id("photos", "c")).await.unwrap().unwrap();
    assert!(!view.has_object(borrow(&far), "b".to_owned()).await.unwrap().unwrap());
    // A move to where an object is keeps it.
    view.move_object(id("photos", "c"), id("default/photos", "c")).await.unwrap().unwrap();
    assert_eq!(read(&mut view, &near, "c", 0, 9).await.unwrap(), b"near");
    assert_eq!(view.move_object(id("photos", "x"), id("photos", "x")).await.unwrap(), Err("object `x` does not exist".to_owned()));
    assert_eq!(HostContainer::name(&mut view, borrow(&far)).await.unwrap().unwrap(), "archive/photos");
    assert_eq!(view.container_exists("other/photos".to_owned()).await.unwrap(), Err("access denied".to_owned()));
    for name in ["", "..", ".drafts", "archive/", "archive/..", "archive/a/b"] {
        assert!(view.container_exists(name.to_owned()).await.unwrap().is_err(), "{name:?}");
    }
    assert_eq!(view.create_container("photos".to_owned()).await.unwrap().unwrap_err(), "container `photos` already exists");
    assert_eq!(view.get_container("absent".to_owned()).await.unwrap().unwrap_err(), "container `absent` does not exist");
}

#[tokio::test]
async fn names_are_read_and_skipped_in_pages() {
    let mut instance = instance(&["default"]);
    let mut view = view(&mut instance);
    let files = container(&mut view, "files").await;
    for index in 0..7 {
        write(&mut view, &files, &format!("n{index}"), &[]).await.unwrap();
    }
    let names = view.list_objects(borrow(&files)).await.unwrap().unwrap();
    let next = async |view: Viewed<'_, '_>, len| view.read_stream_object_names(borrow(&names), len).await.unwrap().unwrap();
    assert_eq!(next(&mut view, 0).await, (vec![], false));
    assert_eq!(next(&mut view, 2).await, (vec!["n0".to_owned(), "n1".to_owned()], false));
    assert_eq!(view.skip_stream_object_names(borrow(&names), 3).await.unwrap().unwrap(), (3, false));
    assert_eq!(next(&mut view, u64::MAX).await, (vec!["n5".to_owned(), "n6".to_owned()], true));
    assert_eq!(next(&mut view, 5).await, (vec![], true));
    assert_eq!(view.skip_stream_object_names(borrow(&names), 3).await.unwrap().unwrap(), (0, true));
    HostStreamObjectNames::drop(&mut view, names).await.unwrap();
    view.delete_objects(borrow(&files), vec!["n0".to_owned(), "absent".to_owned()]).await.unwrap().unwrap();
    view.clear(borrow(&files)).await.unwrap().unwrap();
    assert!(!view.has_object(borrow(&files), "n6".to_owned()).await.unwrap().unwrap());
    assert!(view.info(borrow(&files)).await.unwrap().unwrap().created_at > 0);
}

#[tokio::test]
async fn what_an_instance_does_is_bounded() {
    let limits = crate::blob_store::Limits::default();
    let mut instance = instance(&["default"]);
    let mut view = view(&mut instance);
    let files = container(&mut view, "files").await;
    let mut values = Vec::new();
    for _ in 0..limits.transfers_max {
        let value = view.new_outgoing_value().await.unwrap();
        assert!(view.outgoing_value_write_body(borrow(&value)).await.unwrap().is_ok());
        values.push(value);
    }
    let refused = view.get_data(borrow(&files), "a".to_owned(), 0, 1).await.unwrap().unwrap_err();
    assert_eq!(refused, "more than 16 objects are being read and written; finish or drop some");
    let value = view.new_outgoing_value().await.unwrap();
    assert!(view.outgoing_value_write_body(borrow(&value)).await.unwrap().is_err());
    HostOutgoingValue::drop(&mut view, values.pop().unwrap()).await.unwrap();
    assert!(view.outgoing_value_write_body(value).await.unwrap().is_ok());

    for _ in 1..limits.open_max {
        view.get_container("files".to_owned()).await.unwrap().unwrap();
    }
    let refused = view.get_container("files".to_owned()).await.unwrap().unwrap_err();
    assert_eq!(refused, "more than 256 containers or listings are open; drop some");
    assert!(view.list_objects(borrow(&files)).await.unwrap().is_err());

    let many = vec!["x".to_owned(); 1_001];
    let refused = view.delete_objects(borrow(&files), many.clone()).await.unwrap().unwrap_err();
    assert!(refused.starts_with("more than 1000 blob operations"), "{refused}");
    crate::begin_invocation(&mut instance);
    let mut view = super::view(&mut instance);
    view.delete_objects(borrow(&files), many[..900].to_vec()).await.unwrap().unwrap();
    assert!(view.delete_objects(borrow(&files), many[..200].to_vec()).await.unwrap().is_err());
}

#[tokio::test]
async fn an_instance_without_a_grant_has_no_containers() {
    let mut instance = instance(&[]);
    let mut view = view(&mut instance);
    let denied = "access denied";
    assert_eq!(view.create_container("a".to_owned()).await.unwrap().unwrap_err(), denied);
    assert_eq!(view.container_exists("default/a".to_owned()).await.unwrap().unwrap_err(), denied);
    assert_eq!(view.delete_container("a".to_owned()).await.unwrap().unwrap_err(), denied);
    let value = view.new_outgoing_value().await.unwrap();
    assert!(view.outgoing_value_write_body(value).await.unwrap().is_err(), "no body is kept for it");
}

#[tokio::test]
async fn under_a_label_containers_lie_in_its_store() {
    let mut instance = instance(&["default", "archive"]).with_labels(["archive", "other"].map(str::to_owned).into());
    let under = |place| Label::at(place).unwrap().view::<State>();
    let mut archive = under(0)(&mut instance);
    archive.create_container("photos".to_owned()).await.unwrap().unwrap();
    assert!(archive.create_container("default/photos".to_owned()).await.unwrap().is_err(), "a label is all of its import");
    let mut plain = view(&mut instance);
    assert_eq!(plain.container_exists("photos".to_owned()).await.unwrap(), Ok(false));
    assert_eq!(plain.container_exists("archive/photos".to_owned()).await.unwrap(), Ok(true));
    let denied = under(1)(&mut instance).container_exists("photos".to_owned()).await.unwrap();
    assert_eq!(denied, Err("access denied".to_owned()));
    // A link is chosen for imports without a label; what was opened under one stays there.
    let photos = under(0)(&mut instance).get_container("photos".to_owned()).await.unwrap().unwrap();
    let linkable = view(&mut instance).state.linkable();
    linkable.links.choose(linkable.interfaces[0], "default");
    assert_eq!(view(&mut instance).container_exists("photos".to_owned()).await.unwrap(), Ok(false));
    let mut archive = under(0)(&mut instance);
    assert_eq!(archive.container_exists("photos".to_owned()).await.unwrap(), Ok(true));
    write(&mut archive, &photos, "a", &[b"kept"]).await.unwrap();
    assert_eq!(read(&mut view(&mut instance), &photos, "a", 0, 9).await.unwrap(), b"kept");
}

#[tokio::test]
async fn unqualified_containers_lie_where_the_link_leads() {
    let mut instance = instance(&["default", "backup"]);
    let mut view = view(&mut instance);
    let choose = |view: Viewed<'_, '_>, label: &str| {
        let linkable = view.state.linkable();
        linkable.links.choose(linkable.interfaces[0], label);
    };
    let files = container(&mut view, "files").await;
    write(&mut view, &files, "a", &[b"here"]).await.unwrap();
    choose(&mut view, "backup");
    // To wasmCloud a container is a name, also one that was opened before.
    assert_eq!(read(&mut view, &files, "a", 0, 9).await.unwrap_err(), "object `a` does not exist");
    let there = container(&mut view, "files").await;
    for (container, text) in [(&files, b"over"), (&there, b"that")] {
        write(&mut view, container, "a", &[text]).await.unwrap();
    }
    let qualified = view.get_container("backup/files".to_owned()).await.unwrap().unwrap();
    assert_eq!(read(&mut view, &qualified, "a", 0, 9).await.unwrap(), b"that");
    let id = |container: &str, object: &str| ObjectId { container: container.to_owned(), object: object.to_owned() };
    view.copy_object(id("files", "a"), id("default/files", "b")).await.unwrap().unwrap();

    choose(&mut view, "default");
    assert_eq!(read(&mut view, &files, "a", 0, 9).await.unwrap(), b"here");
    assert_eq!(read(&mut view, &there, "b", 0, 9).await.unwrap(), b"that");
    choose(&mut view, "lost");
    let lost = "there is no link `lost`; grant the component that label";
    assert_eq!(read(&mut view, &files, "a", 0, 9).await.unwrap_err(), lost);
    assert_eq!(write(&mut view, &files, "a", &[b"x"]).await.unwrap_err(), lost);
    assert_eq!(view.container_exists("files".to_owned()).await.unwrap().unwrap_err(), lost);
    assert_eq!(view.list_objects(borrow(&files)).await.unwrap().unwrap_err(), lost);
    assert_eq!(read(&mut view, &qualified, "a", 0, 9).await.unwrap(), b"that", "what is named is what is meant");
}
