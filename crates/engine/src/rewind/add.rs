//! Adds to a component what rewinding needs: functions in its core modules, and exports that lead to them.

use serde::{Deserialize, Serialize};
use wasm_encoder::{
    CanonicalFunctionSection, CanonicalOption, Component, ComponentAliasSection, ComponentExportKind, ComponentExportSection,
    ComponentSectionId, ComponentTypeSection, ComponentValType, ExportKind, PrimitiveValType, RawSection,
};
use wasmparser::Payload;

use super::module::Obstacle;
use super::plan::{Plan, Taken};
use super::{BASE, RESTORE, SAVE, numbered};
use crate::sections;

/// The core function that takes back what [`BASE`] wrote.
pub(super) const FORGET: &str = "coracle-rewind-forget";
/// Under which name the memory's module exports it here.
pub(super) const MEMORY: &str = "coracle-rewind-memory";

/// What was added to a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Marks {
    /// Modules with functions that keep globals and put them back.
    pub(crate) modules: usize,
}

/// `component` with what rewinding needs, or why it cannot be rewound.
pub(crate) fn add(component: &[u8]) -> Result<(Vec<u8>, Marks), Obstacle> {
    let plan = Plan::of(component)?;
    let mut modules = plan.modules.iter();
    let mut encoded = sections::rewrite(component, |payload, bytes, encoded| {
        let planned = if matches!(payload, Payload::ModuleSection { .. }) { modules.next() } else { None };
        let Some(planned) = planned.filter(|planned| planned.instance.is_some() && planned.module.is_changed()) else { return Ok(false) };
        encoded.section(&RawSection { id: ComponentSectionId::CoreModule as u8, data: &planned.module.add(bytes)? });
        Ok::<_, Obstacle>(true)
    })?;
    let marks = Tail::of(plan).write(&mut encoded);
    Ok((encoded.finish(), marks))
}

/// The sections at the end.
struct Tail {
    plan: Plan,
    taken: Taken,
    aliases: ComponentAliasSection,
    types: ComponentTypeSection,
    lifts: CanonicalFunctionSection,
    exports: ComponentExportSection,
}

impl Tail {
    fn of(plan: Plan) -> Self {
        let taken = plan.taken;
        Self {
            plan,
            taken,
            aliases: ComponentAliasSection::new(),
            types: ComponentTypeSection::new(),
            lifts: CanonicalFunctionSection::new(),
            exports: ComponentExportSection::new(),
        }
    }

    fn write(mut self, component: &mut Component) -> Marks {
        let (plain, list, listing) = (self.taken.types, self.taken.types + 1, self.taken.types + 2);
        self.types.function().params(NO_PARAMETERS).result(None);
        self.types.defined_type().list(ComponentValType::Primitive(PrimitiveValType::U8));
        self.types.function().params(NO_PARAMETERS).result(Some(ComponentValType::Type(list)));

        let mut marks = Marks { modules: 0 };
        for planned in std::mem::take(&mut self.plan.modules) {
            let Some(instance) = planned.instance else { continue };
            if !planned.module.globals.is_empty() {
                for name in [SAVE, RESTORE] {
                    let function = self.core_function(instance, name);
                    self.export(&numbered(name, marks.modules), function, plain, []);
                }
                marks.modules += 1;
            }
            if planned.module.has_memory {
                self.alias(instance, ExportKind::Memory, MEMORY);
                let memory = self.taken.core_memories;
                self.taken.core_memories += 1;
                let forget = self.core_function(instance, FORGET);
                let base = self.core_function(instance, BASE);
                self.export(BASE, base, listing, [CanonicalOption::Memory(memory), CanonicalOption::PostReturn(forget)]);
            }
        }
        component.section(&self.types).section(&self.aliases).section(&self.lifts).section(&self.exports);
        marks
    }

    fn core_function(&mut self, instance: u32, name: &str) -> u32 {
        self.alias(instance, ExportKind::Func, name);
        self.taken.core_functions += 1;
        self.taken.core_functions - 1
    }

    fn alias(&mut self, instance: u32, kind: ExportKind, name: &str) {
        self.aliases.alias(wasm_encoder::Alias::CoreInstanceExport { instance, kind, name });
    }

    fn export<const N: usize>(&mut self, name: &str, function: u32, ty: u32, options: [CanonicalOption; N]) {
        self.lifts.lift(function, ty, options);
        // Lifts stand before exports, so they take the first indices; exports take theirs after all of them.
        self.exports.export(name, ComponentExportKind::Func, self.taken.functions, None);
        self.taken.functions += 1;
    }
}

const NO_PARAMETERS: [(&str, ComponentValType); 0] = [];
