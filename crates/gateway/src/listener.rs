//! Opening a listening socket, before anything else starts, so that a port in use is the first thing to be said.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

/// Connections that the kernel completes while nobody accepts.
const BACKLOG: i32 = 1024;

/// A socket that listens.
#[derive(Debug)]
pub struct Listener {
    pub(crate) socket: TcpListener,
    address: SocketAddr,
}

/// Why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    #[error("port {} of {} is already in use; stop what listens there, or choose another address with `--listen`", .0.port(), .0.ip())]
    AddressInUse(SocketAddr),
    #[error("ports {} to {} of {} are all in use; choose another address with `--listen`", .first.port(), .last, .first.ip())]
    AllInUse { first: SocketAddr, last: u16 },
    #[error("address {} is not one of this machine's; choose another with `--listen`, such as 127.0.0.1:{} or 0.0.0.0:{}", .0.ip(), .0.port(), .0.port())]
    NotOurs(SocketAddr),
    #[error("listening on {0} is not permitted; choose a port from 1024 up with `--listen`")]
    NotPermitted(SocketAddr),
    #[error("cannot listen on {address}")]
    Other { address: SocketAddr, source: io::Error },
}

impl Listener {
    /// Listens on `address`; port 0 takes a free one.
    ///
    /// # Errors
    /// [`ListenError`] with the way out.
    pub fn bind(address: SocketAddr) -> Result<Self, ListenError> {
        let socket = listen(address).map_err(|error| match error.kind() {
            io::ErrorKind::AddrInUse => ListenError::AddressInUse(address),
            io::ErrorKind::AddrNotAvailable => ListenError::NotOurs(address),
            io::ErrorKind::PermissionDenied => ListenError::NotPermitted(address),
            _ => ListenError::Other { address, source: error },
        })?;
        let address = socket.local_addr().map_err(|source| ListenError::Other { address, source })?;
        Ok(Self { socket, address })
    }

    /// Listens on the first of `address` and the `more` ports above it that is free.
    ///
    /// # Errors
    /// [`ListenError`] when all are in use, or for another reason.
    pub fn bind_upward(address: SocketAddr, more: u16) -> Result<Self, ListenError> {
        let last = address.port().saturating_add(more);
        for port in address.port()..=last {
            match Self::bind(SocketAddr::new(address.ip(), port)) {
                Err(ListenError::AddressInUse(_)) => {}
                other => return other,
            }
        }
        Err(ListenError::AllInUse { first: address, last })
    }

    /// Where it listens, with the port that was taken.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A restarted server must not wait for old connections to time out. This is not `SO_REUSEPORT`, with which two servers would
    // share the port and nobody would learn of it.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_in_use_is_named_with_the_way_out() {
        let first = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let error = Listener::bind(first.local_addr()).unwrap_err();
        let port = first.local_addr().port();
        assert_eq!(
            error.to_string(),
            format!("port {port} of 127.0.0.1 is already in use; stop what listens there, or choose another address with `--listen`")
        );
    }

    #[test]
    fn the_next_free_port_is_found() {
        let first = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let next = Listener::bind_upward(first.local_addr(), 20).unwrap();
        assert!(next.local_addr().port() > first.local_addr().port());
        assert!(matches!(Listener::bind_upward(first.local_addr(), 0), Err(ListenError::AllInUse { .. })));
    }

    #[test]
    fn an_address_of_another_machine_is_an_error() {
        assert!(matches!(Listener::bind("192.0.2.1:0".parse().unwrap()), Err(ListenError::NotOurs(_))));
    }
}
