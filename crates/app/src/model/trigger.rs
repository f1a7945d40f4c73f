//! A trigger: which event wakes which components. The meaning of `config` belongs to the trigger's kind.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{ComponentId, DependencySource, Inherit};
use crate::problem::Places;

/// One event source and the components that it wakes.
#[derive(Debug, Clone, PartialEq)]
pub struct Trigger {
    /// Its name within the application; generated when the manifest gives none.
    pub id: String,
    /// What kind of event, such as `http`.
    pub kind: String,
    /// The component that is called.
    pub component: Option<ComponentId>,
    /// Further components, by the role that the kind gives them.
    pub components: BTreeMap<String, Vec<ComponentId>>,
    /// Components that a call passes through on its way, outermost first.
    pub middleware: Vec<Middleware>,
    /// Every other key of the trigger's table.
    pub config: Value,
    /// Where the manifest says all this.
    pub places: Places,
}

/// A component that stands between a trigger and the component it calls.
#[derive(Debug, Clone, PartialEq)]
pub struct Middleware {
    /// Where its code comes from.
    pub source: DependencySource,
    /// Which grants of the called component it may use.
    pub inherit: Inherit,
}
