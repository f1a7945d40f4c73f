//! Gives imports and exports of a component other names. Only the outermost import and export sections are encoded anew; everything
//! else, the code above all, is copied as it stands.

use crate::{Import, sections};
use wasm_encoder::reencode::{ReencodeComponent, RoundtripReencoder};
use wasm_encoder::{ComponentExportSection, ComponentExternName, ComponentImportSection, ComponentSection};
use wasmparser::{ComponentExportSectionReader, ComponentImportSectionReader, Encoding, Payload};

/// Why names cannot be rewritten.
#[derive(Debug, thiserror::Error)]
pub enum RenameError {
    /// The bytes do not parse.
    #[error("the component is damaged; build it again")]
    Invalid(#[from] wasmparser::BinaryReaderError),
    /// They are a core module.
    #[error("only a component's imports can be renamed, and this is a core module")]
    Module,
    /// It was built for a release candidate, and one of its imports changed before the release.
    #[error(
        "the component was built for WASI {candidate} and imports `{function}`, which changed before the release; build it for WASI {release}"
    )]
    Changed {
        /// The function.
        function: String,
        /// The version that it was built for.
        candidate: &'static str,
        /// The version to build it for.
        release: &'static str,
    },
    /// A section cannot be written back.
    #[error("the names of the component cannot be rewritten: {0}")]
    Encode(String),
}

/// The component in `bytes` with each import renamed for which `rename` has a new name.
///
/// # Errors
/// [`RenameError`] when the bytes are no component.
pub fn rename_imports(bytes: &[u8], rename: impl Fn(&Import) -> Option<String>) -> Result<Vec<u8>, RenameError> {
    rewrite(bytes, &rename, &|_| None)
}

pub(super) fn rewrite(
    bytes: &[u8],
    import: &dyn Fn(&Import) -> Option<String>,
    export: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<u8>, RenameError> {
    let component = sections::rewrite(bytes, |payload, _, component| {
        match payload {
            Payload::Version { encoding: Encoding::Module, .. } => return Err(RenameError::Module),
            Payload::ComponentImportSection(section) => component.section(&imports(section.clone(), import)?),
            Payload::ComponentExportSection(section) => component.section(&exports(section.clone(), export)?),
            _ => return Ok(false),
        };
        Ok(true)
    })?;
    Ok(component.finish())
}

fn imports(
    section: ComponentImportSectionReader<'_>,
    rename: &dyn Fn(&Import) -> Option<String>,
) -> Result<impl ComponentSection, RenameError> {
    let mut imports = ComponentImportSection::new();
    for import in section {
        let import = import?;
        let ty = RoundtripReencoder.component_type_ref(import.ty).map_err(|error| RenameError::Encode(error.to_string()))?;
        let renamed = rename(&Import::of(import.name.name, import.name.implements));
        imports.import(name(import.name, renamed), ty);
    }
    Ok(imports)
}

fn exports(
    section: ComponentExportSectionReader<'_>,
    rename: &dyn Fn(&str) -> Option<String>,
) -> Result<impl ComponentSection, RenameError> {
    let mut exports = ComponentExportSection::new();
    for export in section {
        let export = export?;
        let ty = export.ty.map(|ty| RoundtripReencoder.component_type_ref(ty)).transpose();
        let ty = ty.map_err(|error| RenameError::Encode(error.to_string()))?;
        let index = RoundtripReencoder.component_external_index(export.kind, export.index);
        exports.export(name(export.name, rename(export.name.name)), RoundtripReencoder.component_export_kind(export.kind), index, ty);
    }
    Ok(exports)
}

fn name(old: wasmparser::ComponentExternName<'_>, renamed: Option<String>) -> ComponentExternName<'_> {
    ComponentExternName {
        name: renamed.map_or(old.name.into(), Into::into),
        implements: old.implements.map(Into::into),
        version_suffix: old.version_suffix.map(Into::into),
        external_id: old.external_id.map(Into::into),
    }
}
