//! A store in a folder whose process is killed at any moment: an object is what it was before or what was written, whole, and what was
//! acknowledged to another process is there. The process is this test binary, started again to be [`the_writer`].

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use bytes::Bytes;
use coracle_capabilities::blob_store::directory::Directory;
use coracle_capabilities::blob_store::{Error, Object, Store as _};
use futures::TryStreamExt as _;

/// What tells the writer its folder and its first number.
const ORDER: &str = "CORACLE_TEST_BLOB_WRITER";

const KILLS: u64 = 150;
/// The largest number of chunks of an object.
const CHUNKS_MAX: u64 = 5;
const CHUNK_BYTES: usize = 60_000;

/// The body of the object `number`: of a length of its own, and all of the number.
fn chunks(number: u64) -> impl Iterator<Item = Bytes> {
    (0..=number % CHUNKS_MAX).map(move |_| Bytes::from(number.to_be_bytes().repeat(CHUNK_BYTES / 8)))
}

fn object(name: &str) -> Object {
    Object { container: "c".to_owned(), name: name.to_owned() }
}

/// Not a test by itself: the process that the other starts.
#[tokio::test]
async fn the_writer() {
    #[expect(clippy::disallowed_methods, reason = "a test binary is started again by its environment, having no arguments of its own")]
    let Ok(order) = std::env::var(ORDER) else { return };
    let (folder, first) = order.rsplit_once('\n').unwrap();
    let store = Directory::open(Path::new(folder)).unwrap();
    for number in first.parse::<u64>().unwrap().. {
        let mut writing = store.write(&object("deep/same")).await.unwrap();
        for chunk in chunks(number) {
            writing.push(chunk).await.unwrap();
        }
        writing.finish().await.unwrap();
        let mut said = std::io::stdout().lock();
        said.write_all(format!("acknowledged {number}\n").as_bytes()).and_then(|()| said.flush()).unwrap();
    }
}

/// Lets a writer begin at `first`, and kills it when it has acknowledged `acknowledged_max` more, in the middle of the next.
fn kill_one(folder: &Path, first: u64, acknowledged_max: u64) -> u64 {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["blob_durable::the_writer", "--exact", "--nocapture"]).env(ORDER, format!("{}\n{first}", folder.display()));
    let mut writer = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut acknowledged = first - 1;
    for line in BufReader::new(writer.stdout.take().unwrap()).lines() {
        // The harness writes lines of its own, the first without its end.
        let line = line.unwrap();
        if let Some((_, number)) = line.split_once("acknowledged ") {
            acknowledged = number.parse().unwrap();
        }
        if acknowledged >= first + acknowledged_max {
            writer.kill().unwrap();
        }
    }
    // What it said before it was killed was read to the end.
    writer.wait().unwrap();
    acknowledged
}

#[tokio::test]
async fn an_object_is_old_or_new_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let store = Directory::open(folder.path()).unwrap();
    store.create("c").await.unwrap();
    let mut last = 0;
    for kill in 0..KILLS {
        let acknowledged = kill_one(folder.path(), last + 1, kill % 4);
        let body: Vec<Bytes> = match store.read(&object("deep/same"), 0, u64::MAX).await {
            Ok(reading) => reading.chunks.try_collect().await.unwrap(),
            Err(Error::NoObject(_)) => Vec::new(),
            Err(error) => panic!("{error}"),
        };
        let body = body.concat();
        let found = body.first_chunk().map_or(0, |number| u64::from_be_bytes(*number));
        assert!(found == acknowledged || found == acknowledged + 1, "{found} is there after {acknowledged} was acknowledged");
        assert!(found == 0 || body == chunks(found).collect::<Vec<_>>().concat(), "{found} is not whole");
        last = found;
    }
    assert_eq!(store.list("c", None, 10).await.unwrap(), ["deep/same"], "what was begun is seen by nobody");
}
