//! What every [`Store`] must do, on each backend: a new one is one more line in [`backends`].

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use coracle_engine::{Bind, RuntimeConfig, Site};
use coracle_testkit::servers::s3::{ACCESS_KEY, BUCKET, Fake};
use futures::TryStreamExt as _;
use proptest::prelude::*;

use super::config::{self, Bindings};
use super::memory::Memory;
use super::{Error, GRANT, Object, Store};

/// Every backend, each with a fresh store, and what must outlive them.
struct Backends {
    stores: Vec<(&'static str, Arc<dyn Store>)>,
    fake: Fake,
    folder: tempfile::TempDir,
}

/// The store that `table` of a runtime configuration describes.
fn bound(table: &str) -> Arc<dyn Store> {
    let mut site = Site::default();
    let mut config = RuntimeConfig::new(toml::from_str(&format!("[blob_store.x]\n{table}")).unwrap(), None);
    let labels = BTreeMap::from([(GRANT.to_owned(), ["x".to_owned()].into())]);
    config::bind(&mut Bind { site: &mut site, config: &mut config, labels: &labels }).unwrap();
    Arc::clone(&site.shared::<Bindings>().unwrap().get("x").unwrap().store)
}

async fn backends() -> Backends {
    let folder = tempfile::tempdir().unwrap();
    let fake = Fake::start().await.unwrap();
    let url = fake.url();
    let tables = [
        ("memory", "type = \"memory\"".to_owned()),
        ("directory", format!("type = \"directory\"\npath = {:?}", folder.path())),
        (
            "s3",
            format!(
                "type = \"s3\"\nbucket = \"{BUCKET}\"\nprefix = \"app\"\nendpoint = \"{url}\"\nallow_http = true\n\
                 access_key_id = \"{ACCESS_KEY}\"\nsecret_access_key = \"secret\""
            ),
        ),
    ];
    let stores: Vec<(&'static str, Arc<dyn Store>)> = tables.into_iter().map(|(name, table)| (name, bound(&table))).collect();
    for (_, store) in &stores {
        store.create("c").await.unwrap();
    }
    Backends { stores, fake, folder }
}

fn object(name: &str) -> Object {
    Object { container: "c".to_owned(), name: name.to_owned() }
}

async fn write(store: &dyn Store, object: &Object, chunks: &[&[u8]]) -> Result<(), Error> {
    let mut writing = store.write(object).await?;
    for chunk in chunks {
        writing.push(Bytes::copy_from_slice(chunk)).await?;
    }
    writing.finish().await
}

async fn part(store: &dyn Store, object: &Object, first: u64, last: u64) -> Result<Vec<u8>, Error> {
    let reading = store.read(object, first, last).await?;
    let bytes = reading.bytes;
    let body: Vec<Bytes> = reading.chunks.try_collect().await?;
    let body = body.concat();
    assert_eq!(bytes, body.len() as u64, "the size that was told");
    Ok(body)
}

async fn whole(store: &dyn Store, name: &str) -> Option<Vec<u8>> {
    match part(store, &object(name), 0, u64::MAX).await {
        Ok(body) => Some(body),
        Err(Error::NoObject(_)) => None,
        Err(error) => panic!("{error}"),
    }
}

async fn all_names(store: &dyn Store, page_names_max: usize) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    loop {
        let page = store.list("c", names.last().map(String::as_str), page_names_max).await.unwrap();
        assert!(page.len() <= page_names_max);
        if page.is_empty() {
            return names;
        }
        names.extend(page);
    }
}

#[tokio::test]
async fn containers_come_and_go_with_what_is_in_them() {
    let backends = backends().await;
    for (name, store) in &backends.stores {
        assert_eq!(store.created("other").await, Ok(None), "{name}");
        store.create("other").await.unwrap();
        assert!(store.created("other").await.unwrap().unwrap() > 0, "{name}");
        assert_eq!(store.create("other").await, Err(Error::ContainerExists("other".to_owned())), "{name}");
        write(&**store, &Object { container: "other".to_owned(), name: "a/b".to_owned() }, &[b"x"]).await.unwrap();
        write(&**store, &object("kept"), &[b"x"]).await.unwrap();
        store.remove("other").await.unwrap();
        store.remove("other").await.unwrap();
        assert_eq!(store.created("other").await, Ok(None), "{name}");
        store.create("other").await.unwrap();
        assert_eq!(store.list("other", None, 10).await.unwrap(), Vec::<String>::new(), "{name}: nothing came back");
        assert_eq!(all_names(&**store, 10).await, ["kept"], "{name}: a container of its own");
    }
}

#[tokio::test]
async fn an_object_is_what_was_written_last_in_any_number_of_chunks() {
    let backends = backends().await;
    let large = vec![7; 3 << 20];
    for (name, store) in &backends.stores {
        assert_eq!(whole(&**store, "a").await, None, "{name}");
        assert_eq!(store.stat(&object("a")).await, Ok(None), "{name}");
        let bodies: [&[&[u8]]; 4] = [&[b"one"], &[], &[b"", b"two", b"", b"three"], &[&large, &large, &large, b"end"]];
        for chunks in bodies {
            write(&**store, &object("a"), chunks).await.unwrap();
            let body = chunks.concat();
            assert_eq!(store.stat(&object("a")).await.unwrap().unwrap().bytes, body.len() as u64, "{name}");
            assert!(whole(&**store, "a").await == Some(body), "{name}");
        }
        store.delete("c", &["a".to_owned(), "absent".to_owned()]).await.unwrap();
        store.delete("c", &["a".to_owned()]).await.unwrap();
        assert_eq!(whole(&**store, "a").await, None, "{name}");
    }
    assert_eq!(backends.fake.uploads(), (1, 0), "only what is larger than a part goes up in parts");
}

#[tokio::test]
async fn ranges_include_both_ends_and_stop_at_the_end_of_the_object() {
    let backends = backends().await;
    for (name, store) in &backends.stores {
        write(&**store, &object("a"), &[b"0123456789"]).await.unwrap();
        write(&**store, &object("empty"), &[]).await.unwrap();
        for (first, last, expected) in [
            (0, 0, &b"0"[..]),
            (0, 9, b"0123456789"),
            (3, 5, b"345"),
            (9, 9, b"9"),
            (5, 10, b"56789"),
            (0, u64::MAX, b"0123456789"),
            (10, 12, b""),
            (u64::MAX, u64::MAX, b""),
        ] {
            assert_eq!(part(&**store, &object("a"), first, last).await.unwrap(), expected, "{name}: {first}-{last}");
        }
        assert_eq!(part(&**store, &object("empty"), 0, 0).await.unwrap(), b"", "{name}");
        assert_eq!(part(&**store, &object("absent"), 0, 9).await, Err(Error::NoObject("absent".to_owned())), "{name}");
        assert_eq!(part(&**store, &object("absent"), u64::MAX, u64::MAX).await, Err(Error::NoObject("absent".to_owned())), "{name}");
    }
}

#[tokio::test]
async fn what_is_not_finished_changes_nothing() {
    let backends = backends().await;
    let part = Bytes::from(vec![1; 9 << 20]);
    for (name, store) in &backends.stores {
        write(&**store, &object("a"), &[b"before"]).await.unwrap();
        let mut writing = store.write(&object("a")).await.unwrap();
        writing.push(part.clone()).await.unwrap();
        assert_eq!(whole(&**store, "a").await.as_deref(), Some(&b"before"[..]), "{name}: not seen before its end");
        drop(writing);
        let mut writing = store.write(&object("new")).await.unwrap();
        writing.push(Bytes::from_static(b"x")).await.unwrap();
        drop(writing);
        assert_eq!(all_names(&**store, 10).await, ["a"], "{name}");
        assert_eq!(whole(&**store, "a").await.as_deref(), Some(&b"before"[..]), "{name}");
    }
    let drafts = std::fs::read_dir(backends.folder.path().join(".drafts")).unwrap();
    assert_eq!(drafts.count(), 0, "no draft is left");
    let given_up = async {
        while backends.fake.uploads() != (1, 0) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), given_up).await.expect("an upload that was dropped is given up");
}

#[tokio::test]
async fn any_valid_name_is_an_object_of_its_own_and_listed_in_order() {
    let names = [
        "%2e%2e",
        "%2F",
        "A",
        "K",
        "\u{212a}",
        "a b",
        "a&b<c>\"d'",
        "a+b",
        "a.b",
        "a/b",
        "a/b.c",
        "a/c/d",
        "a0",
        "e\u{301}",
        "\u{e9}",
        "~*?#[]^{}|\\",
    ];
    let backends = backends().await;
    for (name, store) in &backends.stores {
        for object_name in names {
            write(&**store, &object(object_name), &[object_name.as_bytes()]).await.unwrap();
        }
        let mut expected = names.map(str::to_owned).to_vec();
        expected.sort();
        for page in [1, 3, 100] {
            assert_eq!(all_names(&**store, page).await, expected, "{name}");
        }
        for object_name in names {
            assert_eq!(whole(&**store, object_name).await.as_deref(), Some(object_name.as_bytes()), "{name}: {object_name}");
        }
    }
}

#[tokio::test]
async fn pages_hold_each_name_once_while_others_come_and_go() {
    let backends = backends().await;
    for (name, store) in &backends.stores {
        let names: Vec<String> = (0..25).map(|index| format!("f{}/name-{index:02}", index / 10)).collect();
        for object_name in &names {
            write(&**store, &object(object_name), &[b"x"]).await.unwrap();
        }
        let first = store.list("c", None, 10).await.unwrap();
        assert_eq!(first, names[..10], "{name}");
        // What was listed goes, and with it the folder that the page ended in.
        store.delete("c", &first).await.unwrap();
        write(&**store, &object("f0/late"), &[b"x"]).await.unwrap();
        let rest = store.list("c", first.last().map(String::as_str), 100).await.unwrap();
        assert_eq!(rest, names[10..], "{name}");
    }
}

#[tokio::test]
async fn copies_and_moves_replace_what_was_there() {
    let backends = backends().await;
    for (name, store) in &backends.stores {
        write(&**store, &object("a"), &[b"A"]).await.unwrap();
        write(&**store, &object("b"), &[b"B"]).await.unwrap();
        store.copy(&object("a"), &object("b")).await.unwrap();
        store.copy(&object("a"), &object("deep/er/c")).await.unwrap();
        assert_eq!(all_names(&**store, 10).await, ["a", "b", "deep/er/c"], "{name}");
        store.rename(&object("deep/er/c"), &object("d/e")).await.unwrap();
        store.rename(&object("b"), &object("a")).await.unwrap();
        assert_eq!(all_names(&**store, 10).await, ["a", "d/e"], "{name}");
        assert_eq!(whole(&**store, "d/e").await.as_deref(), Some(&b"A"[..]), "{name}");
        let absent = Err(Error::NoObject("absent".to_owned()));
        assert_eq!(store.copy(&object("absent"), &object("a")).await, absent, "{name}");
        assert_eq!(store.rename(&object("absent"), &object("a")).await, absent, "{name}");
        assert_eq!(whole(&**store, "a").await.as_deref(), Some(&b"A"[..]), "{name}");
    }
}

#[tokio::test]
async fn a_full_memory_says_so_and_still_reads_and_deletes() {
    let store = Memory::bounded(10_000);
    store.create("c").await.unwrap();
    write(&store, &object("kept"), &[&[1; 1_000]]).await.unwrap();
    for _ in 0..3 {
        assert_eq!(write(&store, &object("large"), &[&[2; 5_000], &[2; 5_000]]).await, Err(Error::Full));
        assert_eq!(all_names(&store, 10).await, ["kept"]);
    }
    let (mut one, mut two) = (store.write(&object("one")).await.unwrap(), store.write(&object("two")).await.unwrap());
    one.push(vec![1; 5_000].into()).await.unwrap();
    assert_eq!(two.push(vec![1; 5_000].into()).await, Err(Error::Full), "what is being written counts");
    drop(one);
    two.push(vec![1; 5_000].into()).await.unwrap();
    two.finish().await.unwrap();
    store.remove("c").await.unwrap();
    store.create("c").await.unwrap();
    write(&store, &object("large"), &[&[2; 9_000]]).await.unwrap();
}

#[derive(Debug, Clone)]
enum Step {
    Write(String, Vec<u8>),
    Delete(String),
    Copy(String, String),
    Rename(String, String),
    Read(String, u64, u64, usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    // Names of which none is a folder of another: folders can have either, not both.
    let name = || prop_oneof!["[ab]", "x/[ab]", "x/y/[cd]"];
    let step = prop_oneof![
        (name(), prop::collection::vec(0_u8..3, 0..5)).prop_map(|(name, body)| Step::Write(name, body)),
        name().prop_map(Step::Delete),
        (name(), name()).prop_map(|(from, to)| Step::Copy(from, to)),
        (name(), name()).prop_map(|(from, to)| Step::Rename(from, to)),
        (name(), 0_u64..6, 0_u64..6, 1_usize..4).prop_map(|(name, first, more, page)| Step::Read(name, first, first + more, page)),
    ];
    prop::collection::vec(step, 1..30)
}

/// Does `step` to a map and to `store`, which must agree.
async fn agree(model: &mut BTreeMap<String, Vec<u8>>, store: &dyn Store, step: Step) {
    match step {
        Step::Write(name, body) => {
            write(store, &object(&name), &[&body]).await.unwrap();
            model.insert(name, body);
        }
        Step::Delete(name) => {
            store.delete("c", std::slice::from_ref(&name)).await.unwrap();
            model.remove(&name);
        }
        Step::Copy(from, to) | Step::Rename(from, to) if from == to => {}
        Step::Copy(from, to) => {
            let copied = store.copy(&object(&from), &object(&to)).await;
            assert_eq!(copied.is_ok(), model.contains_key(&from));
            model.get(&from).cloned().map(|body| model.insert(to, body));
        }
        Step::Rename(from, to) => {
            let renamed = store.rename(&object(&from), &object(&to)).await;
            assert_eq!(renamed.is_ok(), model.contains_key(&from));
            model.remove(&from).map(|body| model.insert(to, body));
        }
        Step::Read(name, first, last, page) => {
            let expected = model.get(&name).map(|body| {
                let place = |at: u64| usize::try_from(at).unwrap().min(body.len());
                body[place(first)..place(last + 1)].to_vec()
            });
            assert_eq!(part(store, &object(&name), first, last).await.ok(), expected);
            assert_eq!(store.stat(&object(&name)).await.unwrap().map(|stat| stat.bytes), model.get(&name).map(|body| body.len() as u64));
            assert_eq!(all_names(store, page).await, model.keys().cloned().collect::<Vec<_>>());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_backend_agrees_with_a_map(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let backends = backends().await;
            for (_, store) in &backends.stores {
                let mut model = BTreeMap::new();
                for step in steps.clone() {
                    agree(&mut model, &**store, step).await;
                }
            }
        });
    }
}
