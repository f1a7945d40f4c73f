//! The log files: `<component>_stdout.txt` and `<component>_stderr.txt` in one folder, each line with its time. A file that grew too
//! long is set aside once, so that a chatty guest cannot fill the disk.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::{Line, timestamp};
use crate::refusal::Refusal;

/// A file that is longer is set aside as `….1.txt`, replacing what was set aside before.
const FILE_BYTES_MAX: u64 = 64 << 20;

pub(super) struct Files {
    folder: PathBuf,
    open: HashMap<(String, &'static str), Open>,
}

struct Open {
    file: Option<File>,
    bytes: u64,
}

impl Files {
    /// Uses `folder`, which is there and can be written; `truncate` empties what earlier runs left.
    pub(super) fn open(folder: PathBuf, truncate: bool) -> anyhow::Result<Self> {
        let unwritable = |error: std::io::Error| {
            let message = format!("the log folder {} cannot be used", folder.display());
            Refusal::new(message, "name a folder that can be written with `--log-dir`, or `--log-dir \"\"` for none").because(error)
        };
        if truncate {
            for entry in std::fs::read_dir(&folder).map_err(unwritable)? {
                let path = entry.map_err(unwritable)?.path();
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                if name.ends_with("_stdout.txt") || name.ends_with("_stderr.txt") {
                    File::create(&path).map_err(unwritable)?;
                }
            }
        }
        Ok(Self { folder, open: HashMap::new() })
    }

    /// Appends a line. A disk that is full costs lines, not the app.
    pub(super) fn write(&mut self, line: &Line) {
        let stream = line.stream.name();
        let path = self.folder.join(format!("{}_{stream}.txt", file_name(&line.component)));
        let open = self.open.entry((line.component.clone(), stream)).or_insert_with(|| Open::at(&path));
        if open.bytes > FILE_BYTES_MAX {
            let aside = path.with_extension("1.txt");
            if std::fs::rename(&path, aside).is_ok() {
                *open = Open::at(&path);
            }
        }
        let Some(file) = &mut open.file else { return };
        let mut text = timestamp(line.at_ms).into_bytes();
        text.push(b' ');
        text.extend_from_slice(&line.text);
        text.push(b'\n');
        if file.write_all(&text).is_ok() {
            open.bytes += text.len() as u64;
        }
    }
}

impl Open {
    fn at(path: &Path) -> Self {
        let file = OpenOptions::new().create(true).append(true).open(path);
        if let Err(error) = &file {
            tracing::warn!(path = %path.display(), %error, "a log file cannot be written");
        }
        let bytes = file.as_ref().ok().and_then(|file| file.metadata().ok()).map_or(0, |metadata| metadata.len());
        Self { file: file.ok(), bytes }
    }
}

/// The id of a component as the name of a file; ids have no separators, and this keeps it so.
fn file_name(component: &str) -> String {
    component
        .chars()
        .map(|character| if character.is_alphanumeric() || matches!(character, '-' | '_' | '.') { character } else { '_' })
        .collect()
}

#[cfg(test)]
mod tests {
    use coracle_capabilities::wasi::Stream;

    use super::*;

    fn line(component: &str, stream: Stream, text: &str) -> Line {
        Line { at_ms: 0, app: "app".to_owned(), component: component.to_owned(), stream, text: text.as_bytes().to_vec(), dropped: 0 }
    }

    #[test]
    fn each_component_and_stream_has_a_file_that_is_appended_to() {
        let folder = tempfile::tempdir().unwrap();
        for text in ["first", "second"] {
            let mut files = Files::open(folder.path().to_owned(), false).unwrap();
            files.write(&line("hello", Stream::Stdout, text));
            files.write(&line("hello", Stream::Stderr, "oh"));
        }
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!(read("hello_stdout.txt"), "1970-01-01T00:00:00.000Z first\n1970-01-01T00:00:00.000Z second\n");
        assert_eq!(read("hello_stderr.txt").lines().count(), 2);
        Files::open(folder.path().to_owned(), true).unwrap();
        assert_eq!(read("hello_stdout.txt"), "");
    }

    #[test]
    fn a_name_cannot_leave_the_folder() {
        assert_eq!(file_name("../../etc/passwd"), ".._.._etc_passwd");
    }
}
