//! The flags of everything that starts an app: `up`, `watch`, `build --up`. They are those of `spin up`, with the same names and
//! environment variables, and a few more.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::FalseyValueParser;
use clap::{Args, ValueEnum};

use crate::units;

/// How an app is started and served.
#[derive(Debug, Clone, Args)]
pub(crate) struct ServeArguments {
    #[command(flatten)]
    pub(crate) listen: ListenArguments,
    #[command(flatten)]
    pub(crate) grant: GrantArguments,
    #[command(flatten)]
    pub(crate) logs: LogArguments,
    #[command(flatten)]
    pub(crate) engine: EngineArguments,
}

/// Where it listens.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Listening")]
pub(crate) struct ListenArguments {
    /// Listen here; port 0 takes any free port
    #[arg(long, value_name = "ADDRESS", env = "SPIN_HTTP_LISTEN_ADDR", hide_env_values = true, default_value = "127.0.0.1:3000", value_parser = address)]
    pub(crate) listen: SocketAddr,

    /// If the port is taken, try the ones above it
    #[arg(long)]
    pub(crate) find_free_port: bool,

    /// Serve HTTPS with this certificate (PEM)
    #[arg(long, value_name = "FILE", env = "SPIN_TLS_CERT", hide_env_values = true, requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,

    /// The private key of the certificate (PEM)
    #[arg(long, value_name = "FILE", env = "SPIN_TLS_KEY", hide_env_values = true, requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,

    /// Serve metrics and health here, apart from the app [default: off]
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    pub(crate) admin_listen: Option<SocketAddr>,

    /// The longest head of an HTTP/1 request that is accepted, in bytes
    #[arg(long, value_name = "BYTES", env = "SPIN_HTTP1_MAX_BUF_SIZE", hide_env_values = true, value_parser = buffer_bytes)]
    pub(crate) http1_max_buf_size: Option<u64>,

    /// The time that a component has for one request, unless its manifest says otherwise; of Spin's ranges the end counts
    #[arg(long, value_name = "DURATION", value_parser = units::duration_or_range)]
    pub(crate) request_timeout: Option<Duration>,

    /// How the address and the routes are printed
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

/// What the app gets beside its manifest.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "What the app gets")]
pub(crate) struct GrantArguments {
    /// Run only these components (repeat)
    #[arg(short = 'c', long = "component-id", value_name = "ID")]
    pub(crate) component_id: Vec<String>,

    /// Set an environment variable for every component (repeat)
    #[arg(short = 'e', long, value_name = "NAME=VALUE", value_parser = units::pair)]
    pub(crate) env: Vec<(String, String)>,

    /// Set a variable of the app: `name=value`, `name=@file`, `@file.json` or `@file.toml` (repeat)
    #[arg(long, value_name = "VARIABLE")]
    pub(crate) variable: Vec<String>,

    /// Put a pair into the key-value store `default` before the start (repeat)
    #[arg(long, value_name = "KEY=VALUE", value_parser = units::pair)]
    pub(crate) key_value: Vec<(String, String)>,

    /// Run SQL on a database before the start: a statement, `@file.sql` or `@file.sql:label` (repeat)
    #[arg(long, value_name = "SQL")]
    pub(crate) sqlite: Vec<String>,

    /// The operator's configuration: backends, variable providers, networks
    #[arg(long, value_name = "FILE", env = "RUNTIME_CONFIG_FILE", hide_env_values = true)]
    pub(crate) runtime_config_file: Option<PathBuf>,

    /// Where stores, databases and logs are kept; "" keeps everything in memory [default: beside the manifest]
    #[arg(long, value_name = "FOLDER", value_parser = folder)]
    pub(crate) state_dir: Option<PathBuf>,

    /// Mount the folders of `files` as they are instead of copying them
    #[arg(long)]
    pub(crate) direct_mounts: bool,

    /// Let components write to their copies of `files`
    #[arg(long)]
    pub(crate) allow_transient_write: bool,

    /// Where the copies of `files` are made [default: the system's temporary folder]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) temp: Option<PathBuf>,
}

/// What is logged, and where to.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Logs")]
pub(crate) struct LogArguments {
    /// Where the components' output is kept; "" keeps none [default: `logs` in the state folder]
    #[arg(short = 'L', long, value_name = "FOLDER", env = "SPIN_LOG_DIR", hide_env_values = true, value_parser = folder)]
    pub(crate) log_dir: Option<PathBuf>,

    /// Empty the log files first
    #[arg(long)]
    pub(crate) truncate_logs: bool,

    /// Show the output of these components only (repeat)
    #[arg(long, value_name = "ID")]
    pub(crate) follow: Vec<String>,

    /// Show no output of components, and no line for each request
    #[arg(short = 'q', long, aliases = ["sh", "shush"], conflicts_with = "follow")]
    pub(crate) quiet: bool,

    /// How log lines are written to standard error
    #[arg(long, value_enum, default_value_t)]
    pub(crate) log_format: LogFormat,
}

/// How code is compiled and run.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Engine")]
pub(crate) struct EngineArguments {
    /// The memory of one instance, unless its manifest says otherwise, such as `256MiB`
    #[arg(long = "max-instance-memory", value_name = "BYTES", env = "SPIN_MAX_INSTANCE_MEMORY", hide_env_values = true, value_parser = units::bytes)]
    pub(crate) instance_bytes_max: Option<u64>,

    /// Where compiled code and downloads are kept [default: the user's cache folder]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) cache_dir: Option<PathBuf>,

    /// Compile everything anew and keep nothing
    #[arg(long, env = "DISABLE_WASMTIME_CACHE", hide_env_values = true, value_parser = FalseyValueParser::new())]
    pub(crate) disable_cache: bool,

    /// Allocate instances on demand instead of from a pool, as with `SPIN_WASMTIME_POOLING=0`
    #[arg(long)]
    pub(crate) disable_pooling: bool,

    /// Instances that live at once, over all components [default: as many as the app can use, at most 512]
    #[arg(long = "max-instance-count", value_name = "NUMBER", env = "SPIN_MAX_INSTANCE_COUNT", hide_env_values = true, value_parser = clap::value_parser!(u32).range(1..=INSTANCES_MAX))]
    pub(crate) instances_max: Option<u32>,
}

/// How a result is printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Plain,
    /// For programs.
    Json,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// An object in each line.
    Json,
}

/// More slots than this are more address space than a process has.
const INSTANCES_MAX: i64 = 100_000;

/// The smallest buffer in which every sound request fits.
const BUFFER_BYTES_MIN: u64 = 8_192;

fn buffer_bytes(text: &str) -> Result<u64, String> {
    match units::bytes(text)? {
        bytes if bytes < BUFFER_BYTES_MIN => Err(format!("at least {BUFFER_BYTES_MIN} bytes are needed")),
        bytes => Ok(bytes),
    }
}

/// A folder, which may be the empty path for none.
#[expect(clippy::unnecessary_wraps, reason = "clap's signature")]
fn folder(text: &str) -> Result<PathBuf, String> {
    Ok(PathBuf::from(text))
}

/// An address with a port. `localhost` is common enough to be known without a resolver.
fn address(text: &str) -> Result<SocketAddr, String> {
    let numeric = text.strip_prefix("localhost:").map_or_else(|| text.to_owned(), |port| format!("127.0.0.1:{port}"));
    numeric.parse().map_err(|_| "write an IP address and a port, such as `127.0.0.1:3000` or `[::]:80`".to_owned())
}

/// A flag of `spin up` that has nothing to change here.
struct Foreign {
    flag: &'static str,
    takes_value: bool,
    reason: &'static str,
}

const FRESH: &str = "each request gets a fresh instance; `instances = { policy = \"reuse\" }` in a coracle.toml asks for another policy";

const FOREIGN: &[Foreign] = &[
    Foreign { flag: "cache", takes_value: true, reason: "compiled code is always cached; `--cache-dir` says where" },
    Foreign { flag: "debug-info", takes_value: false, reason: "backtraces carry names without it" },
    Foreign { flag: "experimental-wasi-otel", takes_value: false, reason: "guests cannot export telemetry of their own yet" },
    Foreign { flag: "experimental-wasm-feature", takes_value: true, reason: "reference types and function references are always on" },
    Foreign { flag: "skip-generate-wits", takes_value: false, reason: "no WIT is generated" },
    Foreign { flag: "skip-target-checks", takes_value: false, reason: "`targets` are not checked" },
    Foreign { flag: "insecure", takes_value: false, reason: "nothing is fetched from a registry" },
    Foreign { flag: "max-instance-reuse-count", takes_value: true, reason: FRESH },
    Foreign { flag: "max-instance-concurrent-reuse-count", takes_value: true, reason: FRESH },
    Foreign { flag: "idle-instance-timeout", takes_value: true, reason: FRESH },
];

/// Adds the flags of `spin up` that have no effect here, so that scripts keep working.
pub(crate) fn with_foreign_flags(command: clap::Command) -> clap::Command {
    FOREIGN.iter().fold(command, |command, foreign| {
        let action = if foreign.takes_value { clap::ArgAction::Append } else { clap::ArgAction::SetTrue };
        let argument = clap::Arg::new(foreign.flag).long(foreign.flag).hide(true).action(action);
        command.arg(if foreign.flag == "insecure" { argument.short('k') } else { argument })
    })
}

/// What to say about the foreign flags that were used.
pub(crate) fn foreign_flags(matches: &clap::ArgMatches) -> Vec<String> {
    let used = FOREIGN.iter().filter(|foreign| matches.value_source(foreign.flag) == Some(clap::parser::ValueSource::CommandLine));
    used.map(|foreign| format!("`--{}` has no effect: {}", foreign.flag, foreign.reason)).collect()
}
