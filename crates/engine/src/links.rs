//! Links: which of its labels a component means where an interface lets it name none. Each instance chooses for itself, through
//! `wasmcloud:bus`; the capability that has the labels keeps the choice, and follows it.

use std::collections::BTreeMap;

/// The label that is meant where nothing was chosen.
pub const DEFAULT_LABEL: &str = "default";

/// What one instance has chosen of one capability.
#[derive(Debug, Default)]
pub struct Links(BTreeMap<&'static str, String>);

/// What one instance may choose of one capability.
#[derive(Debug)]
pub struct Linkable<'i> {
    /// The interfaces whose calls follow a link, without versions.
    pub interfaces: &'static [&'static str],
    /// The labels that the component was granted.
    pub labels: Vec<String>,
    /// What was chosen.
    pub links: &'i mut Links,
}

impl Links {
    /// Lets calls of `interface` mean `label` from now on. [`DEFAULT_LABEL`] takes an earlier choice back.
    pub fn choose(&mut self, interface: &'static str, label: &str) {
        if label == DEFAULT_LABEL {
            self.0.remove(interface);
        } else {
            self.0.insert(interface, label.to_owned());
        }
    }

    /// The label that calls of `interface` mean, where one was chosen.
    #[must_use]
    pub fn chosen(&self, interface: &str) -> Option<&str> {
        self.0.get(interface).map(String::as_str)
    }

    /// Takes every choice back.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_interface_has_its_own_link_and_default_takes_it_back() {
        let mut links = Links::default();
        links.choose("a:b/c", "one");
        links.choose("a:b/d", "two");
        assert_eq!((links.chosen("a:b/c"), links.chosen("a:b/d"), links.chosen("a:b/e")), (Some("one"), Some("two"), None));
        links.choose("a:b/c", DEFAULT_LABEL);
        assert_eq!((links.chosen("a:b/c"), links.chosen("a:b/d")), (None, Some("two")));
        links.clear();
        assert_eq!(links.chosen("a:b/d"), None);
    }
}
