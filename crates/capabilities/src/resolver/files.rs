//! Reads the small text files that hold values. There is a bound, so that a device or a wrong path does not fill the memory.

use std::fs::File;
use std::io::{Error, ErrorKind, Read as _, Result};
use std::path::Path;

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
