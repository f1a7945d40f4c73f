//! What a WebAssembly binary is, read from its bytes without compiling it: component or core module, what it imports and exports,
//! and which generation of WASI it speaks.

use std::collections::HashSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use wasmparser::{ComponentExternalKind, Encoding, Parser, Payload, Validator};

use crate::proposals::{self, features};
use crate::undenied_name;

/// Which engine a component needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Generation {
    /// WASI 0.2 and everything else without component-model-async.
    P2,
    /// WASI 0.3: the component uses component-model-async.
    P3,
}

/// Which engine programs that are core modules need.
pub(crate) const PROGRAMS: Generation = Generation::P2;

/// An interface, function or module that a binary imports or exports.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Import {
    /// The name without its version, such as `wasi:http/types`; for a core module the module's name.
    pub name: String,
    /// The version, where the name carries one.
    pub version: Option<String>,
    /// What a component calls the import instead; `None` where the import has the name of its interface.
    pub label: Option<String>,
}

/// What a binary is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Shape {
    /// A component.
    Component {
        /// What it imports, in its order.
        imports: Vec<Import>,
        /// What it exports, in its order.
        exports: Vec<Import>,
        /// The engine that it needs.
        generation: Generation,
    },
    /// A core module.
    Module {
        /// The modules that it imports from, each once.
        imports: Vec<Import>,
        /// The names that it exports.
        exports: Vec<String>,
        /// Whether it carries a component type, so that it can be made a component without guessing.
        has_component_type: bool,
    },
}

/// Why bytes are not a WebAssembly binary that could run here.
#[derive(Debug, thiserror::Error)]
pub enum ShapeError {
    /// The bytes do not begin like WebAssembly.
    #[error("this is not WebAssembly: it begins with {0}; build the component first, or check the path")]
    NotWasm(String),
    /// The binary is damaged.
    #[error("the WebAssembly binary does not validate; it is damaged or was built wrongly, so build it again")]
    Invalid(#[source] wasmparser::BinaryReaderError),
    /// The binary uses a proposal that is off here.
    #[error("the WebAssembly binary uses the proposal `{name}`, which is off here; {remedy}")]
    Proposal {
        /// The name of the proposal.
        name: &'static str,
        /// How to build without it.
        remedy: &'static str,
        /// Where it is used.
        source: wasmparser::BinaryReaderError,
    },
}

impl Import {
    /// Splits `name@version`.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text.split_once('@') {
            Some((name, version)) => Self { name: name.to_owned(), version: Some(version.to_owned()), label: None },
            None => Self { name: text.to_owned(), version: None, label: None },
        }
    }

    /// An import called `name`, of the interface that it is said to implement, if it is.
    #[must_use]
    pub fn of(name: &str, implements: Option<&str>) -> Self {
        implements.map_or_else(|| Self::parse(name), |interface| Self { label: Some(name.to_owned()), ..Self::parse(interface) })
    }

    /// What the component calls it, which is where a linker looks for it: its label, or else the interface with its version.
    #[must_use]
    pub fn own_name(&self) -> String {
        match (&self.label, &self.version) {
            (Some(label), _) => label.clone(),
            (None, Some(version)) => format!("{}@{version}", self.name),
            (None, None) => self.name.clone(),
        }
    }

    /// Whether it was renamed so that each call of it is denied.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        undenied_name(self.label.as_ref().unwrap_or(&self.name)).is_some()
    }
}

/// As WIT has it: `wasi:keyvalue/store@0.2.0-draft`, or with a label `cache: wasi:keyvalue/store@0.2.0-draft`.
impl fmt::Display for Import {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.label.iter().try_for_each(|label| write!(f, "{label}: "))?;
        f.write_str(&self.name)?;
        self.version.iter().try_for_each(|version| write!(f, "@{version}"))
    }
}

impl Shape {
    /// Reads what `bytes` are, and validates them.
    ///
    /// # Errors
    /// [`ShapeError`] when they are not a valid WebAssembly binary.
    pub fn of(bytes: &[u8]) -> Result<Self, ShapeError> {
        if !bytes.starts_with(b"\0asm") {
            return Err(ShapeError::NotWasm(beginning(bytes)));
        }
        match read(bytes).map_err(ShapeError::Invalid)? {
            Self::Component { imports, exports, .. } => {
                let generation = generation_of(bytes).map_err(|error| refusal(bytes, error))?;
                Ok(Self::Component { imports, exports, generation })
            }
            module => {
                let mut validator = Validator::new_with_features(features(Generation::P2));
                validator.validate_all(bytes).map_err(|error| refusal(bytes, error))?;
                Ok(module)
            }
        }
    }

    /// What a component exports; a module exports nothing that a trigger could call.
    #[must_use]
    pub fn exports(&self) -> &[Import] {
        match self {
            Self::Component { exports, .. } => exports,
            Self::Module { .. } => &[],
        }
    }

    /// What it imports.
    #[must_use]
    pub fn imports(&self) -> &[Import] {
        match self {
            Self::Component { imports, .. } | Self::Module { imports, .. } => imports,
        }
    }

    /// What it imports under a label, in its order.
    pub fn labelled(&self) -> impl Iterator<Item = (&Import, &str)> {
        self.imports().iter().filter_map(|import| Some((import, import.label.as_deref()?)))
    }
}

/// Whether a host that knows `known` can answer an import of `version`, by the rules of semantic versioning.
pub(crate) fn versions_agree(known: &str, version: &str) -> bool {
    fn bucket(version: &str) -> Option<(u64, u64)> {
        if version.contains('-') {
            return None;
        }
        let mut parts = version.split('.').map(|part| part.parse::<u64>().ok());
        match (parts.next()??, parts.next()??) {
            (0, minor) => Some((0, minor)),
            (major, _) => Some((major, 0)),
        }
    }
    known == version || bucket(known).is_some_and(|known| bucket(version) == Some(known))
}

/// A component needs the async engine exactly when it does not validate without component-model-async.
fn generation_of(bytes: &[u8]) -> Result<Generation, wasmparser::BinaryReaderError> {
    if Validator::new_with_features(features(Generation::P2)).validate_all(bytes).is_ok() {
        return Ok(Generation::P2);
    }
    Validator::new_with_features(features(Generation::P3)).validate_all(bytes).map(|_| Generation::P3)
}

fn refusal(bytes: &[u8], source: wasmparser::BinaryReaderError) -> ShapeError {
    match proposals::culprit(bytes) {
        Some(proposal) => ShapeError::Proposal { name: proposal.name, remedy: proposal.remedy, source },
        None => ShapeError::Invalid(source),
    }
}

fn read(bytes: &[u8]) -> Result<Shape, wasmparser::BinaryReaderError> {
    let (mut imports, mut exports, mut names) = (Vec::new(), Vec::new(), Vec::new());
    // A module may name a million of them.
    let mut seen = HashSet::new();
    let (mut is_component, mut has_component_type, mut depth) = (false, false, 0_usize);
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::Version { encoding, .. } if depth == 0 => is_component = encoding == Encoding::Component,
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            _ if depth > 0 => {}
            Payload::ComponentImportSection(section) => {
                for import in section {
                    let name = import?.name;
                    imports.push(Import::of(name.name, name.implements));
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section {
                    let export = export?;
                    if export.kind != ComponentExternalKind::Type {
                        exports.push(Import::parse(export.name.name));
                    }
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let module = import?.module;
                    if seen.insert(module) {
                        imports.push(Import { name: module.to_owned(), version: None, label: None });
                    }
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    names.push(export?.name.to_owned());
                }
            }
            Payload::CustomSection(section) => has_component_type |= section.name().starts_with("component-type"),
            _ => {}
        }
    }
    Ok(if is_component {
        Shape::Component { imports, exports, generation: Generation::P2 }
    } else {
        Shape::Module { imports, exports: names, has_component_type }
    })
}

fn beginning(bytes: &[u8]) -> String {
    match bytes {
        [] => "nothing, the file is empty".to_owned(),
        _ => format!("`{}`", bytes.iter().take(8).flat_map(|byte| std::ascii::escape_default(*byte)).map(char::from).collect::<String>()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_agree_within_a_compatibility_bucket() {
        assert!(versions_agree("0.2.12", "0.2.0"));
        assert!(versions_agree("3.1.0", "3.0.0"));
        assert!(versions_agree("0.2.0-draft", "0.2.0-draft"));
        assert!(!versions_agree("0.2.0-draft2", "0.2.0-draft"));
        assert!(!versions_agree("0.3.0", "0.3.0-rc-2026-03-15"));
        assert!(!versions_agree("0.2.12", "0.3.0"));
    }

    #[test]
    fn says_what_the_bytes_begin_with() {
        let error = Shape::of(b"{\"json\"").unwrap_err().to_string();
        assert!(error.contains(r#"`{\"json\"`"#), "{error}");
        assert!(Shape::of(b"").unwrap_err().to_string().contains("empty"));
    }
}
