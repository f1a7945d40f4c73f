//! An HTTP guest of WASI 0.3 that misbehaves in the way that the last part of its path names.

use wasip3::clocks::monotonic_clock::wait_for;
use wasip3::exports::http::handler::Guest;
use wasip3::http::types::{ErrorCode, Fields, Request, Response};
use wasip3::{wit_future, wit_stream};

struct Faults;

wasip3::http::service::export!(Faults);

/// Longer than any test.
const AGES_NS: u64 = u64::MAX;

impl Guest for Faults {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let path = request.get_path_with_query().unwrap_or_default();
        match path.rsplit('/').next().unwrap_or_default() {
            // Before the head.
            "loop" => forever(),
            "never" => wait_for(AGES_NS).await,
            "trap" => core::arch::wasm32::unreachable(),
            "stack" => drop(recurse(1)),
            "memory" => {
                let mut kept = Vec::new();
                loop {
                    kept.push(vec![1_u8; 1 << 20]);
                }
            }
            "error" => return Err(ErrorCode::ConfigurationError),
            "huge-headers" => {
                let fields = Fields::new();
                (0..).for_each(|number| fields.append(&format!("x-{number}"), &[b'a'; 1000]).expect("a header is sound"));
            }
            "resources" => drop((0..1_000_000).map(|_| Fields::new()).collect::<Vec<_>>()),
            // After it.
            "endless-body" => return Ok(respond(End::Endless)),
            "loop-in-body" => return Ok(respond(End::Loop)),
            "trap-in-body" => return Ok(respond(End::Trap)),
            "sleep-in-body" => return Ok(respond(End::Sleep)),
            _ => {}
        }
        Ok(respond(End::Sound))
    }
}

/// How a body goes on when it has begun.
#[derive(Clone, Copy)]
enum End {
    Sound,
    Endless,
    Loop,
    Trap,
    Sleep,
}

fn respond(end: End) -> Response {
    let (mut writer, body) = wit_stream::new();
    let (trailers, ended) = wit_future::new(|| Ok(None));
    let (response, _sent) = Response::new(Fields::new(), Some(body), ended);
    wasip3::spawn_local(async move {
        writer.write_all(b"sound".to_vec()).await;
        match end {
            End::Sound => {}
            End::Endless => while writer.write_all(vec![b'a'; 4096]).await.is_empty() {},
            End::Loop => forever(),
            End::Trap => core::arch::wasm32::unreachable(),
            End::Sleep => wait_for(AGES_NS).await,
        }
        drop(writer);
        let _ = trailers.write(Ok(None)).await;
    });
    response
}

fn forever() -> ! {
    loop {
        std::hint::black_box(());
    }
}

/// Recursion that no compiler makes a loop of.
#[expect(unconditional_recursion, reason = "that is the fault")]
fn recurse(depth: u64) -> u64 {
    let deeper = recurse(std::hint::black_box(depth + 1));
    std::hint::black_box(deeper) + depth
}
