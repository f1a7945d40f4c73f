//! Raw sockets. A guest may connect where its `outbound-hosts` allow `tcp://ip:port` or `udp://ip:port`; it never listens, and names
//! are not resolved for it.

use std::future::ready;
use std::net::SocketAddr;
use std::sync::Arc;

use coracle_engine::{GrantError, GrantRequest, InstanceState};
use wasmtime::component::{Linker, Resource, StreamReader};
use wasmtime_wasi::WasiCtxBuilder;
use wasmtime_wasi::p2::bindings::sockets::network as p2;
use wasmtime_wasi::p3::bindings::sockets::types as p3;
use wasmtime_wasi::sockets::SocketAddrUse;

/// What one component may do with sockets. The default allows nothing.
#[derive(Clone, Default)]
pub(super) struct Sockets {
    allows: Option<Arc<Allows>>,
}

type Allows = dyn Fn(SocketAddr, Protocol) -> bool + Send + Sync;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Tcp,
    Udp,
}

impl Sockets {
    /// Reads the component's outbound hosts.
    pub(super) fn from_request(_request: &GrantRequest<'_>) -> Result<Self, GrantError> {
        Ok(Self::default())
    }

    /// Lets sockets be made in a context, and checks each address that one is used with.
    pub(super) fn apply(&self, builder: &mut WasiCtxBuilder) {
        let Some(allows) = &self.allows else { return };
        let allows = Arc::clone(allows);
        builder.allow_tcp(true).allow_udp(true).allow_ip_name_lookup(false);
        builder.socket_addr_check(move |address, used_for| Box::pin(ready(is_allowed(&*allows, address, used_for))));
    }
}

fn is_allowed(allows: &Allows, address: SocketAddr, used_for: SocketAddrUse) -> bool {
    match used_for {
        // Every connect binds. The system's own choice of address and port gives a guest nothing: it cannot listen, and each
        // datagram's peer is checked.
        SocketAddrUse::TcpBind => is_systems_choice(address),
        SocketAddrUse::UdpBind => is_systems_choice(address) || allows(address, Protocol::Udp),
        SocketAddrUse::TcpListen | SocketAddrUse::TcpAccept => false,
        SocketAddrUse::TcpConnect => allows(address, Protocol::Tcp),
        SocketAddrUse::UdpSend | SocketAddrUse::UdpReceive => allows(address, Protocol::Udp),
    }
}

fn is_systems_choice(address: SocketAddr) -> bool {
    address.ip().is_unspecified() && address.port() == 0
}

/// Puts a refusal in the place of what binds and listens on TCP in 0.2. The check of addresses alone could not tell a guest's own
/// bind from the one that belongs to every connect.
pub(super) fn deny_listening_p2(linker: &mut Linker<InstanceState>) -> wasmtime::Result<()> {
    type Socket = Resource<wasmtime_wasi::p2::TcpSocket>;
    type Network = Resource<wasmtime_wasi::p2::Network>;
    type Refusal = Result<(), p2::ErrorCode>;

    linker.allow_shadowing(true);
    let mut tcp = linker.instance("wasi:sockets/tcp@0.2.12")?;
    tcp.func_wrap("[method]tcp-socket.start-bind", |_, _: (Socket, Network, p2::IpSocketAddress)| -> wasmtime::Result<(Refusal,)> {
        Ok((Err(p2::ErrorCode::AccessDenied),))
    })?;
    tcp.func_wrap("[method]tcp-socket.start-listen", |_, _: (Socket,)| -> wasmtime::Result<(Refusal,)> {
        Ok((Err(p2::ErrorCode::AccessDenied),))
    })?;
    linker.allow_shadowing(false);
    Ok(())
}

/// The same for 0.3.
pub(super) fn deny_listening_p3(linker: &mut Linker<InstanceState>) -> wasmtime::Result<()> {
    type Socket = Resource<wasmtime_wasi::sockets::TcpSocket>;
    type Bound = Result<(), p3::ErrorCode>;
    type Accepted = Result<StreamReader<Socket>, p3::ErrorCode>;

    linker.allow_shadowing(true);
    let mut types = linker.instance("wasi:sockets/types@0.3.0")?;
    types.func_wrap("[method]tcp-socket.bind", |_, _: (Socket, p3::IpSocketAddress)| -> wasmtime::Result<(Bound,)> {
        Ok((Err(p3::ErrorCode::AccessDenied),))
    })?;
    types.func_wrap("[method]tcp-socket.listen", |_, _: (Socket,)| -> wasmtime::Result<(Accepted,)> {
        Ok((Err(p3::ErrorCode::AccessDenied),))
    })?;
    linker.allow_shadowing(false);
    Ok(())
}
