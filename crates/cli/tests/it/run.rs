//! `coracle run`.

use std::io::Write;
use std::process::{Output, Stdio};

use expect_test::{Expect, expect};

use crate::support::App;

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
fn a_trap_has_a_status_of_its_own() {
    let app = App::new();
    app.file("trap.wat", "(module (func (export \"_start\") unreachable) (memory (export \"memory\") 1))");
    check(
        &run(&app, &["trap.wat"], ""),
        expect![[r#"
        exit 134
        --
        error: the guest trapped: error while executing at wasm backtrace:
            0:    0x1a7 - <unknown>!<wasm function 0>
            1:    0x94c - <unknown>!wasi:cli/run@0.2.12#run: wasm trap: wasm `unreachable` instruction executed
    "#]],
    );
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
        error: the wall time limit of 200 ms was reached; raise `wall_ms` in the component's limits if the work needs it
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
