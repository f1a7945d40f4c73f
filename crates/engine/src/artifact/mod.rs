//! Artifacts: compiled components and programs in files. A file is wasmtime's own image followed by our seal, which says what it was made from and
//! holds the digests that are checked before anything in it is used. Compiling itself is in `compile`.

mod cache;
mod key;
mod map;
mod seal;

use std::path::Path;

use crate::Shape;

pub use cache::{ArtifactCache, CacheError};
pub(crate) use cache::{Found, open_ours};
pub(crate) use key::Key;
pub(crate) use map::{Image, map, map_bytes};
pub use seal::ArtifactError;
pub(crate) use seal::{Metadata, check, payload, seal};

/// How the image at the beginning of an artifact begins: with the header of an ELF file.
const IMAGE_MAGIC: &[u8] = b"\x7fELF";

/// Whether a file that begins with `start` may be an artifact. Only its seal tells.
#[must_use]
pub fn looks_like_artifact(start: &[u8]) -> bool {
    start.starts_with(IMAGE_MAGIC)
}

/// What the component was from which the artifact at `path` was compiled.
///
/// # Errors
/// [`ArtifactError`] when it is no artifact, is damaged, or may be written by other users.
pub fn artifact_shape(path: &Path) -> Result<Shape, ArtifactError> {
    Ok(check(&open_ours(&path.canonicalize()?)?)?.shape)
}
