//! Middleware: lets a request pass whose `x-token` is the environment variable `TOKEN`, and answers every other one with 403. Where the
//! variable is not to be seen, it is the empty text.

mod bindings {
    wit_bindgen::generate!({
        path: "wit",
        world: "wasi:http/gate",
        generate_all,
    });
}

use bindings::exports::wasi::http::handler::Guest;
use bindings::wasi::http::handler;
use bindings::wasi::http::types::{ErrorCode, Fields, Request, Response};
use bindings::wit_future;

struct Gate;

bindings::export!(Gate with_types_in bindings);

impl Guest for Gate {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let token = std::env::var("TOKEN").unwrap_or_default();
        let shown = request.get_headers().get("x-token").concat();
        if shown == token.as_bytes() {
            return handler::handle(request).await;
        }
        let (_, trailers) = wit_future::new(|| Ok(None));
        let (response, _) = Response::new(Fields::new(), None, trailers);
        let _ = response.set_status_code(403);
        Ok(response)
    }
}
