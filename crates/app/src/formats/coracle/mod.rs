//! What `coracle.toml` adds to version 2 of `spin.toml`: limits and instance policy here, and the keys with the
//! mark `x-coracle` among the shared tables. Its remaining tables are those of `spin_v2`.

mod instances;
mod limits;
mod quantity;

pub(crate) use instances::{InstancesTable, lower_instances};
pub(crate) use limits::{LimitsTable, lower_limits};
