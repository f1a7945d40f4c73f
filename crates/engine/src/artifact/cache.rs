//! The folder of artifacts. Any number of processes may share it: a file appears by one rename, is never changed afterwards, and is
//! checked each time it is opened. The folder must belong to the user who runs the program and to nobody else.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use coracle_base::clock;
use rustix::fs::OFlags;
use rustix::process::geteuid;
use tempfile::NamedTempFile;

use super::{ArtifactError, Key, Metadata, check};

pub(super) const EXTENSION: &str = "cwasm";

/// How a file is called until it is complete.
const DRAFT_PREFIX: &str = ".draft-";

/// The age after which a draft is taken to be left over from a process that died.
const DRAFT_AGE_MAX: Duration = Duration::from_secs(3_600);

/// Permission bits with which somebody else could change a file.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// Compiled components, kept between starts.
#[derive(Debug, Clone)]
pub struct ArtifactCache {
    dir: PathBuf,
    bytes_max: u64,
}

/// Why a folder cannot be the cache.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// It cannot be made or read.
    #[error("the cache folder `{}` cannot be used; make it writable or choose another", dir.display())]
    Io {
        /// The folder.
        dir: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// It is a file or a link.
    #[error("the cache folder `{}` is not a folder; remove it or choose another", dir.display())]
    NotFolder {
        /// The folder.
        dir: PathBuf,
    },
    /// Somebody else owns it.
    #[error("the cache folder `{}` belongs to user {owner}, who could plant compiled code in it; choose a folder of your own", dir.display())]
    Owner {
        /// The folder.
        dir: PathBuf,
        /// The id of its owner.
        owner: u32,
    },
    /// Somebody else may write to it.
    #[error("other users may write to the cache folder `{0}` and could plant compiled code in it; run `chmod 700 {0}`", dir.display())]
    Writable {
        /// The folder.
        dir: PathBuf,
    },
}

/// What the cache has under a key.
pub(crate) enum Found {
    /// A checked artifact.
    Hit(File, Metadata),
    /// Nothing.
    Miss,
    /// Something that must not run.
    Bad(ArtifactError),
}

impl ArtifactCache {
    /// The bytes that a cache takes on disk unless told otherwise.
    pub const BYTES_MAX: u64 = 4 << 30;

    /// Opens the cache in `dir`, which is made if it is missing. What exceeds `bytes_max` is removed, least recently used first.
    ///
    /// # Errors
    /// [`CacheError`] when the folder cannot be used or is open to other users.
    pub fn open(dir: &Path, bytes_max: u64) -> Result<Self, CacheError> {
        let failed = |source| CacheError::Io { dir: dir.to_owned(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => CacheError::NotFolder { dir: dir.to_owned() },
            _ => failed(error),
        })?;
        let dir = dir.canonicalize().map_err(failed)?;
        let status = dir.metadata().map_err(failed)?;
        if status.uid() != geteuid().as_raw() {
            return Err(CacheError::Owner { dir, owner: status.uid() });
        }
        if status.mode() & WRITABLE_BY_OTHERS != 0 {
            return Err(CacheError::Writable { dir });
        }
        Ok(Self { dir, bytes_max })
    }

    /// The folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn find(&self, key: Key) -> Found {
        let file = match open_ours(&self.dir.join(key.file_name())) {
            Ok(file) => file,
            Err(ArtifactError::Io(error)) if error.kind() == io::ErrorKind::NotFound => return Found::Miss,
            Err(error) => return Found::Bad(error),
        };
        match check(&file) {
            Ok(metadata) if metadata.key != key.digest() => Found::Bad(ArtifactError::Foreign),
            Ok(metadata) => {
                // The time of the last use decides what is removed first; not being able to note it is no reason to fail.
                let _ = file.set_modified(now());
                Found::Hit(file, metadata)
            }
            Err(error) => Found::Bad(error),
        }
    }

    /// A file to write an artifact to; it disappears unless it is given to [`Self::keep`].
    pub(crate) fn draft(&self) -> io::Result<NamedTempFile> {
        tempfile::Builder::new().prefix(DRAFT_PREFIX).tempfile_in(&self.dir)
    }

    /// Puts the sealed `draft` in place, over whatever was there.
    pub(crate) fn keep(&self, draft: NamedTempFile, key: Key) -> io::Result<()> {
        let name = key.file_name();
        draft.persist(self.dir.join(&name))?;
        File::open(&self.dir)?.sync_all()?;
        if let Err(error) = self.evict(&name) {
            tracing::warn!(dir = %self.dir.display(), %error, "the artifact cache cannot be trimmed");
        }
        Ok(())
    }

    /// Removes leftovers, and the least recently used artifacts but `newest` until the rest fits.
    fn evict(&self, newest: &str) -> io::Result<()> {
        let (mut artifacts, mut total_bytes) = (Vec::new(), 0_u64);
        for entry in self.dir.read_dir()? {
            let entry = entry?;
            // Another process may be trimming, too.
            let (name, Ok(status)) = (entry.file_name(), entry.metadata()) else { continue };
            let used = status.modified().unwrap_or(UNIX_EPOCH);
            let is_old = now().duration_since(used).is_ok_and(|age| age > DRAFT_AGE_MAX);
            if is_old && name.to_string_lossy().starts_with(DRAFT_PREFIX) {
                remove(&entry.path())?;
            } else if Path::new(&name).extension().is_some_and(|extension| extension == EXTENSION) {
                total_bytes = total_bytes.saturating_add(status.len());
                artifacts.push((used, status.len(), entry.path(), name == newest));
            }
        }
        artifacts.sort();
        for (_, bytes, path, is_newest) in artifacts {
            if total_bytes <= self.bytes_max {
                break;
            }
            if !is_newest {
                remove(&path)?;
                total_bytes = total_bytes.saturating_sub(bytes);
            }
        }
        Ok(())
    }
}

/// Opens a plain file that nobody but this user, or root, could have written.
pub(crate) fn open_ours(path: &Path) -> Result<File, ArtifactError> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC).bits();
    let file = OpenOptions::new().read(true).custom_flags(flags.cast_signed()).open(path)?;
    let status = file.metadata()?;
    if !status.is_file() {
        return Err(ArtifactError::NotSealed);
    }
    let is_ours = status.uid() == geteuid().as_raw() || status.uid() == 0;
    if !is_ours || status.mode() & WRITABLE_BY_OTHERS != 0 {
        return Err(ArtifactError::Writable);
    }
    Ok(file)
}

fn remove(path: &Path) -> io::Result<()> {
    std::fs::remove_file(path).or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(clock::unix_ms())
}
