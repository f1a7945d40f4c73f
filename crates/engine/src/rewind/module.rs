//! One core module: whether its state can be put back, and the functions that keep and put back its globals.

use std::collections::BTreeMap;

use wasm_encoder::reencode::{Reencode as _, RoundtripReencoder};
use wasm_encoder::{
    CodeSection, ConstExpr, ExportKind, ExportSection, Function, FunctionSection, GlobalSection, GlobalType, MemArg, RawSection, SectionId,
    TypeSection, ValType,
};
use wasmparser::{BinaryReaderError, FunctionBody, Operator, Parser, Payload, TypeRef};

use super::{BASE, RESERVED, RESTORE, SAVE};

/// Why a component is not rewound.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Obstacle {
    #[error("it does not parse")]
    Invalid(#[from] BinaryReaderError),
    #[error("it has components inside, or modules from outside")]
    Nested,
    #[error("it makes two instances of one module")]
    Twice,
    #[error("it has resources of its own")]
    Resources,
    #[error("it has no memory of the ordinary kind, or more than one")]
    Memories,
    #[error("it has many modules with globals")]
    Modules,
    #[error("a global holds a reference")]
    Global,
    #[error("it changes its tables, or drops segments")]
    Tables,
    #[error("it uses names that are reserved")]
    Reserved,
    #[error("it cannot be written back: {0}")]
    Encode(String),
}

/// What of a module counts here.
#[derive(Debug, Default)]
pub(super) struct Module {
    /// Whether it defines a memory.
    pub(super) has_memory: bool,
    /// The mutable globals that it defines, with their types.
    pub(super) globals: Vec<(u32, ValType)>,
    types: u32,
    functions: u32,
    all_globals: u32,
}

impl Module {
    /// Reads `module`.
    pub(super) fn of(module: &[u8]) -> Result<Self, Obstacle> {
        let mut found = Self::default();
        let mut imports_memory = false;
        for payload in Parser::new(0).parse_all(module) {
            match payload? {
                Payload::TypeSection(section) => found.types = section.into_iter_err_on_gc_types().count().try_into().unwrap_or(u32::MAX),
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        match import?.ty {
                            TypeRef::Func(_) | TypeRef::FuncExact(_) => found.functions += 1,
                            TypeRef::Global(_) => found.all_globals += 1,
                            TypeRef::Memory(_) => imports_memory = true,
                            _ => {}
                        }
                    }
                }
                Payload::FunctionSection(section) => found.functions += section.count(),
                Payload::MemorySection(section) => {
                    for memory in section {
                        let memory = memory?;
                        let is_ordinary = !memory.memory64 && !memory.shared && memory.page_size_log2.is_none() && memory.initial > 0;
                        if !is_ordinary || std::mem::replace(&mut found.has_memory, true) {
                            return Err(Obstacle::Memories);
                        }
                    }
                }
                Payload::GlobalSection(section) => {
                    for global in section {
                        let ty = global?.ty;
                        if ty.mutable {
                            found.globals.push((found.all_globals, number(ty.content_type)?));
                        }
                        found.all_globals += 1;
                    }
                }
                Payload::ExportSection(section) => {
                    for export in section {
                        if export?.name.starts_with(RESERVED) {
                            return Err(Obstacle::Reserved);
                        }
                    }
                }
                Payload::CodeSectionEntry(body) => check(&body)?,
                _ => {}
            }
        }
        if found.has_memory && imports_memory { Err(Obstacle::Memories) } else { Ok(found) }
    }

    /// Whether anything has to be added to it.
    pub(super) fn is_changed(&self) -> bool {
        self.has_memory || !self.globals.is_empty()
    }

    /// `module` with what is added to it: shadows of its globals, and the functions of [`super`].
    pub(super) fn add(&self, module: &[u8]) -> Result<Vec<u8>, Obstacle> {
        let mut sections = Sections::read(module)?;
        let shadow = |position: usize| self.all_globals + u32::try_from(position).unwrap_or(u32::MAX);
        // The shadow of the bytes that `BASE` overwrites for a moment stands after those of the globals.
        let kept = shadow(self.globals.len());
        for (_, ty) in &self.globals {
            sections.globals.global(GlobalType { val_type: *ty, mutable: true, shared: false }, &zero(*ty));
        }
        let mut new = Added { sections: &mut sections, types: self.types, functions: self.functions };
        if !self.globals.is_empty() {
            let pairs = || self.globals.iter().enumerate().map(|(position, (global, _))| (*global, shadow(position)));
            new.function(SAVE, (&[], &[]), &copies(pairs()));
            new.function(RESTORE, (&[], &[]), &copies(pairs().map(|(global, shadow)| (shadow, global))));
        }
        if self.has_memory {
            new.sections.globals.global(GlobalType { val_type: ValType::I64, mutable: true, shared: false }, &zero(ValType::I64));
            new.function(BASE, (&[], &[ValType::I32]), &base(kept));
            new.function(super::add::FORGET, (&[ValType::I32], &[]), &forget(kept));
            new.sections.exports.export(super::add::MEMORY, ExportKind::Memory, 0);
        }
        Ok(sections.finish())
    }
}

/// Only numbers are kept.
fn number(ty: wasmparser::ValType) -> Result<ValType, Obstacle> {
    match ty {
        wasmparser::ValType::I32 => Ok(ValType::I32),
        wasmparser::ValType::I64 => Ok(ValType::I64),
        wasmparser::ValType::F32 => Ok(ValType::F32),
        wasmparser::ValType::F64 => Ok(ValType::F64),
        wasmparser::ValType::V128 => Ok(ValType::V128),
        wasmparser::ValType::Ref(_) => Err(Obstacle::Global),
    }
}

fn zero(ty: ValType) -> ConstExpr {
    match ty {
        ValType::I64 => ConstExpr::i64_const(0),
        ValType::F32 => ConstExpr::f32_const(0.0.into()),
        ValType::F64 => ConstExpr::f64_const(0.0.into()),
        ValType::V128 => ConstExpr::v128_const(0),
        _ => ConstExpr::i32_const(0),
    }
}

/// Refuses what would change state that is neither memory nor a global.
fn check(body: &FunctionBody<'_>) -> Result<(), Obstacle> {
    use Operator as O;
    for operator in body.get_operators_reader()? {
        if matches!(
            operator?,
            O::TableSet { .. }
                | O::TableGrow { .. }
                | O::TableFill { .. }
                | O::TableCopy { .. }
                | O::TableInit { .. }
                | O::ElemDrop { .. }
                | O::DataDrop { .. }
        ) {
            return Err(Obstacle::Tables);
        }
    }
    Ok(())
}

/// Copies each first global to the second.
fn copies(pairs: impl Iterator<Item = (u32, u32)>) -> Function {
    let mut function = Function::new([]);
    for (from, to) in pairs {
        function.instructions().global_get(from).global_set(to);
    }
    function.instructions().end();
    function
}

const AT_START: MemArg = MemArg { offset: 0, align: 0, memory_index: 0 };

/// Answers a list of the memory's first byte: its address is what the host wants. The list's own two words stand there for a moment.
fn base(kept: u32) -> Function {
    const FIRST_BYTE: i64 = 1 << 32;
    let mut function = Function::new([]);
    function.instructions().i32_const(0).i64_load(AT_START).global_set(kept);
    function.instructions().i32_const(0).i64_const(FIRST_BYTE).i64_store(AT_START);
    function.instructions().i32_const(0).end();
    function
}

fn forget(kept: u32) -> Function {
    let mut function = Function::new([]);
    function.instructions().i32_const(0).global_get(kept).i64_store(AT_START).end();
    function
}

/// Where functions are added.
struct Added<'a> {
    sections: &'a mut Sections,
    types: u32,
    functions: u32,
}

impl Added<'_> {
    fn function(&mut self, name: &str, (params, results): (&[ValType], &[ValType]), body: &Function) {
        self.sections.types.ty().function(params.iter().copied(), results.iter().copied());
        self.sections.functions.function(self.types);
        self.sections.code.function(body);
        self.sections.exports.export(name, ExportKind::Func, self.functions);
        self.types += 1;
        self.functions += 1;
    }
}

/// A module taken apart: the sections that are added to, and all others as they stand.
#[derive(Default)]
struct Sections {
    types: TypeSection,
    functions: FunctionSection,
    globals: GlobalSection,
    exports: ExportSection,
    code: CodeSection,
    others: BTreeMap<u8, Vec<u8>>,
    custom: Vec<Vec<u8>>,
}

impl Sections {
    fn read(module: &[u8]) -> Result<Self, Obstacle> {
        let mut sections = Self::default();
        let wrong = |error: wasm_encoder::reencode::Error| Obstacle::Encode(error.to_string());
        let mut encoder = RoundtripReencoder;
        for payload in Parser::new(0).parse_all(module) {
            match payload? {
                Payload::TypeSection(section) => encoder.parse_type_section(&mut sections.types, section).map_err(wrong)?,
                Payload::FunctionSection(section) => encoder.parse_function_section(&mut sections.functions, section).map_err(wrong)?,
                Payload::GlobalSection(section) => encoder.parse_global_section(&mut sections.globals, section).map_err(wrong)?,
                Payload::ExportSection(section) => encoder.parse_export_section(&mut sections.exports, section).map_err(wrong)?,
                Payload::CodeSectionStart { .. } => {}
                Payload::CodeSectionEntry(body) => {
                    sections.code.raw(module.get(body.range()).unwrap_or_default());
                }
                other => {
                    let Some((id, range)) = other.as_section() else { continue };
                    let data = module.get(range).unwrap_or_default().to_vec();
                    if id == SectionId::Custom as u8 {
                        sections.custom.push(data);
                    } else {
                        sections.others.insert(id, data);
                    }
                }
            }
        }
        Ok(sections)
    }

    fn finish(&self) -> Vec<u8> {
        let mut module = wasm_encoder::Module::new();
        for id in ORDER {
            match *id {
                SectionId::Type => _ = module.section(&self.types),
                SectionId::Function => _ = module.section(&self.functions),
                SectionId::Global => _ = module.section(&self.globals),
                SectionId::Export => _ = module.section(&self.exports),
                SectionId::Code => _ = module.section(&self.code),
                other => {
                    let id = other as u8;
                    if let Some(data) = self.others.get(&id) {
                        module.section(&RawSection { id, data });
                    }
                }
            }
        }
        for data in &self.custom {
            module.section(&RawSection { id: SectionId::Custom as u8, data });
        }
        module.finish()
    }
}

/// The order in which a module's sections stand.
const ORDER: &[SectionId] = &[
    SectionId::Type,
    SectionId::Import,
    SectionId::Function,
    SectionId::Table,
    SectionId::Memory,
    SectionId::Tag,
    SectionId::Global,
    SectionId::Export,
    SectionId::Start,
    SectionId::Element,
    SectionId::DataCount,
    SectionId::Code,
    SectionId::Data,
];
