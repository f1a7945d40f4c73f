//! Addresses as guests write them: `mysql://user:password@host/database?ssl-mode=…`.

use mysql_async::{Opts, OptsBuilder};

use crate::egress::Destination;
use crate::mysql::Error;

/// What an address without a scheme speaks.
const SCHEME: &str = "mysql";
/// The parameter that says whether to speak TLS, and what it says where it should not.
const TLS_PARAMETER: &str = "ssl-mode";
const TLS_NEVER: &str = "disabled";

/// An address that was read.
pub(in crate::mysql) struct Address {
    /// Where the server is.
    pub(in crate::mysql) destination: Destination,
    /// Whether to speak TLS, where the server has to prove who it is.
    pub(super) is_tls: bool,
    user: Option<String>,
    password: Option<String>,
    database: Option<String>,
}

impl Address {
    /// Reads `address`.
    ///
    /// # Errors
    /// [`Error::Connection`] when it names no server.
    pub(in crate::mysql) fn parse(address: &str) -> Result<Self, Error> {
        let destination = Destination::parse(address, SCHEME).map_err(|error| Error::Connection(error.to_string()))?;
        let wrong = || Error::Connection("the address is not understood; write `mysql://user:password@host:port/database`".to_owned());
        let mut url = url::Url::parse(address).map_err(|_| wrong())?;
        let (modes, others): (Vec<_>, Vec<_>) = url.query_pairs().into_owned().partition(|(name, _)| name == TLS_PARAMETER);
        url.set_query(None);
        url.set_fragment(None);
        if !others.is_empty() {
            url.query_pairs_mut().extend_pairs(others);
        }
        let read = Opts::from_url(url.as_str()).map_err(|_| wrong())?;
        let is_tls = modes.last().is_some_and(|(_, mode)| !mode.eq_ignore_ascii_case(TLS_NEVER)) || read.ssl_opts().is_some();
        // Only what the server is told is taken over: sockets, files, pools and start-up statements are not the guest's to choose.
        let text = |part: Option<&str>| part.map(str::to_owned);
        let (user, password, database) = (text(read.user()), text(read.pass()), text(read.db_name()));
        Ok(Self { destination, is_tls, user, password, database })
    }

    /// `options` with who wants in, and to which database.
    pub(super) fn introduce(&self, options: OptsBuilder) -> OptsBuilder {
        let options = options.user(self.user.clone()).pass(self.password.clone()).db_name(self.database.clone());
        options.prefer_socket(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_say_who_where_and_how() {
        let read = Address::parse("mysql://me:p%40ss@db.example.com:3307/shop?ssl-mode=REQUIRED").unwrap();
        assert_eq!(read.destination.to_string(), "mysql://db.example.com:3307");
        let options = Opts::from(read.introduce(OptsBuilder::default()));
        assert_eq!((options.user(), options.pass(), options.db_name()), (Some("me"), Some("p@ss"), Some("shop")));
        assert!(read.is_tls && !options.prefer_socket());
        for plain in ["mysql://me@localhost/shop", "mysql://me@localhost/shop?ssl-mode=DISABLED"] {
            assert!(!Address::parse(plain).unwrap().is_tls, "{plain}");
        }
    }

    #[test]
    fn a_guest_does_not_choose_sockets_or_statements() {
        for address in ["mysql://me@localhost/x?socket=/run/mysqld.sock", "mysql://me@localhost/x?prefer_socket=true"] {
            let options = Opts::from(Address::parse(address).unwrap().introduce(OptsBuilder::default()));
            assert!(options.socket().is_none() && !options.prefer_socket() && options.init().is_empty(), "{address}");
        }
        for address in ["mysql://me:hunter2@/x", "localhost", "mysql://me:hunter2@localhost/x?nonsense=1"] {
            let error = Address::parse(address).err().unwrap().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
