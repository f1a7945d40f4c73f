//! `allowed_http_hosts`, the list of hosts from before outbound connections had one grammar, and its conversion.

use crate::document::{At, Problems};

/// The entry that allows every host.
const ALLOW_ALL: &str = "insecure:allow-all";

/// Why an entry was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum HostError {
    #[error("`{0}` isn't a valid host or host:port string")]
    Host(String),
    #[error("`{0}` contains a path, should be host and optional port only")]
    Path(String),
}

/// The entries of `allowed_outbound_hosts` that mean the same; entries at fault go to `problems`.
pub(crate) fn convert(entries: &[String], at: At<'_>, problems: &mut Problems<'_>) -> Vec<String> {
    if entries.iter().any(|entry| entry == ALLOW_ALL) {
        return ["http://*:*", "https://*:*", "http://self"].map(str::to_owned).into();
    }
    let mut hosts = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        match parse(entry) {
            Ok((host, _)) if host == "self" => hosts.push("http://self".to_owned()),
            Ok((host, port)) => {
                let port = port.map(|port| format!(":{port}")).unwrap_or_default();
                hosts.extend(["http", "https"].map(|scheme| format!("{scheme}://{host}{port}")));
            }
            Err(error) => problems.error(
                at.item(index).start,
                format!("one or more allowed_http_hosts entries was invalid: {error}"),
                "write entries such as \"example.com\" or \"example.com:8080\"",
            ),
        }
    }
    hosts
}

fn parse(entry: &str) -> Result<(String, Option<u16>), HostError> {
    let invalid = || HostError::Host(entry.to_owned());
    let authority = match entry.split_once("://") {
        Some(("http" | "https", rest)) => rest,
        Some(_) => return Err(invalid()),
        None => entry,
    };
    let (authority, path) = match authority.find(['/', '?', '#']) {
        Some(end) => authority.split_at_checked(end).ok_or_else(invalid)?,
        None => (authority, ""),
    };
    // A bracketed IPv6 address has colons of its own.
    let port_start = authority.rfind(']').unwrap_or(0);
    let (host, port) = match authority.rfind(':').filter(|colon| *colon >= port_start) {
        Some(colon) => {
            let port = authority.get(colon + 1..).and_then(|port| port.parse().ok()).ok_or_else(invalid)?;
            (authority.get(..colon).ok_or_else(invalid)?, Some(port))
        }
        None => (authority, None),
    };
    if !is_host(host) {
        return Err(invalid());
    }
    if !matches!(path, "" | "/") {
        return Err(HostError::Path(entry.to_owned()));
    }
    Ok((host.to_ascii_lowercase(), port))
}

fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        return address.parse::<std::net::Ipv6Addr>().is_ok();
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'*') || !byte.is_ascii();
    !host.is_empty() && host.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_hosts_with_and_without_port() {
        for (entry, host, port) in [
            ("example.com", "example.com", None),
            ("Example.com:8080", "example.com", Some(8080)),
            ("https://example.com/", "example.com", None),
            ("http://example.com:81", "example.com", Some(81)),
            ("127.0.0.1:3000", "127.0.0.1", Some(3000)),
            ("[::1]", "[::1]", None),
            ("[::1]:80", "[::1]", Some(80)),
            ("self", "self", None),
        ] {
            assert_eq!(parse(entry), Ok((host.to_owned(), port)), "{entry}");
        }
    }

    #[test]
    fn refuses_what_is_not_a_host() {
        for entry in ["", "ftp://x.dev", "x dev", "x:port", "x:70000", "[::1", "::1", "http://", "user@x"] {
            assert_eq!(parse(entry), Err(HostError::Host(entry.to_owned())), "{entry}");
        }
        for entry in ["x.dev/a", "https://x.dev/a/b", "x.dev:80/a", "x.dev?q"] {
            assert_eq!(parse(entry), Err(HostError::Path(entry.to_owned())), "{entry}");
        }
    }
}
