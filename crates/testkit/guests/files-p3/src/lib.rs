//! A WASI 0.3 command that does one thing with files and writes `ok …` or `error …` to standard output. It takes the same words as
//! `files-p2`.

use std::collections::BTreeSet;

use wasip3::cli::environment::get_arguments;
use wasip3::cli::stdout::write_via_stream;
use wasip3::exports::cli::run::Guest;
use wasip3::filesystem::preopens::get_directories;
use wasip3::filesystem::types::{Descriptor, DescriptorFlags, ErrorCode, NewTimestamp, OpenFlags, PathFlags};

struct Files;

wasip3::cli::command::export!(Files);

impl Guest for Files {
    async fn run() -> Result<(), ()> {
        let arguments: Vec<String> = get_arguments().into_iter().skip(1).map(|word| word.replace("{nul}", "\0")).collect();
        let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let line = match run(&words).await {
            Ok(said) => format!("ok {said}\n"),
            Err(code) => format!("error {code:?}\n"),
        };
        let (mut writer, reader) = wasip3::wit_stream::new();
        let written = write_via_stream(reader);
        writer.write_all(line.into_bytes()).await;
        drop(writer);
        written.await.map_err(drop)
    }
}

type Answer = Result<String, ErrorCode>;

/// `OPERATION PREOPEN PATH…`; the preopen is named as the guest sees it.
async fn run(words: &[&str]) -> Answer {
    if let ["preopens"] = words {
        let names: Vec<String> = get_directories().into_iter().map(|(_, name)| name).collect();
        return Ok(names.join(" "));
    }
    let [operation, preopen, paths @ ..] = words else { panic!("give an operation and a preopen") };
    let root = root(preopen);
    match (*operation, paths) {
        ("read", [path]) => read(&open(&root, path, OpenFlags::empty(), DescriptorFlags::READ).await?).await,
        ("read-no-follow", [path]) => {
            let opened = root.open_at(PathFlags::empty(), text(path), OpenFlags::empty(), DescriptorFlags::READ);
            read(&opened.await?).await
        }
        ("read-many", [path, times]) => read_many(&root, path, times).await,
        ("read-below", [directory, path]) => {
            let directory = open(&root, directory, OpenFlags::DIRECTORY, DescriptorFlags::READ).await?;
            read(&open(&directory, path, OpenFlags::empty(), DescriptorFlags::READ).await?).await
        }
        ("write", [path]) => write(&open(&root, path, OpenFlags::empty(), DescriptorFlags::WRITE).await?).await,
        ("append", [path]) => append(&open(&root, path, OpenFlags::empty(), DescriptorFlags::WRITE).await?).await,
        ("create", [path]) => write(&open(&root, path, OpenFlags::CREATE, DescriptorFlags::WRITE).await?).await,
        ("create-read", [path]) => open(&root, path, OpenFlags::CREATE, DescriptorFlags::READ).await.and_then(done),
        ("create-exclusive", [path]) => {
            open(&root, path, OpenFlags::CREATE | OpenFlags::EXCLUSIVE, DescriptorFlags::WRITE).await.and_then(done)
        }
        ("truncate", [path]) => open(&root, path, OpenFlags::TRUNCATE, DescriptorFlags::WRITE).await.and_then(done),
        ("truncate-read", [path]) => open(&root, path, OpenFlags::TRUNCATE, DescriptorFlags::READ).await.and_then(done),
        ("resize", [path]) => {
            let file = open(&root, path, OpenFlags::empty(), DescriptorFlags::READ).await?;
            file.set_size(1).await.and_then(done)
        }
        ("create-below", [directory, path]) => {
            let access = DescriptorFlags::READ | DescriptorFlags::MUTATE_DIRECTORY;
            let directory = open(&root, directory, OpenFlags::DIRECTORY, access).await?;
            write(&open(&directory, path, OpenFlags::CREATE, DescriptorFlags::WRITE).await?).await
        }
        ("list", [path]) => list(&open(&root, path, OpenFlags::DIRECTORY, DescriptorFlags::READ).await?).await,
        ("stat", [path]) => root.stat_at(PathFlags::SYMLINK_FOLLOW, text(path)).await.map(|found| format!("{} bytes", found.size)),
        ("mkdir", [path]) => root.create_directory_at(text(path)).await.and_then(done),
        ("rmdir", [path]) => root.remove_directory_at(text(path)).await.and_then(done),
        ("unlink", [path]) => root.unlink_file_at(text(path)).await.and_then(done),
        ("readlink", [path]) => root.readlink_at(text(path)).await,
        ("touch", [path]) => {
            let (accessed, modified) = (NewTimestamp::Now, NewTimestamp::Now);
            root.set_times_at(PathFlags::SYMLINK_FOLLOW, text(path), accessed, modified).await.and_then(done)
        }
        ("rename", [from, to]) => root.rename_at(text(from), &root, text(to)).await.and_then(done),
        ("rename-to", [from, other, to]) => root.rename_at(text(from), &self::root(other), text(to)).await.and_then(done),
        ("link", [from, to]) => root.link_at(PathFlags::empty(), text(from), &root, text(to)).await.and_then(done),
        ("link-to", [from, other, to]) => root.link_at(PathFlags::empty(), text(from), &self::root(other), text(to)).await.and_then(done),
        ("link-follow", [from, to]) => root.link_at(PathFlags::SYMLINK_FOLLOW, text(from), &root, text(to)).await.and_then(done),
        ("symlink", [target, path]) => root.symlink_at(text(target), text(path)).await.and_then(done),
        ("symlink-read", [target, path]) => {
            root.symlink_at(text(target), text(path)).await?;
            read(&open(&root, path, OpenFlags::empty(), DescriptorFlags::READ).await?).await
        }
        _ => panic!("no such operation: {words:?}"),
    }
}

fn text(path: &str) -> String {
    path.to_owned()
}

fn root(preopen: &str) -> Descriptor {
    let found = get_directories().into_iter().find(|(_, name)| name == preopen);
    found.expect("a preopen of this name").0
}

async fn open(root: &Descriptor, path: &str, how: OpenFlags, access: DescriptorFlags) -> Result<Descriptor, ErrorCode> {
    root.open_at(PathFlags::SYMLINK_FOLLOW, path.to_owned(), how, access).await
}

fn done<T>(_: T) -> Answer {
    Ok(String::new())
}

async fn read(file: &Descriptor) -> Answer {
    let (stream, end) = file.read_via_stream(0);
    let bytes = stream.collect().await;
    end.await?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

async fn write(file: &Descriptor) -> Answer {
    let (mut writer, reader) = wasip3::wit_stream::new();
    let written = file.write_via_stream(reader, 0);
    writer.write_all(b"mine".to_vec()).await;
    drop(writer);
    written.await.and_then(done)
}

async fn append(file: &Descriptor) -> Answer {
    let (mut writer, reader) = wasip3::wit_stream::new();
    let written = file.append_via_stream(reader);
    writer.write_all(b"mine".to_vec()).await;
    drop(writer);
    written.await.and_then(done)
}

async fn list(directory: &Descriptor) -> Answer {
    let (stream, end) = directory.read_directory();
    let mut names: Vec<String> = stream.collect().await.into_iter().map(|entry| entry.name).collect();
    end.await?;
    names.sort();
    Ok(names.join(" "))
}

/// Every different text that the path gave, for a host that changes what the path means meanwhile.
async fn read_many(root: &Descriptor, path: &str, times: &str) -> Answer {
    let mut found = BTreeSet::new();
    for _ in 0..times.parse::<u32>().expect("a number") {
        let text = match open(root, path, OpenFlags::empty(), DescriptorFlags::READ).await {
            Ok(file) => read(&file).await.unwrap_or_default(),
            Err(_) => String::new(),
        };
        found.insert(text);
    }
    Ok(found.into_iter().collect::<Vec<_>>().join("|"))
}
