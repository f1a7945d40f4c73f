//! Artifacts: compiled components and programs in files. A file is wasmtime's own image followed by our seal, which says what it was made from and
//! holds the digests that are checked before anything in it is used. Compiling itself is in `compile`.

mod cache;
mod key;
mod map;
mod seal;

pub use cache::{ArtifactCache, CacheError};
pub(crate) use cache::{Found, open_ours};
pub(crate) use key::Key;
pub(crate) use map::{Image, map, map_bytes};
pub use seal::ArtifactError;
pub(crate) use seal::{Metadata, check, payload, seal};
