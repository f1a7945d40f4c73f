//! `wasmcloud:bus/lattice`: a component that was granted several labels of one capability chooses at run time which of them the calls of
//! an interface go to. It reaches nothing that was not granted; which interfaces follow a link is their capability's to say.

mod host;

#[cfg(test)]
mod tests;

use coracle_engine::{
    About, Bound, Capability, DEFAULT_LABEL, Generation, Grant, GrantError, GrantRequest, InstanceState, Interface, Linkable,
};
use wasmtime::component::Linker;

use crate::ALL;

/// Links that are chosen at run time.
pub struct Bus;

/// The longest name of an interface, and of a link, that is kept.
const NAME_BYTES_MAX: usize = 128;

/// An interface that a guest names, as `namespace:package/interface`. One with too long a name is none.
#[derive(Debug, Clone)]
pub struct Target(String);

/// Why a link is not chosen. Guests get the text.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum LinkError {
    /// No capability lets the label of this interface be chosen.
    #[error("`{0}` does not follow links; name what you mean where you open it")]
    Interface(String),
    /// The component was not granted the label.
    #[error("`{interface}` has no link `{link}`; grant the component that label")]
    Link {
        /// The interface.
        interface: &'static str,
        /// The link that was asked for.
        link: String,
    },
}

/// An interface that follows links, of one capability.
struct Place {
    capability: &'static dyn Capability,
    interface: &'static str,
    has_link: bool,
}

impl Target {
    fn new(namespace: &str, package: &str, interface: &str) -> Self {
        let bytes = namespace.len().saturating_add(package.len()).saturating_add(interface.len());
        let is_kept = bytes <= NAME_BYTES_MAX;
        Self(if is_kept { format!("{namespace}:{package}/{interface}") } else { "an interface with so long a name".to_owned() })
    }

    /// Where the calls of this interface are answered, and whether the link `name` is there.
    fn find(&self, instance: &mut InstanceState, name: &str) -> Result<Place, LinkError> {
        let place = ALL.iter().find_map(|capability| {
            let Linkable { interfaces, labels, .. } = capability.linkable(instance)?;
            let interface = interfaces.iter().find(|interface| **interface == self.0)?;
            // The way back is always there.
            let has_link = name == DEFAULT_LABEL || labels.iter().any(|label| label == name);
            Some(Place { capability: *capability, interface, has_link })
        });
        place.ok_or_else(|| LinkError::Interface(self.0.clone()))
    }
}

impl Place {
    fn choose(&self, instance: &mut InstanceState, name: &str) {
        if let Some(linkable) = self.capability.linkable(instance) {
            linkable.links.choose(self.interface, name);
        }
    }
}

/// Lets the calls of all `targets` go to the link `name`, or of none where one has no such link.
fn link(instance: &mut InstanceState, name: &str, targets: &[Target]) -> Result<(), LinkError> {
    let mut places = Vec::with_capacity(targets.len());
    for target in targets {
        let place = target.find(instance, name)?;
        if !place.has_link {
            return Err(LinkError::Link { interface: place.interface, link: cut(name).to_owned() });
        }
        places.push(place);
    }
    places.iter().for_each(|place| place.choose(instance, name));
    Ok(())
}

/// The same for guests that cannot be told of an error here: where there is no such link, later calls tell of it.
fn link_untold(instance: &mut InstanceState, name: &str, targets: &[Target]) {
    for target in targets {
        match target.find(instance, name) {
            Ok(place) => place.choose(instance, cut(name)),
            Err(error) => {
                let component = &instance.identity().component;
                tracing::debug!(component, "a link cannot be chosen: {error}");
            }
        }
    }
}

/// The beginning of a name that is too long for a label to be told by.
fn cut(name: &str) -> &str {
    let mut end = name.len().min(NAME_BYTES_MAX);
    while !name.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    name.split_at(end).0
}

impl Capability for Bus {
    fn name(&self) -> &'static str {
        "bus"
    }

    fn interfaces(&self) -> &'static [Interface] {
        &[Interface { name: "wasmcloud:bus/lattice", versions: &["1.0.0", "2.0.1"], granted_by: None }]
    }

    fn link(&self, linker: &mut Linker<InstanceState>, _generation: Generation) -> wasmtime::Result<()> {
        host::link(linker)
    }

    fn grant(&self, _request: &GrantRequest<'_>) -> Result<Option<Box<dyn Grant>>, GrantError> {
        Ok(None)
    }

    fn steers_other_parts(&self) -> bool {
        true
    }

    fn about(&self) -> About {
        About {
            summary: "Components of wasmCloud 1 choose at run time which of their labels the calls of an interface go to; each invocation \
                      begins with `default`.",
            example: "# There is nothing to grant: links are labels of other capabilities.\n[component.counter]\n\
                      key_value_stores = [\"default\", \"backup\"]\n",
            denied: "it is never denied; a link that is no label of the component is the interface's own error",
            backends: &[],
        }
    }

    fn bounds(&self) -> Vec<Bound> {
        vec![Bound::bytes("the name of a link or interface", NAME_BYTES_MAX as u64)]
    }
}
