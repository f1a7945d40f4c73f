//! `wasi:sockets` of the snapshot, closed: no socket is ever made, so what would work on one cannot be called.

use coracle_engine::InstanceState;
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, LinkerInstance, Resource, ResourceType};
use wasmtime_wasi::p2::bindings::sockets::instance_network::Host as _;
use wasmtime_wasi::p2::bindings::sockets::ip_name_lookup::ResolveAddressStream;
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode, HostNetwork, IpAddressFamily, Network};
use wasmtime_wasi::p2::bindings::sockets::tcp::TcpSocket;
use wasmtime_wasi::p2::bindings::sockets::udp::UdpSocket;

use super::super::link::sockets as ctx;
use super::{define, interface, one};

/// What both kinds of sockets have.
const METHODS: &[&str] = &[
    "start-bind",
    "finish-bind",
    "start-connect",
    "finish-connect",
    "local-address",
    "remote-address",
    "address-family",
    "ipv6-only",
    "set-ipv6-only",
    "unicast-hop-limit",
    "set-unicast-hop-limit",
    "receive-buffer-size",
    "set-receive-buffer-size",
    "send-buffer-size",
    "set-send-buffer-size",
    "subscribe",
];
const TCP_METHODS: &[&str] = &[
    "start-listen",
    "finish-listen",
    "accept",
    "set-listen-backlog-size",
    "keep-alive",
    "set-keep-alive",
    "no-delay",
    "set-no-delay",
    "shutdown",
];
const UDP_METHODS: &[&str] = &["receive", "send"];
const LOOKUP_METHODS: &[&str] = &["resolve-next-address", "subscribe"];

type Denied<T> = wasmtime::Result<(Result<Resource<T>, ErrorCode>,)>;

pub(super) fn link(linker: &mut Linker<InstanceState>) -> wasmtime::Result<()> {
    interface(linker, "sockets/network")?.resource("network", ResourceType::host::<Network>(), |mut store, rep| {
        HostNetwork::drop(&mut ctx(store.data_mut()), Resource::new_own(rep))
    })?;
    define!(interface(linker, "sockets/instance-network")?,
        "instance-network"() => |instance| ctx(instance).instance_network().map(one);
    );

    let tcp = interface(linker, "sockets/tcp")?;
    unreachable::<TcpSocket>(tcp, "tcp-socket", &[METHODS, TCP_METHODS])?;
    define!(interface(linker, "sockets/tcp-create-socket")?,
        "create-tcp-socket"(_family: IpAddressFamily) => |_instance| denied::<TcpSocket>();
    );

    let udp = interface(linker, "sockets/udp")?;
    unreachable::<UdpSocket>(udp, "udp-socket", &[METHODS, UDP_METHODS])?;
    define!(interface(linker, "sockets/udp-create-socket")?,
        "create-udp-socket"(_family: IpAddressFamily) => |_instance| denied::<UdpSocket>();
    );

    let lookup = interface(linker, "sockets/ip-name-lookup")?;
    unreachable::<ResolveAddressStream>(lookup, "resolve-address-stream", &[LOOKUP_METHODS])?;
    define!(interface(linker, "sockets/ip-name-lookup")?,
        "resolve-addresses"(_network: Resource<Network>, _name: String, _family: Option<IpAddressFamily>, _unavailable: bool) => |_instance| {
            denied::<ResolveAddressStream>()
        };
    );
    Ok(())
}

#[expect(clippy::unnecessary_wraps, reason = "the linker wants a result of every host function")]
fn denied<T: 'static>() -> Denied<T> {
    Ok((Err(ErrorCode::AccessDenied),))
}

/// Defines a resource of which there is never one, and its methods.
fn unreachable<T: 'static>(mut interface: LinkerInstance<'_, InstanceState>, name: &str, methods: &[&[&str]]) -> wasmtime::Result<()> {
    interface.resource(name, ResourceType::host::<T>(), |_store, _rep| Ok(()))?;
    for method in methods.iter().copied().flatten() {
        let full = format!("[method]{name}.{method}");
        let refusal = format!("`{full}` of wasi:sockets@{} is closed", super::VERSION);
        interface.func_new(&full, move |_store, _type, _arguments, _results| Err(wasmtime::Error::msg(refusal.clone())))?;
    }
    Ok(())
}
