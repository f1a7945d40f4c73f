//! A WASI 0.3 command that does one thing with a raw socket and writes `ok …` or `error …` to standard output.

use std::net::SocketAddr;

use wasip3::cli::environment::get_arguments;
use wasip3::cli::stdout::write_via_stream;
use wasip3::exports::cli::run::Guest;
use wasip3::sockets::ip_name_lookup::resolve_addresses;
use wasip3::sockets::types::{
    ErrorCode, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, Ipv6SocketAddress, TcpSocket, UdpSocket,
};

struct Sockets;

wasip3::cli::command::export!(Sockets);

impl Guest for Sockets {
    async fn run() -> Result<(), ()> {
        let arguments = get_arguments();
        let [_, operation, target] = arguments.as_slice() else { return Err(()) };
        let line = match run(operation, target).await {
            Ok(said) => format!("ok {said}\n"),
            Err(code) => format!("error {code}\n"),
        };
        let (mut writer, reader) = wasip3::wit_stream::new();
        let written = write_via_stream(reader);
        writer.write_all(line.into_bytes()).await;
        drop(writer);
        written.await.map_err(drop)
    }
}

type Answer = Result<String, String>;

fn text(code: ErrorCode) -> String {
    format!("{code:?}")
}

async fn run(operation: &str, target: &str) -> Answer {
    if operation == "resolve" {
        let found = resolve_addresses(target.to_owned()).await;
        return found.map(|addresses| format!("{addresses:?}")).map_err(|code| format!("{code:?}"));
    }
    let target: SocketAddr = target.parse().map_err(|_| "no address".to_owned())?;
    let (family, address) = (family(target), address(target));
    let done = |()| String::new();
    match operation {
        "tcp-create" => TcpSocket::create(family).map(|_| String::new()).map_err(text),
        "tcp-echo" => tcp_echo(family, address).await.map_err(text),
        "tcp-bind" => TcpSocket::create(family).and_then(|socket| socket.bind(address)).map(done).map_err(text),
        "tcp-listen" => TcpSocket::create(family).and_then(|socket| socket.listen().map(drop)).map(done).map_err(text),
        "udp-create" => UdpSocket::create(family).map(|_| String::new()).map_err(text),
        "udp-bind" => UdpSocket::create(family).and_then(|socket| socket.bind(address)).map(done).map_err(text),
        "udp-echo" => udp_echo(family, address, true).await.map_err(text),
        "udp-echo-unconnected" => udp_echo(family, address, false).await.map_err(text),
        _ => Err("no such operation".to_owned()),
    }
}

async fn tcp_echo(family: IpAddressFamily, address: IpSocketAddress) -> Result<String, ErrorCode> {
    let socket = TcpSocket::create(family)?;
    socket.connect(address).await?;
    let (mut writer, reader) = wasip3::wit_stream::new();
    let sent = socket.send(reader);
    writer.write_all(b"ping".to_vec()).await;
    let (mut input, _) = socket.receive();
    let (_, answer) = input.read(Vec::with_capacity(4)).await;
    drop(writer);
    sent.await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

async fn udp_echo(family: IpAddressFamily, address: IpSocketAddress, connected: bool) -> Result<String, ErrorCode> {
    let socket = UdpSocket::create(family)?;
    if connected {
        socket.connect(address)?;
    }
    socket.send(b"ping".to_vec(), (!connected).then_some(address)).await?;
    let (answer, _) = socket.receive().await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn family(address: SocketAddr) -> IpAddressFamily {
    if address.is_ipv4() { IpAddressFamily::Ipv4 } else { IpAddressFamily::Ipv6 }
}

fn address(from: SocketAddr) -> IpSocketAddress {
    match from {
        SocketAddr::V4(from) => {
            let [a, b, c, d] = from.ip().octets();
            IpSocketAddress::Ipv4(Ipv4SocketAddress { port: from.port(), address: (a, b, c, d) })
        }
        SocketAddr::V6(from) => {
            let [a, b, c, d, e, f, g, h] = from.ip().segments();
            let address = (a, b, c, d, e, f, g, h);
            IpSocketAddress::Ipv6(Ipv6SocketAddress { port: from.port(), flow_info: 0, address, scope_id: 0 })
        }
    }
}
