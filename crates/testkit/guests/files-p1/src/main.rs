//! A WASI 0.1 command that does one thing with files and prints `ok …` or `error …`. It calls `wasi_snapshot_preview1` itself, because
//! a standard library would tidy the paths up before the host sees them.

use std::collections::BTreeSet;

use wasip1::{
    Ciovec, ERRNO_BADF, Errno, FDFLAGS_APPEND, FSTFLAGS_ATIM_NOW, FSTFLAGS_MTIM_NOW, Fd, Fdflags, Iovec, LOOKUPFLAGS_SYMLINK_FOLLOW,
    OFLAGS_CREAT, OFLAGS_DIRECTORY, OFLAGS_EXCL, OFLAGS_TRUNC, Oflags, RIGHTS_FD_READ, RIGHTS_FD_READDIR, RIGHTS_FD_WRITE, Rights,
};

/// The first descriptor that can be a directory which the host gave.
const PREOPEN_FIRST: Fd = 3;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).map(|word| word.replace("{nul}", "\0")).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&words) {
        Ok(said) => println!("ok {said}"),
        Err(code) => println!("error {}", code.name()),
    }
}

type Answer = Result<String, Errno>;

/// `OPERATION PREOPEN PATH…`; the preopen is named as the guest sees it.
fn run(words: &[&str]) -> Answer {
    if let ["preopens"] = words {
        return Ok(preopens().map(|(_, name)| name).collect::<Vec<_>>().join(" "));
    }
    let [operation, preopen, paths @ ..] = words else { panic!("give an operation and a preopen") };
    let root = root(preopen);
    match (*operation, paths) {
        ("read", [path]) => read(open(root, path, 0, RIGHTS_FD_READ, 0)?),
        ("read-no-follow", [path]) => read(open_as(root, 0, path, 0, RIGHTS_FD_READ, 0)?),
        ("read-many", [path, times]) => read_many(root, path, times),
        ("read-below", [directory, path]) => {
            let directory = open(root, directory, OFLAGS_DIRECTORY, RIGHTS_FD_READ, 0)?;
            read(open(directory, path, 0, RIGHTS_FD_READ, 0)?)
        }
        ("write", [path]) => write(open(root, path, 0, RIGHTS_FD_WRITE, 0)?),
        ("append", [path]) => write(open(root, path, 0, RIGHTS_FD_WRITE, FDFLAGS_APPEND)?),
        ("create", [path]) => write(open(root, path, OFLAGS_CREAT, RIGHTS_FD_WRITE, 0)?),
        ("create-read", [path]) => open(root, path, OFLAGS_CREAT, RIGHTS_FD_READ, 0).and_then(done),
        ("create-exclusive", [path]) => open(root, path, OFLAGS_CREAT | OFLAGS_EXCL, RIGHTS_FD_WRITE, 0).and_then(done),
        ("truncate", [path]) => open(root, path, OFLAGS_TRUNC, RIGHTS_FD_WRITE, 0).and_then(done),
        ("truncate-read", [path]) => open(root, path, OFLAGS_TRUNC, RIGHTS_FD_READ, 0).and_then(done),
        ("resize", [path]) => {
            let file = open(root, path, 0, RIGHTS_FD_READ, 0)?;
            unsafe { wasip1::fd_filestat_set_size(file, 1) }.and_then(done)
        }
        ("create-below", [directory, path]) => {
            let directory = open(root, directory, OFLAGS_DIRECTORY, RIGHTS_FD_READ, 0)?;
            write(open(directory, path, OFLAGS_CREAT, RIGHTS_FD_WRITE, 0)?)
        }
        ("list", [path]) => list(open(root, path, OFLAGS_DIRECTORY, RIGHTS_FD_READ | RIGHTS_FD_READDIR, 0)?),
        ("stat", [path]) => {
            unsafe { wasip1::path_filestat_get(root, LOOKUPFLAGS_SYMLINK_FOLLOW, path) }.map(|found| format!("{} bytes", found.size))
        }
        ("mkdir", [path]) => unsafe { wasip1::path_create_directory(root, path) }.and_then(done),
        ("rmdir", [path]) => unsafe { wasip1::path_remove_directory(root, path) }.and_then(done),
        ("unlink", [path]) => unsafe { wasip1::path_unlink_file(root, path) }.and_then(done),
        ("readlink", [path]) => {
            let mut target = [0; 1024];
            let length = unsafe { wasip1::path_readlink(root, path, target.as_mut_ptr(), target.len()) }?;
            Ok(String::from_utf8_lossy(&target[..length]).into_owned())
        }
        ("touch", [path]) => {
            let now = FSTFLAGS_ATIM_NOW | FSTFLAGS_MTIM_NOW;
            unsafe { wasip1::path_filestat_set_times(root, LOOKUPFLAGS_SYMLINK_FOLLOW, path, 0, 0, now) }.and_then(done)
        }
        ("rename", [from, to]) => rename(root, from, root, to),
        ("rename-to", [from, other, to]) => rename(root, from, self::root(other), to),
        ("link", [from, to]) => link(root, 0, from, root, to),
        ("link-to", [from, other, to]) => link(root, 0, from, self::root(other), to),
        ("link-follow", [from, to]) => link(root, LOOKUPFLAGS_SYMLINK_FOLLOW, from, root, to),
        ("symlink", [target, path]) => unsafe { wasip1::path_symlink(target, root, path) }.and_then(done),
        ("symlink-read", [target, path]) => {
            unsafe { wasip1::path_symlink(target, root, path) }?;
            read(open(root, path, 0, RIGHTS_FD_READ, 0)?)
        }
        _ => panic!("no such operation: {words:?}"),
    }
}

/// Every directory that the host gave, with its name.
fn preopens() -> impl Iterator<Item = (Fd, String)> {
    (PREOPEN_FIRST..).map_while(|fd| {
        let found = unsafe { wasip1::fd_prestat_get(fd) }.ok()?;
        let mut name = vec![0; unsafe { found.u.dir }.pr_name_len];
        unsafe { wasip1::fd_prestat_dir_name(fd, name.as_mut_ptr(), name.len()) }.ok()?;
        Some((fd, String::from_utf8_lossy(&name).into_owned()))
    })
}

fn root(preopen: &str) -> Fd {
    let (fd, _) = preopens().find(|(_, name)| name == preopen).expect("a preopen of this name");
    fd
}

fn open(root: Fd, path: &str, how: Oflags, access: Rights, flags: Fdflags) -> Result<Fd, Errno> {
    open_as(root, LOOKUPFLAGS_SYMLINK_FOLLOW, path, how, access, flags)
}

fn open_as(root: Fd, lookup: u32, path: &str, how: Oflags, access: Rights, flags: Fdflags) -> Result<Fd, Errno> {
    unsafe { wasip1::path_open(root, lookup, path, how, access, access, flags) }
}

fn rename(root: Fd, from: &str, other: Fd, to: &str) -> Answer {
    unsafe { wasip1::path_rename(root, from, other, to) }.and_then(done)
}

fn link(root: Fd, lookup: u32, from: &str, other: Fd, to: &str) -> Answer {
    unsafe { wasip1::path_link(root, lookup, from, other, to) }.and_then(done)
}

fn done<T>(_: T) -> Answer {
    Ok(String::new())
}

fn read(file: Fd) -> Answer {
    let mut bytes = [0; 1024];
    let into = [Iovec { buf: bytes.as_mut_ptr(), buf_len: bytes.len() }];
    let length = unsafe { wasip1::fd_read(file, &into) }?;
    Ok(String::from_utf8_lossy(&bytes[..length]).into_owned())
}

fn write(file: Fd) -> Answer {
    let bytes = b"mine";
    let from = [Ciovec { buf: bytes.as_ptr(), buf_len: bytes.len() }];
    unsafe { wasip1::fd_write(file, &from) }.and_then(done)
}

/// The names in a directory that is not too large for one call.
fn list(directory: Fd) -> Answer {
    let mut entries = [0_u8; 4096];
    let length = unsafe { wasip1::fd_readdir(directory, entries.as_mut_ptr(), entries.len(), 0) }?;
    let (mut names, mut rest) = (Vec::new(), &entries[..length]);
    while let Some((head, after)) = rest.split_at_checked(size_of::<wasip1::Dirent>()) {
        let entry = unsafe { head.as_ptr().cast::<wasip1::Dirent>().read_unaligned() };
        let (name, after) = after.split_at_checked(entry.d_namlen as usize).ok_or(ERRNO_BADF)?;
        names.push(String::from_utf8_lossy(name).into_owned());
        rest = after;
    }
    names.retain(|name| name != "." && name != "..");
    names.sort();
    Ok(names.join(" "))
}

/// Every different text that the path gave, for a host that changes what the path means meanwhile.
fn read_many(root: Fd, path: &str, times: &str) -> Answer {
    let mut found = BTreeSet::new();
    for _ in 0..times.parse::<u32>().expect("a number") {
        let text = open(root, path, 0, RIGHTS_FD_READ, 0).and_then(|file| {
            let text = read(file);
            unsafe { wasip1::fd_close(file) }?;
            text
        });
        found.insert(text.unwrap_or_default());
    }
    Ok(found.into_iter().collect::<Vec<_>>().join("|"))
}
