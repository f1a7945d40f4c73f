//! The table of ARCHITECTURE.md as data: which crates there are, in which layer, and what each may use.

use std::collections::BTreeSet;

/// One row of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Room {
    pub(super) layer: &'static str,
    pub(super) name: &'static str,
    /// What it may name in its own manifest, besides `base` and whatever these may use themselves: their types show through.
    pub(super) may_use: &'static [&'static str],
}

/// Layers `guest` and `dev` stand beside the house: nothing that ships uses them.
pub(super) const HOUSE: &[Room] = &[
    room("0", "base", &[]),
    room("1", "app", &["base"]),
    room("1", "engine", &["base"]),
    room("2", "package", &["app"]),
    room("2", "api", &["app"]),
    room("2", "capabilities", &["engine"]),
    room("3", "host", &["app", "engine", "capabilities"]),
    room("4", "triggers", &["host", "app"]),
    room("5", "gateway", &["triggers", "engine", "app"]),
    room("6", "node", &["gateway", "triggers", "host", "package", "api", "app"]),
    room("7", "control", &["api", "package", "app"]),
    room("7", "operator", &["api", "app"]),
    room("7", "shim", &["host", "triggers", "gateway", "package", "app"]),
    room("7", "plugin", &["host", "app"]),
    room(
        "8",
        "cli",
        &[
            "base",
            "app",
            "engine",
            "package",
            "api",
            "capabilities",
            "host",
            "triggers",
            "gateway",
            "node",
            "control",
            "operator",
            "shim",
            "plugin",
        ],
    ),
    room("guest", "sdk", &[]),
    room("guest", "sdk-macros", &[]),
    room("dev", "testkit", &[]),
    room("dev", "bench", &[]),
    room("dev", "xtask", &[]),
];

const fn room(layer: &'static str, name: &'static str, may_use: &'static [&'static str]) -> Room {
    Room { layer, name, may_use }
}

pub(super) fn find(name: &str) -> Option<&'static Room> {
    HOUSE.iter().find(|room| room.name == name)
}

impl Room {
    pub(super) fn is_dev(&self) -> bool {
        self.layer == "dev"
    }

    /// Everything it may name: its row, what the crates of its row may use, and `base`.
    pub(super) fn reach(&self) -> BTreeSet<&'static str> {
        let mut reach = BTreeSet::new();
        if self.layer != "0" && self.layer != "guest" {
            reach.insert("base");
        }
        for name in self.may_use {
            reach.insert(*name);
            reach.extend(find(name).map(Room::reach).unwrap_or_default());
        }
        reach
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_crate_uses_lower_layers_only() {
        for room in HOUSE.iter().filter(|room| !matches!(room.layer, "guest" | "dev")) {
            for name in room.may_use {
                let used = find(name).unwrap_or_else(|| panic!("`{}` uses `{name}`, which is not in the table", room.name));
                assert!(used.layer < room.layer, "`{}` uses `{name}`", room.name);
            }
        }
    }

    #[test]
    fn a_crate_reaches_what_its_row_reaches() {
        let reach = find("gateway").expect("a row").reach();
        assert!(reach.contains("host") && reach.contains("base") && !reach.contains("node"), "{reach:?}");
        assert!(!find("control").expect("a row").reach().contains("engine"));
    }
}
