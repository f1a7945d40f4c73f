//! Joins the application model, the engine and the capabilities into an app made ready to run. Knows nothing of what wakes a guest.

mod admission;
mod admit;
mod assemble;
mod binding;
mod compose;
mod fetch;
mod files;
mod grants;
mod host;
mod inherit;
mod limits;
mod middleware;
mod runnable;
mod source;
mod workload;

pub use admission::Slot;
pub use admit::{AdmitError, Notice, interface_of, is_ambient, is_granted, is_required, line_of, may_have_its_label};
pub use assemble::AssembleError;
pub use binding::labels_of;
pub use compose::ComposeError;
pub use fetch::FetchError;
pub use files::{FilesError, Mounting, file_faults};
pub use grants::{GrantCause, GrantFault, GrantLine, faults};
pub use host::{Host, HostError, Options};
pub use runnable::{Parts, Runnable};
pub use source::{SourceError, Sources, is_artifact, read_component};
pub use workload::{Placement, Watcher, Workload, WorkloadError};
