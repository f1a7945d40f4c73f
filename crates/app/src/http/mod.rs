//! The settings of HTTP triggers, routes, and the table that finds the trigger of a request.

mod route;
mod settings;
mod table;
mod trie;

pub use route::{ROUTE_BYTES_MAX, Route, RouteError, RouteMatch};
pub(crate) use settings::HttpTable;
pub use settings::{Executor, HttpError, HttpTrigger, StaticResponse};
pub use table::{Match, RouteEntry, RouteTable, WELL_KNOWN_PREFIX};

/// What all routes start with: the value of `spin-base-path`. It was once a setting.
pub const BASE_PATH: &str = "/";
