//! A WASI 0.2 command that does one thing with a raw socket and prints `ok …` or `error …`.

use std::net::SocketAddr;

use wasip2::sockets::instance_network::instance_network;
use wasip2::sockets::ip_name_lookup::resolve_addresses;
use wasip2::sockets::network::{
    ErrorCode, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, Ipv6SocketAddress,
};
use wasip2::sockets::tcp_create_socket::create_tcp_socket;
use wasip2::sockets::udp::OutgoingDatagram;
use wasip2::sockets::udp_create_socket::create_udp_socket;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [operation, target] = arguments.as_slice() else { panic!("give an operation and an address") };
    match run(operation, target) {
        Ok(said) => println!("ok {said}"),
        Err(code) => println!("error {code}"),
    }
}

type Answer = Result<String, ErrorCode>;

fn run(operation: &str, target: &str) -> Answer {
    let network = instance_network();
    if operation == "resolve" {
        let found = resolve_addresses(&network, target)?;
        found.subscribe().block();
        return found.resolve_next_address().map(|address| format!("{address:?}"));
    }
    let target: SocketAddr = target.parse().expect("an address");
    let (family, address) = (family(target), address(target));
    match operation {
        "tcp-create" => create_tcp_socket(family).map(|_| String::new()),
        "tcp-echo" => tcp_echo(family, address),
        "tcp-bind" => {
            let socket = create_tcp_socket(family)?;
            socket.start_bind(&network, address)?;
            socket.finish_bind().map(|()| String::new())
        }
        "tcp-listen" => {
            let socket = create_tcp_socket(family)?;
            socket.start_listen()?;
            socket.finish_listen().map(|()| String::new())
        }
        "udp-create" => create_udp_socket(family).map(|_| String::new()),
        "udp-bind" => {
            let socket = create_udp_socket(family)?;
            socket.start_bind(&network, address)?;
            socket.finish_bind().map(|()| String::new())
        }
        "udp-echo" => udp_echo(family, address, true),
        "udp-echo-unconnected" => udp_echo(family, address, false),
        _ => panic!("no such operation: {operation}"),
    }
}

fn tcp_echo(family: IpAddressFamily, address: IpSocketAddress) -> Answer {
    let socket = create_tcp_socket(family)?;
    socket.start_connect(&instance_network(), address)?;
    let (input, output) = loop {
        match socket.finish_connect() {
            Err(ErrorCode::WouldBlock) => socket.subscribe().block(),
            connected => break connected?,
        }
    };
    output.blocking_write_and_flush(b"ping").expect("a connected socket takes four bytes");
    let answer = input.blocking_read(4).expect("a connected socket answers");
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn udp_echo(family: IpAddressFamily, address: IpSocketAddress, connected: bool) -> Answer {
    let socket = create_udp_socket(family)?;
    let (any, network) = (any(family), instance_network());
    socket.start_bind(&network, any)?;
    socket.finish_bind()?;
    let (input, output) = socket.stream(connected.then_some(address))?;
    let remote_address = (!connected).then_some(address);
    while output.check_send()? == 0 {
        output.subscribe().block();
    }
    output.send(&[OutgoingDatagram { data: b"ping".to_vec(), remote_address }])?;
    input.subscribe().block();
    let answers = input.receive(1)?;
    let answer = answers.first().map_or(&b"nothing"[..], |datagram| &datagram.data);
    Ok(String::from_utf8_lossy(answer).into_owned())
}

fn family(address: SocketAddr) -> IpAddressFamily {
    if address.is_ipv4() { IpAddressFamily::Ipv4 } else { IpAddressFamily::Ipv6 }
}

fn any(family: IpAddressFamily) -> IpSocketAddress {
    let ip = if family == IpAddressFamily::Ipv4 { "0.0.0.0:0" } else { "[::]:0" };
    address(ip.parse().expect("an address"))
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
