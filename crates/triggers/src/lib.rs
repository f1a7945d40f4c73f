//! What wakes a guest: a folder for each kind of trigger, listed in [`ALL`]. A trigger asks a workload for admission and an instance, and
//! answers its own callers when the guest fails.

pub mod command;
pub mod http;

/// Every kind of trigger.
pub const ALL: &[&dyn Trigger] = &[&http::Http, &command::Command];

/// One kind of trigger, as a manifest names it.
pub trait Trigger: Sync {
    /// The `<kind>` of `[[trigger.<kind>]]`.
    fn kind(&self) -> &'static str;

    /// What the reference page says.
    fn about(&self) -> About;
}

/// The documentation of a trigger.
#[derive(Debug, Clone, Copy)]
pub struct About {
    /// One sentence.
    pub summary: &'static str,
    /// The interfaces of which a component exports one.
    pub exports: &'static [&'static str],
    /// A whole piece of manifest.
    pub example: &'static str,
}

/// The kind of trigger that a manifest names, if this host has it.
#[must_use]
pub fn find(kind: &str) -> Option<&'static dyn Trigger> {
    ALL.iter().copied().find(|trigger| trigger.kind() == kind)
}
