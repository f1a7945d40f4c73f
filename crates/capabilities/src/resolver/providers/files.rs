//! `type = "files"`: a folder with one file for each variable, as Kubernetes mounts a Secret or a ConfigMap. A file is read whenever it
//! is asked for, so that a changed one, or a whole folder swapped by its `..data` link, counts at once.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use coracle_engine::BindError;
use serde::Deserialize;

use super::{Provider, ProviderError};
use crate::backend::{Kind, Opened, Opening};
use crate::resolver::{Secret, read_secret};

/// This kind of provider.
pub(super) const KIND: Kind<dyn Provider> = Kind { types: &["files"], open };

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    path: PathBuf,
}

#[derive(Debug)]
struct Folder(PathBuf);

fn open(opening: &Opening<'_>) -> Result<Opened<dyn Provider>, BindError> {
    let table: Table = opening.config()?;
    let folder = opening.path(&table.path);
    if let Err(source) = std::fs::read_dir(&folder) {
        return Err(BindError::Backend {
            what: format!("the folder `{}` of {}", folder.display(), opening.what()),
            remedy: "mount it, or correct `path`; a relative path starts at the folder of the runtime configuration".to_owned(),
            source: Box::new(source),
        });
    }
    let place = format!("files {}", folder.display());
    Ok(Opened { backend: Arc::new(Folder(folder)), place })
}

#[async_trait]
impl Provider for Folder {
    /// The content of the file `name`, without one line end that closes it. The folder is local and its files are small, so that reading
    /// one takes less than handing it to another thread would.
    async fn get(&self, name: &str) -> Result<Option<Secret>, ProviderError> {
        let path = self.0.join(name);
        match read_secret(&path) {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(ProviderError(format!("`{}` cannot be read: {error}", path.display()))),
        }
    }
}
