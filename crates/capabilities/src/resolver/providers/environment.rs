//! `type = "env"`: environment variables with a prefix, then a `.env` file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use coracle_engine::{BindError, Site};
use serde::Deserialize;

use super::{Provider, ProviderError};
use crate::backend::{Kind, Opened, Opening};
use crate::resolver::environment::{DotenvError, PREFIX, read_dotenv};
use crate::resolver::{Environment, Secret};

/// This kind of provider.
pub(super) const KIND: Kind<dyn Provider> = Kind { types: &["env"], open };

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    prefix: Option<String>,
    dotenv_path: Option<PathBuf>,
}

#[derive(Debug)]
struct Env {
    prefix: String,
    process: Arc<Environment>,
    dotenv: BTreeMap<String, Secret>,
}

fn open(opening: &Opening<'_>) -> Result<Opened<dyn Provider>, BindError> {
    let table: Table = opening.config()?;
    let dotenv = match table.dotenv_path.map(|path| opening.path(&path)) {
        Some(path) => read_dotenv(&path).map_err(|source| unusable(&path, source))?,
        None => BTreeMap::new(),
    };
    let prefix = table.prefix.unwrap_or_else(|| PREFIX.to_owned());
    Ok(opened(Env { prefix, process: opening.site.shared().unwrap_or_default(), dotenv }))
}

/// The provider that is always there. Its `.env` file need not exist.
pub(super) fn built_in(site: &Site) -> Result<Opened<dyn Provider>, BindError> {
    let process: Arc<Environment> = site.shared().unwrap_or_default();
    let dotenv = match process.dotenv().map(|path| (path, read_dotenv(path))) {
        Some((_, Ok(values))) => values,
        Some((path, Err(source))) if !is_absent(&source) => return Err(unusable(path, source)),
        _ => BTreeMap::new(),
    };
    Ok(opened(Env { prefix: PREFIX.to_owned(), process, dotenv }))
}

fn opened(env: Env) -> Opened<dyn Provider> {
    let place = format!("env {}", if env.prefix.is_empty() { "without a prefix" } else { &env.prefix });
    Opened { backend: Arc::new(env), place }
}

#[async_trait]
impl Provider for Env {
    async fn get(&self, name: &str) -> Result<Option<Secret>, ProviderError> {
        let upper = name.to_ascii_uppercase();
        let variable = if self.prefix.is_empty() { upper } else { format!("{}_{upper}", self.prefix) };
        Ok(self.process.get(&variable).or_else(|| self.dotenv.get(&variable)).cloned())
    }
}

fn is_absent(error: &DotenvError) -> bool {
    use std::io::ErrorKind::{IsADirectory, NotFound};
    matches!(error, DotenvError::Read(error) if matches!(error.kind(), NotFound | IsADirectory))
}

fn unusable(path: &Path, source: DotenvError) -> BindError {
    BindError::Backend {
        what: format!("the environment file `{}`", path.display()),
        remedy: "mend it, or take it away".to_owned(),
        source: Box::new(source),
    }
}
