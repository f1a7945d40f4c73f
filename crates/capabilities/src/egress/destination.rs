//! What a guest asks to reach: scheme, host and port, read from a URL, from an address without a scheme, or from `key=value` pairs as
//! PostgreSQL clients write them. Names are made canonical first, so that every spelling of a host meets the same rule.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// The longest name that DNS can carry.
const NAME_BYTES_MAX: usize = 253;
const LABEL_BYTES_MAX: usize = 63;

/// A host in its one canonical spelling.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Host {
    /// A name for DNS: lower case, punycode, no trailing dot.
    Name(String),
    /// An address, also where the guest wrote it as a number, in octal, or as an IPv6 form of an IPv4 address.
    Address(IpAddr),
    /// The app itself.
    Own,
    /// Another component of the app.
    Component(String),
}

/// Where a guest wants to connect.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Destination {
    /// What is spoken there, in lower case.
    pub scheme: String,
    /// The host.
    pub host: Host,
    /// The port.
    pub port: u16,
}

/// Why an address names no destination.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DestinationError {
    /// There is no host that could be looked up.
    #[error("`{0}` names no valid host; write it as `scheme://host:port`")]
    Host(String),
    /// The port is not one.
    #[error("`{0}` has no valid port; ports are numbers from 0 to 65535")]
    Port(String),
    /// There is no port, and the scheme has no usual one.
    #[error("`{address}` has no port, and `{scheme}` has no usual one; write the port")]
    NoPort {
        /// What the guest wrote.
        address: String,
        /// The scheme that was written or implied.
        scheme: String,
    },
}

/// The usual port of a scheme.
pub(super) fn default_port(scheme: &str) -> Option<u16> {
    Some(match scheme {
        "http" => 80,
        "https" => 443,
        "postgres" | "postgresql" => 5432,
        "mysql" => 3306,
        "redis" | "rediss" => 6379,
        "mqtt" => 1883,
        "mqtts" => 8883,
        "nats" | "tls" => 4222,
        _ => return None,
    })
}

impl Host {
    /// Reads a host as it stands in a URL; `None` when it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match url::Host::parse(text).ok()? {
            url::Host::Ipv4(address) => Some(Self::Address(address.into())),
            url::Host::Ipv6(address) => Some(Self::Address(IpAddr::from(address).to_canonical())),
            url::Host::Domain(name) => {
                let name = name.strip_suffix('.').unwrap_or(&name);
                // Behind a trailing dot the parser above does not see an address.
                if let Ok(address) = name.parse::<IpAddr>() {
                    return Some(Self::Address(address));
                }
                is_name(name).then(|| Self::of_name(name))
            }
        }
    }

    /// Whether requests to it stay in this process.
    #[must_use]
    pub fn is_local(&self) -> bool {
        matches!(self, Self::Own | Self::Component(_))
    }

    fn of_name(name: &str) -> Self {
        match name.strip_suffix(".spin.internal") {
            _ if name == "self.alt" => Self::Own,
            Some(component) if !component.contains('.') => Self::Component(component.to_owned()),
            _ => Self::Name(name.to_owned()),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => write!(f, "{address}"),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
            Self::Own => f.write_str("self"),
            Self::Component(component) => write!(f, "{component}.spin.internal"),
        }
    }
}

impl Destination {
    /// Reads the address that a client library was given; without a scheme it is taken to speak `default_scheme`.
    ///
    /// # Errors
    /// [`DestinationError`] when it names no host or port.
    pub fn parse(address: &str, default_scheme: &str) -> Result<Self, DestinationError> {
        match address.split_once("://") {
            Some((scheme, rest)) if is_scheme(scheme) => Self::of_authority(&scheme.to_ascii_lowercase(), rest),
            Some((scheme, _)) => Err(DestinationError::Host(format!("{scheme}://"))),
            None if has_pairs(address) => Self::of_pairs(address, default_scheme),
            None => Self::of_authority(default_scheme, address),
        }
    }

    /// The destination of a raw socket; `scheme` is `tcp` or `udp`.
    #[must_use]
    pub fn of_socket(scheme: &str, address: SocketAddr) -> Self {
        Self { scheme: scheme.to_owned(), host: Host::Address(address.ip().to_canonical()), port: address.port() }
    }

    /// `host:port`, without the port where it is the scheme's usual one.
    #[must_use]
    pub fn authority(&self) -> String {
        match default_port(&self.scheme) {
            Some(port) if port == self.port => self.host.to_string(),
            _ if self.host.is_local() => self.host.to_string(),
            _ => format!("{}:{}", self.host, self.port),
        }
    }

    fn of_authority(scheme: &str, rest: &str) -> Result<Self, DestinationError> {
        // What comes before the last `@` is a user's name and password. A path or query ends both; a `#` does so in the URLs of HTTP,
        // while in those of databases it may be part of a password.
        let is_http = matches!(scheme, "http" | "https");
        let authority = rest.split(|letter| matches!(letter, '/' | '?') || (is_http && letter == '#')).next().unwrap_or_default();
        let host_and_port = authority.rsplit_once('@').map_or(authority, |(_, after)| after);
        let host_and_port = host_and_port.split('#').next().unwrap_or_default();
        let shown = || format!("{scheme}://{host_and_port}");
        let wrong_host = || DestinationError::Host(shown());
        // Clients disagree on what these mean, and a disagreement is a way around the check.
        if authority.contains(|letter: char| letter == '\\' || letter.is_control() || letter.is_whitespace()) {
            return Err(wrong_host());
        }
        let (host, port) = split_port(host_and_port).ok_or_else(wrong_host)?;
        let host = Host::parse(host).ok_or_else(wrong_host)?;
        let port = match port {
            Some(port) => parse_port(port).ok_or_else(|| DestinationError::Port(shown()))?,
            None => usual_port(&shown(), scheme)?,
        };
        Ok(Self { scheme: scheme.to_owned(), host, port })
    }

    fn of_pairs(address: &str, scheme: &str) -> Result<Self, DestinationError> {
        let pairs = pairs(address).ok_or_else(|| DestinationError::Host(redacted(address)))?;
        let value = |key: &str| pairs.iter().rev().find(|(known, _)| known == key).map(|(_, value)| value.as_str());
        // `hostaddr` is where a client connects even if `host` says something else.
        let host = value("hostaddr").or_else(|| value("host")).unwrap_or_default();
        let bracketed = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        let host = Host::parse(&bracketed).ok_or_else(|| DestinationError::Host(redacted(address)))?;
        let port = match value("port") {
            Some(port) => parse_port(port).ok_or_else(|| DestinationError::Port(redacted(address)))?,
            None => usual_port(&redacted(address), scheme)?,
        };
        Ok(Self { scheme: scheme.to_owned(), host, port })
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority())
    }
}

/// Splits `host[:port]`; a bracketed IPv6 address keeps its brackets. `None` when brackets do not match.
pub(super) fn split_port(text: &str) -> Option<(&str, Option<&str>)> {
    if !text.starts_with('[') {
        return Some(match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        });
    }
    let (host, rest) = text.split_at_checked(text.find(']')?.checked_add(1)?)?;
    match rest {
        "" => Some((host, None)),
        _ => {
            let port = rest.strip_prefix(':')?;
            // A second colon belongs to an address whose bracket closed too early.
            (!port.starts_with(':')).then_some((host, Some(port)))
        }
    }
}

/// Reads a port: digits and nothing else.
pub(super) fn parse_port(text: &str) -> Option<u16> {
    if text.bytes().all(|digit| digit.is_ascii_digit()) { text.parse().ok() } else { None }
}

fn usual_port(address: &str, scheme: &str) -> Result<u16, DestinationError> {
    default_port(scheme).ok_or_else(|| DestinationError::NoPort { address: address.to_owned(), scheme: scheme.to_owned() })
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

/// Whether DNS could answer it. The last label of a name is no number: resolvers read such names as addresses in disguise.
fn is_name(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=LABEL_BYTES_MAX).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let last = name.rsplit('.').next().unwrap_or_default();
    let is_number = last.bytes().all(|byte| byte.is_ascii_digit())
        || last.strip_prefix("0x").is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    name.len() <= NAME_BYTES_MAX && name.split('.').all(is_label) && !is_number
}

fn has_pairs(address: &str) -> bool {
    pairs(address).is_some_and(|pairs| pairs.iter().any(|(key, _)| key == "host" || key == "hostaddr"))
}

/// Reads `key=value key='quoted value'`; `None` when it is something else.
fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    let mut pairs = Vec::new();
    let mut letters = text.chars().peekable();
    loop {
        while letters.next_if(|letter| letter.is_whitespace()).is_some() {}
        if letters.peek().is_none() {
            return Some(pairs);
        }
        let mut key = String::new();
        while let Some(letter) = letters.next_if(|letter| letter.is_ascii_alphanumeric() || *letter == '_') {
            key.push(letter);
        }
        while letters.next_if(|letter| letter.is_whitespace()).is_some() {}
        if key.is_empty() || letters.next() != Some('=') {
            return None;
        }
        while letters.next_if(|letter| letter.is_whitespace()).is_some() {}
        pairs.push((key, value(&mut letters)?));
    }
}

fn value(letters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<String> {
    let mut value = String::new();
    let is_quoted = letters.next_if_eq(&'\'').is_some();
    loop {
        match letters.peek().copied() {
            None => return (!is_quoted).then_some(value),
            Some('\'') if is_quoted => {
                letters.next();
                return Some(value);
            }
            Some(letter) if !is_quoted && letter.is_whitespace() => return Some(value),
            Some('\\') => {
                letters.next();
                value.push(letters.next()?);
            }
            Some(letter) => {
                letters.next();
                value.push(letter);
            }
        }
    }
}

/// The pairs that may be shown: a password stands among the others.
fn redacted(address: &str) -> String {
    let shown = pairs(address).unwrap_or_default().into_iter().filter(|(key, _)| matches!(key.as_str(), "host" | "hostaddr" | "port"));
    shown.map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_address_is_understood() {
        for (address, default_scheme, expected) in [
            ("https://x.dev", "http", "https://x.dev"),
            ("https://x.dev/", "http", "https://x.dev"),
            ("x.dev:443", "https", "https://x.dev"),
            ("X.DEV.", "https", "https://x.dev"),
            ("HTTP://Example.COM:8383/foo/bar", "https", "http://example.com:8383"),
            ("mysql://user:pass#word@xyz.com", "mysql", "mysql://xyz.com"),
            ("mysql://user%3Apass%23word@xyz.com", "mysql", "mysql://xyz.com"),
            ("user%3Apass%23word@xyz.com", "mysql", "mysql://xyz.com"),
            ("https://example.com/file@0.1.0.json", "https", "https://example.com"),
            ("https://example.com?next=a@b.dev", "https", "https://example.com"),
            ("https://example.com#a@b.dev", "https", "https://example.com"),
            ("http://[::1]:80/x", "http", "http://[::1]"),
            ("http://[::ffff:10.0.0.1]:81", "http", "http://10.0.0.1:81"),
            ("http://2130706433/", "http", "http://127.0.0.1"),
            ("http://0x7f.1/", "http", "http://127.0.0.1"),
            ("http://127.0.0.1./", "http", "http://127.0.0.1"),
            ("http://bücher.example", "http", "http://xn--bcher-kva.example"),
            ("http://self.alt/x", "http", "http://self"),
            ("http://one.spin.internal:9/x", "http", "http://one.spin.internal"),
            ("http://a.b.spin.internal/x", "http", "http://a.b.spin.internal"),
            ("host=localhost port=5433 user=u password='p w'", "postgres", "postgres://localhost:5433"),
            ("host=localhost user=u", "postgres", "postgres://localhost"),
            ("host=a.dev hostaddr=10.0.0.1", "postgres", "postgres://10.0.0.1"),
            ("host=::1", "postgres", "postgres://[::1]"),
            ("redis://localhost:6379/0?x=1", "redis", "redis://localhost"),
        ] {
            let found = Destination::parse(address, default_scheme).map(|found| found.to_string());
            assert_eq!(found.as_deref(), Ok(expected), "{address}");
        }
    }

    #[test]
    fn disguised_and_broken_hosts_name_nothing() {
        for address in [
            "",
            "http://",
            "http:///path",
            "http://a b.dev",
            "http://good.dev\\@evil.dev",
            "http://good.dev\t.evil.dev",
            "http://exa[mple.com",
            "http://[::1",
            "http://[fe80::1%25eth0]",
            "http://example%.com",
            "http://a..b.dev",
            "http://x.dev:",
            "http://x.dev:0x50",
            "http://x.dev:65536",
            "http://x.dev:80:90",
            "http://256.1.1.1",
            "http://1.2.3.4.5",
            "http://*",
            "://x.dev",
            "smtp://x.dev",
            "host=/var/run/postgresql",
            "host=a.dev,b.dev",
            "host='a.dev",
        ] {
            assert!(Destination::parse(address, "http").is_err(), "{address:?}");
        }
    }

    #[test]
    fn a_password_is_never_in_an_error() {
        for address in ["host=a,b password=hunter2", "postgres://me:hunter2@a,b/", "me:hunter2@x.dev:notaport", "a://hunter2@x.dev"] {
            let error = Destination::parse(address, "postgres").unwrap_err();
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }
}
