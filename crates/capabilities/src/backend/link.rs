//! One connection to a server that many callers share: made when it is first needed, made anew when it is lost. While the server is
//! away callers learn so at once, and one of them tries again now and then.

use std::sync::Arc;
use std::time::{Duration, Instant};

use coracle_base::clock;
use parking_lot::RwLock;
use tokio::sync::Mutex;

/// How long a failure answers for the server, so that callers do not wait in turn for one attempt each. Well below the two seconds
/// within which a server that is back should be used again.
const RETRY_INTERVAL: Duration = Duration::from_millis(250);

/// A connection that is made on demand.
pub(crate) struct Link<T> {
    live: RwLock<Option<Arc<T>>>,
    making: Mutex<Option<Failure>>,
}

/// There is no connection.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Away(Arc<str>);

struct Failure {
    at: Instant,
    away: Away,
}

impl<T> Default for Link<T> {
    fn default() -> Self {
        Self { live: RwLock::new(None), making: Mutex::new(None) }
    }
}

impl<T> Link<T> {
    /// The connection, if it `is_usable`, or a new one. The caller bounds the time.
    ///
    /// # Errors
    /// [`Away`] when `make` fails, or failed a moment ago.
    pub(crate) async fn get<F>(&self, is_usable: impl Fn(&T) -> bool, make: impl FnOnce() -> F) -> Result<Arc<T>, Away>
    where
        F: Future<Output = Result<T, String>>,
    {
        let usable = || self.live.read().as_ref().filter(|live| is_usable(live)).cloned();
        if let Some(live) = usable() {
            return Ok(live);
        }
        let mut failure = self.making.lock().await;
        // Somebody else may have made one meanwhile.
        if let Some(live) = usable() {
            return Ok(live);
        }
        if let Some(failure) = failure.as_ref().filter(|failure| clock::now().duration_since(failure.at) < RETRY_INTERVAL) {
            return Err(failure.away.clone());
        }
        match make().await {
            Ok(made) => {
                let made = Arc::new(made);
                *failure = None;
                *self.live.write() = Some(Arc::clone(&made));
                Ok(made)
            }
            Err(cause) => {
                let away = Away(cause.into());
                *failure = Some(Failure { at: clock::now(), away: away.clone() });
                Err(away)
            }
        }
    }

    /// Does not hand `lost` out again. Who uses it still may finish.
    pub(crate) fn forget(&self, lost: &Arc<T>) {
        let mut live = self.live.write();
        if live.as_ref().is_some_and(|live| Arc::ptr_eq(live, lost)) {
            *live = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

    use super::*;

    #[tokio::test]
    async fn one_is_made_for_all_and_anew_when_it_is_lost() {
        let (link, made) = (Link::<u32>::default(), AtomicU32::new(0));
        let get = || link.get(|_| true, || async { Ok(made.fetch_add(1, Relaxed)) });
        let (one, two) = tokio::join!(get(), get());
        assert!(Arc::ptr_eq(&one.unwrap(), two.as_ref().unwrap()));
        let lost = two.unwrap();
        link.forget(&lost);
        let next = get().await.unwrap();
        assert_eq!((*lost, *next), (0, 1));
        link.forget(&lost);
        assert!(Arc::ptr_eq(&get().await.unwrap(), &next), "only the one that was lost is forgotten");
        assert_eq!(*link.get(|_| false, || async { Ok(7) }).await.unwrap(), 7, "what is not usable is replaced");
    }

    #[tokio::test]
    async fn a_failure_answers_for_those_who_wait() {
        let (link, tried) = (Link::<u32>::default(), AtomicU32::new(0));
        let get = || {
            link.get(
                |_| true,
                || async {
                    tried.fetch_add(1, Relaxed);
                    tokio::task::yield_now().await;
                    Err("refused".to_owned())
                },
            )
        };
        let (one, two, three) = tokio::join!(get(), get(), get());
        for away in [one, two, three] {
            assert_eq!(away.unwrap_err().to_string(), "refused");
        }
        assert_eq!(tried.load(Relaxed), 1);
    }
}
