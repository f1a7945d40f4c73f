//! Raw sockets. A guest may connect where its outbound hosts allow `tcp://ip:port` or `udp://ip:port`; it never listens on TCP, and
//! names are not resolved for it. Only a program that somebody started with the whole network of this process may do more.

use std::net::SocketAddr;
use std::sync::Arc;

use coracle_engine::{GrantError, GrantRequest, InstanceState};
use parking_lot::Mutex;
use wasmtime::component::{Linker, Resource, StreamReader};
use wasmtime_wasi::WasiCtxBuilder;
use wasmtime_wasi::p2::bindings::sockets::network as p2;
use wasmtime_wasi::p3::bindings::sockets::types as p3;
use wasmtime_wasi::sockets::SocketAddrUse;

use crate::egress::{Calls, Policy, Slot, SocketUse};

/// The whole network of this process, shared in an app's site by whoever starts a program by hand. No manifest can ask for it.
#[derive(Debug)]
pub struct OpenNetwork;

/// What one component may do with sockets. The default allows nothing.
#[derive(Default)]
pub(super) enum Sockets {
    #[default]
    None,
    Granted(Arc<Policy>),
    Open,
}

/// The sockets of one instance.
struct Opened {
    policy: Arc<Policy>,
    calls: Calls,
    /// The host does not learn when a guest closes a socket, so each counts until its instance ends.
    slots: Mutex<Vec<Slot>>,
}

impl Sockets {
    /// Reads the component's outbound hosts.
    pub(super) fn from_request(request: &GrantRequest<'_>) -> Result<Self, GrantError> {
        let policy = Policy::from_request(request)?;
        Ok(match request.site.shared::<OpenNetwork>() {
            Some(_) => Self::Open,
            None if policy.is_empty() => Self::None,
            None => Self::Granted(policy),
        })
    }

    /// The calls that connections of `instance` count as.
    pub(super) fn calls(&self, instance: &mut InstanceState) -> Calls {
        match self {
            Self::Granted(_) => Calls::of(instance),
            Self::None | Self::Open => Calls::default(),
        }
    }

    /// Lets sockets be made in a context, and checks each address that one is used with.
    pub(super) fn apply(&self, builder: &mut WasiCtxBuilder, calls: Calls) {
        match self {
            Self::None => {}
            Self::Granted(policy) => {
                let opened = Arc::new(Opened { policy: Arc::clone(policy), calls, slots: Mutex::default() });
                builder.allow_tcp(true).allow_udp(true).allow_ip_name_lookup(false);
                builder.socket_addr_check(move |address, used_for| {
                    let opened = Arc::clone(&opened);
                    Box::pin(async move { opened.allows(address, used_for).await })
                });
            }
            Self::Open => {
                builder.allow_tcp(true).allow_udp(true).allow_ip_name_lookup(true).inherit_network();
            }
        }
    }
}

impl Opened {
    async fn allows(&self, address: SocketAddr, used_for: SocketAddrUse) -> bool {
        match used_for {
            // Every connect binds; a bind that the guest asked for never comes here.
            SocketAddrUse::TcpBind => address.ip().is_unspecified() && address.port() == 0,
            SocketAddrUse::TcpListen | SocketAddrUse::TcpAccept => false,
            SocketAddrUse::TcpConnect => self.policy.allows_socket(address, SocketUse::TcpConnect) && self.count().await && self.hold(),
            SocketAddrUse::UdpBind => self.policy.allows_socket(address, SocketUse::UdpBind) && self.hold(),
            SocketAddrUse::UdpSend | SocketAddrUse::UdpReceive => self.policy.allows_socket(address, SocketUse::UdpSend),
        }
    }

    /// Counts a connection among the calls of the invocation.
    async fn count(&self) -> bool {
        match self.calls.begin().await {
            Ok(_) => true,
            Err(exhausted) => {
                tracing::warn!("a socket was refused: {exhausted}");
                false
            }
        }
    }

    /// Counts a socket among those that the operator allows at once.
    fn hold(&self) -> bool {
        match self.policy.networking().socket() {
            Some(slot) => {
                self.slots.lock().push(slot);
                true
            }
            None => {
                tracing::warn!(
                    "a socket was refused: all that `max_socket_connections` or `max_total_connections` of `[outbound_networking]` allow \
                     are in use; raise them"
                );
                false
            }
        }
    }
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
