//! Small loops are written out several times before a module is compiled, so that the engine's check whether the guest may go on, which it
//! makes at the head of each loop, is made once for several turns. A loop of a few instructions took a third longer with the check at
//! each. See `docs/decisions/013-small-loops.md`.

mod body;

use wasm_encoder::{CodeSection, Component, ComponentSectionId, Module, RawSection};
use wasmparser::{BinaryReaderError, Parser, Payload};

/// How the names of custom sections begin that speak of places in the code.
const OF_PLACES: &str = "metadata.code.";

/// Components inside components that are looked into; what lies deeper stays as it is. Tools make two or three.
const DEPTH_MAX: u32 = 8;

/// `component` with the small loops of its modules written out, also of those in components inside it.
pub(crate) fn component(component: &[u8]) -> Result<Vec<u8>, BinaryReaderError> {
    nested(component, DEPTH_MAX)
}

fn nested(component: &[u8], deeper: u32) -> Result<Vec<u8>, BinaryReaderError> {
    let mut encoded = Component::new();
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(component) {
        let payload = payload?;
        if depth == 0
            && let Some((id, range)) = payload.as_section()
        {
            let data = component.get(range).unwrap_or_default();
            let changed = match payload {
                Payload::ModuleSection { .. } => Some((ComponentSectionId::CoreModule, module(data)?)),
                Payload::ComponentSection { .. } if deeper > 0 => Some((ComponentSectionId::Component, nested(data, deeper - 1)?)),
                _ => None,
            };
            match changed {
                Some((id, data)) => encoded.section(&RawSection { id: id as u8, data: &data }),
                None => encoded.section(&RawSection { id, data }),
            };
        }
        match payload {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(encoded.finish())
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
