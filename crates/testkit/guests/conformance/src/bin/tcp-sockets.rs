//! Connects to the address in the header `address`, writes a line, and reads it back.

use wasip2::http::types::IncomingRequest;
use wasip2::sockets::instance_network::instance_network;
use wasip2::sockets::network::{IpAddressFamily, IpSocketAddress, Ipv4SocketAddress};
use wasip2::sockets::tcp_create_socket::create_tcp_socket;

conformance::program!(check);

const LINE: &[u8] = b"So rested he by the Tumtum tree";

fn check(request: &IncomingRequest) -> Result<Vec<u8>, String> {
    let address = request.headers().get("address").into_iter().next().ok_or("there is no header `address`")?;
    let address: std::net::SocketAddrV4 = String::from_utf8_lossy(&address).parse().map_err(|error| format!("{error}"))?;
    let [a, b, c, d] = address.ip().octets();
    let remote = IpSocketAddress::Ipv4(Ipv4SocketAddress { port: address.port(), address: (a, b, c, d) });
    let text = |error: wasip2::sockets::network::ErrorCode| error.to_string();
    let socket = create_tcp_socket(IpAddressFamily::Ipv4).map_err(text)?;
    socket.start_connect(&instance_network(), remote).map_err(text)?;
    socket.subscribe().block();
    let (input, output) = socket.finish_connect().map_err(text)?;
    output.blocking_write_and_flush(LINE).map_err(|error| format!("{error:?}"))?;
    let mut back = Vec::new();
    while back.len() < LINE.len() {
        back.extend(input.blocking_read(1024).map_err(|error| format!("{error:?}"))?);
    }
    conformance::ensure(back == LINE, || format!("{} came back", String::from_utf8_lossy(&back)))?;
    Ok(Vec::new())
}
