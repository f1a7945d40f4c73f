//! The operator's settings, from flags, environment and runtime configuration, in this order.

use std::path::{Path, PathBuf};

use coracle_engine::RuntimeConfig;

use super::ServeArguments;
use crate::project::Project;
use crate::refusal::{Refusal, refuse};

/// A longer runtime configuration is refused unread.
const CONFIG_BYTES_MAX: u64 = 1 << 20;

/// The keys of a runtime configuration that are read here, and not by a capability.
pub(crate) const OPERATOR_KEYS: [&str; 3] = ["state_dir", "log_dir", "max_instance_memory"];

/// What an operator decided.
#[derive(Debug, Clone)]
pub(crate) struct Operator {
    /// What the capabilities take their tables from.
    pub(crate) config: RuntimeConfig,
    /// Where state is kept; `None` keeps it in memory.
    pub(crate) state: Option<PathBuf>,
    /// Where logs are kept; `None` keeps none.
    pub(crate) logs: Option<PathBuf>,
    /// The memory of one instance, in bytes.
    pub(crate) memory_bytes: Option<u64>,
}

impl Operator {
    /// Reads the settings for `project`; nothing is made yet.
    pub(crate) fn read(arguments: &ServeArguments, project: &Project) -> anyhow::Result<Self> {
        let mut config = match &arguments.grant.runtime_config_file {
            Some(file) => read_config(file)?,
            None => RuntimeConfig::default(),
        };
        let [state, logs, memory] = OPERATOR_KEYS;
        let state = config.take_as::<PathBuf>(state)?;
        let logs = config.take_as::<PathBuf>(logs)?;
        let memory_bytes = config.take_as::<u64>(memory)?;
        let state = match arguments.grant.state_dir.clone().or(state) {
            Some(folder) => named(folder),
            None => project.state_folder(),
        };
        let logs = match arguments.logs.log_dir.clone().or(logs) {
            Some(folder) => named(folder),
            None => state.as_ref().map(|state| state.join("logs")),
        };
        Ok(Self { config, state, logs, memory_bytes: arguments.engine.instance_bytes_max.or(memory_bytes) })
    }
}

/// The runtime configuration in `file`.
pub(crate) fn read_config(file: &Path) -> anyhow::Result<RuntimeConfig> {
    let unreadable = |error: std::io::Error| {
        let message = format!("the runtime configuration {} cannot be read", file.display());
        Refusal::new(message, "correct the path of `--runtime-config-file`, or check its permissions").because(error)
    };
    let size = std::fs::metadata(file).map_err(unreadable)?.len();
    if size > CONFIG_BYTES_MAX {
        return refuse(format!("the runtime configuration {} has {size} bytes", file.display()), "name a TOML file");
    }
    let text = std::fs::read_to_string(file).map_err(unreadable)?;
    let table = toml::from_str(&text).map_err(|error: toml::de::Error| {
        let line = error.span().and_then(|span| text.get(..span.start)).map_or(1, |before| before.matches('\n').count() + 1);
        Refusal::new(format!("{}:{line}: {}", file.display(), error.message()), "a runtime configuration is TOML; correct this line")
    })?;
    Ok(RuntimeConfig::new(table, Some(file.to_owned())))
}

/// An empty path means none.
fn named(folder: PathBuf) -> Option<PathBuf> {
    Some(folder).filter(|folder| !folder.as_os_str().is_empty())
}
