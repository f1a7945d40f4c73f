//! The files and folders of a store: reached step by step from its root, so that no name and no link leads out of it.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::super::name::check_object;
use super::super::{Error, Object, Stat};

/// How often a rename is tried anew after somebody removed the folder it leads to.
const ATTEMPTS_MAX: u32 = 8;
const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
// Without `NONBLOCK`, opening a pipe that somebody put there would wait for its writer.
const READ: OFlags = OFlags::RDONLY.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);

/// A walk through the folders of a container in the order of the objects' names.
pub(super) struct Walk {
    pub(super) after: Option<String>,
    pub(super) names_max: usize,
    pub(super) names: Vec<String>,
}

impl Walk {
    pub(super) fn folder(&mut self, folder: BorrowedFd<'_>, prefix: &str) -> Result<(), Errno> {
        let mut entries = Vec::new();
        for entry in Dir::read_from(folder)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().to_str() else { continue };
            let kind = match entry.file_type() {
                FileType::Unknown => match rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
                    Ok(stat) => FileType::from_raw_mode(stat.st_mode),
                    Err(_) => continue,
                },
                kind => kind,
            };
            match kind {
                // A folder sorts where the names of what is in it do.
                FileType::Directory if name != "." && name != ".." => entries.push(format!("{prefix}{name}/")),
                FileType::RegularFile => entries.push(format!("{prefix}{name}")),
                _ => {}
            }
        }
        entries.sort_unstable();
        for entry in entries {
            if self.names.len() >= self.names_max {
                break;
            }
            match entry.strip_suffix('/') {
                Some(path) if self.may_follow(&entry) => {
                    let name = path.rsplit('/').next().unwrap_or(path);
                    match rustix::fs::openat(folder, name, FOLDER, Mode::empty()) {
                        Ok(inner) if check_object(path).is_ok() => self.folder(inner.as_fd(), &entry)?,
                        Ok(_) => {}
                        Err(errno) if is_absent(errno) => {}
                        Err(errno) => return Err(errno),
                    }
                }
                Some(_) => {}
                None if self.after.as_ref().is_none_or(|after| entry > *after) && check_object(&entry).is_ok() => self.names.push(entry),
                None => {}
            }
        }
        Ok(())
    }

    /// Whether names that begin with `prefix` may come after the place where the page begins.
    fn may_follow(&self, prefix: &str) -> bool {
        self.after.as_deref().is_none_or(|after| after < prefix || after.starts_with(prefix))
    }
}

/// Opens the folder at the end of `parts`, none of which may be a link; makes what is missing if `make`.
pub(super) fn descend<'a>(root: BorrowedFd<'_>, parts: impl IntoIterator<Item = &'a str>, make: bool) -> Result<OwnedFd, Errno> {
    let mut folder = rustix::io::fcntl_dupfd_cloexec(root, 0)?;
    for part in parts {
        folder = match rustix::fs::openat(&folder, part, FOLDER, Mode::empty()) {
            Err(Errno::NOENT) if make => {
                make_folder(folder.as_fd(), part)?;
                rustix::fs::openat(&folder, part, FOLDER, Mode::empty())?
            }
            opened => opened?,
        };
    }
    Ok(folder)
}

pub(super) fn make_folder(parent: BorrowedFd<'_>, name: &str) -> Result<(), Errno> {
    match rustix::fs::mkdirat(parent, name, Mode::from_raw_mode(0o755)) {
        Ok(()) => rustix::fs::fsync(parent),
        Err(Errno::EXIST) => Ok(()),
        Err(errno) => Err(errno),
    }
}

/// The folder that an object lies in, and its name there. The container must be there; folders in it are made if `make`.
pub(super) fn parent<'a>(root: BorrowedFd<'_>, object: &'a Object, make: bool) -> Result<(OwnedFd, &'a str), Errno> {
    let container = descend(root, [object.container.as_str()], false)?;
    match object.name.rsplit_once('/') {
        None => Ok((container, &object.name)),
        Some((folders, last)) => Ok((descend(container.as_fd(), folders.split('/'), make)?, last)),
    }
}

/// Opens the file of an object. What is no file, such as a link or a pipe, is no object.
pub(super) fn file(root: BorrowedFd<'_>, object: &Object) -> Result<(File, Stat), Error> {
    let (folder, last) = parent(root, object, false).map_err(|errno| no_object(errno, object))?;
    let opened = rustix::fs::openat(&folder, last, READ, Mode::empty()).map_err(|errno| no_object(errno, object))?;
    let stat = rustix::fs::fstat(&opened).map_err(failed)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(Error::NoObject(object.name.clone()));
    }
    Ok((opened.into(), Stat { bytes: u64::try_from(stat.st_size).unwrap_or(0), created: seconds(&stat) }))
}

/// Makes the file at `from` the object `to`, for good.
pub(super) fn place(root: BorrowedFd<'_>, from: (BorrowedFd<'_>, &str), to: &Object) -> Result<(), Error> {
    let mut attempts = 0;
    loop {
        descend(root, [to.container.as_str()], false).map_err(|errno| no_container(errno, &to.container))?;
        let placed = parent(root, to, true).and_then(|(folder, last)| {
            rustix::fs::renameat(from.0, from.1, &folder, last)?;
            rustix::fs::fsync(&folder)
        });
        attempts += 1;
        match placed {
            // Whoever removes the last object of a folder removes the folder, perhaps just now.
            Err(Errno::NOENT) if attempts < ATTEMPTS_MAX => {}
            Err(Errno::NOTDIR | Errno::ISDIR | Errno::LOOP | Errno::NOTEMPTY) => return Err(Error::Occupied(to.name.clone())),
            placed => return placed.map_err(failed),
        }
    }
}

/// Removes an object if it is there.
pub(super) fn delete(root: BorrowedFd<'_>, object: &Object) -> Result<(), Error> {
    let removed = file(root, object).and_then(|_| {
        let (folder, last) = parent(root, object, false).map_err(|errno| no_object(errno, object))?;
        rustix::fs::unlinkat(&folder, last, AtFlags::empty()).map_err(|errno| no_object(errno, object))?;
        rustix::fs::fsync(&folder).map_err(failed)
    });
    match removed {
        Err(Error::NoObject(_)) => return Ok(()),
        removed => removed?,
    }
    prune(root, object);
    Ok(())
}

/// Removes the folders that an object was the last one of.
pub(super) fn prune(root: BorrowedFd<'_>, object: &Object) {
    let mut path = object.name.as_str();
    while let Some((folders, _)) = path.rsplit_once('/') {
        let folder = Object { container: object.container.clone(), name: folders.to_owned() };
        let removed = parent(root, &folder, false).and_then(|(outer, last)| rustix::fs::unlinkat(outer, last, AtFlags::REMOVEDIR));
        if removed.is_err() {
            return;
        }
        path = folders;
    }
}

/// Removes everything in a folder, itself not.
pub(super) fn empty(folder: BorrowedFd<'_>) -> Result<(), Errno> {
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        match rustix::fs::openat(folder, name, FOLDER, Mode::empty()) {
            Ok(inner) => {
                empty(inner.as_fd())?;
                rustix::fs::unlinkat(folder, name, AtFlags::REMOVEDIR)?;
            }
            Err(_) => rustix::fs::unlinkat(folder, name, AtFlags::empty())?,
        }
    }
    Ok(())
}

pub(super) fn seconds(stat: &rustix::fs::Stat) -> u64 {
    u64::try_from(stat.st_mtime).unwrap_or(0)
}

/// Whether nothing that guests may see is there: nothing at all, or a link, or a file where a folder would be.
pub(super) fn is_absent(errno: Errno) -> bool {
    matches!(errno, Errno::NOENT | Errno::NOTDIR | Errno::LOOP)
}

pub(super) fn no_object(errno: Errno, object: &Object) -> Error {
    if is_absent(errno) || errno == Errno::NXIO { Error::NoObject(object.name.clone()) } else { failed(errno) }
}

pub(super) fn no_container(errno: Errno, container: &str) -> Error {
    if is_absent(errno) { Error::NoContainer(container.to_owned()) } else { failed(errno) }
}

pub(super) fn io_failed(error: &io::Error) -> Error {
    Errno::from_io_error(error).map_or_else(|| Error::backend(error), failed)
}

pub(super) fn failed(errno: Errno) -> Error {
    match errno {
        Errno::NOSPC | Errno::DQUOT => Error::Full,
        errno => Error::backend(&errno),
    }
}
