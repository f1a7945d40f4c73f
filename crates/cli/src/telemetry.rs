//! Logs on standard error, and whatever else the environment asks to be told about this process.

use coracle_base::telemetry::{self, Guard, Options};

use crate::context::Context;
use crate::serving::LogFormat;

/// Starts telemetry. What is still on its way is sent when the guard is dropped.
pub(crate) fn start(context: &Context, format: LogFormat, quiet: bool) -> anyhow::Result<Guard> {
    let format = match format {
        LogFormat::Text => telemetry::LogFormat::Text,
        LogFormat::Json => telemetry::LogFormat::Json,
    };
    Ok(telemetry::init(&Options {
        format,
        color: context.output.colors_logs(),
        quiet,
        service_name: "coracle".to_owned(),
        service_version: env!("CARGO_PKG_VERSION").to_owned(),
        environment: context.environment.variables().clone(),
    })?)
}
