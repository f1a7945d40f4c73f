//! One line of `allowed_outbound_hosts`: `scheme://host[:port]`, what it means and what it matches. Templates are gone by now.

use ipnet::IpNet;

use super::destination::{Destination, Host, default_port, parse_port, split_port};

/// What a component may reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    scheme: SchemePattern,
    host: HostPattern,
    port: PortPattern,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum SchemePattern {
    Any,
    Is(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum HostPattern {
    Any,
    Is(Host),
    /// Every name below the domain; the text begins with its dot.
    Below(String),
    In(IpNet),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum PortPattern {
    Any,
    Is(u16),
    /// From the first up to, and without, the second.
    Between(u16, u16),
}

/// Why an entry was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// It looks like nothing that could be meant.
    #[error("`{0}` is no outbound host; the form is `scheme://host[:port]`, such as `https://example.com`")]
    Form(String),
    /// A host without a scheme.
    #[error("`{0}` has no scheme; write `https://{0}`, or `*://{0}` with a port for every scheme")]
    NoScheme(String),
    /// Spin 1's way of allowing everything.
    #[error("`insecure:allow-all` is not understood any more; write `*://*:*` to allow everything")]
    AllowAll,
    /// The scheme is none.
    #[error("`{entry}` has the scheme `{scheme}`; write letters only, `*` for every scheme, and one entry for each of several schemes")]
    Scheme {
        /// The whole entry.
        entry: String,
        /// What stands for the scheme.
        scheme: String,
    },
    /// The host is none.
    #[error(
        "`{entry}` has the invalid host `{host}`; write a name, an address (IPv6 in brackets), `*`, `*.example.com`, `self` or a network \
         such as `10.0.0.0/8`, and one entry for each of several hosts"
    )]
    Host {
        /// The whole entry.
        entry: String,
        /// What stands for the host.
        host: String,
    },
    /// The port is none.
    #[error(
        "`{entry}` has the invalid port `{port}`; write a number from 0 to 65535, `*`, or a range without its end such as `8000..9000`, and \
         one entry for each of several ports"
    )]
    Port {
        /// The whole entry.
        entry: String,
        /// What stands for the port.
        port: String,
    },
    /// The port is missing, and the scheme has no usual one.
    #[error("`{entry}` has no port, and `{scheme}` has no usual one; write it as `{entry}:443`, or `{entry}:*` for every port")]
    NoPort {
        /// The whole entry.
        entry: String,
        /// Its scheme.
        scheme: String,
    },
    /// There is a path or a query.
    #[error("`{entry}` has the path `{path}`, and access is granted to whole hosts only; remove the path")]
    Path {
        /// The whole entry.
        entry: String,
        /// What follows the host.
        path: String,
    },
    /// `self` with a scheme that an app does not speak.
    #[error("`{entry}` names the app itself, which speaks HTTP only; write `http://self`")]
    SelfScheme {
        /// The whole entry.
        entry: String,
    },
}

impl EntryError {
    /// What is wrong, for an entry that must not be shown: its values may be secrets.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Form(_) | Self::NoScheme(_) | Self::AllowAll => "it is not of the form `scheme://host[:port]`",
            Self::Scheme { .. } => "its scheme is invalid",
            Self::Host { .. } => "invalid host",
            Self::Port { .. } => "its port is invalid",
            Self::NoPort { .. } => "it has no port",
            Self::Path { .. } => "it has a path",
            Self::SelfScheme { .. } => "`self` speaks HTTP only",
        }
    }
}

impl Entry {
    /// Reads an entry.
    pub(super) fn parse(entry: &str) -> Result<Self, EntryError> {
        if entry.trim() == "insecure:allow-all" {
            return Err(EntryError::AllowAll);
        }
        let Some((scheme, rest)) = entry.split_once("://") else {
            let has_name = entry.contains(|letter: char| letter.is_alphanumeric());
            return Err(if has_name { EntryError::NoScheme(entry.to_owned()) } else { EntryError::Form(entry.to_owned()) });
        };
        let scheme =
            SchemePattern::parse(scheme).ok_or_else(|| EntryError::Scheme { entry: entry.to_owned(), scheme: scheme.to_owned() })?;
        let (host, after) = HostPattern::parse(entry, rest)?;
        let port = PortPattern::parse(entry, after, &scheme)?;
        if host == HostPattern::Is(Host::Own) && !matches!(&scheme, SchemePattern::Is(name) if name == "http" || name == "https") {
            return Err(EntryError::SelfScheme { entry: entry.to_owned() });
        }
        Ok(Self { scheme, host, port })
    }

    /// Whether it allows `destination`.
    pub(super) fn matches(&self, destination: &Destination) -> bool {
        match &destination.host {
            // The app answers under either scheme and under no port of its own.
            Host::Own => self.host.matches(&destination.host) && (self.scheme.matches("http") || self.scheme.matches("https")),
            Host::Component(_) => self.host.matches(&destination.host) && self.scheme.matches(&destination.scheme),
            Host::Name(_) | Host::Address(_) => {
                self.scheme.matches(&destination.scheme) && self.host.matches(&destination.host) && self.port.matches(destination.port)
            }
        }
    }
}

impl SchemePattern {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "*" => Some(Self::Any),
            "" => None,
            _ if text.bytes().all(|byte| byte.is_ascii_alphabetic()) => Some(Self::Is(text.to_ascii_lowercase())),
            _ => None,
        }
    }

    fn matches(&self, scheme: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Is(known) => known == scheme,
        }
    }
}

impl HostPattern {
    /// Reads the host at the start of `rest`, and gives back the port that follows it.
    fn parse<'a>(entry: &str, rest: &'a str) -> Result<(Self, Option<&'a str>), EntryError> {
        let wrong = |host: &str| EntryError::Host { entry: entry.to_owned(), host: host.to_owned() };
        if let Some((network, after)) = network(rest) {
            let (prefix, tail) = split_path(after);
            let (prefix, port) = split_port(prefix).ok_or_else(|| wrong(rest))?;
            check_path(entry, tail)?;
            let network = format!("{network}/{prefix}").parse::<IpNet>().map_err(|_| wrong(&format!("{network}/{prefix}")))?;
            return Ok((Self::In(network.trunc()), port));
        }
        let (authority, tail) = split_path(rest);
        let (host, port) = split_port(authority).ok_or_else(|| wrong(authority))?;
        let pattern = match host {
            "*" => Some(Self::Any),
            _ => match host.strip_prefix("*.") {
                Some(domain) => below(domain).map(Self::Below),
                None if host.eq_ignore_ascii_case("self") => Some(Self::Is(Host::Own)),
                None => Host::parse(host).map(Self::Is),
            },
        };
        let pattern = pattern.ok_or_else(|| wrong(host))?;
        check_path(entry, tail)?;
        Ok((pattern, port))
    }

    fn matches(&self, host: &Host) -> bool {
        match (self, host) {
            (Self::Any, _) => true,
            (Self::Is(known), _) => known == host,
            (Self::In(network), Host::Address(address)) => network.contains(address),
            (Self::Below(domain), Host::Name(name)) => name.len() > domain.len() && name.ends_with(domain.as_str()),
            (Self::Below(domain), Host::Component(_)) => domain == ".spin.internal",
            (Self::In(_) | Self::Below(_), _) => false,
        }
    }
}

impl PortPattern {
    fn parse(entry: &str, text: Option<&str>, scheme: &SchemePattern) -> Result<Self, EntryError> {
        let wrong = |port: &str| EntryError::Port { entry: entry.to_owned(), port: port.to_owned() };
        match (text, scheme) {
            (Some("*"), _) => Ok(Self::Any),
            (Some(text), _) => match text.split_once("..") {
                Some((from, to)) => match (parse_port(from), parse_port(to)) {
                    (Some(from), Some(to)) => Ok(Self::Between(from, to)),
                    _ => Err(wrong(text)),
                },
                None => parse_port(text).map(Self::Is).ok_or_else(|| wrong(text)),
            },
            (None, SchemePattern::Is(name)) => {
                default_port(name).map(Self::Is).ok_or_else(|| EntryError::NoPort { entry: without_slash(entry), scheme: name.clone() })
            }
            (None, SchemePattern::Any) => Err(EntryError::NoPort { entry: without_slash(entry), scheme: "*".to_owned() }),
        }
    }

    fn matches(&self, port: u16) -> bool {
        match self {
            Self::Any => true,
            Self::Is(known) => *known == port,
            Self::Between(from, to) => (*from..*to).contains(&port),
        }
    }
}

/// Splits `address/prefix…` where a network is meant: an address, a slash and a digit.
fn network(rest: &str) -> Option<(&str, &str)> {
    let (address, after) = rest.split_once('/')?;
    address.parse::<std::net::IpAddr>().ok()?;
    after.starts_with(|letter: char| letter.is_ascii_digit()).then_some((address, after))
}

/// Splits what stands before the first `/`, `?` or `#` from the rest.
fn split_path(text: &str) -> (&str, &str) {
    let end = text.find(['/', '?', '#']).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

fn check_path(entry: &str, path: &str) -> Result<(), EntryError> {
    if matches!(path, "" | "/") { Ok(()) } else { Err(EntryError::Path { entry: entry.to_owned(), path: path.to_owned() }) }
}

fn without_slash(entry: &str) -> String {
    entry.strip_suffix('/').unwrap_or(entry).to_owned()
}

/// The domain with its dot, if it is one.
fn below(domain: &str) -> Option<String> {
    match Host::parse(domain)? {
        Host::Name(name) => Some(format!(".{name}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kind(entry: &str) -> &'static str {
        match Entry::parse(entry) {
            Ok(_) => "ok",
            Err(EntryError::Form(_)) => "form",
            Err(EntryError::NoScheme(_)) => "no scheme",
            Err(EntryError::AllowAll) => "allow all",
            Err(EntryError::Scheme { .. }) => "scheme",
            Err(EntryError::Host { .. }) => "host",
            Err(EntryError::Port { .. }) => "port",
            Err(EntryError::NoPort { .. }) => "no port",
            Err(EntryError::Path { .. }) => "path",
            Err(EntryError::SelfScheme { .. }) => "self scheme",
        }
    }

    #[test]
    fn each_form_is_accepted() {
        for entry in [
            "http://x.dev",
            "http://x.dev/",
            "https://x.dev",
            "HTTPS://X.Dev",
            "http://x.dev:4444/",
            "http://x.dev:4444..5555",
            "http://[::1]",
            "https://[2001:db8::1]:443",
            "http://[::1]:*",
            "http://[::1]:8000..9000",
            "*://[::1]:80",
            "http://ff00::/8",
            "http://::1/128",
            "http://10.0.0.0/8",
            "http://2001:db8::/32:443",
            "*://127.0.0.0/24:80",
            "*://ff00::/8:80",
            "*://127.0.0.1/24:63551",
            "http://10.0.0.0/8/",
            "http://self",
            "https://self",
            "http://self.alt",
            "http://self/",
            "*://*:*",
            "http://*",
            "*://x.dev:7777",
            "http://*.example.com",
            "postgres://db",
            "mysql://db",
            "redis://db",
            "mqtt://broker",
            "tcp://10.0.0.1:7",
            "udp://0.0.0.0:0",
            "http://one.spin.internal",
            "http://*.spin.internal",
            "http://my_service:80",
        ] {
            assert_eq!(kind(entry), "ok", "{entry}: {:?}", Entry::parse(entry));
        }
    }

    #[test]
    fn each_mistake_has_its_own_error() {
        for (expected, entries) in [
            ("no scheme", &["x.dev", "x.dev:80", "localhost", "localhost:3001", "[::1]", "[::1]:8080", "10.0.0.0/8"][..]),
            ("form", &["*", ":", "?", ""]),
            ("allow all", &["insecure:allow-all"]),
            ("scheme", &["{http,https}://x.dev", "://x.dev", "http2://x.dev", "h-t://x.dev", "**://x.dev:1"]),
            (
                "path",
                &[
                    "http://x.dev/a",
                    "http://x.dev:6666/a/b",
                    "http://*.x.dev/a",
                    "http://[::1]/foo",
                    "http://ff00::/8/extra",
                    "http://127.0.0.0/24/p",
                    "http://x.dev?a=b",
                    "http://x.dev#a",
                    "http://127.0.0.1/p",
                    "http://x.dev//",
                ],
            ),
            (
                "port",
                &[
                    "http://x:notaport",
                    "http://[::1]:notaport",
                    "http://10.0.0.0/8:notaport",
                    "http://*:notaport",
                    "http://*.x:notaport",
                    "http://x:8080..70000",
                    "http://*.x:8080..",
                    "http://x:80:90",
                    "http://x:8O",
                    "http://x:",
                    "http://x:+80",
                    "http://x:{80,81}",
                    "http://x:65536",
                ],
            ),
            ("no port", &["*://127.0.0.0/24", "*://x.dev", "*://*", "tcp://10.0.0.1", "ftp://x.dev/"]),
            (
                "host",
                &[
                    "http://",
                    "http:///",
                    "http://[::1",
                    "http://[::1]junk",
                    "http://[::1]::80",
                    "http://[v1.]",
                    "http://*.",
                    "http://exa[mple.com",
                    "http://example%.com",
                    "http://example%GG.com",
                    "http://a\\b.com",
                    "http://a*.com",
                    "http://**.com",
                    "http://{a,b}.com",
                    "http://*.10.0.0.1",
                    "http://10.0.0.0/33",
                    "http://::1",
                    "http://a b.com",
                    "http://u@x.dev",
                    "https://invalid host",
                ],
            ),
            ("self scheme", &["redis://self", "*://self:80"]),
        ] {
            for entry in entries {
                assert_eq!(kind(entry), expected, "{entry}: {:?}", Entry::parse(entry));
            }
        }
    }

    #[test]
    fn each_error_names_the_entry() {
        for entry in ["x.dev", "?", "h1://x", "http://[::1", "http://x:y", "*://x.dev", "http://x/y", "redis://self"] {
            let text = Entry::parse(entry).unwrap_err().to_string();
            assert!(text.contains(entry) && text.contains("; "), "{text}");
        }
    }

    #[test]
    fn an_entry_allows_what_it_names_and_nothing_else() {
        for (entry, allowed, denied) in [
            ("*://x.dev:443", &["https://x.dev", "https://x.dev/", "x.dev:443"][..], &["http://x.dev", "https://y.dev"][..]),
            ("http://example.com:8383", &["http://example.com:8383/foo/bar"], &["http://example.com/", "https://example.com:8383"]),
            (
                "http://*.example.com",
                &["http://a.example.com", "http://a.b.example.com", "http://A.EXAMPLE.com", "http://a.example.com."],
                &["http://example.com", "http://myexample.com", "http://.example.com", "http://a.example.com.evil.dev"],
            ),
            ("http://*.example2.com:8383", &["http://a.b.example2.com:8383"], &["http://a.b.example2.com"]),
            ("mysql://xyz.com", &["mysql://user:pass#word@xyz.com", "mysql://user%3Apass%23word@xyz.com"], &["mysql://xyz.com@evil.dev"]),
            ("http://[::1]", &["http://[::1]:80/x", "http://[0:0::1]/"], &["http://[::2]", "http://[::1]:81"]),
            ("http://2001:db8::/32", &["http://[2001:db8:abcd::1]/x"], &["http://[2001:db9::1]", "http://example.com"]),
            (
                "https://example.com",
                &["https://example.com/file@0.1.0.json"],
                &["https://evil.dev/@example.com", "https://example.com@evil.dev"],
            ),
            (
                "*://127.0.0.1/24:63551",
                &["tcp://127.0.0.1:63551", "tcp://127.0.0.200:63551"],
                &["tcp://127.0.1.1:63551", "tcp://127.0.0.1:1"],
            ),
            ("http://x.dev:10..20", &["http://x.dev:10", "http://x.dev:19"], &["http://x.dev:20", "http://x.dev:9"]),
            ("http://10.0.0.0/8", &["http://10.1.2.3", "http://[::ffff:10.0.0.1]", "http://0xa.1"], &["http://ten.dev", "http://11.0.0.1"]),
            ("http://self", &["http://self.alt/x", "https://self.alt:9/x"], &["http://self", "http://localhost"]),
            ("http://*", &["http://self.alt", "http://x.dev", "http://one.spin.internal"], &["https://x.dev"]),
            ("*://*:*", &["http://self.alt", "tcp://10.0.0.1:1", "redis://x", "https://one.spin.internal"], &[]),
            ("http://one.spin.internal", &["http://one.spin.internal:99/x"], &["https://one.spin.internal", "http://two.spin.internal"]),
            ("http://*.spin.internal", &["http://one.spin.internal", "http://a.b.spin.internal"], &["http://spin.internal"]),
            ("postgres://localhost:5433", &["host=localhost port=5433 user=x"], &["host=localhost user=x", "host=evil port=5433"]),
            ("redis://localhost", &["redis://:pw@LOCALHOST:6379/3"], &["redis://localhost:6380"]),
        ] {
            let parsed = Entry::parse(entry).unwrap();
            let scheme = if entry.starts_with('*') { "https" } else { entry.split(':').next().unwrap() };
            for (addresses, expected) in [(allowed, true), (denied, false)] {
                for address in addresses {
                    let matched = Destination::parse(address, scheme).is_ok_and(|destination| parsed.matches(&destination));
                    assert_eq!(matched, expected, "`{entry}` and {address}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn parsing_never_panics(entry in "(?s).{0,40}", scheme in "[a-z*]{0,5}", port in "[0-9.:/*]{0,12}") {
            let _ = Entry::parse(&entry);
            let _ = Destination::parse(&entry, &scheme);
            for text in [format!("{scheme}://{entry}"), format!("{scheme}://{entry}:{port}"), format!("{scheme}://{port}{entry}")] {
                if let Ok(parsed) = Entry::parse(&text) {
                    let _ = Destination::parse(&text, "http").map(|destination| parsed.matches(&destination));
                }
            }
        }

        #[test]
        fn a_literal_entry_allows_its_own_address(host in "[a-z]{1,8}(\\.[a-z]{1,8}){0,3}", port in any::<u16>()) {
            let text = format!("tcp://{host}:{port}");
            if let (Ok(entry), Ok(destination)) = (Entry::parse(&text), Destination::parse(&text, "http")) {
                prop_assert!(entry.matches(&destination));
            }
        }
    }
}
