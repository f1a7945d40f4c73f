//! What guests import: one file for each version of the interface, each a thin translation to [`Handle`].

mod spin_v1;
mod spin_v2;
mod spin_v3;
mod wasi_draft;
mod wasi_draft2;
mod wasmcloud;

use coracle_engine::{DEFAULT_LABEL, Generation, Import, InstanceState, Label, View};
use wasmtime::component::{HasData, Linker, LinkerInstance, Resource};

use super::handle::Handle;
use super::{DRAFT, Error, State, WASI_STORE};

/// The host functions' view of an instance.
struct Access;

impl HasData for Access {
    type Data<'a> = View<'a, State>;
}

/// Adds every version to `linker`.
pub(super) fn link(linker: &mut Linker<InstanceState>, generation: Generation) -> wasmtime::Result<()> {
    spin_v1::bindings::fermyon::spin::key_value::add_to_linker::<_, Access>(linker, view)?;
    spin_v2::bindings::fermyon::spin::key_value::add_to_linker::<_, Access>(linker, view)?;
    for_draft(linker)?;
    for_draft2(linker)?;
    if generation == Generation::P3 {
        spin_v3::bindings::spin::key_value::key_value::add_to_linker::<_, Access>(linker, view)?;
        for_wasmcloud(linker)?;
    }
    Ok(())
}

/// Adds the functions of `import`, which opens the store that its label names.
pub(super) fn link_labelled(linker: &mut LinkerInstance<'_, InstanceState>, import: &Import, label: Label) -> wasmtime::Result<()> {
    use wasi_draft::bindings::wasi::keyvalue::store as draft;
    use wasi_draft2::bindings::wasi::keyvalue::store as draft2;
    use wasmcloud::bindings::wasmcloud::keyvalue::store as wasmcloud;
    match (import.name.as_str(), import.version.as_deref()) {
        (WASI_STORE, Some(DRAFT)) => draft::add_to_linker_instance::<_, Access>(linker, label.view()),
        (WASI_STORE, _) => draft2::add_to_linker_instance::<_, Access>(linker, label.view()),
        _ => wasmcloud::add_to_linker_instance::<_, Access>(linker, label.view()),
    }
}

fn for_draft(linker: &mut Linker<InstanceState>) -> wasmtime::Result<()> {
    use wasi_draft::bindings::wasi::keyvalue::{atomics, batch, store};
    store::add_to_linker::<_, Access>(linker, view)?;
    atomics::add_to_linker::<_, Access>(linker, view)?;
    batch::add_to_linker::<_, Access>(linker, view)
}

fn for_draft2(linker: &mut Linker<InstanceState>) -> wasmtime::Result<()> {
    use wasi_draft2::bindings::wasi::keyvalue::{atomics, batch, store};
    store::add_to_linker::<_, Access>(linker, view)?;
    atomics::add_to_linker::<_, Access>(linker, view)?;
    batch::add_to_linker::<_, Access>(linker, view)
}

fn for_wasmcloud(linker: &mut Linker<InstanceState>) -> wasmtime::Result<()> {
    use wasmcloud::bindings::wasmcloud::keyvalue::{atomics, batch, cas, store, types};
    types::add_to_linker::<_, Access>(linker, view)?;
    store::add_to_linker::<_, Access>(linker, view)?;
    atomics::add_to_linker::<_, Access>(linker, view)?;
    cas::add_to_linker::<_, Access>(linker, view)?;
    batch::add_to_linker::<_, Access>(linker, view)
}

fn view(instance: &mut InstanceState) -> View<'_, State> {
    instance.view()
}

/// Opens what `identifier` means as a resource of the instance.
fn open(view: &mut View<'_, State>, identifier: &str) -> Result<Resource<Handle>, Error> {
    open_by(view, identifier, State::open)
}

/// The same for guests whose links say what the default label means. An import under a label follows no link.
fn open_linked(view: &mut View<'_, State>, identifier: &str) -> Result<Resource<Handle>, Error> {
    open_by(view, identifier, State::open_linked)
}

/// Opens what `identifier` means by `open`, or the one store that an import under a label has.
#[tracing::instrument(name = "spin_key_value.open", skip_all, fields(otel.kind = "client", db.system.name = "spin_key_value", db.namespace = view.label.unwrap_or(identifier)))]
fn open_by(
    view: &mut View<'_, State>,
    identifier: &str,
    open: fn(&mut State, &str) -> Result<Handle, Error>,
) -> Result<Resource<Handle>, Error> {
    let handle = match view.label {
        None => open(view.state, identifier)?,
        // It needs no name, or that of the default.
        Some(label) if ["", DEFAULT_LABEL, label].contains(&identifier) => view.state.open(label)?,
        Some(_) => return Err(Error::AccessDenied),
    };
    view.table.push(handle).map_err(|_| {
        view.state.close();
        Error::TableFull
    })
}

/// The store behind a resource. That it is not there is a fault of the guest, for which it traps.
fn handle(view: &View<'_, State>, resource: &Resource<Handle>) -> wasmtime::Result<Handle> {
    Ok(view.table.get(resource)?.clone())
}

/// Drops a resource.
fn close(view: &mut View<'_, State>, resource: Resource<Handle>) -> wasmtime::Result<()> {
    view.table.delete(resource)?;
    view.state.close();
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::sync::Arc;

    use coracle_engine::{Bind, Capability as _, GrantRequest, Identity, InstanceState, Limits, RuntimeConfig, Site};
    use serde_json::json;

    use super::spin_v1::bindings::fermyon::spin::key_value::{self as v1, Host as _};
    use super::wasi_draft::bindings::wasi::keyvalue::{atomics::Host as _, batch::Host as _, store};
    use super::*;
    use crate::key_value::{GRANT, KeyValue};

    /// An instance that was granted `labels`, all of them in memory.
    fn instance(labels: &[&str]) -> InstanceState {
        let mut site = Site::default();
        let tables = labels.iter().map(|label| format!("[key_value_store.{label}]\ntype = \"memory\"\n")).collect::<String>();
        let mut config = RuntimeConfig::new(toml::from_str(&tables).unwrap(), None);
        let asked: BTreeSet<String> = labels.iter().map(|label| (*label).to_owned()).collect();
        let labels_by_grant = BTreeMap::from([(GRANT.to_owned(), asked)]);
        KeyValue.bind(&mut Bind { site: &mut site, config: &mut config, labels: &labels_by_grant }).unwrap();
        let grants = BTreeMap::from([(GRANT.to_owned(), json!(labels))]);
        let grant = KeyValue.grant(&GrantRequest { component: "c", grants: &grants, site: &site }).unwrap();
        let identity = Identity { app: "a".to_owned(), component: "c".to_owned() };
        InstanceState::new(Arc::new(identity), grant.into_iter().collect(), Arc::new(Limits::default()))
    }

    #[tokio::test]
    async fn spin_1_holds_stores_as_numbers() {
        let mut instance = instance(&["default"]);
        let mut view = view(&mut instance);
        let key = || "k".to_owned();
        let number = view.open("default".to_owned()).await.unwrap();
        assert!(matches!(view.open("other".to_owned()).await, Err(v1::Error::AccessDenied)));
        assert!(matches!(view.get(number, key()).await, Err(v1::Error::NoSuchKey)));
        view.set(number, key(), b"v".to_vec()).await.unwrap();
        assert_eq!(view.get(number, key()).await.unwrap(), b"v");
        assert!(view.exists(number, key()).await.unwrap());
        assert_eq!(view.get_keys(number).await.unwrap(), ["k"]);
        view.delete(number, key()).await.unwrap();
        view.close(number).await;
        view.close(number).await;
        view.close(u32::MAX).await;
        assert!(matches!(view.get(number, key()).await, Err(v1::Error::InvalidStore)));
        assert_eq!(view.open("default".to_owned()).await.unwrap(), number, "a number is used again");
    }

    #[tokio::test]
    async fn an_instance_has_no_more_stores_open_than_it_may() {
        let mut instance = instance(&["default"]);
        let mut view = view(&mut instance);
        let open_max = crate::key_value::Limits::default().open_max;
        for _ in 0..open_max {
            view.open("default".to_owned()).await.unwrap();
        }
        assert!(matches!(view.open("default".to_owned()).await, Err(v1::Error::StoreTableFull)));
        assert_eq!(open(&mut view, "default").unwrap_err(), Error::TableFull);
        view.close(0).await;
        let resource = open(&mut view, "default").unwrap();
        close(&mut view, resource).unwrap();
        view.open("default".to_owned()).await.unwrap();
    }

    #[tokio::test]
    async fn each_invocation_of_a_reused_instance_has_its_own_operations() {
        let mut instance = instance(&["default"]);
        let number = view(&mut instance).open("default".to_owned()).await.unwrap();
        let operations_max = crate::key_value::Limits::default().operations_max;
        for _ in 0..3 {
            for _ in 0..operations_max {
                assert!(!view(&mut instance).exists(number, "k".to_owned()).await.unwrap());
            }
            let refused = view(&mut instance).exists(number, "k".to_owned()).await;
            assert!(matches!(refused, Err(v1::Error::Io(text)) if text.contains("1000 key-value operations in one invocation")));
            crate::begin_invocation(&mut instance);
        }
    }

    #[tokio::test]
    async fn the_first_draft_counts_and_lists_with_unsigned_numbers() {
        let mut instance = instance(&["default"]);
        let mut view = view(&mut instance);
        let bucket = open(&mut view, "default").unwrap();
        let again = || Resource::<Handle>::new_borrow(bucket.rep());
        // A grant's store allows more keys than an instance may set at once, so that there is a second page.
        let store = Arc::clone(&handle(&view, &bucket).unwrap().granted().store);
        store.set_many((0..1_500).map(|index| (format!("{index:04}"), vec![])).collect()).await.unwrap();

        let first = store::HostBucket::list_keys(&mut view, again(), None).await.unwrap().unwrap();
        assert_eq!(first.keys.len(), 1_000);
        let rest = store::HostBucket::list_keys(&mut view, again(), first.cursor).await.unwrap().unwrap();
        assert_eq!((rest.keys.len(), rest.cursor), (500, None));
        let unknown = store::HostBucket::list_keys(&mut view, again(), Some(4_711)).await.unwrap();
        assert!(matches!(unknown, Err(store::Error::Other(_))));

        assert_eq!(view.increment(again(), "n".to_owned(), 5).await.unwrap().unwrap(), 5);
        assert!(view.increment(again(), "n".to_owned(), u64::MAX).await.unwrap().is_err());
        assert_eq!(view.increment(again(), "n".to_owned(), 1).await.unwrap().unwrap(), 6);
        let found = view.get_many(again(), vec!["0001".to_owned(), "absent".to_owned()]).await.unwrap().unwrap();
        assert_eq!(found, [Some(("0001".to_owned(), vec![])), None]);
    }

    /// Links `interface` to `label`.
    fn choose(view: &mut View<'_, State>, interface: &str, label: &str) {
        let linkable = view.state.linkable();
        let interface = linkable.interfaces.iter().find(|known| **known == interface).unwrap();
        linkable.links.choose(interface, label);
    }

    #[tokio::test]
    async fn calls_on_the_default_store_go_where_the_link_of_their_interface_leads() {
        const ATOMICS: &str = "wasi:keyvalue/atomics";
        const STORE: &str = "wasi:keyvalue/store";
        let mut instance = instance(&["default", "backup"]);
        let mut view = view(&mut instance);
        let bucket = store::Host::open(&mut view, "default".to_owned()).await.unwrap().unwrap();
        let named = store::Host::open(&mut view, "backup".to_owned()).await.unwrap().unwrap();
        let (default, backup) = (|| Resource::<Handle>::new_borrow(bucket.rep()), || Resource::<Handle>::new_borrow(named.rep()));
        let key = || "k".to_owned();

        store::HostBucket::set(&mut view, default(), key(), b"here".to_vec()).await.unwrap().unwrap();
        choose(&mut view, STORE, "backup");
        // Also what was opened before: to wasmCloud a bucket is a name.
        store::HostBucket::set(&mut view, default(), key(), b"there".to_vec()).await.unwrap().unwrap();
        assert_eq!(store::HostBucket::get(&mut view, backup(), key()).await.unwrap().unwrap().as_deref(), Some(&b"there"[..]));
        // The other interfaces have links of their own.
        assert_eq!(view.increment(default(), "n".to_owned(), 1).await.unwrap().unwrap(), 1);
        assert!(!store::HostBucket::exists(&mut view, backup(), "n".to_owned()).await.unwrap().unwrap());
        choose(&mut view, ATOMICS, "backup");
        assert_eq!(view.increment(default(), "n".to_owned(), 5).await.unwrap().unwrap(), 5);
        assert_eq!(view.get_many(default(), vec![key()]).await.unwrap().unwrap(), [Some((key(), b"here".to_vec()))]);

        choose(&mut view, STORE, "default");
        assert_eq!(store::HostBucket::get(&mut view, default(), key()).await.unwrap().unwrap().as_deref(), Some(&b"here"[..]));
        choose(&mut view, STORE, "lost");
        for refused in [
            store::HostBucket::get(&mut view, default(), key()).await.unwrap().map(drop),
            store::HostBucket::list_keys(&mut view, default(), None).await.unwrap().map(drop),
            store::Host::open(&mut view, "default".to_owned()).await.unwrap().map(drop),
        ] {
            assert!(matches!(refused, Err(store::Error::Other(text)) if text.contains("there is no link `lost`")));
        }
        assert!(store::HostBucket::get(&mut view, backup(), key()).await.unwrap().is_ok(), "what is named is what is meant");
    }

    #[tokio::test]
    async fn a_link_needs_no_default_store_and_spin_follows_none() {
        let mut instance = instance(&["backup"]);
        let mut view = view(&mut instance);
        assert!(matches!(store::Host::open(&mut view, "default".to_owned()).await.unwrap(), Err(store::Error::AccessDenied)));
        choose(&mut view, "wasi:keyvalue/store", "backup");
        let bucket = store::Host::open(&mut view, "default".to_owned()).await.unwrap().unwrap();
        store::HostBucket::set(&mut view, bucket, "k".to_owned(), b"v".to_vec()).await.unwrap().unwrap();
        let number = view.open("backup".to_owned()).await.unwrap();
        assert_eq!(view.get(number, "k".to_owned()).await.unwrap(), b"v");
        assert!(matches!(v1::Host::open(&mut view, "default".to_owned()).await, Err(v1::Error::AccessDenied)));
    }

    #[tokio::test]
    async fn an_instance_without_a_grant_opens_nothing() {
        let mut instance = instance(&[]);
        assert_eq!(open(&mut view(&mut instance), "default").unwrap_err(), Error::AccessDenied);
        assert!(matches!(view(&mut instance).open("default".to_owned()).await, Err(v1::Error::AccessDenied)));
    }
}
