//! Addresses as guests and operators write them: `postgres://user:password@host/database?sslmode=…`, or `key=value` pairs.

use tokio_postgres::Config;
use tokio_postgres::config::SslMode;

use crate::egress::Destination;
use crate::postgres::Error;

/// What an address without a scheme speaks.
const SCHEME: &str = "postgres";

/// An address that was read.
#[derive(Clone)]
pub(in crate::postgres) struct Address {
    /// Where the server is.
    pub(in crate::postgres) destination: Destination,
    /// Who wants in, and to which database.
    pub(super) config: Config,
    /// Whether to speak TLS.
    pub(super) tls: TlsUse,
}

/// Whether to speak TLS. Where it is spoken, the server always has to prove who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TlsUse {
    /// `sslmode=disable`.
    Never,
    /// `sslmode=prefer`, or nothing said: where the server offers it.
    IfOffered,
    /// `sslmode=require` and stricter ones.
    Always,
}

impl Address {
    /// Reads `address`.
    ///
    /// # Errors
    /// [`Error::Connection`] when it names no server or nobody to be.
    pub(in crate::postgres) fn parse(address: &str) -> Result<Self, Error> {
        let destination = Destination::parse(address, SCHEME).map_err(|error| Error::Connection(error.to_string()))?;
        let read: Config = with_known_mode(address).parse().map_err(|error: tokio_postgres::Error| {
            let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            Error::Connection(format!("the address is not understood: {cause}"))
        })?;
        // Without a name the library would ask the system who runs this process, which is nobody's business.
        let user = read.get_user().ok_or_else(|| Error::Connection("the address names no user; add one".to_owned()))?;
        let tls = match read.get_ssl_mode() {
            SslMode::Disable => TlsUse::Never,
            SslMode::Require => TlsUse::Always,
            _ => TlsUse::IfOffered,
        };
        // Only what the server is told is taken over: hosts, sockets and waits are not the library's to choose. TLS is up before it starts.
        let mut config = Config::new();
        config.user(user).ssl_mode(SslMode::Disable);
        if let Some(password) = read.get_password() {
            config.password(password);
        }
        if let Some(name) = read.get_dbname() {
            config.dbname(name);
        }
        if let Some(options) = read.get_options() {
            config.options(options);
        }
        if let Some(name) = read.get_application_name() {
            config.application_name(name);
        }
        Ok(Self { destination, config, tls })
    }
}

/// The library does not know the two stricter modes of PostgreSQL's own; here every mode that speaks TLS is as strict as they are.
fn with_known_mode(address: &str) -> String {
    // In a URL the options follow the question mark; before it a password may say anything.
    let start = if address.contains("://") { address.find('?').unwrap_or(address.len()) } else { 0 };
    let (before, options) = address.split_at(start);
    let options = options.replace("sslmode=verify-full", "sslmode=require").replace("sslmode=verify-ca", "sslmode=require");
    format!("{before}{options}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_address_are_read() {
        for (address, destination, tls) in [
            ("postgres://me:pw@db.example.com/shop?sslmode=disable", "postgres://db.example.com", TlsUse::Never),
            ("postgres://me@db.example.com:6543?sslmode=verify-full", "postgres://db.example.com:6543", TlsUse::Always),
            ("host=127.0.0.1 port=5433 user=me dbname=shop", "postgres://127.0.0.1:5433", TlsUse::IfOffered),
            ("host=localhost user=me sslmode=require", "postgres://localhost", TlsUse::Always),
        ] {
            let read = Address::parse(address).unwrap();
            assert_eq!((read.destination.to_string().as_str(), read.tls), (destination, tls), "{address}");
            assert_eq!(read.config.get_user(), Some("me"));
        }
    }

    #[test]
    fn what_is_no_address_says_why_and_keeps_the_password() {
        for (address, expected) in [
            ("postgres://db.example.com/x", "names no user"),
            ("postgres://me:hunter2@/x", "names no valid host"),
            ("postgres://me:hunter2@db.example.com/x?nonsense=1", "not understood"),
            ("host=a,b user=me password=hunter2", "names no valid host"),
            ("host=/run/postgresql user=me", "names no valid host"),
        ] {
            let error = Address::parse(address).err().unwrap().to_string();
            assert!(error.contains(expected) && !error.contains("hunter2"), "{address}: {error}");
        }
    }
}
