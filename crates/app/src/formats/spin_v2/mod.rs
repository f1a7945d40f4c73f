//! `spin.toml` version 2. `coracle.toml` is read by the same code, with its own keys allowed.
//! A tree is checked against the schema, brought into its normal form, and then lowered to an `App`.

mod component;
mod dependency;
mod grants;
mod normal;
mod reader;
pub(crate) mod schema;
mod shape;
pub(crate) mod tables;
mod trigger;

use std::collections::BTreeMap;

use super::ManifestFormat;
use crate::document::{At, Node, OwnKeys, Problems, check, nearest};
use crate::model::{App, Format, NameStyle, Variable};
use component::Surroundings;
use reader::Reader;
use tables::{ApplicationTable, VariableTable};

/// `spin.toml` version 2.
pub(super) const FORMAT: ManifestFormat =
    ManifestFormat { format: Format::SpinV2, load: |root, profile, problems| load(root, Format::SpinV2, profile, problems) };

/// An application with more components than this is refused.
pub(crate) const COMPONENTS_MAX: usize = 1_000;
/// An application with more triggers than this is refused.
pub(crate) const TRIGGERS_MAX: usize = 10_000;
/// An application with more variables than this is refused.
pub(crate) const VARIABLES_MAX: usize = 10_000;

/// Checks the structure of a tree and lowers it; `None` when there is no telling what the application is.
pub(crate) fn load(mut root: Node, format: Format, profile: Option<&str>, problems: &mut Problems<'_>) -> Option<App> {
    let own_keys = if matches!(format, Format::SpinV1 | Format::SpinV2) { OwnKeys::Refused } else { OwnKeys::Allowed };
    let dirty = check(&shape::MANIFEST, &root, own_keys, problems);
    if !within_bounds(&root, problems) {
        return None;
    }
    normal::normalise(&mut root, profile, problems);
    // Components written in place count too, and only now are they listed with the others.
    if !within_bounds(&root, problems) {
        return None;
    }
    let at = At::root(&root);
    let mut reader = Reader { problems, dirty: &dirty, format };

    let application = reader.read::<ApplicationTable>(at.child("application"));
    let variables = variables(at.child("variables"), &mut reader);
    let around = Surroundings::new(at);
    let components = component::lower_all(at.child("component"), &around, &mut reader);
    let triggers = trigger::lower_all(at.child("trigger"), &components, &around, &mut reader);
    trigger::check_settings(at.child("application").child("trigger"), format, &mut reader);
    if triggers.is_empty() && !reader.problems.has_errors() {
        reader.problems.warn(at.child("trigger").key, "the application has no triggers, so nothing can call it");
    }
    let application = application?;
    Some(App {
        name: application.name,
        version: application.version,
        description: application.description,
        authors: application.authors,
        format,
        variables,
        components,
        triggers,
        trigger_settings: application.trigger.into_iter().map(|(kind, table)| (kind, table.into())).collect(),
        targets: application.targets.into_iter().map(component::target).collect(),
        warnings: Vec::new(),
    })
}

fn within_bounds(root: &Node, problems: &mut Problems<'_>) -> bool {
    let at = At::root(root);
    let triggers = at.child("trigger").entries().map(|(_, kind)| kind.items().count()).sum();
    let counts = [
        ("components", at.child("component"), at.child("component").entries().count(), COMPONENTS_MAX),
        ("variables", at.child("variables"), at.child("variables").entries().count(), VARIABLES_MAX),
        ("triggers", at.child("trigger"), triggers, TRIGGERS_MAX),
    ];
    let mut within = true;
    for (what, at, count, max) in counts {
        if count > max {
            within = false;
            problems.error(
                at.key,
                format!("{count} {what} are more than the {max} that one application may have"),
                "split the application",
            );
        }
    }
    within
}

fn variables(at: At<'_>, reader: &mut Reader<'_, '_>) -> BTreeMap<String, Variable> {
    let mut variables = BTreeMap::new();
    for (name, at) in at.entries() {
        reader.check_name(NameStyle::LowerSnake, "variable", name, at.key);
        let Some(table) = reader.read::<VariableTable>(at) else {
            continue;
        };
        if !reader.is_touched(at) && table.required == table.default.is_some() {
            reader.problems.error(
                at.key,
                format!("variable `{name}` must be `required` OR have a `default`"),
                if table.required { "remove one of the two" } else { "add `required = true` or `default = \"…\"`" },
            );
        }
        let VariableTable { description, default, required, secret } = table;
        variables.insert(name.to_owned(), Variable { description, default, required, secret });
    }
    variables
}

/// Reports a reference to a component that the manifest does not have.
fn unknown_component(id: &str, around: &Surroundings<'_>, at: At<'_>, reader: &mut Reader<'_, '_>) {
    let remedy = match nearest(id, around.components.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("add `[component.{id}]`"),
    };
    reader.problems.error(at.start, format!("component `{id}` does not exist"), remedy);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::rust_source;

    #[test]
    fn the_shape_is_that_of_the_tables() {
        expect_test::expect_file!["shape.rs"].assert_eq(&rust_source(&schema::manifest()));
    }
}
