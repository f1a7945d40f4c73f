//! Guests that fail, over a real connection: the caller gets the status and the short text of the bound, the operator the whole story, and
//! a neighbour in the same process answers all the while.

use std::io::{Read as _, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::{App, Serving, ask, exchange, get};

/// The guests, what they are asked, and what the caller and the operator are told.
const FAULTS: &[(&str, &str, u16, &str, &str)] = &[
    ("fault-cpu-loop", "", 500, "CPU time limit exceeded", "the CPU time limit of 100 ms was reached; raise `cpu`"),
    ("fault-mem-hog", "", 500, "memory limit exceeded", "the memory limit of 16 MiB was reached; raise `memory`"),
    ("fault-never", "", 504, "wall time limit exceeded", "the wall time limit of 1000 ms was reached; raise `wall`"),
    ("fault-no-response", "", 500, "the component sent no response", "the guest returned without setting a response"),
    ("fault-panic", "", 500, "the component failed", "the guest trapped: error while executing"),
    ("fault-stack-overflow", "", 500, "stack limit exceeded", "the stack limit of 512 KiB was reached"),
    ("faults-p2", "huge-headers", 500, "header limit exceeded", "the header limit of 2048 bytes was reached; raise `response_header`"),
    ("faults-p2", "random", 500, "randomness limit exceeded", "the randomness limit of 65536 bytes was reached; raise `random`"),
    ("faults-p3", "loop", 500, "CPU time limit exceeded", "the CPU time limit of 100 ms was reached; raise `cpu`"),
    ("faults-p3", "never", 504, "wall time limit exceeded", "the wall time limit of 1000 ms was reached; raise `wall`"),
    ("faults-p3", "trap", 500, "the component failed", "the guest trapped: error while executing"),
];

const LIMITS: &str = "memory = \"16MiB\"\ncpu = \"100ms\"\nwall = \"1s\"\nresponse_header = \"2KiB\"\nrequest_body = \"1KiB\"\n";

/// An app of every guest under its own name, and a sound one.
fn serve() -> Serving {
    let app = App::new();
    let mut manifest = "application = { name = \"faults\" }\n".to_owned();
    let component = |id: &str, limits: &str| {
        format!(
            "[[trigger.http]]\nroute = \"/{id}/...\"\ncomponent = \"{id}\"\n[component.{id}]\nsource = \"{id}.wasm\"\n\
             [component.{id}.limits]\n{limits}"
        )
    };
    app.fixture("wasip2-hello");
    manifest.push_str(&component("wasip2-hello", "wall = \"60s\"\n"));
    let mut guests: Vec<_> = FAULTS.iter().map(|(guest, ..)| *guest).collect();
    guests.push("fault-slow-body");
    guests.dedup();
    for guest in guests {
        if guest.starts_with("faults-") {
            std::fs::copy(coracle_testkit::built_path(guest), app.path(&format!("{guest}.wasm"))).unwrap();
        } else {
            app.fixture(guest);
        }
        manifest.push_str(&component(guest, LIMITS));
    }
    app.file("coracle.toml", &manifest);
    app.up(&["--state-dir", ""])
}

#[test]
fn each_fault_is_told_while_a_neighbour_answers() {
    let serving = serve();
    let (address, done) = (&serving.address, AtomicBool::new(false));
    std::thread::scope(|scope| {
        let neighbour = scope.spawn(|| {
            let mut answers = 0;
            while !done.load(Ordering::Relaxed) || answers == 0 {
                assert_eq!(get(address, "/wasip2-hello/").0, 200);
                answers += 1;
            }
        });
        for (guest, path, status, public, _) in FAULTS {
            let answer = ask(address, "GET", &format!("/{guest}/{path}"), &[], b"");
            assert_eq!((answer.status, answer.text().as_str()), (*status, *public), "{guest} {path}");
            assert_eq!(answer.header("content-type"), Some("text/plain"), "{guest} {path}");
        }
        done.store(true, Ordering::Relaxed);
        neighbour.join().unwrap();
    });
    // In their order: a line is looked for behind the one before.
    for (.., operator) in FAULTS {
        serving.error(|line| line.contains(operator));
    }
}

#[test]
fn a_body_that_outlasts_its_limit_is_cut_and_told_as_cut() {
    let serving = serve();
    let whole = exchange(&serving.address, b"GET /fault-slow-body/?n=100&ms=100 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    let text = String::from_utf8_lossy(&whole);
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.contains("transfer-encoding: chunked"), "{text}");
    assert!(!text.ends_with("0\r\n\r\n"), "the end of the body is missing, so that the client knows: {text}");
    serving.error(|line| line.contains("the guest failed after its response had begun: the wall time limit of 1000 ms was reached"));
}

#[test]
fn a_request_body_above_the_components_limit_is_refused() {
    let serving = serve();
    let post = |bytes: usize| {
        let answer = ask(&serving.address, "POST", "/faults-p2/read", &[], &vec![b'a'; bytes]);
        (answer.status, answer.text())
    };
    assert_eq!(post(1024), (200, "1024".to_owned()));
    assert_eq!(post(1025), (413, "request body limit exceeded".to_owned()));
    let chunked = |bytes: usize| {
        let body = format!("{bytes:x}\r\n{}\r\n0\r\n\r\n", "a".repeat(bytes));
        let head = "POST /faults-p2/read HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n";
        String::from_utf8(exchange(&serving.address, format!("{head}{body}").as_bytes())).unwrap()
    };
    assert!(chunked(1024).starts_with("HTTP/1.1 200 "));
    assert!(chunked(1025).starts_with("HTTP/1.1 413 "));
    serving.error(|line| line.contains("the request body limit of 1024 bytes was reached; raise `request_body`"));
}

#[test]
fn faulty_requests_leave_no_descriptor_and_no_thread_in_the_server() {
    const ROUNDS: usize = 20;
    let serving = serve();
    let ask_all = |rounds: usize| {
        for _ in 0..rounds {
            for (guest, path, status, ..) in FAULTS.iter().filter(|(guest, path, ..)| *guest != "fault-never" && *path != "never") {
                assert_eq!(get(&serving.address, &format!("/{guest}/{path}")).0, *status, "{guest} {path}");
            }
            // A client that leaves in the middle of a body.
            let mut stream = std::net::TcpStream::connect(&serving.address).unwrap();
            stream.write_all(b"GET /faults-p2/endless-body HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
            stream.read_exact(&mut [0; 1_000]).unwrap();
        }
    };
    ask_all(2);
    let (descriptors, threads) = serving.holdings();
    ask_all(ROUNDS);
    let until = coracle_base::clock::now() + std::time::Duration::from_secs(30);
    loop {
        let (open, running) = serving.holdings();
        // The last connections may still be closing, now as well as then; a leak would be one for each request.
        if open <= descriptors && running <= threads {
            break;
        }
        assert!(coracle_base::clock::now() < until, "{open} descriptors after {descriptors}, {running} threads after {threads}");
        std::thread::yield_now();
    }
}
