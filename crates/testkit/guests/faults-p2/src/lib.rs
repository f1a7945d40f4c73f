//! An HTTP guest of WASI 0.2 that misbehaves in the way that the last part of its path names. What the SDKs' faulty guests do is not repeated here.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{ErrorCode, Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};
use wasip2::io::streams::OutputStream;

struct Faults;

wasip2::http::proxy::export!(Faults);

/// What one call of a stream may write.
const CHUNK_BYTES: usize = 4096;

/// The requests that this instance served.
static SERVED: AtomicU32 = AtomicU32::new(0);

/// Sixteen bytes that stand nowhere in the program itself.
fn mark() -> u128 {
    std::hint::black_box(0x1234_5678_9abc_def0_0fed_cba9_8765_4321_u128).rotate_left(std::hint::black_box(13))
}

/// How often the mark stands in the whole memory of this instance, beside the one that is looked for.
fn marked() -> usize {
    let end = core::arch::wasm32::memory_size(0) << 16;
    let wanted = mark();
    let at = (4096..end - 16).step_by(16).map(std::hint::black_box);
    // SAFETY: every address below the size of the memory can be read.
    at.filter(|at| unsafe { (*at as *const u128).read_volatile() } == wanted).count()
}

impl Guest for Faults {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        let fault = path.rsplit('/').next().unwrap_or_default();
        match fault {
            // Before the head.
            "huge-headers" => {
                let fields = Fields::new();
                (0..).for_each(|number| fields.append(&format!("x-{number}"), &[b'a'; 1000]).expect("a header is sound"));
            }
            "million-headers" => {
                let fields = Fields::new();
                (0..1_000_000).for_each(|_| fields.append("x", b"").expect("a header is sound"));
            }
            "resources" => drop((0..1_000_000).map(|_| Fields::new()).collect::<Vec<_>>()),
            "random" => drop(wasip2::random::random::get_random_bytes(u64::MAX)),
            "write-at-once" => {
                let stdout = wasip2::cli::stdout::get_stdout();
                let _ = stdout.check_write();
                let _ = stdout.write(&vec![b'a'; 64 << 20]);
            }
            "exit" => wasip2::cli::exit::exit(Err(())),
            "many-headers" => {
                let fields = Fields::new();
                (0..300).for_each(|number| fields.append(&format!("x-{number}"), b"1").expect("a header is sound"));
                respond(out, fields, |_| {});
            }
            "log" => {
                let stdout = wasip2::cli::stdout::get_stdout();
                for _ in 0..4_096 {
                    stdout.blocking_write_and_flush(&[b'a'; CHUNK_BYTES]).expect("the log takes it");
                }
                respond(out, Fields::new(), |body| write(body, b"logged"));
            }
            "read" => {
                let incoming = request.consume().expect("it is consumed once");
                let stream = incoming.stream().expect("it is taken once");
                let mut bytes = 0;
                while let Ok(chunk) = stream.blocking_read(1 << 16) {
                    bytes += chunk.len();
                }
                respond(out, Fields::new(), |body| write(body, bytes.to_string().as_bytes()));
            }
            // What an instance keeps, and finds.
            "count" => {
                let count = SERVED.fetch_add(1, Relaxed) + 1;
                respond(out, Fields::new(), |body| write(body, count.to_string().as_bytes()));
            }
            "mark" => {
                let marks = vec![mark(); 1 << 14].leak();
                std::hint::black_box(&marks);
                respond(out, Fields::new(), |body| write(body, marked().to_string().as_bytes()));
            }
            "search" => respond(out, Fields::new(), |body| write(body, marked().to_string().as_bytes())),
            _ => answer(fault, out),
        }
    }
}

/// What goes wrong after the head.
fn answer(fault: &str, out: ResponseOutparam) {
    match fault {
        "endless-body" => respond(out, Fields::new(), |body| {
            loop {
                write(body, &[b'a'; CHUNK_BYTES]);
            }
        }),
        "loop-in-body" => respond(out, Fields::new(), |body| {
            write(body, b"begun");
            forever();
        }),
        "trap-in-body" => respond(out, Fields::new(), |body| {
            write(body, b"begun");
            core::arch::wasm32::unreachable();
        }),
        "sleep-in-body" => respond(out, Fields::new(), |body| {
            write(body, b"begun");
            wasip2::clocks::monotonic_clock::subscribe_duration(u64::MAX).block();
        }),
        _ => respond(out, Fields::new(), |body| write(body, b"sound")),
    }
}

fn forever() -> ! {
    loop {
        std::hint::black_box(());
    }
}

fn respond(out: ResponseOutparam, headers: Fields, body: impl FnOnce(&OutputStream)) {
    let response = OutgoingResponse::new(headers);
    let outgoing = response.body().expect("the body is taken once");
    ResponseOutparam::set(out, Ok::<_, ErrorCode>(response));
    let stream = outgoing.write().expect("the stream is taken once");
    body(&stream);
    drop(stream);
    let _ = OutgoingBody::finish(outgoing, None);
}

fn write(stream: &OutputStream, bytes: &[u8]) {
    stream.blocking_write_and_flush(bytes).expect("somebody reads");
}
