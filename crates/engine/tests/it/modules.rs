//! Core modules: which of them become components, and what the others are told.

use coracle_engine::{Component, Limits, LoadError, ModuleError};
use coracle_testkit::fixture;
use wasmtime::component::{Linker, Val};

use crate::support::{engines, run, wat};

fn exports(component: &Component) -> Vec<String> {
    component.shape().exports().iter().map(ToString::to_string).collect()
}

fn refused(text: &str) -> ModuleError {
    match Component::compile(&engines(), &wat(text)).unwrap_err() {
        LoadError::Module(error) => error,
        error => panic!("{text}: {error:?}"),
    }
}

#[test]
fn programs_of_every_toolchain_run_as_they_are() {
    for name in ["cli-rust-p1", "c-cli-p1", "go-cli"] {
        let component = Component::compile(&engines(), &fixture(name).unwrap()).unwrap();
        assert!(component.program().is_some() && component.compiled().is_none(), "{name}");
        assert!(matches!(component.prepare(&Linker::new(engines().get(component.generation()))), Err(LoadError::Program)), "{name}");
    }
}

#[test]
fn a_program_that_imports_nothing_is_a_program() {
    let component = Component::compile(&engines(), &wat(r#"(module (memory (export "memory") 1) (func (export "_start")))"#)).unwrap();
    assert!(component.program().is_some());
}

#[test]
fn a_module_is_told_what_it_is() {
    let producers = |clang: &str| {
        format!(r#"(module (@producers (processed-by "clang" "{clang}")) (memory (export "memory") 1) (func (export "_start")))"#)
    };
    let is = |text: &str, wanted: fn(&ModuleError) -> bool| {
        let error = refused(text);
        assert!(wanted(&error), "{text}: {error:?}");
    };
    is(r#"(module (func (export "proxy_abi_version_0_2_1")))"#, |error| matches!(error, ModuleError::ProxyWasm));
    is(r#"(module (import "fastly_abi" "init" (func (param i64) (result i32))))"#, |error| matches!(error, ModuleError::Fastly));
    is(r#"(module (import "env" "xqd_init" (func (param i64) (result i32))))"#, |error| matches!(error, ModuleError::Fastly));
    is(r#"(module (import "wasi_unstable" "fd_write" (func)))"#, |error| matches!(error, ModuleError::WasiUnstable));
    is(r#"(module (import "__wbindgen_placeholder__" "f" (func)))"#, |error| matches!(error, ModuleError::WasmBindgen));
    is(r#"(module (import "gojs" "runtime.wasmExit" (func)))"#, |error| matches!(error, ModuleError::GoJs));
    is(r#"(module (import "env" "emscripten_resize_heap" (func)))"#, |error| matches!(error, ModuleError::Emscripten));
    is(r#"(module (import "env" "abort" (func)))"#, |error| matches!(error, ModuleError::AssemblyScript));
    is(r#"(module (import "game" "tick" (func)))"#, |error| matches!(error, ModuleError::UnknownHost { .. }));
    is(r#"(module (func (export "add")))"#, |error| matches!(error, ModuleError::Library { .. }));
    is(&producers("14.0.0 extra"), |error| matches!(error, ModuleError::BrokenLibc { .. }));
    is(&producers("15.0.6"), |error| matches!(error, ModuleError::BrokenLibc { .. }));
    for clang in ["15.0.7", "18.1.2-wasi-sdk (https://github.com/llvm/llvm-project)", "nightly"] {
        Component::compile(&engines(), &wat(&producers(clang))).unwrap();
    }
}

#[test]
fn assemblyscript_without_the_wasi_shim_is_told_of_it() {
    let error = Component::compile(&engines(), &fixture("as-hello").unwrap()).unwrap_err();
    assert!(matches!(error, LoadError::Module(ModuleError::AssemblyScript)), "{error:?}");
    assert!(error.to_string().contains("wasi-shim"), "{error}");
}

#[test]
fn names_in_a_message_are_bounded() {
    let functions: String = (0..50).map(|number| format!(r#"(func (export "f{number:02}"))"#)).collect();
    let text = refused(&format!("(module {functions})")).to_string();
    assert!(text.contains("`f00`") && text.contains("44 more") && !text.contains("f06"), "{text}");
}

#[tokio::test]
async fn a_module_with_a_component_type_becomes_its_world() {
    let mut resolve = wit_parser::Resolve::default();
    let package = resolve.push_str("a.wit", "package a:b; world w { export run: func() -> u32; }").unwrap();
    let world = resolve.select_world(&[package], Some("w")).unwrap();
    let mut module = wat(r#"(module (memory (export "memory") 1) (func (export "run") (result i32) (i32.const 7)))"#);
    wit_component::embed_component_metadata(&mut module, &resolve, world, wit_component::StringEncoding::UTF8).unwrap();
    let component = Component::compile(&engines(), &module).unwrap();
    assert_eq!(run(&component, Limits::default()).await.unwrap(), 7);
}

/// A module as Spin 1's SDKs made them. Its handler answers with the method's number as status, and its start sets the body's byte. Like
/// theirs, its allocator is wrapped in constructors that import something.
const SPIN_1: &str = r#"(module
    (import "spin-config" "get-config" (func $config (param i32 i32 i32)))
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 4096))
    (func (export "_start") (i32.store8 (i32.const 512) (i32.const 33)))
    (func $constructors (call $config (i32.const 512) (i32.const 1) (i32.const 600)))
    (func $destructors)
    (func (export "canonical_abi_realloc") (param i32 i32 i32 i32) (result i32)
        (call $constructors)
        (call $realloc (local.get 0) (local.get 1) (local.get 2) (local.get 3))
        (call $destructors))
    (func $realloc (param i32 i32 i32 i32) (result i32)
        (global.set $next (i32.add (global.get $next) (i32.const 64)))
        (global.get $next))
    (func (export "canonical_abi_free") (param i32 i32 i32))
    (func (export "handle-http-request") (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
        (call $constructors)
        (i32.store16 (i32.const 256) (i32.add (i32.const 200) (local.get 0)))
        (i32.store8 (i32.const 260) (i32.const 0))
        (i32.store8 (i32.const 272) (i32.const 1))
        (i32.store (i32.const 276) (i32.const 512))
        (i32.store (i32.const 280) (i32.const 1))
        (i32.const 256)))"#;

#[tokio::test]
async fn a_module_of_spin_1_answers_http() {
    let component = Component::compile(&engines(), &wat(SPIN_1)).unwrap();
    assert_eq!(exports(&component), ["fermyon:spin/inbound-http"]);
    let mut linker = Linker::new(engines().get(component.generation()));
    let mut config = linker.instance("fermyon:spin/config").unwrap();
    config
        .func_new("get-config", |_, _, arguments, results| {
            assert_eq!(arguments, [Val::String("!".to_owned())]);
            results[0] = Val::Result(Ok(Some(Box::new(Val::String("value".to_owned())))));
            Ok(())
        })
        .unwrap();
    let mut store = crate::support::store(&component, Limits::default());
    let instance = component.prepare(&linker).unwrap().instantiate_async(&mut store).await.unwrap();
    let interface = instance.get_export_index(&mut store, None, "fermyon:spin/inbound-http").unwrap();
    let handle = instance.get_export_index(&mut store, Some(&interface), "handle-request").unwrap();
    let handle = instance.get_func(&mut store, handle).unwrap();
    let request = Val::Record(vec![
        ("method".to_owned(), Val::Enum("delete".to_owned())),
        ("uri".to_owned(), Val::String("/".to_owned())),
        ("headers".to_owned(), Val::List(vec![Val::Tuple(vec![Val::String("a".to_owned()), Val::String("b".to_owned())])])),
        ("params".to_owned(), Val::List(Vec::new())),
        ("body".to_owned(), Val::Option(Some(Box::new(Val::List(vec![Val::U8(1)]))))),
    ]);
    let mut results = [Val::Bool(false)];
    handle.call_async(&mut store, &[request], &mut results).await.unwrap();
    let response = Val::Record(vec![
        ("status".to_owned(), Val::U16(203)),
        ("headers".to_owned(), Val::Option(None)),
        ("body".to_owned(), Val::Option(Some(Box::new(Val::List(vec![Val::U8(33)]))))),
    ]);
    assert_eq!(results, [response]);
}
