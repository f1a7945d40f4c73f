//! Small loops are written out several times before a module is compiled, so that the engine's check whether the guest may go on, which it
//! makes at the head of each loop, is made once for several turns. A loop of a few instructions took a third longer with the check at
//! each. See `docs/decisions/013-small-loops.md`.

mod body;

use wasm_encoder::{CodeSection, ComponentSectionId, Module, RawSection};
use wasmparser::{BinaryReaderError, Parser, Payload};

use crate::sections;

/// How the names of custom sections begin that speak of places in the code.
const OF_PLACES: &str = "metadata.code.";

/// Components inside components that are looked into; what lies deeper stays as it is. Tools make two or three.
const DEPTH_MAX: u32 = 8;

/// `component` with the small loops of its modules written out, also of those in components inside it.
pub(crate) fn component(component: &[u8]) -> Result<Vec<u8>, BinaryReaderError> {
    nested(component, DEPTH_MAX)
}

fn nested(component: &[u8], deeper: u32) -> Result<Vec<u8>, BinaryReaderError> {
    let rewritten = sections::rewrite(component, |payload, bytes, encoded| {
        let (id, data) = match payload {
            Payload::ModuleSection { .. } => (ComponentSectionId::CoreModule, module(bytes)?),
            Payload::ComponentSection { .. } if deeper > 0 => (ComponentSectionId::Component, nested(bytes, deeper - 1)?),
            _ => return Ok::<_, BinaryReaderError>(false),
        };
        encoded.section(&RawSection { id: id as u8, data: &data });
        Ok(true)
    })?;
    Ok(rewritten.finish())
}

/// `module` with its small loops written out.
pub(crate) fn module(module: &[u8]) -> Result<Vec<u8>, BinaryReaderError> {
    let mut encoded = Module::new();
    let (mut code, mut left) = (CodeSection::new(), 0);
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::CodeSectionStart { count, .. } => left = count,
            Payload::CodeSectionEntry(function) => {
                match body::unroll(&function, module)? {
                    Some(unrolled) => code.raw(&unrolled),
                    None => code.raw(module.get(function.range()).unwrap_or_default()),
                };
                left -= 1;
                if left == 0 {
                    encoded.section(&code);
                }
            }
            // The places would be wrong.
            Payload::CustomSection(section) if section.name().starts_with(OF_PLACES) => {}
            other => {
                if let Some((id, range)) = other.as_section() {
                    encoded.section(&RawSection { id, data: module.get(range).unwrap_or_default() });
                }
            }
        }
    }
    Ok(encoded.finish())
}

#[cfg(test)]
mod tests;
