//! Downloads a component that a manifest names by URL and digest. What is kept on disk is named by its digest and checked again each
//! time it is read.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use sha2::{Digest, Sha256};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// The greatest component that is downloaded, in bytes.
pub(crate) const COMPONENT_BYTES_MAX: usize = 64 << 20;
/// How long a download may take.
const DOWNLOAD_MAX: Duration = Duration::from_secs(120);
/// Redirects that are followed.
const REDIRECTS_MAX: usize = 5;

/// Why a download failed.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The URL cannot be used.
    #[error("`{url}` cannot be downloaded: {reason}; use an http or https URL")]
    Url {
        /// The URL.
        url: String,
        /// Why.
        reason: String,
    },
    /// The server could not be reached or broke off.
    #[error("`{url}` cannot be downloaded; check the address and the network")]
    Network {
        /// The URL.
        url: String,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The server answered with something else than the file.
    #[error("`{url}` answered {status}; check the address")]
    Status {
        /// The URL.
        url: String,
        /// The answer.
        status: http::StatusCode,
    },
    /// It took too long or led around in circles.
    #[error("`{url}`: {reason}")]
    Gave {
        /// The URL.
        url: String,
        /// What happened.
        reason: String,
    },
    /// The content is not what the manifest promises.
    #[error("`{url}` has the digest {actual}, the manifest says {expected}; the file has changed: check it, then correct the digest")]
    Digest {
        /// The URL.
        url: String,
        /// What the manifest says.
        expected: String,
        /// What came.
        actual: String,
    },
}

/// The digest of `bytes`, as manifests write it.
pub(crate) fn digest_of(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    Sha256::digest(bytes).iter().fold("sha256:".to_owned(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The component at `url`, from `cache` if it is there.
///
/// # Errors
/// [`FetchError`] when it cannot be downloaded or is not what the digest says.
pub(crate) async fn component(url: &str, expected: &str, cache: Option<&Path>) -> Result<Vec<u8>, FetchError> {
    let kept = cache.map(|cache| cache.join("wasm").join(expected.replace(':', "-")));
    if let Some(bytes) = kept.as_deref().and_then(|path| std::fs::read(path).ok())
        && digest_of(&bytes) == expected
    {
        return Ok(bytes);
    }
    let gave = |reason: &str| FetchError::Gave { url: url.to_owned(), reason: reason.to_owned() };
    let download = tokio::time::timeout(DOWNLOAD_MAX, download(url));
    let bytes = download.await.map_err(|_| gave("the download took too long; try again or use a local file"))??;
    let actual = digest_of(&bytes);
    if actual != expected {
        return Err(FetchError::Digest { url: url.to_owned(), expected: expected.to_owned(), actual });
    }
    if let Some(kept) = kept {
        keep(&kept, &bytes);
    }
    Ok(bytes.to_vec())
}

/// Keeps a download for the next start; a cache that cannot be written costs a download, nothing else.
fn keep(path: &PathBuf, bytes: &[u8]) {
    let Some(folder) = path.parent() else { return };
    let kept = std::fs::create_dir_all(folder)
        .and_then(|()| tempfile::NamedTempFile::new_in(folder))
        .and_then(|file| std::fs::write(file.path(), bytes).and_then(|()| file.persist(path).map(drop).map_err(|error| error.error)));
    if let Err(error) = kept {
        tracing::warn!(path = %path.display(), %error, "a downloaded component is not kept");
    }
}

async fn download(start: &str) -> Result<Bytes, FetchError> {
    let mut url = start.to_owned();
    for _ in 0..=REDIRECTS_MAX {
        let response = get(&url).await?;
        let location = response.headers().get(http::header::LOCATION).and_then(|value| value.to_str().ok());
        match (response.status(), location) {
            (status, Some(location)) if status.is_redirection() => {
                let base = url::Url::parse(&url).and_then(|base| base.join(location));
                let next = base.map_err(|error| FetchError::Url { url: location.to_owned(), reason: error.to_string() })?;
                if url.starts_with("https:") && next.scheme() != "https" {
                    return Err(FetchError::Url { url: next.into(), reason: "a redirect leaves https".to_owned() });
                }
                url = next.into();
            }
            (http::StatusCode::OK, _) => {
                let network = |source| FetchError::Network { url: url.clone(), source };
                return Ok(Limited::new(response.into_body(), COMPONENT_BYTES_MAX).collect().await.map_err(network)?.to_bytes());
            }
            (status, _) => return Err(FetchError::Status { url, status }),
        }
    }
    Err(FetchError::Gave { url: start.to_owned(), reason: format!("it redirects more than {REDIRECTS_MAX} times") })
}

async fn get(text: &str) -> Result<http::Response<hyper::body::Incoming>, FetchError> {
    let wrong = |reason: &str| FetchError::Url { url: text.to_owned(), reason: reason.to_owned() };
    let url = url::Url::parse(text).map_err(|error| wrong(&error.to_string()))?;
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else { return Err(wrong("it names no host")) };
    let stream = TcpStream::connect((host.trim_matches(['[', ']']), port)).await.map_err(network(text))?;
    match url.scheme() {
        "http" => send(text, &url, stream).await,
        "https" => {
            let name = ServerName::try_from(host.to_owned()).map_err(|error| wrong(&error.to_string()))?;
            let stream = TlsConnector::from(tls()).connect(name, stream).await.map_err(network(text))?;
            send(text, &url, stream).await
        }
        scheme => Err(wrong(&format!("the scheme `{scheme}` is not known"))),
    }
}

async fn send<S>(text: &str, url: &url::Url, stream: S) -> Result<http::Response<hyper::body::Incoming>, FetchError>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(network(text))?;
    tokio::spawn(connection);
    let path = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
    let host = url.host_str().unwrap_or_default();
    let authority = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let request = http::Request::get(path).header(http::header::HOST, authority).body(Empty::<Bytes>::new()).map_err(network(text))?;
    sender.send_request(request).await.map_err(network(text))
}

fn network<E: Into<Box<dyn std::error::Error + Send + Sync>>>(url: &str) -> impl FnOnce(E) -> FetchError {
    let url = url.to_owned();
    move |source| FetchError::Network { url, source: source.into() }
}

fn tls() -> Arc<rustls::ClientConfig> {
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    #[expect(clippy::expect_used, reason = "ring supports the default protocol versions")]
    let builder = versions.expect("ring supports the default protocol versions");
    Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
}
