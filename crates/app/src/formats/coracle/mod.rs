//! What `coracle.toml` adds to version 2 of `spin.toml`: limits and instance policy here, and the keys with the
//! mark `x-coracle` among the shared tables. Its remaining tables are those of `spin_v2`.

mod instances;
mod limits;
mod quantity;

pub(crate) use instances::{InstancesTable, lower_instances};
pub(crate) use limits::{LimitsTable, lower_limits};

use super::{ManifestFormat, spin_v2};
use crate::model::Format;

/// `coracle.toml`.
pub(super) const FORMAT: ManifestFormat =
    ManifestFormat { format: Format::Coracle, load: |root, profile, problems| spin_v2::load(root, Format::Coracle, profile, problems) };
