//! A WASI 0.2 command that does one thing with files and prints `ok …` or `error …`. It speaks to `wasi:filesystem` itself, because
//! a standard library would tidy the paths up before the host sees them.

use wasip2::filesystem::preopens::get_directories;
use wasip2::filesystem::types::{Descriptor, DescriptorFlags, ErrorCode, NewTimestamp, OpenFlags, PathFlags};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).map(|word| word.replace("{nul}", "\0")).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&words) {
        Ok(said) => println!("ok {said}"),
        Err(code) => println!("error {code}"),
    }
}

type Answer = Result<String, ErrorCode>;

/// `OPERATION PREOPEN PATH…`; the preopen is named as the guest sees it.
fn run(words: &[&str]) -> Answer {
    if let ["preopens"] = words {
        let names: Vec<String> = get_directories().into_iter().map(|(_, name)| name).collect();
        return Ok(names.join(" "));
    }
    let [operation, preopen, paths @ ..] = words else { panic!("give an operation and a preopen") };
    let root = root(preopen);
    match (*operation, paths) {
        ("read", [path]) => read(&open(&root, path, OpenFlags::empty(), DescriptorFlags::READ)?),
        ("read-no-follow", [path]) => read(&root.open_at(PathFlags::empty(), path, OpenFlags::empty(), DescriptorFlags::READ)?),
        ("read-many", [path, times]) => read_many(&root, path, times),
        ("read-below", [directory, path]) => {
            let directory = open(&root, directory, OpenFlags::DIRECTORY, DescriptorFlags::READ)?;
            read(&open(&directory, path, OpenFlags::empty(), DescriptorFlags::READ)?)
        }
        ("write", [path]) => write(&open(&root, path, OpenFlags::empty(), DescriptorFlags::WRITE)?),
        ("append", [path]) => {
            let file = open(&root, path, OpenFlags::empty(), DescriptorFlags::WRITE)?;
            let stream = file.append_via_stream()?;
            stream.blocking_write_and_flush(b"mine").map_err(|_| ErrorCode::Io)?;
            done(())
        }
        ("create", [path]) => write(&open(&root, path, OpenFlags::CREATE, DescriptorFlags::WRITE)?),
        ("create-read", [path]) => open(&root, path, OpenFlags::CREATE, DescriptorFlags::READ).and_then(done),
        ("create-exclusive", [path]) => open(&root, path, OpenFlags::CREATE | OpenFlags::EXCLUSIVE, DescriptorFlags::WRITE).and_then(done),
        ("truncate", [path]) => open(&root, path, OpenFlags::TRUNCATE, DescriptorFlags::WRITE).and_then(done),
        ("truncate-read", [path]) => open(&root, path, OpenFlags::TRUNCATE, DescriptorFlags::READ).and_then(done),
        ("resize", [path]) => open(&root, path, OpenFlags::empty(), DescriptorFlags::READ)?.set_size(1).and_then(done),
        ("create-below", [directory, path]) => {
            let access = DescriptorFlags::READ | DescriptorFlags::MUTATE_DIRECTORY;
            let directory = open(&root, directory, OpenFlags::DIRECTORY, access)?;
            write(&open(&directory, path, OpenFlags::CREATE, DescriptorFlags::WRITE)?)
        }
        ("list", [path]) => list(&open(&root, path, OpenFlags::DIRECTORY, DescriptorFlags::READ)?),
        ("stat", [path]) => root.stat_at(PathFlags::SYMLINK_FOLLOW, path).map(|found| format!("{} bytes", found.size)),
        ("mkdir", [path]) => root.create_directory_at(path).and_then(done),
        ("rmdir", [path]) => root.remove_directory_at(path).and_then(done),
        ("unlink", [path]) => root.unlink_file_at(path).and_then(done),
        ("readlink", [path]) => root.readlink_at(path),
        ("touch", [path]) => {
            let now = || NewTimestamp::Now;
            root.set_times_at(PathFlags::SYMLINK_FOLLOW, path, now(), now()).and_then(done)
        }
        ("rename", [from, to]) => root.rename_at(from, &root, to).and_then(done),
        ("rename-to", [from, other, to]) => root.rename_at(from, &self::root(other), to).and_then(done),
        ("link", [from, to]) => root.link_at(PathFlags::empty(), from, &root, to).and_then(done),
        ("link-to", [from, other, to]) => root.link_at(PathFlags::empty(), from, &self::root(other), to).and_then(done),
        ("link-follow", [from, to]) => root.link_at(PathFlags::SYMLINK_FOLLOW, from, &root, to).and_then(done),
        ("symlink", [target, path]) => root.symlink_at(target, path).and_then(done),
        ("symlink-read", [target, path]) => {
            root.symlink_at(target, path)?;
            read(&open(&root, path, OpenFlags::empty(), DescriptorFlags::READ)?)
        }
        _ => panic!("no such operation: {words:?}"),
    }
}

fn root(preopen: &str) -> Descriptor {
    let found = get_directories().into_iter().find(|(_, name)| name == preopen);
    found.expect("a preopen of this name").0
}

fn open(root: &Descriptor, path: &str, how: OpenFlags, access: DescriptorFlags) -> Result<Descriptor, ErrorCode> {
    root.open_at(PathFlags::SYMLINK_FOLLOW, path, how, access)
}

fn done<T>(_: T) -> Answer {
    Ok(String::new())
}

fn read(file: &Descriptor) -> Answer {
    let (bytes, _) = file.read(1024, 0)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn write(file: &Descriptor) -> Answer {
    file.write(b"mine", 0).and_then(done)
}

fn list(directory: &Descriptor) -> Answer {
    let entries = directory.read_directory()?;
    let mut names = Vec::new();
    while let Some(entry) = entries.read_directory_entry()? {
        names.push(entry.name);
    }
    names.sort();
    Ok(names.join(" "))
}

/// Every different text that the path gave, for a host that changes what the path means meanwhile.
fn read_many(root: &Descriptor, path: &str, times: &str) -> Answer {
    let mut found = std::collections::BTreeSet::new();
    for _ in 0..times.parse::<u32>().expect("a number") {
        found.insert(open(root, path, OpenFlags::empty(), DescriptorFlags::READ).and_then(|file| read(&file)).unwrap_or_default());
    }
    Ok(found.into_iter().collect::<Vec<_>>().join("|"))
}
