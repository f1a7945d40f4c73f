//! What a core module's sections tell about the toolchain that made it.

use std::collections::BTreeSet;

use wasmparser::{BinaryReaderError, ExternalKind, KnownCustom, Parser, Payload};

/// The facts that decide how a module is adapted.
#[derive(Debug, Default)]
pub(super) struct Anatomy {
    /// Imports as pairs of module and name.
    pub(super) imports: Vec<(String, String)>,
    /// The functions that it exports.
    pub(super) functions: BTreeSet<String>,
    /// The version of clang that worked on it, from its producers.
    pub(super) clang: Option<String>,
    /// Whether it carries a component type.
    pub(super) has_component_type: bool,
}

impl Anatomy {
    pub(super) fn of(module: &[u8]) -> Result<Self, BinaryReaderError> {
        let mut anatomy = Self::default();
        for payload in Parser::new(0).parse_all(module) {
            match payload? {
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let import = import?;
                        anatomy.imports.push((import.module.to_owned(), import.name.to_owned()));
                    }
                }
                Payload::ExportSection(section) => {
                    for export in section {
                        let export = export?;
                        if export.kind == ExternalKind::Func {
                            anatomy.functions.insert(export.name.to_owned());
                        }
                    }
                }
                Payload::CustomSection(section) => {
                    anatomy.has_component_type |= section.name().starts_with("component-type");
                    if let KnownCustom::Producers(producers) = section.as_known() {
                        anatomy.clang = clang(producers).or(anatomy.clang);
                    }
                }
                _ => {}
            }
        }
        Ok(anatomy)
    }

    /// Whether it imports anything from `module`.
    pub(super) fn imports_from(&self, module: &str) -> bool {
        self.imports.iter().any(|(from, _)| from == module)
    }

    /// Whether it imports anything that `wanted` holds for, given module and name.
    pub(super) fn imports_any(&self, wanted: impl Fn(&str, &str) -> bool) -> bool {
        self.imports.iter().any(|(module, name)| wanted(module, name))
    }

    /// Whether a canonical-ABI allocator shows that wit-bindgen made it.
    pub(super) fn has_bindgen_allocator(&self) -> bool {
        ["cabi_realloc", "canonical_abi_realloc"].iter().any(|name| self.functions.contains(*name))
    }
}

/// Producers are only a hint, so what does not parse there is as good as absent.
fn clang(producers: wasmparser::ProducersSectionReader<'_>) -> Option<String> {
    let fields = producers.into_iter().flatten().filter(|field| field.name == "processed-by");
    fields.flat_map(|field| field.values.into_iter().flatten()).find(|value| value.name == "clang").map(|value| value.version.to_owned())
}
