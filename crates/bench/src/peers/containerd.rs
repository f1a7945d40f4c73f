//! containerd and runc: what a container costs around the same native server.

use super::Peer;
use super::package::Package;

pub(crate) const PEER: Peer = Peer {
    name: "containerd",
    package: Package::Debian { names: &["containerd", "runc"], programs: &["containerd", "ctr", "runc", "containerd-shim-runc-v2"] },
};
