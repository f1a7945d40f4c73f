//! Folders with links, pipes and neighbours in them, and many who write at once.

use std::fs;
use std::os::unix::fs::symlink;

use futures::TryStreamExt as _;

use super::*;

fn object(name: &str) -> Object {
    Object { container: "c".to_owned(), name: name.to_owned() }
}

async fn write(store: &Directory, name: &str, body: &'static [u8]) -> Result<(), Error> {
    let mut writing = store.write(&object(name)).await?;
    writing.push(Bytes::from_static(body)).await?;
    writing.finish().await
}

async fn read(store: &Directory, name: &str) -> Result<Vec<u8>, Error> {
    let reading = store.read(&object(name), 0, u64::MAX).await?;
    Ok(reading.chunks.try_collect::<Vec<_>>().await?.concat())
}

/// A store with the container `c`, its folder, and a folder outside with a secret.
async fn store() -> (Directory, tempfile::TempDir, tempfile::TempDir) {
    let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = Directory::open(folder.path()).unwrap();
    store.create("c").await.unwrap();
    fs::write(outside.path().join("secret"), "secret").unwrap();
    (store, folder, outside)
}

#[tokio::test]
async fn links_lead_nowhere() {
    let (store, folder, outside) = store().await;
    let container = folder.path().join("c");
    symlink(outside.path().join("secret"), container.join("file")).unwrap();
    symlink(outside.path(), container.join("folder")).unwrap();
    symlink(outside.path(), folder.path().join("linked")).unwrap();

    for name in ["file", "folder/secret", "folder"] {
        assert_eq!(read(&store, name).await, Err(Error::NoObject(name.to_owned())));
        assert_eq!(store.stat(&object(name)).await, Ok(None), "{name}");
        assert_eq!(store.copy(&object(name), &object("copy")).await, Err(Error::NoObject(name.to_owned())));
        assert_eq!(store.rename(&object(name), &object("copy")).await, Err(Error::NoObject(name.to_owned())));
    }
    assert_eq!(store.list("c", None, 10).await, Ok(vec![]));
    store.delete("c", &["folder/secret".to_owned(), "file".to_owned()]).await.unwrap();
    assert_eq!(write(&store, "folder/new", b"x").await, Err(Error::Occupied("folder/new".to_owned())));
    // An object takes the place of a link, and not of what it leads to.
    write(&store, "file", b"mine").await.unwrap();
    assert_eq!(read(&store, "file").await.unwrap(), b"mine");

    assert_eq!(store.created("linked").await, Ok(None));
    assert_eq!(store.list("linked", None, 10).await, Err(Error::NoContainer("linked".to_owned())));
    store.remove("linked").await.unwrap();
    store.remove("c").await.unwrap();
    assert_eq!(fs::read(outside.path().join("secret")).unwrap(), b"secret");
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn what_is_no_file_is_no_object() {
    let (store, folder, _outside) = store().await;
    let pipe = folder.path().join("c/pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    assert_eq!(read(&store, "pipe").await, Err(Error::NoObject("pipe".to_owned())), "and nobody waits for its writer");
    fs::write(folder.path().join("file"), "no container").unwrap();
    assert_eq!(store.created("file").await, Ok(None));
    write(&store, "a/b", b"x").await.unwrap();
    assert_eq!(read(&store, "a").await, Err(Error::NoObject("a".to_owned())));
    assert_eq!(write(&store, "a", b"x").await, Err(Error::Occupied("a".to_owned())));
    assert_eq!(write(&store, "a/b/c", b"x").await, Err(Error::Occupied("a/b/c".to_owned())));
    assert_eq!(store.list("c", None, 10).await, Ok(vec!["a/b".to_owned()]));
    assert_eq!(write(&store, "a/b", b"y").await, Ok(()));
}

#[tokio::test]
async fn folders_go_with_their_last_object_and_come_with_their_first() {
    let (store, folder, _outside) = store().await;
    write(&store, "a/b/c", b"x").await.unwrap();
    write(&store, "a/d", b"x").await.unwrap();
    store.delete("c", &["a/b/c".to_owned()]).await.unwrap();
    assert!(folder.path().join("c/a").is_dir() && !folder.path().join("c/a/b").exists());
    store.rename(&object("a/d"), &object("e/f")).await.unwrap();
    assert!(!folder.path().join("c/a").exists() && folder.path().join("c/e/f").is_file());
}

#[tokio::test]
async fn a_container_that_is_gone_is_told() {
    let (store, _folder, _outside) = store().await;
    let writing = store.write(&object("a")).await.unwrap();
    store.remove("c").await.unwrap();
    let gone = || Err(Error::NoContainer("c".to_owned()));
    assert_eq!(writing.finish().await, gone());
    assert_eq!(store.write(&object("a")).await.map(drop), gone());
    assert_eq!(store.list("c", None, 1).await.map(drop), gone());
    assert_eq!(store.created("c").await, Ok(None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_and_removers_at_once_do_not_get_in_each_others_way() {
    let (store, _folder, _outside) = store().await;
    let tasks: Vec<_> = (0..4)
        .map(|task| {
            let store = store.clone();
            tokio::spawn(async move {
                for round in 0..20 {
                    let name = format!("shared/{}", (task + round) % 3);
                    write(&store, &name, b"whole").await.unwrap();
                    assert!(matches!(read(&store, &name).await.as_deref(), Ok(b"whole") | Err(Error::NoObject(_))));
                    store.delete("c", &[name]).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(store.list("c", None, 10).await, Ok(vec![]));
}

#[tokio::test]
async fn drafts_that_nobody_writes_any_more_are_removed() {
    let (_store, folder, _outside) = store().await;
    let (old, new) = (folder.path().join(".drafts/old"), folder.path().join(".drafts/new"));
    let long_ago = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    File::create(&old).unwrap().set_modified(long_ago).unwrap();
    File::create(&new).unwrap();
    Directory::open(folder.path()).unwrap();
    assert!(!old.exists() && new.exists());
}
