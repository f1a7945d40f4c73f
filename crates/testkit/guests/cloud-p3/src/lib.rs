//! Checks the async interfaces of wasmCloud 2 that hold data: `wasmcloud:postgres` 0.2.0 and `wasmcloud:blobstore` 0.1.0. Answers `Ok`, or
//! says what was not as expected.

mod bindings {
    wit_bindgen::generate!({
        inline: "
            package coracle:guests;
            world cloud {
                import wasmcloud:postgres/query@0.2.0;
                import wasmcloud:postgres/prepared@0.2.0;
                import wasmcloud:blobstore/blobstore@0.1.0;
                export postgres: async func() -> result<_, string>;
                export blobs: async func() -> result<_, string>;
                export denied: async func() -> result<_, string>;
            }
        ",
        path: [
            "../../../capabilities/src/postgres/wit/wasmcloud-postgres@0.2.0",
            "../../../capabilities/src/blob_store/wit/wasmcloud-blobstore@0.1.0",
        ],
        world: "coracle:guests/cloud",
        generate_all,
    });
}

mod blobs;
mod postgres;

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use bindings::wasmcloud::blobstore::{blobstore, types as blob};
use bindings::wasmcloud::postgres::{prepared, query, types as pg};

struct Cloud;

bindings::export!(Cloud with_types_in bindings);

impl bindings::Guest for Cloud {
    async fn postgres() -> Result<(), String> {
        postgres::check_all().await
    }

    async fn blobs() -> Result<(), String> {
        blobs::check_all().await
    }

    async fn denied() -> Result<(), String> {
        let rows = query::query("SELECT 1".to_owned(), vec![]).await;
        check("a query", matches!(rows, Err(pg::Error::AccessDenied)))?;
        check("a batch", matches!(query::query_batch("SELECT 1".to_owned()).await, Err(pg::Error::AccessDenied)))?;
        check("a statement", matches!(prepared::prepare("SELECT 1".to_owned()).await, Err(pg::Error::AccessDenied)))?;
        check("a container", matches!(blobstore::create_container("files".to_owned()).await, Err(blob::Error::AccessDenied)))?;
        check("a look", matches!(blobstore::container_exists("files".to_owned()).await, Err(blob::Error::AccessDenied)))
    }
}

fn check(what: &str, holds: bool) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what.to_owned()) }
}

fn shown(error: impl std::fmt::Debug) -> String {
    format!("{error:?}")
}

/// What both come to, which are under way together.
async fn both<A, B>(one: impl Future<Output = A>, other: impl Future<Output = B>) -> (A, B) {
    let (mut one, mut other) = (pin!(one), pin!(other));
    let (mut first, mut second) = (None, None);
    poll_fn(|context| {
        if first.is_none()
            && let Poll::Ready(came) = one.as_mut().poll(context)
        {
            first = Some(came);
        }
        if second.is_none()
            && let Poll::Ready(came) = other.as_mut().poll(context)
        {
            second = Some(came);
        }
        match (first.take(), second.take()) {
            (Some(one), Some(other)) => Poll::Ready((one, other)),
            waiting => {
                (first, second) = waiting;
                Poll::Pending
            }
        }
    })
    .await
}
