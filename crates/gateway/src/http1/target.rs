//! Request targets and hosts.

use std::net::Ipv6Addr;

use http::Uri;

use crate::refusal::Refusal;

use super::fields::Bytes;

/// Checks the form of a target for `method`; the authority of the absolute form is compared with `host` later.
pub(super) fn check(method: &[u8], target: &[u8]) -> Result<(), Refusal> {
    static PLAIN: Bytes = Bytes::alphanumeric_or(b"/-._~!$&'()*+,;=:@%?");
    // Some clients send more than RFC 3986 allows. What the parser takes is taken, but nothing that it would cut off.
    let is_taken = PLAIN.are_all(target) || (!target.contains(&b'#') && Uri::try_from(target).is_ok());
    if !is_taken {
        return Err(Refusal::Target);
    }
    match target {
        b"*" if method == b"OPTIONS" => Ok(()),
        [b'/', ..] => Ok(()),
        _ if has_http_scheme(target) => Ok(()),
        _ => Err(Refusal::Target),
    }
}

fn has_http_scheme(target: &[u8]) -> bool {
    [&b"http://"[..], b"https://"].iter().any(|scheme| target.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)))
}

/// Whether this is a host with an optional port, and nothing else: no user, no blanks, no list.
pub(crate) fn is_host(host: &[u8]) -> bool {
    static NAME: Bytes = Bytes::alphanumeric_or(b"-._~");
    let (name, port) = match host {
        [b'[', rest @ ..] => {
            let Some(end) = rest.iter().position(|byte| *byte == b']') else { return false };
            let (address, after) = rest.split_at(end);
            let is_address = str::from_utf8(address).is_ok_and(|address| address.parse::<Ipv6Addr>().is_ok());
            if !is_address {
                return false;
            }
            match after {
                [b']'] => return true,
                [b']', b':', port @ ..] => (&b"v6"[..], Some(port)),
                _ => return false,
            }
        }
        _ => match host.iter().position(|byte| *byte == b':') {
            Some(colon) => (host.get(..colon).unwrap_or_default(), host.get(colon + 1..)),
            None => (host, None),
        },
    };
    let is_name = !name.is_empty() && name.len() <= 253 && NAME.are_all(name);
    is_name && port.is_none_or(is_port)
}

fn is_port(port: &[u8]) -> bool {
    let digits = !port.is_empty() && port.len() <= 5 && port.iter().all(u8::is_ascii_digit);
    digits && str::from_utf8(port).is_ok_and(|port| port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        for good in ["a", "example.com", "EXAMPLE.com:80", "127.0.0.1:3000", "[::1]", "[::1]:65535", "a_b.internal", "a."] {
            assert!(is_host(good.as_bytes()), "{good}");
        }
        for bad in [
            "", "a b", "a@b", "u:p@b", "a:", "a:b", "a:65536", "a:80:80", "[::1", "[::1]x", "[g::]", "[]", "a/b", "a,b", "a\\b", "a?b",
            "é", "a%00",
        ] {
            assert!(!is_host(bad.as_bytes()), "{bad}");
        }
    }
}
