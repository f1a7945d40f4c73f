//! Denied imports answer with their interface's own refusal.

use coracle_engine::{Component, Fault, InstanceState, Limits, denied_name, deny, undenied_name};
use wasmtime::component::Linker;

use crate::support::{engines, run_with, wat};

/// A component that calls `f` of a denied interface, whose type is `ty`, and gives the bytes of its result as a number.
fn caller(types: &str, ty: &str, load: &str) -> Component {
    let name = denied_name("acme:store/api@0.2.6");
    let text = format!(
        r#"(component
            (import "{name}" (instance $api {types} (export "f" (func {ty}))))
            (core module $libc
                (memory (export "memory") 1)
                (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
            (core instance $libc (instantiate $libc))
            (core func $f (canon lower (func $api "f") (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
            (core module $m
                (import "api" "f" (func $f (param i32)))
                (import "libc" "memory" (memory 1))
                (func (export "run") (result i32) (call $f (i32.const 0)) {load}))
            (core instance $m (instantiate $m (with "libc" (instance $libc)) (with "api" (instance (export "f" (func $f))))))
            (func (export "run") (result u32) (canon lift (core func $m "run"))))"#
    );
    Component::compile(&engines(), &wat(&text)).unwrap()
}

fn linker(component: &Component) -> Linker<InstanceState> {
    let mut linker = Linker::new(engines().get(component.generation()));
    assert_eq!(deny(&mut linker, component, |_| false).unwrap().len(), 1);
    linker
}

async fn answer(types: &str, ty: &str, load: &str) -> Result<u32, Fault> {
    let component = caller(types, ty, load);
    run_with(&component, Limits::default(), &linker(&component)).await
}

/// The discriminant of the result and the byte after it.
const FIRST_BYTES: &str = "(i32.or (i32.shl (i32.load8_u (i32.const 0)) (i32.const 8)) (i32.load8_u (i32.const 4)))";

#[tokio::test]
async fn each_error_type_has_its_refusal() {
    let variant = |cases: &str| format!(r#"(type $t (variant {cases})) (export "error" (type $e (eq $t)))"#);
    let case = |types: String, number: u32| async move {
        let got = answer(&types, "(result (result string (error $e)))", FIRST_BYTES).await.unwrap();
        assert_eq!(got, 0x100 | number, "{types}");
    };
    case(variant(r#"(case "io" string) (case "no-such-store") (case "access-denied")"#), 2).await;
    case(variant(r#"(case "a") (case "other" string)"#), 1).await;
    case(variant(r#"(case "success") (case "connection-failed" string) (case "bad" string)"#), 1).await;
    case(variant(r#"(case "DNS-timeout") (case "HTTP-request-denied") (case "internal-error" (option string))"#), 1).await;
}

#[tokio::test]
async fn an_error_that_is_a_string_tells_the_way_out() {
    let length = "(i32.load (i32.const 8))";
    let got = answer("", "(result (result string (error string)))", length).await.unwrap();
    assert!(got > 40, "{got}");
}

#[tokio::test]
async fn lists_and_options_are_empty() {
    let got = answer("", "(result (list string))", "(i32.load (i32.const 4))").await.unwrap();
    assert_eq!(got, 0);
    let got = answer("", "(result (option string))", "(i32.load8_u (i32.const 0))").await.unwrap();
    assert_eq!(got, 0);
}

#[tokio::test]
async fn a_function_that_cannot_say_no_traps_with_the_interfaces_name() {
    let fault = answer("", "(result string)", "(i32.const 0)").await.unwrap_err();
    let Fault::Trap(error) = fault else { panic!("{fault:?}") };
    assert!(format!("{error:#}").contains("`acme:store/api@0.2.6` is denied"), "{error:#}");
}

#[test]
fn resources_of_other_imports_are_left_to_them() {
    let name = denied_name("wasi:filesystem/types@0.2.6");
    let text = format!(
        r#"(component
            (import "wasi:io/streams@0.2.6" (instance $io (export "input-stream" (type (sub resource)))))
            (alias export $io "input-stream" (type $stream))
            (import "{name}" (instance
                (export "input-stream" (type $s (eq $stream)))
                (export "descriptor" (type $d (sub resource)))
                (export "[method]descriptor.read" (func (param "self" (borrow $d)) (result (own $s)))))))"#
    );
    let component = Component::compile(&engines(), &wat(&text)).unwrap();
    let mut linker = linker(&component);
    let mut io = linker.instance("wasi:io/streams@0.2.6").unwrap();
    io.resource("input-stream", wasmtime::component::ResourceType::host::<u8>(), |_, _| Ok(())).unwrap();
    component.prepare(&linker).unwrap();
}

#[test]
fn async_functions_are_denied_too() {
    let name = denied_name("wasi:http/client@0.3.0");
    let text = format!(r#"(component (import "{name}" (instance (export "send" (func async (result (result (error string))))))))"#);
    let component = Component::compile(&engines(), &wat(&text)).unwrap();
    component.prepare(&linker(&component)).unwrap();
}

#[test]
fn a_denied_name_can_be_read_back() {
    for name in ["wasi:cli/environment@0.2.6", "plain-name"] {
        assert_eq!(undenied_name(&denied_name(name)), Some(name));
        assert_eq!(undenied_name(name), None);
    }
}
