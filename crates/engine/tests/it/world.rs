//! Names of imports and exports: those of older worlds are brought up to date, others can be replaced.

use coracle_engine::{Component, Generation, Import, LoadError, RenameError, Shape, denied_name, rename_imports};
use coracle_testkit::fixture;

use crate::support::{engines, wat};

fn imports(component: &Component) -> Vec<String> {
    component.shape().imports().iter().map(ToString::to_string).collect()
}

fn compile(text: &str) -> Component {
    Component::compile(&engines(), &wat(text)).unwrap()
}

#[test]
fn the_release_candidate_is_known_as_the_release() {
    let component = Component::compile(&engines(), &fixture("spin6-hello").unwrap()).unwrap();
    let exports: Vec<_> = component.shape().exports().iter().map(ToString::to_string).collect();
    assert_eq!(exports, ["wasi:http/handler@0.3.0"]);
    assert!(imports(&component).iter().all(|name| !name.contains("-rc-")), "{:?}", imports(&component));
    assert_eq!(component.generation(), Generation::P3);
}

#[test]
fn the_candidate_beside_the_release_links_to_the_same_interface() {
    let text = r#"(component
        (import "wasi:random/random@0.3.0" (instance (export "get-random-u64" (func (result u64)))))
        (import "wasi:random/random@0.3.0-rc-2026-03-15" (instance (export "get-random-u64" (func (result u64))))))"#;
    let component = compile(text);
    assert_eq!(imports(&component), ["wasi:random/random@0.3.0", "wasi:random/random@0.3.1"]);
    let mut linker = wasmtime::component::Linker::new(engines().get(component.generation()));
    let mut random = linker.instance("wasi:random/random@0.3.0").unwrap();
    random.func_wrap("get-random-u64", |_, ()| Ok((4_u64,))).unwrap();
    component.prepare(&linker).unwrap();
}

#[test]
fn the_candidate_of_november_2023_is_known_as_0_2() {
    let component = compile(r#"(component (import "wasi:random/random@0.2.0-rc-2023-11-10" (instance)))"#);
    assert_eq!(imports(&component), ["wasi:random/random@0.2.0"]);
    assert_eq!(component.generation(), Generation::P2);
}

#[test]
fn what_the_snapshot_of_october_2023_exports_is_known_as_0_2_and_its_imports_keep_their_names() {
    let text = r#"(component
        (import "wasi:random/random@0.2.0-rc-2023-10-18" (instance (export "get-random-u64" (func (result u64)))))
        (core module $m (func (export "run") (result i32) i32.const 0))
        (core instance $m (instantiate $m))
        (func $f (result u32) (canon lift (core func $m "run")))
        (instance $run (export "run" (func $f)))
        (export "wasi:cli/run@0.2.0-rc-2023-10-18" (instance $run))
        (export "wasi:http/incoming-handler@0.2.0-rc-2023-10-18" (instance $run)))"#;
    let component = compile(text);
    assert_eq!(imports(&component), ["wasi:random/random@0.2.0-rc-2023-10-18"]);
    let exports: Vec<_> = component.shape().exports().iter().map(ToString::to_string).collect();
    assert_eq!(exports, ["wasi:cli/run@0.2.0", "wasi:http/incoming-handler@0.2.0"]);
}

#[test]
fn a_function_that_changed_before_the_release_is_refused_by_name() {
    let text = r#"(component (import "wasi:http/types@0.2.0-rc-2023-11-10" (instance
        (export "request-options" (type $o (sub resource)))
        (export "[method]request-options.connect-timeout-ms" (func (param "self" (borrow $o)) (result (option u64)))))))"#;
    let error = Component::compile(&engines(), &wat(text)).unwrap_err();
    assert!(matches!(error, LoadError::Rename(RenameError::Changed { .. })), "{error:?}");
    assert!(error.to_string().contains("connect-timeout-ms") && error.to_string().contains("build it for WASI 0.2"), "{error}");
}

#[test]
fn other_candidates_and_packages_keep_their_names() {
    let names = ["acme:random/random@0.3.0-rc-2026-03-15", "wasi:random/random@0.3.0-rc-2025-01-01", "wasi:nn/graph@0.3.0-rc-2026-03-15"];
    for name in names {
        assert_eq!(imports(&compile(&format!("(component (import \"{name}\" (instance)))"))), [name]);
    }
}

#[test]
fn an_import_is_renamed_and_everything_else_stays() {
    let text = r#"(component
        (import "a:b/c@1.0.0" (instance $c (export "f" (func (result u32)))))
        (core module $m)
        (component $inner (import "a:b/c@1.0.0" (instance)))
        (export "g" (func $c "f")))"#;
    let rename = |import: &Import| (import.own_name() == "a:b/c@1.0.0").then(|| "x:y/z@2.0.0".to_owned());
    let renamed = rename_imports(&wat(text), rename).unwrap();
    let shape = Shape::of(&renamed).unwrap();
    assert_eq!(shape.imports().iter().map(ToString::to_string).collect::<Vec<_>>(), ["x:y/z@2.0.0"]);
    assert_eq!(shape.exports().len(), 1);
    let back = rename_imports(&renamed, |import| (import.own_name() == "x:y/z@2.0.0").then(|| "a:b/c@1.0.0".to_owned())).unwrap();
    assert_eq!(back.len(), wat(text).len());
    assert!(matches!(rename_imports(&wat("(module)"), rename), Err(RenameError::Module)));
}

#[test]
fn a_label_stands_beside_the_interface_that_it_is_of() {
    let text = r#"(component
        (import "cache" (implements "a:b/c@1.0.0") (instance))
        (import "a:b/c@1.0.0" (instance)))"#;
    let shape = Shape::of(&wat(text)).unwrap();
    assert_eq!(shape.imports().iter().map(ToString::to_string).collect::<Vec<_>>(), ["cache: a:b/c@1.0.0", "a:b/c@1.0.0"]);
    let [cache, plain] = shape.imports() else { panic!("{shape:?}") };
    assert_eq!((cache.name.as_str(), cache.version.as_deref(), cache.own_name()), ("a:b/c", Some("1.0.0"), "cache".to_owned()));
    assert_eq!((plain.label.as_deref(), plain.own_name()), (None, "a:b/c@1.0.0".to_owned()));
    let denied = rename_imports(&wat(text), |import| import.label.is_some().then(|| denied_name(&import.own_name()))).unwrap();
    let shape = Shape::of(&denied).unwrap();
    assert_eq!(shape.imports().iter().map(Import::is_denied).collect::<Vec<_>>(), [true, false]);
    assert_eq!(shape.imports()[0].to_string(), "coracle-denied-cache: a:b/c@1.0.0");
}
