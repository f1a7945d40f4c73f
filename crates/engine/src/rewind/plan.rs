//! Reads whether all state of a component can be put back, and what has to be known to add to it.

use wasmparser::{
    BinaryReaderError, CanonicalFunction, ComponentAlias, ComponentExternalKind, ComponentOuterAliasKind, ComponentType, ComponentTypeRef,
    ExternalKind, Instance, Parser, Payload,
};

use super::module::{Module, Obstacle};
use super::{MODULES_MAX, RESERVED};

/// A component that can be rewound.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Its core modules, in order.
    pub(super) modules: Vec<Planned>,
    /// How much of each index space is taken, at the end of the component.
    pub(super) taken: Taken,
}

/// A core module of it.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) module: Module,
    /// The only instance that is made of it.
    pub(super) instance: Option<u32>,
}

/// Indices that are taken.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Taken {
    pub(super) core_functions: u32,
    pub(super) core_memories: u32,
    pub(super) core_instances: u32,
    pub(super) types: u32,
    pub(super) functions: u32,
}

impl Plan {
    /// The plan for `component`, or why it cannot be rewound.
    pub(super) fn of(component: &[u8]) -> Result<Self, Obstacle> {
        let mut plan = Self::default();
        let mut depth = 0_usize;
        for payload in Parser::new(0).parse_all(component) {
            let payload = payload?;
            match &payload {
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ModuleSection { unchecked_range, .. } if depth == 0 => {
                    plan.module(component.get(unchecked_range.clone()).unwrap_or_default())?
                }
                // What a component inside makes of its own modules is out of reach from here.
                Payload::ModuleSection { .. } | Payload::InstanceSection(_) if depth > 0 => return Err(Obstacle::Nested),
                payload if depth == 0 => plan.count(payload)?,
                _ => {}
            }
            if matches!(payload, Payload::ModuleSection { .. } | Payload::ComponentSection { .. }) {
                depth += 1;
            }
        }
        plan.finish()
    }

    fn module(&mut self, module: &[u8]) -> Result<(), Obstacle> {
        self.modules.push(Planned { module: Module::of(module)?, instance: None });
        Ok(())
    }

    fn count(&mut self, payload: &Payload<'_>) -> Result<(), Obstacle> {
        match payload {
            Payload::InstanceSection(section) => section.clone().into_iter().try_for_each(|instance| self.instance(&instance?)),
            Payload::ComponentAliasSection(section) => section.clone().into_iter().try_for_each(|alias| self.alias(&alias?)),
            Payload::ComponentTypeSection(section) => section.clone().into_iter().try_for_each(|ty| self.ty(&ty?)),
            Payload::ComponentCanonicalSection(section) => each(section.clone(), |function| {
                match function {
                    CanonicalFunction::Lift { .. } => self.taken.functions += 1,
                    _ => self.taken.core_functions += 1,
                }
                Ok(())
            }),
            Payload::ComponentImportSection(section) => each(section.clone(), |import| match import.ty {
                ComponentTypeRef::Module(_) => Err(Obstacle::Nested),
                ComponentTypeRef::Func(_) => {
                    self.taken.functions += 1;
                    Ok(())
                }
                ComponentTypeRef::Type(_) => {
                    self.taken.types += 1;
                    Ok(())
                }
                _ => Ok(()),
            }),
            Payload::ComponentExportSection(section) => each(section.clone(), |export| {
                if export.name.name.starts_with(RESERVED) {
                    return Err(Obstacle::Reserved);
                }
                self.item(export.kind)
            }),
            Payload::ComponentStartSection { .. } => Err(Obstacle::Nested),
            _ => Ok(()),
        }
    }

    fn instance(&mut self, instance: &Instance<'_>) -> Result<(), Obstacle> {
        if let Instance::Instantiate { module_index, .. } = instance {
            let module = self.modules.get_mut(*module_index as usize).ok_or(Obstacle::Nested)?;
            if module.instance.replace(self.taken.core_instances).is_some() {
                return Err(Obstacle::Twice);
            }
        }
        self.taken.core_instances += 1;
        Ok(())
    }

    fn alias(&mut self, alias: &ComponentAlias<'_>) -> Result<(), Obstacle> {
        match alias {
            ComponentAlias::CoreInstanceExport { kind: ExternalKind::Func, .. } => self.taken.core_functions += 1,
            ComponentAlias::CoreInstanceExport { kind: ExternalKind::Memory, .. } => self.taken.core_memories += 1,
            ComponentAlias::CoreInstanceExport { .. } => {}
            ComponentAlias::InstanceExport { kind, .. } => self.item(*kind)?,
            ComponentAlias::Outer { kind: ComponentOuterAliasKind::Type, .. } => self.taken.types += 1,
            ComponentAlias::Outer { kind: ComponentOuterAliasKind::CoreModule, .. } => return Err(Obstacle::Nested),
            ComponentAlias::Outer { .. } => {}
        }
        Ok(())
    }

    fn ty(&mut self, ty: &ComponentType<'_>) -> Result<(), Obstacle> {
        self.taken.types += 1;
        // Handles to a component's own resources can stay behind in it, where the host does not see them.
        if matches!(ty, ComponentType::Resource { .. }) { Err(Obstacle::Resources) } else { Ok(()) }
    }

    fn item(&mut self, kind: ComponentExternalKind) -> Result<(), Obstacle> {
        match kind {
            ComponentExternalKind::Module => return Err(Obstacle::Nested),
            ComponentExternalKind::Func => self.taken.functions += 1,
            ComponentExternalKind::Type => self.taken.types += 1,
            _ => {}
        }
        Ok(())
    }

    fn finish(self) -> Result<Self, Obstacle> {
        let made = || self.modules.iter().filter(|module| module.instance.is_some());
        if made().filter(|planned| planned.module.has_memory).count() != 1 {
            return Err(Obstacle::Memories);
        }
        if made().filter(|planned| !planned.module.globals.is_empty()).count() > MODULES_MAX {
            return Err(Obstacle::Modules);
        }
        Ok(self)
    }
}

fn each<'a, T: wasmparser::FromReader<'a> + 'a>(
    section: wasmparser::SectionLimited<'a, T>,
    mut one: impl FnMut(T) -> Result<(), Obstacle>,
) -> Result<(), Obstacle> {
    section.into_iter().try_for_each(|item: Result<T, BinaryReaderError>| one(item?))
}
