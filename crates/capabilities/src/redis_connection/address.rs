//! Addresses of Redis: `redis://[user:password@]host[:port][/database][?protocol=resp3]`, and `rediss://` for TLS.

use ::redis::{IntoConnectionInfo as _, RedisConnectionInfo};

use crate::egress::{Destination, DestinationError};

/// An address, taken apart.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    /// Where to.
    pub(crate) destination: Destination,
    /// As whom, and to which of the server's databases.
    pub(crate) settings: RedisConnectionInfo,
    /// Whether by TLS.
    pub(crate) is_tls: bool,
}

/// Why it is none. Says nothing of the password that may stand in it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AddressError {
    #[error("it does not begin with `redis://` or `rediss://`")]
    Scheme,
    #[error("its part after `#` means nothing; certificates are always checked")]
    Fragment,
    #[error(transparent)]
    Destination(#[from] DestinationError),
    #[error("its user, database or protocol is not understood: {0}")]
    Settings(&'static str),
}

impl Address {
    /// Reads an address.
    ///
    /// # Errors
    /// [`AddressError`].
    pub(crate) fn parse(address: &str) -> Result<Self, AddressError> {
        let (scheme, rest) = address.split_once("://").ok_or(AddressError::Scheme)?;
        let is_tls = match scheme.to_ascii_lowercase().as_str() {
            "redis" => false,
            "rediss" => true,
            _ => return Err(AddressError::Scheme),
        };
        if rest.contains('#') {
            return Err(AddressError::Fragment);
        }
        let destination = Destination::parse(address, "redis")?;
        // The client has no TLS of its own, and is only asked about what follows the host.
        let info = format!("redis://{rest}").into_connection_info();
        let info = info.map_err(|error| AddressError::Settings(reason(&error)))?;
        Ok(Self { destination, settings: info.redis_settings().clone().set_skip_set_lib_name(), is_tls })
    }
}

/// What the client says, without the details, which repeat the address.
fn reason(error: &::redis::RedisError) -> &'static str {
    let text = error.to_string();
    const KNOWN: [&str; 4] = ["Invalid database number", "Invalid protocol version", "Username is not valid", "Password is not valid"];
    KNOWN.into_iter().find(|known| text.contains(known)).unwrap_or("it is not a URL")
}

#[cfg(test)]
mod tests {
    use ::redis::ProtocolVersion;

    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        let address = Address::parse("rediss://me:p%40ss@Cache.example:7000/3?protocol=resp3").unwrap();
        assert_eq!(address.destination.to_string(), "rediss://cache.example:7000");
        assert!(address.is_tls);
        let settings = &address.settings;
        assert_eq!((settings.username(), settings.password(), settings.db()), (Some("me"), Some("p@ss"), 3));
        assert_eq!(settings.protocol(), ProtocolVersion::RESP3);
        let plain = Address::parse("redis://localhost").unwrap();
        assert_eq!((plain.destination.port, plain.settings.db(), plain.is_tls), (6379, 0, false));
    }

    #[test]
    fn what_is_no_address_is_refused_without_its_password() {
        for address in [
            "",
            "localhost:6379",
            "http://localhost",
            "unix:///run/redis.sock",
            "redis://",
            "redis://:hunter2@",
            "redis://:hunter2@host:port",
            "redis://:hunter2@host/database",
            "redis://:hunter2@host?protocol=resp9",
            "rediss://:hunter2@host/0#insecure",
            "redis://:hunter2@a.dev\\@b.dev",
        ] {
            let error = Address::parse(address).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
