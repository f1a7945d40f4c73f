//! The name of an artifact: what it was made from and by which settings, so that another build or machine never picks it up.

use std::hash::Hasher;

use crate::Engines;
#[cfg(feature = "compile")]
use crate::Generation;
use crate::digest::Digest;

/// Identifies an artifact: the digest of the source, the settings of both engines and the version of our file format. The
/// generation is not part of it because it follows from the source; this way a warm start need not parse the source at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key(Digest);

impl Key {
    pub(crate) fn new(engines: &Engines, source: Digest) -> Self {
        let mut hasher = KeyHasher(blake3::Hasher::new());
        hasher.write_u32(super::seal::FORMAT_VERSION);
        hasher.write(env!("CARGO_PKG_VERSION").as_bytes());
        hasher.write(source.as_bytes());
        settings(engines, &mut hasher);
        Self(Digest::from_bytes(hasher.0.finalize().into()))
    }

    pub(crate) fn file_name(self) -> String {
        format!("{}.{}", self.0, super::cache::EXTENSION)
    }

    pub(crate) fn digest(self) -> Digest {
        self.0
    }
}

/// The settings of one engine stand for both: they differ only in what [`super::seal::FORMAT_VERSION`] counts, and wasmtime compares
/// the settings that each artifact records with its own besides.
#[cfg(feature = "compile")]
fn settings(engines: &Engines, hasher: &mut KeyHasher) {
    use std::hash::Hash as _;
    engines.get(Generation::P2).precompile_compatibility_hash().hash(hasher);
}

/// Without a compiler wasmtime tells no hash.
#[cfg(not(feature = "compile"))]
fn settings(_engines: &Engines, hasher: &mut KeyHasher) {
    hasher.write(b"no compiler");
}

/// Feeds what is hashed to BLAKE3; the 64 bits of [`Hasher::finish`] are not used.
struct KeyHasher(blake3::Hasher);

impl Hasher for KeyHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}
