//! The only place that turns a file into code that runs. Whatever gets here has passed [`super::check`].

use std::fs::File;
use std::os::fd::AsRawFd;

use wasmtime::component::Component;
use wasmtime::{Engine, Module};

use crate::component::Code;

/// What an image is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Image {
    Component,
    Program,
}

/// Maps the checked artifact in `file`; the pages are shared with every other process that maps it.
#[expect(unsafe_code, reason = "wasmtime trusts what it maps")]
pub(crate) fn map(engine: &Engine, image: Image, file: &File) -> wasmtime::Result<Code> {
    // By the number of the open file and not by its path: what is mapped is then the file whose digest was checked, whatever was
    // renamed over it meanwhile. The seal behind the image is outside every section of it.
    let path = format!("/dev/fd/{}", file.as_raw_fd());
    // SAFETY: the caller checked the digest that was computed when wasmtime itself wrote the image, and nobody but this user may
    // write to the file, which is never changed in place. wasmtime compares the version, the settings and the kind of the image.
    unsafe {
        match image {
            Image::Component => Component::deserialize_file(engine, path).map(Code::Component),
            Image::Program => Module::deserialize_file(engine, path).map(Code::Program),
        }
    }
}

/// Loads a checked image from memory, where it cannot be mapped from a file.
#[expect(unsafe_code, reason = "wasmtime trusts what it loads")]
pub(crate) fn map_bytes(engine: &Engine, image: Image, payload: &[u8]) -> wasmtime::Result<Code> {
    // SAFETY: as above; `payload` is a copy that nobody else can reach.
    unsafe {
        match image {
            Image::Component => Component::deserialize(engine, payload).map(Code::Component),
            Image::Program => Module::deserialize(engine, payload).map(Code::Program),
        }
    }
}
