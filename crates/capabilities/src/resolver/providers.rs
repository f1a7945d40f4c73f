//! Who may give values to variables: `[[variables_provider]]` tables of the runtime configuration, and after them always the
//! process environment.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use coracle_engine::{BindError, RuntimeConfig};
use serde::Deserialize;

use super::environment::{self, DotenvError};
use super::{Environment, Secret};

const KEY: &str = "variables_provider";
const KEY_BEFORE: &str = "config_provider";

/// One provider.
#[derive(Debug)]
pub(super) enum Provider {
    /// The environment, then a `.env` file.
    Environment { prefix: String, process: Arc<Environment>, dotenv: BTreeMap<String, Secret> },
    /// Values that stand in the runtime configuration itself.
    Static(BTreeMap<String, Secret>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EnvTable {
    prefix: Option<String>,
    dotenv_path: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StaticTable {
    // Not a map of strings: the message about a wrong value would repeat it.
    values: toml::Value,
}

impl Provider {
    pub(super) fn get(&self, name: &str) -> Option<&Secret> {
        match self {
            Self::Static(values) => values.get(name),
            Self::Environment { prefix, process, dotenv } => {
                let upper = name.to_ascii_uppercase();
                let variable = if prefix.is_empty() { upper } else { format!("{prefix}_{upper}") };
                process.get(&variable).or_else(|| dotenv.get(&variable))
            }
        }
    }
}

/// The providers in the order in which they are asked.
pub(super) fn read(config: &mut RuntimeConfig, process: &Arc<Environment>) -> Result<Vec<Provider>, BindError> {
    let folder = config.folder().to_owned();
    let mut providers = Vec::new();
    for (index, table) in tables(config)?.into_iter().enumerate() {
        providers.push(provider(index, table, &folder, process)?);
    }
    providers.push(built_in(process)?);
    Ok(providers)
}

fn tables(config: &mut RuntimeConfig) -> Result<Vec<toml::Table>, BindError> {
    let tables: Option<Vec<toml::Table>> = config.take_as(KEY)?;
    let before = config.take_as(KEY_BEFORE)?;
    if tables.is_some() && before.is_some() {
        return Err(BindError::Refused {
            message: format!("runtime configuration: both `{KEY}` and `{KEY_BEFORE}` are given, which are one thing"),
            remedy: format!("write every provider as `[[{KEY}]]`"),
        });
    }
    Ok(tables.or(before).unwrap_or_default())
}

fn provider(index: usize, mut table: toml::Table, folder: &Path, process: &Arc<Environment>) -> Result<Provider, BindError> {
    let key = format!("{KEY}[{index}]");
    let kind = table.remove("type");
    match kind.as_ref().and_then(toml::Value::as_str) {
        Some("env") => {
            let table: EnvTable = read_table(&key, table)?;
            let dotenv = match table.dotenv_path.map(|path| folder.join(path)) {
                Some(path) => environment::read_dotenv(&path).map_err(|source| dotenv_error(&path, source))?,
                None => BTreeMap::new(),
            };
            let prefix = table.prefix.unwrap_or_else(|| environment::PREFIX.to_owned());
            Ok(Provider::Environment { prefix, process: Arc::clone(process), dotenv })
        }
        Some("static") => Ok(Provider::Static(static_values(&key, read_table::<StaticTable>(&key, table)?.values)?)),
        Some(kind @ ("vault" | "azure_key_vault")) => Err(refused(
            format!("runtime configuration: `{key}`: the provider type `{kind}` is not built yet"),
            "use `env` or `static` meanwhile",
        )),
        Some(kind) => Err(refused(format!("runtime configuration: `{key}`: there is no provider type `{kind}`"), "use `env` or `static`")),
        None => {
            Err(refused(format!("runtime configuration: `{key}` does not say its type"), "add `type = \"env\"` or `type = \"static\"`"))
        }
    }
}

fn static_values(key: &str, values: toml::Value) -> Result<BTreeMap<String, Secret>, BindError> {
    let remedy = "write `values = { name = \"value\" }`";
    let toml::Value::Table(values) = values else {
        return Err(refused(format!("runtime configuration: `{key}`: `values` is not a table"), remedy));
    };
    let read = |(name, value)| match value {
        toml::Value::String(value) => Ok((name, Secret::from(value))),
        other => Err(refused(
            format!("runtime configuration: `{key}`: the value of `{name}` is of type {}, not a string", other.type_str()),
            "put it in quotes",
        )),
    };
    values.into_iter().map(read).collect()
}

/// The environment provider that is always there. Its `.env` file need not exist.
fn built_in(process: &Arc<Environment>) -> Result<Provider, BindError> {
    let dotenv = match process.dotenv().map(|path| (path, environment::read_dotenv(path))) {
        Some((_, Ok(values))) => values,
        Some((path, Err(source))) if !is_absent(&source) => return Err(dotenv_error(path, source)),
        _ => BTreeMap::new(),
    };
    Ok(Provider::Environment { prefix: environment::PREFIX.to_owned(), process: Arc::clone(process), dotenv })
}

fn is_absent(error: &DotenvError) -> bool {
    use std::io::ErrorKind::{IsADirectory, NotFound};
    matches!(error, DotenvError::Read(error) if matches!(error.kind(), NotFound | IsADirectory))
}

fn dotenv_error(path: &Path, source: DotenvError) -> BindError {
    BindError::Backend {
        what: format!("the environment file `{}`", path.display()),
        remedy: "mend it, or take it away".to_owned(),
        source: Box::new(source),
    }
}

fn read_table<T: serde::de::DeserializeOwned>(key: &str, table: toml::Table) -> Result<T, BindError> {
    toml::Value::Table(table).try_into().map_err(|source| BindError::Config { key: key.to_owned(), source: Box::new(source) })
}

fn refused(message: String, remedy: &str) -> BindError {
    BindError::Refused { message, remedy: remedy.to_owned() }
}
