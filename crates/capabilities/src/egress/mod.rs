//! Who a guest may call. Every connection out of the process starts here: a [`Policy`] says yes, the name is resolved once, addresses
//! that the operator blocks are dropped, and the [`Permit`] that comes of it connects to what is left and to nothing else.
//! Service chaining (`self`, `*.spin.internal`) is decided here too, but never leaves the process.

mod calls;
mod destination;
mod entry;
mod networking;
mod networks;
mod permit;
mod policy;
mod resolve;

pub use calls::{Call, Calls, CallsExhausted};
pub use destination::{Destination, DestinationError, Host};
pub use entry::EntryError;
pub use networking::{Networking, Slot};
pub use networks::{BlockedNetworks, NetworkError};
pub use permit::{ConnectError, Connection, Permit};
pub use policy::{Clearance, Policy, Refusal, Route, SocketUse};
pub use resolve::{Resolve, SystemResolver};
