//! An HTTP service of the operator's, such as Vault or a language model: where it is, whom its certificate must come from, and the token
//! that it wants to see.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use coracle_engine::BindError;
use http::{HeaderValue, Request};
use http_body_util::Full;
use url::Url;

use super::{Answer, Http, HttpError, Opening};
use crate::resolver::{Secret, read_secret};

/// A service at a base address.
#[derive(Clone)]
pub(crate) struct Service {
    base: Url,
    http: Http,
    /// Where it is, without a path that may say more than operators want to see.
    place: String,
}

/// A token that stands in the configuration, or in a file that somebody renews.
#[derive(Debug, Clone)]
pub(crate) enum Token {
    /// The token itself.
    Fixed(Secret),
    /// Where it stands; read for each request.
    File(PathBuf),
}

/// Why a token cannot be shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    /// Its file cannot be read.
    #[error("the token file `{}` cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// It has a character that no header can carry.
    #[error("the token has a character that no header can carry")]
    Characters,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service").field("place", &self.place).finish_non_exhaustive()
    }
}

impl Service {
    /// The service at `address`, each of whose requests may take `timeout`. `roots_file` replaces the machine's roots.
    ///
    /// # Errors
    /// [`BindError`] when the address is none of HTTP, or the file has no certificates.
    pub(crate) fn open(opening: &Opening<'_>, address: &str, roots_file: Option<&Path>, timeout: Duration) -> Result<Self, BindError> {
        let wrong = || opening.refused("`url` is not an address of HTTP", "write `https://host:port`, with no user, password or query");
        let base = Url::parse(address).map_err(|_| wrong())?;
        let is_plain = base.username().is_empty() && base.password().is_none() && base.query().is_none() && base.fragment().is_none();
        if !matches!(base.scheme(), "http" | "https") || !is_plain {
            return Err(wrong());
        }
        let mut connector = opening.connector(address, base.scheme())?;
        if base.scheme() == "https" {
            connector = connector.with_tls(opening.tls(roots_file)?);
        }
        let place = connector.destination().to_string();
        Ok(Self { base, http: Http::new(connector, timeout), place })
    }

    /// Where it is.
    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    /// The address of what lies at `segments` below the base.
    pub(crate) fn at<'s>(&self, segments: impl IntoIterator<Item = &'s str>) -> String {
        let mut address = self.base.clone();
        // The address has a host, so that it has a path.
        if let Ok(mut path) = address.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        address.into()
    }

    /// Sends `request`, and reads an answer of up to `body_bytes_max`.
    ///
    /// # Errors
    /// [`HttpError`].
    pub(crate) async fn send(&self, request: Request<Full<Bytes>>, body_bytes_max: usize) -> Result<Answer, HttpError> {
        self.http.send(request, body_bytes_max).await
    }
}

impl Token {
    /// The token that a table names, by itself or by its file. `key` is the name of the first, and `<key>_file` that of the second.
    ///
    /// # Errors
    /// [`BindError`] when both are given.
    pub(crate) fn of(opening: &Opening<'_>, key: &str, token: Option<Secret>, file: Option<&Path>) -> Result<Option<Self>, BindError> {
        match (token, file) {
            (Some(_), Some(_)) => Err(opening.refused(&format!("it has both `{key}` and `{key}_file`"), "keep one of them")),
            (Some(token), None) => Ok(Some(Self::Fixed(token))),
            (None, file) => Ok(file.map(|file| Self::File(opening.path(file)))),
        }
    }

    /// The value of the header that shows it; `scheme` is what stands before the token, such as `Bearer `.
    ///
    /// # Errors
    /// [`TokenError`].
    pub(crate) fn header(&self, scheme: &str) -> Result<HeaderValue, TokenError> {
        let token = match self {
            Self::Fixed(token) => token.clone(),
            Self::File(path) => read_secret(path).map_err(|source| TokenError::Read { path: path.clone(), source })?,
        };
        let mut header = HeaderValue::try_from(format!("{scheme}{}", token.expose())).map_err(|_| TokenError::Characters)?;
        header.set_sensitive(true);
        Ok(header)
    }
}
