//! Reads the small text files that hold values. There is a bound, so that a device or a wrong path does not fill the memory.

use std::fs::File;
use std::io::{Error, ErrorKind, Read as _, Result};
use std::path::Path;

use super::Secret;

/// A longer file is refused.
const BYTES_MAX: u64 = 1024 * 1024;

pub(super) fn read(path: &Path) -> Result<String> {
    let mut text = String::new();
    File::open(path)?.take(BYTES_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > BYTES_MAX {
        return Err(Error::new(ErrorKind::FileTooLarge, format!("it is longer than {BYTES_MAX} bytes")));
    }
    Ok(text)
}

/// Reads a file that holds one value, such as a token.
pub(crate) fn read_secret(path: &Path) -> Result<Secret> {
    read(path).map(|text| without_line_end(text).into())
}

/// `text` without the one line end that editors put behind the last line.
fn without_line_end(mut text: String) -> String {
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    text
}
