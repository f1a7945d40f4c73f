//! Modules of Spin 1, which wit-bindgen 0.2 made before there were components. Its calling convention for the types of those
//! interfaces is today's canonical ABI under other names: given today's names and a component type, they become components.

use std::borrow::Cow;
use std::fmt::Write as _;

use wasm_encoder::reencode::{Reencode, RoundtripReencoder};
use wasm_encoder::{CustomSection, ExportSection, ImportSection, Module, RawSection};
use wasmparser::{BinaryReaderError, Operator, Parser, Payload, TypeRef};
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

/// The name of the allocator that the canonical ABI calls.
const REALLOC: &str = "cabi_realloc";

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
    let mut renewed = Module::new();
    for payload in Parser::new(0).parse_all(module) {
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
                    let index = if name == REALLOC { without_constructors(module, export.index)? } else { export.index };
                    exports.export(name, kind, index);
                }
                renewed.section(&exports);
            }
            payload => {
                if let Some((id, range)) = payload.as_section() {
                    renewed.section(&RawSection { id, data: module.get(range).unwrap_or_default() });
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
        "canonical_abi_realloc" => REALLOC,
        // TinyGo sets its runtime up and registers the handler there; it returns, and a reactor's start is run before any export.
        "_start" if !anatomy.functions.contains("_initialize") => "_initialize",
        _ => HANDLERS.iter().find(|(old, ..)| *old == name).map_or(name, |(_, _, new)| new),
    }
}

/// The allocator itself, where `index` is the wrapper that old linkers put around every export: it runs the constructors before each
/// call. Those ask WASI for the environment, and nothing may be imported while the host allocates; the handler's wrapper runs them too.
fn without_constructors(module: &[u8], index: u32) -> Result<u32, BinaryReaderError> {
    let mut body_index = 0;
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    body_index += u32::from(matches!(import?.ty, TypeRef::Func(_)));
                }
            }
            Payload::CodeSectionEntry(body) => {
                if body_index == index {
                    let operators = body.get_operators_reader()?.into_iter().take(WRAPPER_OPERATORS_MAX).collect::<Result<Vec<_>, _>>()?;
                    return Ok(wrapped(&operators).unwrap_or(index));
                }
                body_index += 1;
            }
            _ => {}
        }
    }
    Ok(index)
}

/// More operators than a wrapper has.
const WRAPPER_OPERATORS_MAX: usize = 10;

/// The function with the four parameters of an allocator that is called by a wrapper and nothing but a wrapper.
fn wrapped(operators: &[Operator<'_>]) -> Option<u32> {
    use Operator::{Call, End, LocalGet};
    match operators {
        [
            Call { .. },
            LocalGet { local_index: 0 },
            LocalGet { local_index: 1 },
            LocalGet { local_index: 2 },
            LocalGet { local_index: 3 },
            Call { function_index },
            End,
        ]
        | [
            Call { .. },
            LocalGet { local_index: 0 },
            LocalGet { local_index: 1 },
            LocalGet { local_index: 2 },
            LocalGet { local_index: 3 },
            Call { function_index },
            Call { .. },
            End,
        ] => Some(*function_index),
        _ => None,
    }
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
