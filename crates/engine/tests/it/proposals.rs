//! Proposals that are off are refused by name before anything is compiled, and those that are on compile.

use coracle_engine::{Component, LoadError, ShapeError};

use crate::support::{engines, wat};

fn refused(text: &str) -> String {
    match Component::compile(&engines(), &wat(text)).unwrap_err() {
        LoadError::Shape(ShapeError::Proposal { name, .. }) => name.to_owned(),
        error => panic!("{text}: {error:?}"),
    }
}

#[test]
fn what_is_off_is_refused_by_name() {
    let cases = [
        ("threads", "(component (core module (memory 1 1 shared)))"),
        ("threads", "(module (memory 1 1 shared))"),
        ("memory64", "(component (core module (memory i64 1)))"),
        ("function-references", "(component (core module (type $f (func)) (func (param (ref $f)))))"),
        ("gc", "(component (core module (type (struct (field i32)))))"),
        ("exception-handling", "(component (core module (tag)))"),
        ("legacy exception-handling", "(component (core module (func try catch_all end)))"),
        ("stack-switching", "(component (core module (type $f (func)) (type (cont $f))))"),
        ("custom-page-sizes", "(component (core module (memory 1 (pagesize 1))))"),
        (
            "wide-arithmetic",
            "(component (core module (func (param i64 i64) (result i64 i64)
                (i64.add128 (local.get 0) (local.get 1) (local.get 0) (local.get 1)))))",
        ),
        ("component-model error-context", "(component (type error-context))"),
        ("component-model fixed-length-lists", "(component (type (list u8 4)))"),
        ("component-model maps", "(component (type (map string u32)))"),
    ];
    for (name, text) in cases {
        assert_eq!(refused(text), name, "{text}");
    }
}

#[test]
fn a_refusal_tells_the_way_out() {
    let error = Component::compile(&engines(), &wat("(component (core module (memory i64 1)))")).unwrap_err();
    assert!(error.to_string().contains("`memory64`") && error.to_string().contains("32-bit target"), "{error}");
}

#[test]
fn a_damaged_binary_is_not_taken_for_a_proposal() {
    let mut bytes = wat("(component (core module (func (result i32) (i32.const 1))))");
    let length = bytes.len();
    bytes[length - 2] = 0xff;
    let error = Component::compile(&engines(), &bytes).unwrap_err();
    assert!(matches!(error, LoadError::Shape(ShapeError::Invalid(_))), "{error:?}");
}

#[test]
fn what_is_on_compiles() {
    for text in [
        "(component (core module (func (result v128) (v128.const i64x2 1 2))))",
        "(component (core module (func $f (return_call $f))))",
        "(component (core module (memory 1) (memory 1)))",
        "(component (core module (memory 1) (func (memory.fill (i32.const 0) (i32.const 0) (i32.const 1)))))",
        "(component (core module (import \"\" \"g\" (global i32)) (global i32 (i32.add (global.get 0) (i32.const 1)))))",
        "(component (core module (table 1 funcref) (func (result funcref) (table.get (i32.const 0)))))",
        "(component (core module (func (param v128) (result v128) (i32x4.relaxed_trunc_f32x4_s (local.get 0)))))",
        "(component (type (stream u8)))",
        "(component (import \"a\" (implements \"b:c/d@1.0.0\") (instance)))",
    ] {
        Component::compile(&engines(), &wat(text)).unwrap_or_else(|error| panic!("{text}: {error:?}"));
    }
}
