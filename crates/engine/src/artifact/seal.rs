//! The seal of an artifact. A file is `image ++ metadata ++ footer`: the image begins at offset 0, so that it can be mapped, and the
//! footer has a fixed length, so that it can be found from the end. A seal shows damage and mix-ups; it is no signature.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

use serde::{Deserialize, Serialize};

use crate::Shape;
use crate::digest::Digest;
use crate::rewind::Marks;

/// Grows with every change to the layout, to [`Metadata`] or to what is done to a binary before it is compiled.
pub(super) const FORMAT_VERSION: u32 = 6;

const MAGIC: [u8; 8] = *b"CORACLE\x01";
const METADATA_BYTES_MAX: u64 = 4 << 20;
const FOOTER_BYTES: usize = 8 + 4 + 4 + 8 + 8 + 32 + 32;

/// What an artifact says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Metadata {
    /// The key under which a cache keeps it.
    pub(crate) key: Digest,
    /// The digest of the binary that a developer built.
    pub(crate) source: Digest,
    /// The length of that binary.
    pub(crate) source_bytes: usize,
    /// What was compiled, which is not what was built where a module was adapted or a name renewed.
    pub(crate) shape: Shape,
    /// What was added to it for rewinding.
    pub(crate) marks: Option<Marks>,
}

/// Why a file is not an artifact that may run.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// It cannot be read or written.
    #[error("the artifact cannot be read or written")]
    Io(#[from] io::Error),
    /// It has no seal.
    #[error("the file is not an artifact of this program, or it was cut short; make it with `coracle compile`")]
    NotSealed,
    /// It was sealed by a version with another layout.
    #[error("the artifact has format {found} and this program reads format {FORMAT_VERSION}; compile it again")]
    Format {
        /// The format of the file.
        found: u32,
    },
    /// What it is would take too long to say.
    #[error("the component imports and exports more than an artifact can describe ({METADATA_BYTES_MAX} bytes); split it")]
    TooManyNames,
    /// Its contents are not what was sealed.
    #[error("the {part} of the artifact is damaged; compile it again")]
    Damaged {
        /// Which part.
        part: &'static str,
    },
    /// It is another artifact than its name says.
    #[error("the artifact belongs to another component or to other engine settings; compile it again")]
    Foreign,
    /// It could be written by others.
    #[error("the artifact can be written by other users, so it is not trusted; run `chmod go-w` on it if they are trusted")]
    Writable,
    /// wasmtime refuses the image.
    #[error("the artifact was made for another version, machine or setting of the engine; compile it again on this one")]
    Engine(#[source] wasmtime::Error),
}

struct Footer {
    payload_bytes: u64,
    metadata_bytes: u64,
    payload: Digest,
    metadata: Digest,
}

/// Seals `file`, which holds an image and nothing else, and makes it durable.
pub(crate) fn seal(file: &mut File, metadata: &Metadata) -> Result<(), ArtifactError> {
    file.rewind()?;
    let payload = Digest::of_reader(&mut *file)?;
    let payload_bytes = file.seek(SeekFrom::End(0))?;
    let text = serde_json::to_vec(metadata).map_err(io::Error::from)?;
    if text.len() as u64 > METADATA_BYTES_MAX {
        return Err(ArtifactError::TooManyNames);
    }
    let footer = Footer { payload_bytes, metadata_bytes: text.len() as u64, payload, metadata: Digest::of(&text) };
    file.write_all(&text)?;
    file.write_all(&footer.to_bytes())?;
    file.sync_all()?;
    Ok(())
}

/// Reads the seal of `file` and compares every byte with it.
pub(crate) fn check(file: &File) -> Result<Metadata, ArtifactError> {
    let footer = Footer::read(file)?;
    let mut file = file;
    file.rewind()?;
    if Digest::of_reader(file.take(footer.payload_bytes))? != footer.payload {
        return Err(ArtifactError::Damaged { part: "image" });
    }
    let mut text = Vec::new();
    file.seek(SeekFrom::Start(footer.payload_bytes))?;
    file.take(footer.metadata_bytes).read_to_end(&mut text)?;
    if Digest::of(&text) != footer.metadata {
        return Err(ArtifactError::Damaged { part: "description" });
    }
    serde_json::from_slice(&text).map_err(|_| ArtifactError::Damaged { part: "description" })
}

/// The image in `file`, as a copy that was checked by itself.
pub(crate) fn payload(file: &File) -> Result<Vec<u8>, ArtifactError> {
    let footer = Footer::read(file)?;
    let mut file = file;
    file.rewind()?;
    let mut payload = Vec::new();
    file.take(footer.payload_bytes).read_to_end(&mut payload)?;
    if Digest::of(&payload) != footer.payload {
        return Err(ArtifactError::Damaged { part: "image" });
    }
    Ok(payload)
}

impl Footer {
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(FOOTER_BYTES);
        bytes.extend_from_slice(self.payload.as_bytes());
        bytes.extend_from_slice(self.metadata.as_bytes());
        bytes.extend_from_slice(&self.payload_bytes.to_le_bytes());
        bytes.extend_from_slice(&self.metadata_bytes.to_le_bytes());
        bytes.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        bytes.extend_from_slice(&0_u32.to_le_bytes());
        bytes.extend_from_slice(&MAGIC);
        bytes
    }

    fn read(mut file: &File) -> Result<Self, ArtifactError> {
        let file_bytes = file.seek(SeekFrom::End(0))?;
        let Some(start) = file_bytes.checked_sub(FOOTER_BYTES as u64) else { return Err(ArtifactError::NotSealed) };
        file.seek(SeekFrom::Start(start))?;
        let payload = Digest::from_bytes(field(&mut file)?);
        let metadata = Digest::from_bytes(field(&mut file)?);
        let payload_bytes = u64::from_le_bytes(field(&mut file)?);
        let metadata_bytes = u64::from_le_bytes(field(&mut file)?);
        let found = u32::from_le_bytes(field(&mut file)?);
        let reserved: [u8; 4] = field(&mut file)?;
        if field(&mut file)? != MAGIC {
            return Err(ArtifactError::NotSealed);
        }
        if found != FORMAT_VERSION {
            return Err(ArtifactError::Format { found });
        }
        let is_whole = payload_bytes.checked_add(metadata_bytes) == Some(start);
        if !is_whole || metadata_bytes > METADATA_BYTES_MAX || reserved != [0; 4] {
            return Err(ArtifactError::Damaged { part: "seal" });
        }
        Ok(Self { payload_bytes, metadata_bytes, payload, metadata })
    }
}

fn field<const N: usize>(reader: &mut impl Read) -> io::Result<[u8; N]> {
    let mut field = [0; N];
    reader.read_exact(&mut field)?;
    Ok(field)
}
