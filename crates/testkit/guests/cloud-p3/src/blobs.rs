//! `wasmcloud:blobstore` 0.1.0.

use std::future::{Future, poll_fn};
use std::task::Poll;

use super::bindings::wasmcloud::blobstore::blobstore;
use super::bindings::wasmcloud::blobstore::container::Container;
use super::bindings::wasmcloud::blobstore::types::{Error, ObjectId};
use super::bindings::wit_stream;
use super::{both, check, shown};

/// More than any host keeps of a body at once.
const LARGE_BYTES: usize = 5 << 20;
/// In nanoseconds since 1970: 2014, before anything that a store of the tests tells.
const LONG_AGO: u64 = 1_400_000_000_000_000_000;

pub(super) async fn check_all() -> Result<(), String> {
    check("nothing yet", !blobstore::container_exists("files".to_owned()).await.map_err(shown)?)?;
    check("no container", matches!(blobstore::get_container("files".to_owned()).await, Err(Error::NoSuchContainer)))?;
    let files = blobstore::create_container("files".to_owned()).await.map_err(shown)?;
    let again = blobstore::create_container("files".to_owned()).await;
    check("a container that is there", matches!(again, Err(Error::ContainerAlreadyExists)))?;
    check("its name", files.name().await.map_err(shown)? == "files")?;
    check("when it was made", files.info().await.map_err(shown)?.created_at > LONG_AGO)?;
    bodies(&files).await?;
    unfinished(&files).await?;
    names(&files).await?;
    copies(&files).await?;
    refusals(&files).await?;
    files.clear().await.map_err(shown)?;
    check("an empty container", list(&files).await?.is_empty())?;
    blobstore::delete_container("files".to_owned()).await.map_err(shown)?;
    check("nothing left", !blobstore::container_exists("files".to_owned()).await.map_err(shown)?)
}

async fn write(files: &Container, name: &str, body: Vec<u8>) -> Result<(), Error> {
    let (mut writer, reader) = wit_stream::new();
    let fill = async move {
        writer.write_all(body).await;
    };
    both(files.write_data(name.to_owned(), reader), fill).await.0
}

async fn read(files: &Container, name: &str, first: u64, last: u64) -> Result<Vec<u8>, Error> {
    Ok(files.get_data(name.to_owned(), first, last).await?.collect().await)
}

async fn list(files: &Container) -> Result<Vec<String>, String> {
    let mut names = files.list_objects().await.map_err(shown)?.collect().await;
    names.sort();
    Ok(names)
}

async fn bodies(files: &Container) -> Result<(), String> {
    let large: Vec<u8> = (0..LARGE_BYTES).map(|index| (index % 251) as u8).collect();
    write(files, "large", large.clone()).await.map_err(shown)?;
    check("a large body", read(files, "large", 0, u64::MAX).await.map_err(shown)? == large)?;
    check("a part of it", read(files, "large", 252, 254).await.map_err(shown)? == [1, 2, 3])?;
    let info = files.object_info("large".to_owned()).await.map_err(shown)?;
    check("what is known of it", info.name == "large" && info.container == "files" && info.size == LARGE_BYTES as u64)?;
    check("when it was written", info.created_at > LONG_AGO)?;
    write(files, "deep/small", b"one".to_vec()).await.map_err(shown)?;
    write(files, "deep/small", b"two".to_vec()).await.map_err(shown)?;
    check("the later body", read(files, "deep/small", 0, u64::MAX).await.map_err(shown)? == b"two")?;
    write(files, "empty", vec![]).await.map_err(shown)?;
    check("an empty body", read(files, "empty", 0, u64::MAX).await.map_err(shown)?.is_empty())?;

    // A body is read as it is asked for, and may be dropped.
    let mut body = files.get_data("large".to_owned(), 0, u64::MAX).await.map_err(shown)?;
    check("a first byte", body.next().await == Some(0))
}

/// An object changes when its stream ends, and not at all when the call is given up.
async fn unfinished(files: &Container) -> Result<(), String> {
    write(files, "kept", b"before".to_vec()).await.map_err(shown)?;
    let (mut writer, reader) = wit_stream::new();
    let story = async {
        writer.write_all(vec![7; LARGE_BYTES]).await;
        let during = read(files, "kept", 0, u64::MAX).await;
        writer.write_all(b"end".to_vec()).await;
        drop(writer);
        during
    };
    let (written, during) = both(files.write_data("kept".to_owned(), reader), story).await;
    written.map_err(shown)?;
    check("the object while it is written", during.map_err(shown)? == b"before")?;
    let end = read(files, "kept", LARGE_BYTES as u64 - 1, u64::MAX).await.map_err(shown)?;
    check("the object when it was written", end == b"\x07end")?;

    let (mut writer, reader) = wit_stream::new();
    let mut call = Box::pin(files.write_data("kept".to_owned(), reader));
    poll_fn(|context| Poll::Ready(call.as_mut().poll(context).is_pending())).await;
    let (left, ()) = both(writer.write_all(b"after".to_vec()), async { drop(call) }).await;
    drop((writer, left));
    let end = read(files, "kept", LARGE_BYTES as u64 - 1, u64::MAX).await.map_err(shown)?;
    check("an object whose writer gave up", end == b"\x07end")
}

async fn names(files: &Container) -> Result<(), String> {
    check("the names", list(files).await? == ["deep/small", "empty", "kept", "large"])?;
    files.delete_objects(vec!["kept".to_owned(), "absent".to_owned()]).await.map_err(shown)?;
    files.delete_object("empty".to_owned()).await.map_err(shown)?;
    files.delete_object("empty".to_owned()).await.map_err(shown)?;
    check("the names that are left", list(files).await? == ["deep/small", "large"])?;
    check("an object", files.has_object("large".to_owned()).await.map_err(shown)?)?;
    check("no object", !files.has_object("empty".to_owned()).await.map_err(shown)?)
}

async fn copies(files: &Container) -> Result<(), String> {
    let other = blobstore::create_container("other".to_owned()).await.map_err(shown)?;
    let id = |container: &str, object: &str| ObjectId { container: container.to_owned(), object: object.to_owned() };
    blobstore::copy_object(id("files", "deep/small"), id("other", "copy")).await.map_err(shown)?;
    blobstore::move_object(id("other", "copy"), id("other", "moved")).await.map_err(shown)?;
    check("a copy", read(&other, "moved", 0, u64::MAX).await.map_err(shown)? == b"two")?;
    check("what was copied", files.has_object("deep/small".to_owned()).await.map_err(shown)?)?;
    check("what was moved", !other.has_object("copy".to_owned()).await.map_err(shown)?)?;
    let absent = blobstore::copy_object(id("files", "absent"), id("other", "x")).await;
    check("a copy of nothing", matches!(absent, Err(Error::NoSuchObject)))?;
    blobstore::delete_container("other".to_owned()).await.map_err(shown)
}

async fn refusals(files: &Container) -> Result<(), String> {
    check("no such object", matches!(read(files, "absent", 0, 9).await, Err(Error::NoSuchObject)))?;
    check("nothing to know", matches!(files.object_info("absent".to_owned()).await, Err(Error::NoSuchObject)))?;
    check("no range", matches!(read(files, "large", 9, 0).await, Err(Error::Other(text)) if text.contains("from 9 to 0")))?;
    check("no name", matches!(write(files, "a/../b", b"x".to_vec()).await, Err(Error::Other(_))))?;
    let store = blobstore::get_container("elsewhere/files".to_owned()).await;
    check("a store of somebody else", matches!(store, Err(Error::AccessDenied)))?;
    let mut bodies = Vec::new();
    let refused = loop {
        match files.get_data("large".to_owned(), 0, u64::MAX).await {
            Ok(body) if bodies.len() < 100 => bodies.push(body),
            Ok(_) => return Err("bodies without end".to_owned()),
            Err(error) => break error,
        }
    };
    check("as many bodies as there may be", matches!(refused, Error::QuotaExceeded) && bodies.len() == 16)?;
    drop(bodies);
    check("one more", read(files, "large", 0, 0).await.map_err(shown)? == [0])
}
