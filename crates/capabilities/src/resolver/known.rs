//! The last word on each variable, for decisions that cannot wait for another machine: whether a guest may connect somewhere. What is
//! older than a moment is asked for anew while the old word counts; a provider that is away leaves it standing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use coracle_base::clock;
use futures::FutureExt as _;
use parking_lot::Mutex;

use super::{ResolveError, Resolver, Secret};

/// A younger answer is good enough.
const FRESH: Duration = Duration::from_secs(1);

/// What was answered last, by the names that the application declares.
#[derive(Debug, Default)]
pub(super) struct Known(Mutex<BTreeMap<String, Entry>>);

#[derive(Debug)]
struct Entry {
    answer: Result<Secret, ResolveError>,
    /// When it was answered, or somebody last began to ask.
    asked: Instant,
}

impl Known {
    /// Keeps what was answered, unless nobody could answer.
    pub(super) fn learn(&self, name: &str, answer: &Result<Secret, ResolveError>) {
        if matches!(answer, Ok(_) | Err(ResolveError::Unresolved { .. })) {
            self.0.lock().insert(name.to_owned(), Entry { answer: answer.clone(), asked: clock::now() });
        }
    }

    /// What was answered last, and whether it is time to ask anew.
    fn last(&self, name: &str) -> (Option<Result<Secret, ResolveError>>, bool) {
        let mut entries = self.0.lock();
        let Some(entry) = entries.get_mut(name) else { return (None, true) };
        let is_stale = entry.asked.elapsed() > FRESH;
        if is_stale {
            entry.asked = clock::now();
        }
        (Some(entry.answer.clone()), is_stale)
    }
}

/// The value of `name` without waiting.
pub(super) fn value(resolver: &Arc<Resolver>, name: &str) -> Result<Secret, ResolveError> {
    let unknown = || ResolveError::Provider { name: name.to_owned(), cause: "it was not answered yet".to_owned() };
    if resolver.is_local() {
        return resolver.resolve(name).now_or_never().unwrap_or_else(|| Err(unknown()));
    }
    let (last, is_stale) = resolver.known.last(name);
    if let (true, Ok(runtime)) = (is_stale, tokio::runtime::Handle::try_current()) {
        let (resolver, name) = (Arc::clone(resolver), name.to_owned());
        runtime.spawn(async move { resolver.resolve(&name).await });
    }
    last.unwrap_or_else(|| Err(unknown()))
}
