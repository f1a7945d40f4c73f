//! That code does the same when its loops are written out, and which loops are.

use wasmparser::{Operator, Parser, Payload, Validator, WasmFeatures};
use wasmtime::{Config, Engine, Instance, Module, Store, UpdateDeadline};

use super::*;

/// The blocks in `wasm`, of which each copy of a loop adds one.
fn heads(wasm: &[u8]) -> usize {
    let mut heads = 0;
    for payload in Parser::new(0).parse_all(wasm) {
        if let Payload::CodeSectionEntry(body) = payload.unwrap() {
            let operators = body.get_operators_reader().unwrap().into_iter();
            heads += operators.filter(|operator| matches!(operator, Ok(Operator::Block { .. }))).count();
        }
    }
    heads
}

fn unrolled(wat: &str) -> (Vec<u8>, Vec<u8>) {
    let before = wat::parse_str(wat).unwrap();
    let after = module(&before).unwrap();
    Validator::new_with_features(WasmFeatures::all()).validate_all(&after).unwrap();
    (before, after)
}

/// What `run` of a module answers to each of `arguments`; `None` where it traps.
fn answers(wasm: &[u8], arguments: &[i32]) -> Vec<Option<i64>> {
    let engine = Engine::default();
    let module = Module::new(&engine, wasm).unwrap();
    let answer = |argument: &i32| {
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        let run = instance.get_typed_func::<i32, i64>(&mut store, "run").unwrap();
        run.call(&mut store, *argument).ok()
    };
    arguments.iter().map(answer).collect()
}

#[track_caller]
fn same(wat: &str) {
    let (before, after) = unrolled(wat);
    assert!(heads(&after) > heads(&before), "nothing was written out");
    let arguments: Vec<i32> = (-3..70).chain([1_000]).collect();
    assert_eq!(answers(&before, &arguments), answers(&after, &arguments));
}

const REPEATED_BY_ITS_LAST_BRANCH: &str = r#"(module (func (export "run") (param $n i32) (result i64) (local $sum i64)
    (loop $again
        (local.set $sum (i64.add (i64.mul (local.get $sum) (i64.const 3)) (i64.extend_i32_s (local.get $n))))
        (br_if $again (i32.gt_s (local.tee $n (i32.sub (local.get $n) (i32.const 1))) (i32.const 0))))
    (local.get $sum)))"#;

#[test]
fn a_loop_that_is_repeated_by_its_last_branch() {
    same(REPEATED_BY_ITS_LAST_BRANCH);
}

/// How often a call of `run` with `argument` is asked whether it may go on.
fn questions(wasm: &[u8], argument: i32) -> u32 {
    let engine = Engine::new(Config::new().epoch_interruption(true)).unwrap();
    let module = Module::new(&engine, wasm).unwrap();
    let mut store = Store::new(&engine, 0);
    // Time is always up.
    store.set_epoch_deadline(0);
    store.epoch_deadline_callback(|mut store| {
        *store.data_mut() += 1;
        Ok(UpdateDeadline::Continue(0))
    });
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    let run = instance.get_typed_func::<i32, i64>(&mut store, "run").unwrap();
    run.call(&mut store, argument).unwrap();
    *store.data()
}

#[test]
fn a_loop_of_few_turns_asks_nothing_and_one_of_many_asks_once_for_several() {
    let (before, after) = unrolled(REPEATED_BY_ITS_LAST_BRANCH);
    let asked = |turns| (questions(&before, turns), questions(&after, turns));
    // One question is the function's own. Its loop has 16 instructions: two turns stand before it, and eight inside.
    for (turns, questions) in [(1, 1), (2, 1), (3, 2), (10, 2), (11, 3), (802, 101)] {
        assert_eq!(asked(turns), (1 + turns as u32, questions), "{turns} turns");
    }
}

#[test]
fn a_function_that_would_be_too_long_for_an_engine_stays() {
    let one = "(loop $again (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))";
    let (before, after) = unrolled(&format!("(module (func (param $n i32) {}))", one.repeat(100_000)));
    assert_eq!(before, after);
}

#[test]
fn a_loop_that_is_left_from_its_middle_with_a_value_and_repeated_from_blocks() {
    same(
        r#"(module (func (export "run") (param $n i32) (result i64) (local $sum i64)
            (block $out (result i64)
                (loop $again (result i64)
                    (local.set $sum (i64.add (local.get $sum) (i64.const 7)))
                    (br_if $out (i64.const -1) (i32.eq (local.get $n) (i32.const 13)))
                    (drop)
                    (local.set $n (i32.sub (local.get $n) (i32.const 1)))
                    (if (i32.gt_s (local.get $n) (i32.const 5))
                        (then (block (br_if $again (i32.and (local.get $n) (i32.const 1))) (br $again)))
                        (else (br_if $again (i32.gt_s (local.get $n) (i32.const 0)))))
                    (local.get $sum)))))"#,
    );
}

#[test]
fn a_loop_with_a_table_of_branches() {
    same(
        r#"(module (func (export "run") (param $n i32) (result i64) (local $sum i64)
            (block $out
                (loop $again
                    (local.set $sum (i64.add (i64.mul (local.get $sum) (i64.const 5)) (i64.const 1)))
                    (local.set $n (i32.sub (local.get $n) (i32.const 3)))
                    (block $one (block $two
                        (br_table $one $two $again $out $again (i32.and (local.get $n) (i32.const 7))))
                        (local.set $sum (i64.xor (local.get $sum) (i64.const 99)))
                        (br_if $again (i32.gt_s (local.get $n) (i32.const 0))))
                    (br_if $again (i32.gt_s (local.get $n) (i32.const 8)))))
            (local.get $sum)))"#,
    );
}

#[test]
fn loops_beside_and_inside_each_other_and_one_that_traps() {
    same(
        r#"(module (memory 1) (func (export "run") (param $n i32) (result i64) (local $i i32) (local $sum i64)
            (loop $outer
                (local.set $i (i32.const 9))
                (loop $inner
                    (i32.store8 (i32.mul (local.get $n) (i32.const 999)) (local.get $i))
                    (local.set $sum (i64.add (local.get $sum) (i64.load8_u (local.get $i))))
                    (br_if $inner (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
                (loop $second
                    (local.set $sum (i64.add (local.get $sum) (i64.const 2)))
                    (br_if $outer (i32.gt_s (local.tee $n (i32.sub (local.get $n) (i32.const 1))) (i32.const 2)))
                    (br_if $second (i32.eq (local.get $n) (i32.const 1)))))
            (return (local.get $sum))))"#,
    );
}

#[test]
fn what_is_long_or_calls_or_takes_parameters_stays() {
    let long = "(local.set $n (i32.add (local.get $n) (i32.const 1)))".repeat(80);
    for inside in
        [long.as_str(), "(call $f)", "(drop (memory.grow (i32.const 1)))", "(memory.fill (i32.const 0) (i32.const 0) (i32.const 9))"]
    {
        let (before, after) = unrolled(&format!(
            r#"(module (memory 1) (func $f) (func (param $n i32) (loop $again {inside} (br_if $again (local.get $n)))))"#
        ));
        assert_eq!(before, after, "{inside}");
    }
    let (before, after) =
        unrolled("(module (func (i32.const 1) (loop $again (param i32) (br_if $again (i32.const 1) (i32.const 0)) (drop) (drop))))");
    assert_eq!(before, after);
}

#[test]
fn modules_inside_components_inside_components_are_reached() {
    let inner = r#"(core module (func (param $n i32) (loop $again (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))"#;
    let before = wat::parse_str(format!("(component {inner} (component {inner} (component {inner})))")).unwrap();
    let after = component(&before).unwrap();
    Validator::new_with_features(WasmFeatures::all()).validate_all(&after).unwrap();
    let turns = |wasm: &[u8]| Parser::new(0).parse_all(wasm).filter(|payload| matches!(payload, Ok(Payload::CodeSectionEntry(_)))).count();
    assert_eq!((turns(&before), turns(&after)), (3, 3));
    assert!(after.len() > before.len() + 3 * 30);
}

#[test]
fn components_however_deep_are_written_back() {
    let depth = DEPTH_MAX as usize + 90;
    let before = wat::parse_str(format!("{}{}", "(component ".repeat(depth), ")".repeat(depth))).unwrap();
    assert_eq!(component(&before).unwrap(), before);
}
