//! The greeting as a `wasi:http` 0.3 handler, with a body that it streams.

use wasip3::http::types::{ErrorCode, Fields, Request, Response};
use wasip3::{wit_bindgen, wit_future, wit_stream};

struct Hello;

wasip3::http::service::export!(Hello);

impl wasip3::exports::http::handler::Guest for Hello {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let path = request.get_path_with_query().unwrap_or_default();
        let headers = Fields::new();
        headers
            .append("content-type", b"text/plain; charset=utf-8")
            .map_err(|error| ErrorCode::InternalError(Some(format!("{error:?}"))))?;
        let (mut body, reader) = wit_stream::new();
        let (trailers, trailers_reader) = wit_future::new(|| Ok(None));
        let (response, _sent) = Response::new(headers, Some(reader), trailers_reader);
        drop(trailers);
        wit_bindgen::spawn_local(async move {
            body.write_all(format!("hello from {path}\n").into_bytes()).await;
        });
        Ok(response)
    }
}
