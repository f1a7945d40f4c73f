//! Compiling in a child: what fits is compiled, what does not costs one child and has a name.

use std::cell::RefCell;
use std::path::PathBuf;
use std::time::Duration;

use coracle_engine::{CompileBounds, CompileError, Compiler, Limits, LoadError, Loader, Progress};
use coracle_testkit::fixture;

use crate::support::{ANSWER, child, engines, load, run, wat};

fn bounded(bounds: CompileBounds) -> Loader {
    Loader::new(engines(), None, child()).with_bounds(bounds)
}

fn error(loader: &Loader, bytes: &[u8]) -> CompileError {
    match load(loader, bytes).unwrap_err() {
        LoadError::Compile(error) => error,
        error => panic!("{error:?}"),
    }
}

/// A component with `functions` functions of `steps` steps, each of which keeps the register allocator busy.
fn bomb(functions: usize, steps: usize) -> Vec<u8> {
    let body = "(local.set 0 (i64.mul (i64.add (local.get 0) (local.get 1)) (i64.xor (local.get 1) (local.get 0))))".repeat(steps);
    let function =
        format!("(func (param i64 i64) (result i64) {body} (br_table 0 0 0 0 0 0 0 0 (local.get 0) (i32.wrap_i64 (local.get 1))))");
    wat(&format!("(component (core module {}))", function.repeat(functions)))
}

#[tokio::test]
async fn a_child_compiles_and_tells_its_progress() {
    let told = RefCell::new(Vec::new());
    let loader = bounded(CompileBounds::default());
    let component = loader.load(&wat(ANSWER), &|progress| told.borrow_mut().push(progress)).unwrap();
    assert_eq!(run(&component, Limits::default()).await.unwrap(), 42);
    assert!(matches!(told.borrow().first(), Some(Progress::Compiling { source_bytes: 1.., .. })));
    assert!(matches!(told.borrow().last(), Some(Progress::Compiled { .. })));
}

#[test]
fn a_child_compiles_real_guests_of_every_kind() {
    let loader = bounded(CompileBounds::default());
    for name in ["wasip2-hello", "spin7-hello", "cli-rust-p1"] {
        load(&loader, &fixture(name).unwrap()).unwrap();
    }
    assert_eq!(loader.compiled(), 3);
}

#[test]
fn a_bomb_is_stopped_at_the_time_limit() {
    let loader = bounded(CompileBounds { wall: Duration::from_millis(300), ..CompileBounds::default() });
    let error = error(&loader, &bomb(2_000, 100));
    assert!(matches!(error, CompileError::Wall { .. }), "{error}");
    assert!(error.to_string().contains("0.3 s"), "{error}");
}

#[test]
fn a_bomb_is_stopped_at_the_memory_limit_and_the_loader_goes_on() {
    let loader = bounded(CompileBounds { memory_bytes: 192 << 20, ..CompileBounds::default() });
    let error = error(&loader, &bomb(4, 40_000));
    assert!(matches!(error, CompileError::Memory { .. }), "{error}");
    load(&loader, &wat(ANSWER)).unwrap();
}

#[test]
fn an_image_that_grows_too_large_is_refused() {
    let loader = bounded(CompileBounds { artifact_bytes: 4 << 10, ..CompileBounds::default() });
    let error = error(&loader, &fixture("wasip2-hello").unwrap());
    assert!(matches!(error, CompileError::ArtifactBytes { .. }), "{error}");
}

#[test]
fn a_binary_that_is_too_large_never_reaches_a_child() {
    let loader = Loader::new(engines(), None, Compiler::Off).with_bounds(CompileBounds { source_bytes: 100, ..CompileBounds::default() });
    let bytes = fixture("wasip2-hello").unwrap();
    assert!(matches!(error(&loader, &bytes), CompileError::SourceBytes { bytes: 111_883, bytes_max: 100 }));
}

#[test]
fn a_program_that_is_no_compiler_is_named() {
    let with = |program: &str| Loader::new(engines(), None, Compiler::Child { program: PathBuf::from(program), args: Vec::new() });
    let missing = error(&with("/nowhere/coracle"), &wat(ANSWER));
    assert!(missing.to_string().contains("/nowhere/coracle"), "{missing}");
    let silent = error(&with("/bin/true"), &wat(ANSWER));
    assert!(matches!(silent, CompileError::Crashed { .. }), "{silent}");
}

#[test]
fn a_child_whose_parent_is_gone_does_nothing() {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    let Compiler::Child { program, .. } = child() else { panic!("no child") };
    let image = tempfile::NamedTempFile::new().unwrap();
    let mut process = Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let bounds = r#""memory_bytes":1000000000,"output_bytes":1000000,"source_bytes":1000000,"wall_ms":1000"#;
    let order = format!(r#"{{"task":{{"Compile":"P2"}},"output":{:?},{bounds},"parent":1}}"#, image.path());
    let mut stdin = process.stdin.take().unwrap();
    writeln!(stdin, "{order}").unwrap();
    // The child may have left already, which closes the pipe.
    let _ = stdin.write_all(&wat(ANSWER));
    drop(stdin);
    let output = process.wait_with_output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains("gone"), "{output:?}");
    assert_eq!(image.path().metadata().unwrap().len(), 0);
}
