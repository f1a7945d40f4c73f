//! Why a request failed, in the words of `wasi:http`. Each cause that the interface can tell apart has its own code.

use std::error::Error as _;
use std::io;

use wasmtime_wasi_http::Error;

use crate::egress::{ConnectError, Refusal};

/// A destination that is not to be reached.
pub(super) fn of_refusal(refusal: Refusal) -> Error {
    match refusal {
        Refusal::NotAllowed(_) | Refusal::Local(_) => Error::HttpRequestDenied,
        Refusal::Blocked(_) => Error::DestinationIpProhibited,
        Refusal::Invalid(_) => Error::HttpRequestUriInvalid,
        Refusal::NoAddress(_) | Refusal::Lookup { .. } => {
            Error::DnsError { rcode: Some("address not available".to_owned()), info_code: None }
        }
        Refusal::LookupTimeout(_) => Error::DnsTimeout,
    }
}

/// A connection that did not come about.
pub(super) fn of_connect(error: ConnectError) -> Error {
    match error {
        ConnectError::Limit(_) => Error::ConnectionLimitReached,
        ConnectError::Timeout(_) => Error::ConnectionTimeout,
        ConnectError::Io { source, .. } => match source.kind() {
            io::ErrorKind::ConnectionRefused => Error::ConnectionRefused,
            io::ErrorKind::TimedOut => Error::ConnectionTimeout,
            io::ErrorKind::NetworkUnreachable => Error::DestinationIpUnroutable,
            io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => Error::ConnectionTerminated,
            _ => Error::DestinationUnavailable,
        },
    }
}

/// A handshake of TLS that failed.
pub(super) fn of_tls(error: &io::Error) -> Error {
    match error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::AlertReceived(alert)) => {
            Error::TlsAlertReceived { alert_id: Some(u8::from(*alert)), alert_message: Some(format!("{alert:?}")) }
        }
        Some(rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented) => Error::TlsCertificateError,
        Some(_) => Error::TlsProtocolError,
        None => Error::ConnectionTerminated,
    }
}

/// A request or a response that broke off.
pub(super) fn of_hyper(error: hyper::Error) -> Error {
    // The guest's own body failed: wasmtime finds its error inside.
    if error.source().is_some_and(|cause| cause.is::<Error>()) {
        return Error::Hyper(error);
    }
    if error.is_parse_too_large() {
        return Error::HttpResponseHeaderSectionSize(None);
    }
    if error.is_incomplete_message() {
        return Error::HttpResponseIncomplete;
    }
    if error.is_timeout() {
        return Error::HttpResponseTimeout;
    }
    if error.is_canceled() || error.is_closed() || error.is_body_write_aborted() {
        return Error::ConnectionTerminated;
    }
    of_cause(&error).unwrap_or(Error::HttpProtocolError)
}

/// What the connection said, if it went away rather than the other side speaking nonsense.
fn of_cause(error: &hyper::Error) -> Option<Error> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<h2::Error>() {
            return (error.is_io() || error.is_reset() || error.is_go_away()).then_some(Error::ConnectionTerminated);
        }
        if let Some(error) = error.downcast_ref::<io::Error>() {
            // A server may refuse a client's certificate only when the handshake is over for the client.
            if error.get_ref().is_some_and(|cause| cause.is::<rustls::Error>()) {
                return Some(of_tls(error));
            }
            return match error.kind() {
                io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => None,
                io::ErrorKind::UnexpectedEof => Some(Error::HttpResponseIncomplete),
                _ => Some(Error::ConnectionTerminated),
            };
        }
        cause = error.source();
    }
    None
}
