//! The bounds of language models. Spin has none but 128 MiB for an answer.

use std::time::Duration;

use coracle_engine::Bound;

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

impl Limits {
    /// The same for people.
    pub(super) fn bounds(&self) -> Vec<Bound> {
        vec![
            Bound::bytes("a prompt, and the texts of one call", self.input_bytes_max as u64),
            Bound::count("texts of one call", self.texts_max as u64),
            Bound::count("calls of one invocation", self.calls_max.into()),
            Bound::count("calls of an app at the same time; others wait", self.concurrent_max as u64),
            Bound::time("the wait for another call's end", self.wait_max),
        ]
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { input_bytes_max: 1 << 20, texts_max: 2_048, calls_max: 100, concurrent_max: 64, wait_max: Duration::from_secs(30) }
    }
}
