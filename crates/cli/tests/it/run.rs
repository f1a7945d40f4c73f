//! `coracle run`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Output, Stdio};

use expect_test::{Expect, expect};

use crate::support::App;

/// Copies standard input to standard output; an error of either becomes the exit status.
const CAT: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 2)
    (func $check (param i32) (if (local.get 0) (then (call $exit (local.get 0)))))
    (func (export "_start")
        (loop $again
            (i32.store (i32.const 0) (i32.const 1024))
            (i32.store (i32.const 4) (i32.const 65536))
            (call $check (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
            (if (i32.eqz (i32.load (i32.const 8))) (then return))
            (loop $more
                (i32.store (i32.const 4) (i32.load (i32.const 8)))
                (call $check (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 12)))
                (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.load (i32.const 12))))
                (i32.store (i32.const 8) (i32.sub (i32.load (i32.const 8)) (i32.load (i32.const 12))))
                (br_if $more (i32.load (i32.const 8))))
            (br $again))))"#;

/// Takes all memory up to its end for itself, as the allocators of Go, TinyGo and AssemblyScript do, between two calls of WASI.
const GREEDY: &str = r#"(module
    (import "wasi_snapshot_preview1" "args_sizes_get" (func $sizes (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1)
    (data (i32.const 16) "mine\n")
    (func (export "_start")
        (drop (call $sizes (i32.const 0) (i32.const 4)))
        (memory.fill (i32.const 64) (i32.const 170) (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 64)))
        (i32.store (i32.const 0) (i32.const 16))
        (i32.store (i32.const 4) (i32.const 5))
        (call $exit (i32.add (memory.size) (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))))"#;

/// A program of both versions, of which only the one for 0.3 succeeds.
const BOTH: &str = r#"(component
    (core module $m
        (func (export "two") (result i32) (i32.const 1))
        (func (export "three") (result i32) (i32.const 0)))
    (core instance $i (instantiate $m))
    (func $two (result (result)) (canon lift (core func $i "two")))
    (func $three async (result (result)) (canon lift (core func $i "three")))
    (instance $p2 (export "run" (func $two)))
    (instance $p3 (export "run" (func $three)))
    (export "wasi:cli/run@0.2.0" (instance $p2))
    (export "wasi:cli/run@0.3.0" (instance $p3)))"#;

/// Runs a fixture with `input` on standard input.
fn run(app: &App, arguments: &[&str], input: &str) -> Output {
    let mut child =
        app.coracle(&[&["run"], arguments].concat()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[track_caller]
fn check(output: &Output, expected: Expect) {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    expected.assert_eq(&format!("exit {}\n{out}--\n{err}", output.status.code().unwrap()));
}

#[test]
fn streams_arguments_and_status_are_passed_through() {
    let app = App::new();
    app.fixture("c-cli-p2");
    let output = run(&app, &["c-cli-p2.wasm", "--", "one", "--two"], "in\n");
    check(
        &output,
        expect![[r#"
        exit 1
        arg[0]=c-cli-p2.wasm
        arg[1]=one
        arg[2]=--two
        file error No such file or directory
        write error No such file or directory
        random ok
        clock ok
        stdin in

        --
        to stderr
    "#]],
    );
}

#[test]
fn modules_for_preview_1_run_like_components() {
    let app = App::new();
    app.fixture("c-cli-p1");
    let output = run(&app, &["c-cli-p1.wasm", "--argv0", "tool", "--", "one"], "in\n");
    check(
        &output,
        expect![[r#"
        exit 3
        arg[0]=tool
        arg[1]=one
        file error No such file or directory
        write error No such file or directory
        random ok
        clock ok
        stdin in

        --
        to stderr
    "#]],
    );
}

#[test]
fn what_is_named_is_granted() {
    let app = App::new();
    app.fixture("c-cli-p2");
    app.file("data/hello.txt", "salut");
    let output = run(&app, &["c-cli-p2.wasm", "--env", "A=1", "--dir", "data::/data"], "");
    check(
        &output,
        expect![[r#"
        exit 1
        arg[0]=c-cli-p2.wasm
        env A=1
        file salut
        wrote /data/out.txt
        random ok
        clock ok
        stdin 
        --
        to stderr
    "#]],
    );
    assert_eq!(app.read("data/out.txt"), "written by C\n");
}

#[test]
fn a_folder_may_be_for_reading_only() {
    let app = App::new();
    app.fixture("c-cli-p2");
    app.file("data/hello.txt", "salut");
    let output = run(&app, &["c-cli-p2.wasm", "--dir-ro", "data::/data"], "");
    check(
        &output,
        expect![[r#"
        exit 1
        arg[0]=c-cli-p2.wasm
        file salut
        write error Operation not permitted
        random ok
        clock ok
        stdin 
        --
        to stderr
    "#]],
    );
    assert!(!app.path("data/out.txt").exists());
}

#[test]
fn a_program_of_go_runs() {
    let app = App::new();
    app.fixture("go-cli");
    let output = run(&app, &["go-cli.wasm", "--", "x"], "");
    assert!(!output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_program_has_its_memory_to_itself() {
    let app = App::new();
    app.file("greedy.wat", GREEDY);
    check(
        &run(&app, &["greedy.wat"], ""),
        expect![[r#"
        exit 1
        mine
        --
    "#]],
    );
}

#[test]
fn a_program_of_both_versions_runs_as_one_of_0_3() {
    let app = App::new();
    app.file("both.wat", BOTH);
    check(
        &run(&app, &["both.wat"], ""),
        expect![[r#"
        exit 0
        --
    "#]],
    );
}

#[test]
fn input_is_passed_on_as_it_comes() {
    let app = App::new();
    app.file("cat.wat", CAT);
    let mut child = app.coracle(&["run", "cat.wat"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut input, mut output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
    for line in ["one\n", "two\n"] {
        input.write_all(line.as_bytes()).unwrap();
        let mut answer = String::new();
        output.read_line(&mut answer).unwrap();
        assert_eq!(answer, line, "it comes before the input has ended");
    }
    drop(input);
    assert!(child.wait().unwrap().success());
}

#[test]
fn large_streams_arrive_whole() {
    let app = App::new();
    app.file("cat.wat", CAT);
    let sent: Vec<u8> = (0..8_000_000_u32).map(|at| (at % 251) as u8).collect();
    let mut child = app.coracle(&["run", "cat.wat"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        scope.spawn(|| {
            input.write_all(&sent).unwrap();
            drop(input);
        });
        child.wait_with_output().unwrap()
    });
    assert!(output.status.success());
    assert!(output.stdout == sent, "{} bytes of {} came, or others", output.stdout.len(), sent.len());
}

#[test]
fn a_program_whose_reader_is_gone_is_told_so() {
    let app = App::new();
    app.file("cat.wat", CAT);
    let mut child = app.coracle(&["run", "cat.wat"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = child.stdout.take().unwrap();
    input.write_all(b"x").unwrap();
    output.read_exact(&mut [0]).unwrap();
    drop(output);
    // Ends when the program has; until then there is always more to read.
    while input.write_all(&[b'x'; 65_536]).is_ok() {}
    check(
        &child.wait_with_output().unwrap(),
        expect![[r#"
        exit 29
        --
    "#]],
    );
}

#[test]
fn a_program_connects_only_where_it_was_allowed_to() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut asked = [0; 4];
            stream.read_exact(&mut asked).unwrap();
            stream.write_all(&asked).unwrap();
        }
    });
    let here = format!("tcp://{address}");
    for (guest, denied) in [("sockets-p2", "error access-denied (error 1)\n"), ("sockets-p3", "error ErrorCode::AccessDenied\n")] {
        let app = App::new();
        let path = coracle_testkit::built_path(guest);
        let said = |allow: &[&str]| {
            let arguments = [&["run", path.to_str().unwrap()], allow, &["--", "tcp-echo", &address]].concat();
            String::from_utf8(app.output(&arguments).stdout).unwrap()
        };
        assert_eq!(said(&["--allow", &here]), "ok ping\n", "{guest}");
        assert_eq!(said(&["--allow", "tcp://127.0.0.1:1"]), denied, "{guest}");
        assert_eq!(said(&[]), denied, "{guest}");
    }
}

#[test]
fn a_program_with_the_network_listens_too() {
    for (guest, denied) in [("sockets-p2", "error access-denied (error 1)\n"), ("sockets-p3", "error ErrorCode::AccessDenied\n")] {
        let app = App::new();
        let path = coracle_testkit::built_path(guest);
        for operation in ["tcp-bind", "tcp-listen", "udp-bind"] {
            let said = |network: &[&str]| {
                let arguments = [&["run", path.to_str().unwrap()], network, &["--", operation, "127.0.0.1:0"]].concat();
                String::from_utf8(app.output(&arguments).stdout).unwrap()
            };
            // A socket of 0.2 listens only once it is bound.
            let open = said(&["--network"]);
            assert!(open.starts_with("ok") || open.starts_with("error invalid-state"), "{guest} {operation}: {open}");
            assert_eq!(said(&[]), denied, "{guest} {operation}");
        }
    }
}

#[test]
fn a_trap_has_a_status_of_its_own() {
    let app = App::new();
    app.file("trap.wat", "(module (func (export \"_start\") unreachable) (memory (export \"memory\") 1))");
    let output = run(&app, &["trap.wat"], "");
    assert_eq!(output.status.code(), Some(134));
    // The offset in the frame below is wasmtime's, which gives that of the instruction or of the next.
    let text = String::from_utf8(output.stderr).unwrap();
    let (reason, frame) = text.split_once('\n').unwrap();
    assert_eq!(reason, "error: the guest trapped: wasm trap: wasm `unreachable` instruction executed");
    assert!(frame.trim_end().ends_with("<unknown>!<wasm function 0>"), "{text}");
}

#[test]
fn a_program_that_takes_too_long_is_ended() {
    let app = App::new();
    app.file("loop.wat", "(module (func (export \"_start\") (loop br 0)) (memory (export \"memory\") 1))");
    check(
        &run(&app, &["loop.wat", "--timeout", "200ms"], ""),
        expect![[r#"
            exit 134
            --
            error: the wall time limit of 200 ms was reached
              help: raise it with `--timeout` if the work needs it
        "#]],
    );
}

#[test]
fn up_runs_an_app_that_is_a_program() {
    let app = App::new();
    app.fixture("cli-rust-p1");
    let output = app.output(&["up", "cli-rust-p1.wasm"]);
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("args="));
}

#[test]
fn variables_and_folders_that_do_not_exist_are_refused() {
    let app = App::new();
    app.fixture("c-cli-p2");
    expect![[r#"
        exit 1
        error: `--env NOT_SET` names a variable that is not set
          help: write `--env NAME=VALUE`, or set it
    "#]]
    .assert_eq(&app.refusal(&["run", "c-cli-p2.wasm", "--env", "NOT_SET"]));
    expect![[r#"
        exit 1
        error: the folder nowhere of `--dir` cannot be used: No such file or directory (os error 2)
          help: name a folder that exists, as `HOST::GUEST`
    "#]]
    .assert_eq(&app.refusal(&["run", "c-cli-p2.wasm", "--dir", "nowhere"]));
    expect![[r#"
        exit 1
        error: missing.wasm does not exist or is no file
          help: name a WebAssembly file; `coracle up` serves a manifest
    "#]]
    .assert_eq(&app.refusal(&["run", "missing.wasm"]));
}

#[test]
fn a_program_ends_with_the_signal_that_its_host_gets() {
    let app = App::new();
    app.file("loop.wat", "(module (func (export \"_start\") (loop br 0)) (memory (export \"memory\") 1))");
    let mut child = app.coracle(&["run", "loop.wat"]).spawn().unwrap();
    let id = rustix::process::Pid::from_child(&child);
    // Until it listens for signals, one ends the process itself.
    while !signals_are_caught(child.id()) {
        std::thread::yield_now();
    }
    rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

/// Whether the process has a handler of SIGTERM, the fifteenth signal.
fn signals_are_caught(process: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let caught = status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigCgt:")?.trim(), 16).ok());
    caught.is_some_and(|caught| caught & (1 << 14) != 0)
}
