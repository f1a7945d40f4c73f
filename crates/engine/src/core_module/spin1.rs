//! Modules of Spin 1, which wit-bindgen 0.2 made before there were components. Its calling convention for the types of those
//! interfaces is today's canonical ABI under other names: given today's names and a component type, they become components.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::ops::Range;

use wasm_encoder::reencode::{Reencode, RoundtripReencoder};
use wasm_encoder::{CustomSection, ExportSection, ImportSection, Module, RawSection};
use wasmparser::{BinaryReaderError, FunctionBody, Operator, Parser, Payload, TypeRef};
use wit_component::StringEncoding;
use wit_parser::Resolve;

use super::ModuleError;
use super::anatomy::Anatomy;

/// The interfaces, as their signatures were.
const WIT: &str = include_str!("spin1.wit");

/// The modules that were imported from, and the interfaces that they are.
const IMPORTS: &[(&str, &str)] = &[
    ("wasi-outbound-http", "http"),
    ("spin-config", "config"),
    ("key-value", "key-value"),
    ("sqlite", "sqlite"),
    ("llm", "llm"),
    ("outbound-redis", "redis"),
    ("outbound-pg", "postgres"),
    ("outbound-mysql", "mysql"),
];

/// The exports of handlers, the interface of each and the name that a component's core module has for it.
const HANDLERS: &[(&str, &str, &str)] = &[
    ("handle-http-request", "inbound-http", "fermyon:spin/inbound-http#handle-request"),
    ("handle-redis-message", "inbound-redis", "fermyon:spin/inbound-redis#handle-message"),
];

/// The name of the allocator that the host calls.
const OLD_REALLOC: &str = "canonical_abi_realloc";

/// The instruction that does nothing.
const NOP: u8 = 0x01;

/// Whether a module without a component type is one of Spin 1's.
pub(super) fn is_spin1(anatomy: &Anatomy) -> bool {
    !anatomy.has_component_type
        && (HANDLERS.iter().any(|(old, ..)| anatomy.functions.contains(*old))
            || anatomy.imports_any(|module, _| interface(module).is_some()) && anatomy.has_bindgen_allocator())
}

/// The interface that was imported from `module`.
pub(super) fn interface(module: &str) -> Option<&'static str> {
    IMPORTS.iter().find(|(old, _)| *old == module).map(|(_, interface)| *interface)
}

/// The module with today's names and a component type.
pub(super) fn renew(module: &[u8], anatomy: &Anatomy) -> Result<Vec<u8>, ModuleError> {
    let mut patched = module.to_vec();
    if let Some(call) = constructors_call(module)? {
        patched.get_mut(call).unwrap_or_default().fill(NOP);
    }
    let mut renewed = Module::new();
    for payload in Parser::new(0).parse_all(&patched) {
        match payload? {
            Payload::ImportSection(section) => {
                let mut imports = ImportSection::new();
                for import in section.into_imports() {
                    let import = import?;
                    let ty = RoundtripReencoder.entity_type(import.ty).map_err(|error| ModuleError::Encode(error.to_string()))?;
                    let (from, name) = import_name(import.module, import.name);
                    imports.import(&from, name, ty);
                }
                renewed.section(&imports);
            }
            Payload::ExportSection(section) => {
                let mut exports = ExportSection::new();
                for export in section {
                    let export = export?;
                    let kind = RoundtripReencoder.export_kind(export.kind).map_err(|error| ModuleError::Encode(error.to_string()))?;
                    let name = export_name(export.name, anatomy);
                    exports.export(name, kind, export.index);
                }
                renewed.section(&exports);
            }
            payload => {
                if let Some((id, range)) = payload.as_section() {
                    renewed.section(&RawSection { id, data: patched.get(range).unwrap_or_default() });
                }
            }
        }
    }
    let ty = component_type(anatomy).map_err(ModuleError::Encode)?;
    renewed.section(&CustomSection { name: "component-type:spin1".into(), data: ty.into() });
    Ok(renewed.finish())
}

fn import_name<'a>(module: &'a str, name: &'a str) -> (Cow<'a, str>, &'a str) {
    match interface(module) {
        Some("http") => ("fermyon:spin/http".into(), "send-request"),
        Some(interface) => (format!("fermyon:spin/{interface}").into(), name),
        None => (module.into(), name),
    }
}

fn export_name<'a>(name: &'a str, anatomy: &Anatomy) -> &'a str {
    match name {
        OLD_REALLOC => "cabi_realloc",
        // TinyGo sets its runtime up and registers the handler there; it returns, and a reactor's start is run before any export.
        "_start" if !anatomy.functions.contains("_initialize") => "_initialize",
        _ => HANDLERS.iter().find(|(old, ..)| *old == name).map_or(name, |(_, _, new)| new),
    }
}

/// Where in `module` the allocator calls the constructors, if it does. Old linkers let every export run them first. Those ask WASI for
/// the environment, and nothing may be imported while the host allocates; the handler runs them all the same.
fn constructors_call(module: &[u8]) -> Result<Option<Range<usize>>, BinaryReaderError> {
    let (mut exports, mut body_index) = (HashMap::new(), 0);
    let (mut handler, mut allocator) = (None, None);
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    body_index += u32::from(matches!(import?.ty, TypeRef::Func(_)));
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export?;
                    exports.insert(export.index, export.name);
                }
            }
            Payload::CodeSectionEntry(body) => {
                match exports.get(&body_index) {
                    Some(&OLD_REALLOC) => allocator = first_call(&body)?,
                    Some(name) if HANDLERS.iter().any(|(old, ..)| old == name) => handler = first_call(&body)?,
                    _ => {}
                }
                body_index += 1;
            }
            _ => {}
        }
    }
    Ok(match (handler, allocator) {
        (Some((constructors, _)), Some((called, range))) if constructors == called => Some(range),
        _ => None,
    })
}

/// The function that `body` calls before anything else, and where.
fn first_call(body: &FunctionBody<'_>) -> Result<Option<(u32, Range<usize>)>, BinaryReaderError> {
    let mut operators = body.get_operators_reader()?;
    let (operator, start) = operators.read_with_offset()?;
    let Operator::Call { function_index } = operator else { return Ok(None) };
    Ok(Some((function_index, start..operators.original_position())))
}

/// The encoded type of a component that imports and exports what `anatomy` does.
fn component_type(anatomy: &Anatomy) -> Result<Vec<u8>, String> {
    let mut text = format!("{WIT}\nworld module {{\n");
    for (module, interface) in IMPORTS {
        if anatomy.imports_from(module) {
            let _ = writeln!(text, "import {interface};");
        }
    }
    for (old, interface, _) in HANDLERS {
        if anatomy.functions.contains(*old) {
            let _ = writeln!(text, "export {interface};");
        }
    }
    text.push('}');
    let encode = || {
        let mut resolve = Resolve::default();
        let package = resolve.push_str("spin1.wit", &text)?;
        let world = resolve.select_world(&[package], Some("module"))?;
        wit_component::metadata::encode(&resolve, world, StringEncoding::UTF8, None)
    };
    encode().map_err(|error| format!("{error:#}"))
}
