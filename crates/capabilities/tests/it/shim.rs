//! Components that import one interface and hand its functions on, so that a test can call a host function of any version with
//! values of its own, through the linker and the real ABI.

use std::sync::Arc;

use coracle_engine::Metered;
use coracle_host::Runnable;
use wasmtime::component::Val;

use crate::guest::Given;

/// A function of the interface, by its shape in WIT and in core WebAssembly.
pub(crate) struct Function {
    pub(crate) name: &'static str,
    /// Parameters and result as they stand in a component type.
    pub(crate) signature: &'static str,
    /// How many core values the parameters flatten to.
    pub(crate) flat_params: usize,
    /// Whether the result is returned in memory.
    pub(crate) has_result: bool,
}

/// The text of a component that imports `interface` and exports its functions again. `error` is a type that the interface exports
/// and that signatures call `$error`.
fn component(interface: &str, error: (&str, &str), functions: &[Function]) -> String {
    let [mut imports, mut lowered, mut core_imports, mut core_functions, mut passed, mut lifted] = [const { String::new() }; 6];
    for function in functions {
        let Function { name, signature, flat_params, has_result } = function;
        let params = "i32 ".repeat(*flat_params);
        let retptr = if *has_result { "i32" } else { "" };
        let gets: String = (0..*flat_params).map(|index| format!("(local.get {index}) ")).collect();
        let (result, at, give) = if *has_result { ("(result i32)", "(i32.const 16)", "(i32.const 16)") } else { ("", "", "") };
        imports += &format!("(export \"{name}\" (func {signature}))\n");
        lowered += &format!("(core func $low-{name} (canon lower (func $i \"{name}\") (memory $memory) (realloc $realloc)))\n");
        core_imports += &format!("(import \"host\" \"{name}\" (func $host-{name} (param {params} {retptr})))\n");
        core_functions += &format!("(func (export \"{name}\") (param {params}) {result} (call $host-{name} {gets} {at}) {give})\n");
        passed += &format!("(export \"{name}\" (func $low-{name}))\n");
        lifted +=
            &format!("(func (export \"{name}\") {signature} (canon lift (core func $s \"{name}\") (memory $memory) (realloc $realloc)))\n");
    }
    let (error_name, error_type) = error;
    format!(
        r#"(component
  (import "{interface}" (instance $i
    (type $e {error_type})
    (export "{error_name}" (type $error (eq $e)))
    {imports}))
  (alias export $i "{error_name}" (type $error))
  (core module $memory-module
    (memory (export "memory") 4)
    (global $next (mut i32) (i32.const 1024))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
      (global.set $next (i32.add (local.get $at) (local.get 3)))
      (local.get $at)))
  (core instance $m (instantiate $memory-module))
  (alias core export $m "memory" (core memory $memory))
  (alias core export $m "realloc" (core func $realloc))
  {lowered}
  (core module $shim {core_imports} {core_functions})
  (core instance $s (instantiate $shim (with "host" (instance {passed}))))
  {lifted})"#
    )
}

/// A component for one interface, ready to be called.
pub(crate) struct Shim(Runnable);

impl Shim {
    pub(crate) fn new(given: Given, interface: &str, error: (&str, &str), functions: &[Function]) -> Self {
        let wasm = wat::parse_str(component(interface, error, functions)).unwrap();
        Self(given.run("shim", &wasm))
    }

    /// Calls each function in turn within one new instance; a function without a result answers `None`.
    pub(crate) async fn call(&self, calls: &[(&str, &[Val])]) -> Vec<Option<Val>> {
        let mut store = self.0.store().unwrap();
        let meter = Arc::clone(store.data().meter());
        let calling = async {
            let instance = self.0.pre().unwrap().instantiate_async(&mut store).await.unwrap();
            let mut answers = Vec::new();
            for (name, arguments) in calls {
                let function = instance.get_func(&mut store, name).unwrap();
                let mut results = vec![Val::Bool(false); function.ty(&store).results().len()];
                function.call_async(&mut store, arguments, &mut results).await.unwrap();
                answers.push(results.pop());
            }
            answers
        };
        Metered::new(calling, meter).await.unwrap()
    }
}

/// `ok(text)` or `some(text)` and the like are easiest to compare as text.
pub(crate) fn shown(value: &Val) -> String {
    match value {
        Val::String(text) => format!("{text:?}"),
        Val::Result(Ok(value)) => format!("ok({})", value.as_deref().map_or(String::new(), shown)),
        Val::Result(Err(value)) => format!("err({})", value.as_deref().map_or(String::new(), shown)),
        Val::Option(Some(value)) => format!("some({})", shown(value)),
        Val::Option(None) => "none".to_owned(),
        Val::Variant(case, Some(value)) => format!("{case}({})", shown(value)),
        Val::List(values) => format!("[{}]", values.iter().map(shown).collect::<Vec<_>>().join(", ")),
        Val::Tuple(values) => format!("({})", values.iter().map(shown).collect::<Vec<_>>().join(", ")),
        other => format!("{other:?}"),
    }
}
