//! What live instances take of memory. A program of its own (`coracle-live`) holds them: in a process that has done other work before, they
//! would get memory that was freed, and none would be seen to grow.

use std::convert::Infallible;
use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use coracle_engine::{ArtifactCache, Limits, Reuse, Settings};
use coracle_triggers::http::{Body, Handler};
use futures::StreamExt as _;

use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::embedded::{self, Given, PEER};
use crate::processes::{Mapped, mapped};

/// Instances that live at once.
pub(crate) const INSTANCES: usize = 500;

/// By how much the process has grown with all instances.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Grown {
    /// While each is in the middle of a call.
    pub(crate) made: Mapped,
    /// When each has answered and waits for the next.
    pub(crate) called: Mapped,
}

/// Makes instances of `guest`, which takes a body at `/up`, and prints what they take. What compiling leaves behind would hide some of it: the
/// figures are those of a second start with the same `cache`.
///
/// # Errors
/// When the guest does not load, or answers otherwise.
#[expect(clippy::print_stdout, reason = "the figures are what was asked for")]
pub fn print(guest: &Path, cache: &Path) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let grown = runtime.block_on(grow(guest, cache))?;
    println!("{}", serde_json::to_string(&grown)?);
    Ok(())
}

async fn grow(guest: &Path, cache: &Path) -> Result<Grown> {
    let reuse = Reuse { requests_max: 1_000, concurrent_max: 1, idle: Duration::from_secs(600) };
    let limits = Limits { concurrency: INSTANCES, reuse: Some(reuse), ..Limits::default() };
    // A quarter of all may be idle.
    let settings = Settings { instances_max: 4 * INSTANCES as u32, ..Settings::default() };
    let given = Given { cache: Some(ArtifactCache::open(cache, ArtifactCache::BYTES_MAX)?), ..Given::default() };
    let handler = embedded::handler_given(guest, &settings, limits, given)?;
    // What is made once for all instances is made before.
    finish(vec![begin(&handler).await?]).await?;
    let before = mapped()?;
    let mut calls = Vec::with_capacity(INSTANCES);
    for _ in 0..INSTANCES {
        calls.push(begin(&handler).await?);
    }
    let made = mapped()?.since(before);
    finish(calls).await?;
    Ok(Grown { made, called: mapped()?.since(before) })
}

/// A guest that waits for the body of its request.
struct Call<'a> {
    answer: Pin<Box<dyn Future<Output = Result<http::Response<Body>>> + 'a>>,
    /// Lets the body come.
    release: oneshot::Sender<()>,
}

async fn begin(handler: &Handler) -> Result<Call<'_>> {
    let (release, released) = oneshot::channel();
    let frames = futures::stream::once(released).map(|_| Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"body"))));
    let request = http::Request::post("http://localhost/up").header("host", "localhost").body(Body::boxed(StreamBody::new(frames)))?;
    let mut answer = Box::pin(async { Ok(handler.handle(request, PEER).await?) });
    ensure!(futures::poll!(answer.as_mut()).is_pending(), "the guest answered before it had the body");
    Ok(Call { answer, release })
}

async fn finish(calls: Vec<Call<'_>>) -> Result<()> {
    for Call { answer, release } in calls {
        ensure!(release.send(()).is_ok(), "a guest did not wait for its body");
        let body = answer.await?.into_body().collect().await;
        let body = body.map_err(|error| anyhow::anyhow!("{error}")).context("the guest's answer")?;
        ensure!(body.to_bytes().starts_with(b"4"), "the guest counted wrong");
    }
    Ok(())
}
