//! A store in a folder of the machine: a folder for each container, a file for each object. Nothing outside the folder is reached by any
//! name, links are not followed, and a file changes as a whole or not at all, also when the machine stops meanwhile.

mod tree;

use std::fs::File;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use coracle_base::clock;
use coracle_engine::BindError;
use futures::{StreamExt as _, stream};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;
use serde::Deserialize;

use self::tree::{
    Walk, delete, descend, empty, failed, file, io_failed, is_absent, make_folder, no_container, no_object, parent, place, prune, seconds,
};
use super::{Error, Object, Reading, Stat, Store, Writing};
use crate::backend::{Kind, Opened, Opening};

/// A store in a folder.
pub(super) const KIND: Kind<dyn Store> = Kind { types: &["directory"], open };

/// The table of such a store.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// The folder, which is made if it is not there.
    path: PathBuf,
}

/// Where files lie until they are whole; no container has this name.
const DRAFTS: &str = ".drafts";
/// How long nothing is written to a draft before it is taken for one that a process left behind when it was killed.
const DRAFT_IDLE_MAX: Duration = Duration::from_secs(24 * 3_600);
/// What is read at once.
const CHUNK_BYTES: usize = 64 << 10;
const CREATE: OFlags = OFlags::WRONLY.union(OFlags::CREATE).union(OFlags::EXCL).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// A store in a folder. Clones are the same store.
#[derive(Debug, Clone)]
pub struct Directory {
    root: Arc<OwnedFd>,
}

/// A file that is not an object yet, and goes away unless it becomes one.
#[derive(Debug)]
struct Draft {
    root: Arc<OwnedFd>,
    name: String,
    file: Option<File>,
    object: Object,
}

fn open(opening: &Opening<'_>) -> Result<Opened<dyn Store>, BindError> {
    let config: Config = opening.config()?;
    let path = opening.path(&config.path);
    let place = format!("directory {}", path.display());
    let store = Directory::open(&path).map_err(|source| BindError::Backend {
        what: format!("the folder {} of {}", path.display(), opening.what()),
        remedy: "make it a folder that this user may write to, or name another place".to_owned(),
        source: Box::new(source),
    })?;
    Ok(Opened { backend: Arc::new(store), place })
}

impl Directory {
    /// Opens the store in the folder at `path`, which is made if it is not there.
    ///
    /// # Errors
    /// When the folder cannot be made or opened.
    pub fn open(path: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(path)?;
        let root = File::open(path)?;
        make_folder(root.as_fd(), DRAFTS)?;
        sweep(root.as_fd())?;
        Ok(Self { root: Arc::new(root.into()) })
    }

    /// Runs what may wait for the disk where it holds nobody up.
    async fn on_disk<T: Send + 'static>(&self, work: impl FnOnce(BorrowedFd<'_>) -> Result<T, Error> + Send + 'static) -> Result<T, Error> {
        let root = Arc::clone(&self.root);
        blocking(move || work(root.as_fd())).await
    }

    fn draft(root: &Arc<OwnedFd>, object: &Object) -> Result<Draft, Error> {
        descend(root.as_fd(), [object.container.as_str()], false).map_err(|errno| no_container(errno, &object.container))?;
        let drafts = descend(root.as_fd(), [DRAFTS], true).map_err(failed)?;
        loop {
            // By chance, as other machines may write to the folder too.
            let name = format!("{:016x}", RandomState::new().build_hasher().finish());
            match rustix::fs::openat(&drafts, &name, CREATE, Mode::from_raw_mode(0o644)) {
                Err(Errno::EXIST) => {}
                Err(errno) => return Err(failed(errno)),
                Ok(file) => return Ok(Draft { root: Arc::clone(root), name, file: Some(file.into()), object: object.clone() }),
            }
        }
    }
}

impl Draft {
    fn keep(&mut self) -> Result<(), Error> {
        let Some(file) = self.file.take() else { return Ok(()) };
        file.sync_all().map_err(|error| io_failed(&error))?;
        let drafts = descend(self.root.as_fd(), [DRAFTS], false).map_err(failed)?;
        place(self.root.as_fd(), (drafts.as_fd(), &self.name), &self.object)?;
        self.name.clear();
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.name.is_empty()
            && let Ok(drafts) = descend(self.root.as_fd(), [DRAFTS], false)
        {
            // Nobody is left to tell; what stays behind is seen by no guest.
            let _ = rustix::fs::unlinkat(&drafts, &self.name, AtFlags::empty());
        }
    }
}

#[async_trait]
impl Store for Directory {
    async fn create(&self, container: &str) -> Result<(), Error> {
        let container = container.to_owned();
        self.on_disk(move |root| match rustix::fs::mkdirat(root, &container, Mode::from_raw_mode(0o755)) {
            Ok(()) => rustix::fs::fsync(root).map_err(failed),
            Err(Errno::EXIST) => Err(Error::ContainerExists(container)),
            Err(errno) => Err(failed(errno)),
        })
        .await
    }

    async fn created(&self, container: &str) -> Result<Option<u64>, Error> {
        let container = container.to_owned();
        self.on_disk(move |root| match rustix::fs::statat(root, &container, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok((FileType::from_raw_mode(stat.st_mode) == FileType::Directory).then(|| seconds(&stat))),
            Err(errno) if is_absent(errno) => Ok(None),
            Err(errno) => Err(failed(errno)),
        })
        .await
    }

    async fn remove(&self, container: &str) -> Result<(), Error> {
        let container = container.to_owned();
        self.on_disk(move |root| match descend(root, [container.as_str()], false) {
            Ok(folder) => empty(folder.as_fd())
                .and_then(|()| rustix::fs::unlinkat(root, &container, AtFlags::REMOVEDIR))
                .and_then(|()| rustix::fs::fsync(root))
                .map_err(failed),
            Err(errno) if is_absent(errno) => Ok(()),
            Err(errno) => Err(failed(errno)),
        })
        .await
    }

    async fn stat(&self, object: &Object) -> Result<Option<Stat>, Error> {
        let object = object.clone();
        self.on_disk(move |root| match file(root, &object) {
            Ok((_, stat)) => Ok(Some(stat)),
            Err(Error::NoObject(_)) => Ok(None),
            Err(error) => Err(error),
        })
        .await
    }

    async fn read(&self, object: &Object, first: u64, last: u64) -> Result<Reading, Error> {
        let object = object.clone();
        let (file, stat) = self.on_disk(move |root| file(root, &object)).await?;
        let end = last.saturating_add(1).min(stat.bytes);
        let chunks = stream::try_unfold((Arc::new(file), first), move |(file, at)| async move {
            let wanted = usize::try_from(end.saturating_sub(at)).unwrap_or(usize::MAX).min(CHUNK_BYTES);
            if wanted == 0 {
                return Ok(None);
            }
            let reader = Arc::clone(&file);
            let chunk = blocking(move || {
                let mut chunk = vec![0; wanted];
                reader.read_exact_at(&mut chunk, at).map_err(|error| io_failed(&error))?;
                Ok(Bytes::from(chunk))
            });
            let chunk = chunk.await?;
            let next = at.saturating_add(chunk.len() as u64);
            Ok(Some((chunk, (file, next))))
        });
        Ok(Reading { bytes: end.saturating_sub(first), chunks: chunks.boxed() })
    }

    async fn write(&self, object: &Object) -> Result<Box<dyn Writing>, Error> {
        let (root, object) = (Arc::clone(&self.root), object.clone());
        Ok(Box::new(blocking(move || Self::draft(&root, &object)).await?))
    }

    async fn list(&self, container: &str, after: Option<&str>, names_max: usize) -> Result<Vec<String>, Error> {
        let (container, after) = (container.to_owned(), after.map(str::to_owned));
        self.on_disk(move |root| {
            let folder = descend(root, [container.as_str()], false).map_err(|errno| no_container(errno, &container))?;
            let mut walk = Walk { after, names_max, names: Vec::new() };
            walk.folder(folder.as_fd(), "").map_err(failed)?;
            Ok(walk.names)
        })
        .await
    }

    async fn delete(&self, container: &str, names: &[String]) -> Result<(), Error> {
        let object = |name: &String| Object { container: container.to_owned(), name: name.clone() };
        let objects: Vec<_> = names.iter().map(object).collect();
        self.on_disk(move |root| objects.iter().try_for_each(|object| delete(root, object))).await
    }

    async fn copy(&self, from: &Object, to: &Object) -> Result<(), Error> {
        let (root, from, to) = (Arc::clone(&self.root), from.clone(), to.clone());
        blocking(move || {
            let (mut source, _) = file(root.as_fd(), &from)?;
            let mut draft = Self::draft(&root, &to)?;
            if let Some(file) = &mut draft.file {
                io::copy(&mut source, file).map_err(|error| io_failed(&error))?;
            }
            draft.keep()
        })
        .await
    }

    async fn rename(&self, from: &Object, to: &Object) -> Result<(), Error> {
        let (from, to) = (from.clone(), to.clone());
        self.on_disk(move |root| {
            file(root, &from)?;
            let (folder, last) = parent(root, &from, false).map_err(|errno| no_object(errno, &from))?;
            place(root, (folder.as_fd(), last), &to)?;
            rustix::fs::fsync(&folder).map_err(failed)?;
            prune(root, &from);
            Ok(())
        })
        .await
    }
}

#[async_trait]
impl Writing for Draft {
    async fn push(&mut self, bytes: Bytes) -> Result<(), Error> {
        let Some(mut file) = self.file.take() else { return Err(Error::Misused("an earlier write failed")) };
        let written = blocking(move || file.write_all(&bytes).map(|()| file).map_err(|error| io_failed(&error)));
        self.file = Some(written.await?);
        Ok(())
    }

    async fn finish(mut self: Box<Self>) -> Result<(), Error> {
        if self.file.is_none() {
            return Err(Error::Misused("an earlier write failed"));
        }
        blocking(move || self.keep()).await
    }
}

/// Removes the drafts that nobody writes any more.
fn sweep(root: BorrowedFd<'_>) -> Result<(), Errno> {
    let drafts = descend(root, [DRAFTS], false)?;
    let oldest = (clock::unix_ms() / 1_000).saturating_sub(DRAFT_IDLE_MAX.as_secs());
    for draft in Dir::read_from(&drafts)? {
        let draft = draft?;
        let stat = rustix::fs::statat(&drafts, draft.file_name(), AtFlags::SYMLINK_NOFOLLOW);
        if stat.is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile && seconds(&stat) < oldest) {
            // Somebody else may have removed it meanwhile.
            let _ = rustix::fs::unlinkat(&drafts, draft.file_name(), AtFlags::empty());
        }
    }
    Ok(())
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::backend(&error))?
}

#[cfg(test)]
mod tests;
