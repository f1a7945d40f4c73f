//! The bounds of language models. Spin has none but 128 MiB for an answer.

use std::time::Duration;

/// What an instance may ask of its models.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The longest prompt, and the longest texts of one call together.
    pub input_bytes_max: usize,
    /// Texts of one call.
    pub texts_max: usize,
    /// Calls of one invocation.
    pub calls_max: u32,
    /// Calls of one app that run at the same time; further ones wait.
    pub concurrent_max: usize,
    /// How long they wait.
    pub wait_max: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { input_bytes_max: 1 << 20, texts_max: 2_048, calls_max: 100, concurrent_max: 64, wait_max: Duration::from_secs(30) }
    }
}
