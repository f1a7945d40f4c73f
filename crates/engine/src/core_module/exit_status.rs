//! Programs for WASI 0.1 end with any status; the adapter passes on only whether it was 0. So their `proc_exit` is led past the
//! adapter, to the function of WASI 0.2.12 that takes the status. Both are called with one `i32` and do not return.

use wasm_encoder::reencode::{Reencode, RoundtripReencoder};
use wasm_encoder::{CustomSection, ImportSection, Module, RawSection};
use wasmparser::{Parser, Payload};
use wit_component::StringEncoding;
use wit_parser::Resolve;

use super::ModuleError;
use super::refuse::PREVIEW_1;

const INTERFACE: &str = "wasi:cli/exit@0.2.12";
const FUNCTION: &str = "exit-with-code";

/// The interface, as its signatures are.
const WIT: &str = "\
package coracle:module;
world module { import wasi:cli/exit@0.2.12; }
package wasi:cli@0.2.12 {
    interface exit {
        exit: func(status: result);
        exit-with-code: func(status-code: u8);
    }
}
";

/// `module` with its `proc_exit` led to the host, and a component type that says so.
pub(super) fn keep(module: &[u8]) -> Result<Vec<u8>, ModuleError> {
    let mut kept = Module::new();
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::ImportSection(section) => {
                let mut imports = ImportSection::new();
                for import in section.into_imports() {
                    let import = import?;
                    let ty = RoundtripReencoder.entity_type(import.ty).map_err(|error| ModuleError::Encode(error.to_string()))?;
                    let (from, name) = match (import.module, import.name) {
                        (PREVIEW_1, "proc_exit") => (INTERFACE, FUNCTION),
                        other => other,
                    };
                    imports.import(from, name, ty);
                }
                kept.section(&imports);
            }
            payload => {
                if let Some((id, range)) = payload.as_section() {
                    kept.section(&RawSection { id, data: module.get(range).unwrap_or_default() });
                }
            }
        }
    }
    let ty = component_type().map_err(ModuleError::Encode)?;
    kept.section(&CustomSection { name: "component-type:exit".into(), data: ty.into() });
    Ok(kept.finish())
}

fn component_type() -> Result<Vec<u8>, String> {
    let encode = || {
        let mut resolve = Resolve::default();
        let package = resolve.push_str("exit.wit", WIT)?;
        let world = resolve.select_world(&[package], Some("module"))?;
        wit_component::metadata::encode(&resolve, world, StringEncoding::UTF8, None)
    };
    encode().map_err(|error| format!("{error:#}"))
}
