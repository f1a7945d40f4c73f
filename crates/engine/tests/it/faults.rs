//! What a guest may not do: each bound stops it by name, and neither the process nor its neighbours notice.

use std::time::Duration;

use coracle_engine::{Component, Engines, Fault, InstanceState, LimitKind, Limits, Settings};
use wasmtime::component::Linker;

use crate::support::{ANSWER, engines, run, run_with, wat};

/// A component whose `run` is `body`, with the rest of its core module in `fields`.
fn guest(fields: &str, body: &str) -> Component {
    compile(&format!(
        r#"(component
            (core module $m {fields} (func (export "run") (result i32) {body}))
            (core instance $m (instantiate $m))
            (func (export "run") (result u32) (canon lift (core func $m "run"))))"#
    ))
}

fn compile(text: &str) -> Component {
    Component::compile(&engines(), &wat(text)).unwrap()
}

fn limits() -> Limits {
    Limits { cpu: Duration::from_millis(50), ..Limits::default() }
}

#[track_caller]
fn assert_limit(result: Result<u32, Fault>, wanted: LimitKind) {
    let fault = result.unwrap_err();
    assert!(matches!(&fault, Fault::Limit { kind, .. } if *kind == wanted), "{wanted:?}: {fault:?}");
}

/// How much later than its limit a guest may be stopped. The goal is 50 ms; a machine that runs other tests at the same time is slower.
const LATE_MAX: Duration = Duration::from_secs(2);

#[tokio::test]
async fn a_loop_is_stopped_wherever_it_is() {
    let in_start = guest("(func $loop (loop (br 0))) (start $loop)", "(i32.const 1)");
    let in_call = guest("", "(loop (br 0)) (i32.const 1)");
    let in_post_return = compile(
        r#"(component
            (core module $m
                (func (export "run") (result i32) (i32.const 1))
                (func (export "after") (param i32) (loop (br 0))))
            (core instance $m (instantiate $m))
            (func (export "run") (result u32) (canon lift (core func $m "run") (post-return (core func $m "after")))))"#,
    );
    let in_realloc = compile(
        r#"(component
            (core module $m
                (memory (export "memory") 1)
                (func (export "realloc") (param i32 i32 i32 i32) (result i32) (loop (br 0)) (i32.const 0)))
            (core instance $m (instantiate $m))
            (import "text" (func $text (result string)))
            (core func $text (canon lower (func $text) (memory (core memory $m "memory")) (realloc (core func $m "realloc"))))
            (core module $n
                (import "" "text" (func $text (param i32)))
                (func (export "run") (result i32) (call $text (i32.const 0)) (i32.const 1)))
            (core instance $n (instantiate $n (with "" (instance (export "text" (func $text))))))
            (func (export "run") (result u32) (canon lift (core func $n "run"))))"#,
    );
    for component in [in_start, in_call, in_post_return, in_realloc] {
        let mut linker = Linker::<InstanceState>::new(engines().get(component.generation()));
        linker.root().func_wrap("text", |_, ()| Ok(("hello".to_owned(),))).unwrap();
        let started = coracle_base::clock::now();
        assert_limit(run_with(&component, limits(), &linker).await, LimitKind::Cpu);
        assert!(started.elapsed() < limits().cpu + LATE_MAX);
    }
}

#[tokio::test]
async fn a_loop_of_host_calls_is_stopped() {
    let component = compile(
        r#"(component
            (import "nothing" (func $nothing))
            (core func $nothing (canon lower (func $nothing)))
            (core module $m
                (import "" "nothing" (func $nothing))
                (func (export "run") (result i32) (loop (call $nothing) (br 0)) (i32.const 1)))
            (core instance $m (instantiate $m (with "" (instance (export "nothing" (func $nothing))))))
            (func (export "run") (result u32) (canon lift (core func $m "run"))))"#,
    );
    let mut linker = Linker::<InstanceState>::new(engines().get(component.generation()));
    linker.root().func_wrap("nothing", |_, ()| Ok(())).unwrap();
    assert_limit(run_with(&component, limits(), &linker).await, LimitKind::Cpu);
}

#[tokio::test]
async fn memory_and_tables_do_not_grow_past_their_limits() {
    let memory = guest("(memory 1)", "(loop (br_if 0 (i32.ge_s (memory.grow (i32.const 16)) (i32.const 0)))) unreachable");
    assert_limit(run(&memory, Limits::default()).await, LimitKind::Memory);
    let at_once = guest("(memory 4096)", "(i32.const 1)");
    assert_limit(run(&at_once, Limits::default()).await, LimitKind::Memory);
    let grow_table = "(loop (br_if 0 (i32.ge_s (table.grow 0 (ref.null func) (i32.const 1000)) (i32.const 0)))) unreachable";
    let table = guest("(table 1 funcref)", grow_table);
    assert_limit(run(&table, Limits::default()).await, LimitKind::TableElements);
}

#[tokio::test]
async fn deep_recursion_ends_at_the_stack_limit() {
    let component = guest(
        "(func $f (param i64) (result i64) (i64.add (call $f (local.get 0)) (i64.const 1)))",
        "(drop (call $f (i64.const 0))) (i32.const 1)",
    );
    assert_limit(run(&component, Limits::default()).await, LimitKind::Stack);
}

#[tokio::test]
async fn a_million_handles_are_too_many() {
    let component = compile(
        r#"(component
            (type $r (resource (rep i32)))
            (core func $new (canon resource.new $r))
            (core module $m
                (import "" "new" (func $new (param i32) (result i32)))
                (func (export "run") (result i32) (local $left i32)
                    (local.set $left (i32.const 1000000))
                    (loop
                        (drop (call $new (local.get $left)))
                        (br_if 0 (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
                    (i32.const 1)))
            (core instance $m (instantiate $m (with "" (instance (export "new" (func $new))))))
            (func (export "run") (result u32) (canon lift (core func $m "run"))))"#,
    );
    assert_limit(run(&component, Limits::default()).await, LimitKind::Handles);
}

/// A component that imports `take: func(text: string)` and passes `bytes` bytes.
fn giver(bytes: u32) -> Component {
    compile(&format!(
        r#"(component
            (import "take" (func $take (param "text" string)))
            (core module $libc (memory (export "memory") 64))
            (core instance $libc (instantiate $libc))
            (core func $take (canon lower (func $take) (memory (core memory $libc "memory"))))
            (core module $m
                (import "" "take" (func $take (param i32 i32)))
                (func (export "run") (result i32) (loop (call $take (i32.const 0) (i32.const {bytes})) (br 0)) (i32.const 1)))
            (core instance $m (instantiate $m (with "" (instance (export "take" (func $take))))))
            (func (export "run") (result u32) (canon lift (core func $m "run"))))"#
    ))
}

#[tokio::test]
async fn a_host_call_copies_only_so_much() {
    let component = giver(1 << 20);
    let mut linker = Linker::<InstanceState>::new(engines().get(component.generation()));
    linker.root().func_wrap("take", |_, (_text,): (String,)| Ok(())).unwrap();
    let limits = Limits { hostcall_bytes: 64 << 10, ..limits() };
    assert_limit(run_with(&component, limits, &linker).await, LimitKind::HostcallBytes);
}

/// Lists of strings that all lie on top of each other, so that a few KiB of the guest are gigabytes in the host.
#[tokio::test]
async fn lists_that_overlap_are_copied_only_so_far() {
    let component = compile(
        r#"(component
            (import "take" (func $take (param "texts" (list (list string)))))
            (core module $libc (memory (export "memory") 1))
            (core instance $libc (instantiate $libc))
            (core func $take (canon lower (func $take) (memory (core memory $libc "memory"))))
            (core module $m
                (import "" "take" (func $take (param i32 i32)))
                (import "libc" "memory" (memory 1))
                (func $fill (param $at i32) (param $count i32) (param $pointer i32) (param $length i32)
                    (loop
                        (i32.store (local.get $at) (local.get $pointer))
                        (i32.store offset=4 (local.get $at) (local.get $length))
                        (local.set $at (i32.add (local.get $at) (i32.const 8)))
                        (br_if 0 (local.tee $count (i32.sub (local.get $count) (i32.const 1))))))
                (func (export "run") (result i32)
                    ;; A thousand strings of a thousand bytes, and a thousand lists of them.
                    (call $fill (i32.const 8192) (i32.const 1000) (i32.const 0) (i32.const 1000))
                    (call $fill (i32.const 32768) (i32.const 1000) (i32.const 8192) (i32.const 1000))
                    (call $take (i32.const 32768) (i32.const 1000))
                    (i32.const 1)))
            (core instance $m (instantiate $m
                (with "" (instance (export "take" (func $take)))) (with "libc" (instance $libc))))
            (func (export "run") (result u32) (canon lift (core func $m "run"))))"#,
    );
    let mut linker = Linker::<InstanceState>::new(engines().get(component.generation()));
    linker.root().func_wrap("take", |_, (_texts,): (Vec<Vec<String>>,)| Ok(())).unwrap();
    assert_limit(run_with(&component, Limits::default(), &linker).await, LimitKind::HostcallBytes);
}

#[tokio::test]
async fn host_resources_are_bounded() {
    let component = giver(0);
    let mut linker = Linker::<InstanceState>::new(engines().get(component.generation()));
    let hoard = |mut store: wasmtime::StoreContextMut<'_, InstanceState>, (_text,): (String,)| {
        store.data_mut().table().push(())?;
        Ok(())
    };
    linker.root().func_wrap("take", hoard).unwrap();
    let limits = Limits { resources: 10, ..Limits::default() };
    assert_limit(run_with(&component, limits, &linker).await, LimitKind::Resources);
}

#[tokio::test]
async fn a_panic_of_the_host_costs_one_invocation() {
    let component = giver(0);
    let mut linker = Linker::<InstanceState>::new(engines().get(component.generation()));
    linker.root().func_wrap("take", |_, (_text,): (String,)| -> wasmtime::Result<()> { panic!("a bug of the host") }).unwrap();
    let fault = run_with(&component, Limits::default(), &linker).await.unwrap_err();
    assert!(matches!(&fault, Fault::HostPanic(text) if text == "a bug of the host"), "{fault:?}");
    assert_eq!(run(&compile(ANSWER), Limits::default()).await.unwrap(), 42);
}

#[tokio::test]
async fn an_exit_is_told_from_a_trap() {
    let component = giver(0);
    let mut linker = Linker::<InstanceState>::new(engines().get(component.generation()));
    linker
        .root()
        .func_wrap("take", |_, (_text,): (String,)| -> wasmtime::Result<()> { Err(std::io::Error::from_raw_os_error(3).into()) })
        .unwrap();
    let status = |error: &wasmtime::Error| error.downcast_ref::<std::io::Error>().and_then(std::io::Error::raw_os_error);
    let fault = run_with(&component, Limits::default(), &linker).await.unwrap_err().or_exit(status);
    assert!(matches!(fault, Fault::Exit(3)), "{fault:?}");
    let trap = run(&guest("", "unreachable"), Limits::default()).await.unwrap_err().or_exit(status);
    assert!(matches!(trap, Fault::Trap(_)), "{trap:?}");
}

#[test]
fn a_pool_that_does_not_fit_the_address_space_is_done_without() {
    let settings = Settings { instances_max: 1_000_000, ..Settings::default() };
    let engines = Engines::new(&settings).unwrap();
    assert!(!engines.is_pooled());
    Component::compile(&engines, &wat(ANSWER)).unwrap();
}
