//! A deadline that is moved for every request and hardly ever met: moving it costs a store, not a turn of the timer wheel.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::time::{Duration, Instant, Sleep, sleep_until};

#[derive(Debug, Default)]
pub(crate) struct Alarm {
    at: Option<Instant>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Alarm {
    pub(crate) fn set(&mut self, after: Duration) {
        self.at = Some(Instant::now() + after);
    }

    pub(crate) fn set_if_clear(&mut self, after: Duration) {
        if self.at.is_none() {
            self.set(after);
        }
    }

    pub(crate) fn clear(&mut self) {
        self.at = None;
    }

    /// Ready when the deadline has passed. Never, and without a wake-up, while there is none.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(at) = self.at else { return Poll::Pending };
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(at)));
        if sleep.deadline() > at {
            sleep.as_mut().reset(at);
        }
        loop {
            ready!(sleep.as_mut().poll(context));
            if at <= sleep.deadline() {
                self.at = None;
                return Poll::Ready(());
            }
            // It rang for an older, earlier deadline.
            sleep.as_mut().reset(at);
        }
    }
}
