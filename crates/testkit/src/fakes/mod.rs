//! Stand-ins for services that are not installed where tests run: each listens on loopback on a thread of its own, answers as a function
//! says, and keeps what it was asked.

pub mod vault;

use std::future::pending;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;

use crate::certificates::Certificate;

/// A service that speaks HTTP.
pub struct Fake {
    address: SocketAddr,
    scheme: &'static str,
    asked: Arc<Mutex<Vec<Asked>>>,
    runtime: Option<Runtime>,
}

/// A request that came.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Its method.
    pub method: Method,
    /// Its path, with the query.
    pub path: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// What the service answers.
#[derive(Debug, Clone)]
pub enum Reply {
    /// A status and a body of JSON.
    Json(u16, String),
    /// Nothing, ever.
    Silence,
}

type Answer = Arc<dyn Fn(&Asked) -> Reply + Send + Sync>;

impl Fake {
    /// A service that answers as `answer` says.
    ///
    /// # Errors
    /// When it cannot listen.
    pub fn start(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Result<Self> {
        Self::listen(Arc::new(answer), None)
    }

    /// The same by TLS, with a certificate for `localhost`.
    ///
    /// # Errors
    /// When it cannot listen, or the certificate is not one.
    pub fn start_tls(certificate: &Certificate, answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Result<Self> {
        let chain = vec![CertificateDer::from_pem_file(certificate.certificate())?];
        let key = PrivateKeyDer::from_pem_file(certificate.key())?;
        let builder = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
        let config = builder.with_safe_default_protocol_versions()?.with_no_client_auth().with_single_cert(chain, key)?;
        Self::listen(Arc::new(answer), Some(TlsAcceptor::from(Arc::new(config))))
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://localhost:{}", self.scheme, self.address.port())
    }

    /// What it was asked, in order.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn listen(answer: Answer, tls: Option<TlsAcceptor>) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let entered = runtime.enter();
        let listener = TcpListener::from_std(listener)?;
        drop(entered);
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let scheme = if tls.is_some() { "https" } else { "http" };
        runtime.spawn(accept(listener, tls, answer, Arc::clone(&asked)));
        Ok(Self { address, scheme, asked, runtime: Some(runtime) })
    }
}

impl Drop for Fake {
    /// A test that is async itself must not wait for the end of another runtime.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, answer: Answer, asked: Arc<Mutex<Vec<Asked>>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, answer, asked) = (tls.clone(), Arc::clone(&answer), Arc::clone(&asked));
        tokio::spawn(async move {
            match tls {
                None => serve(stream, answer, asked).await,
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        serve(stream, answer, asked).await;
                    }
                }
            }
        });
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, answer: Answer, asked: Arc<Mutex<Vec<Asked>>>) {
    let service = service_fn(move |request| reply(request, Arc::clone(&answer), Arc::clone(&asked)));
    // A client that breaks off is no trouble of the service's.
    let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
}

async fn reply(request: Request<Incoming>, answer: Answer, asked: Arc<Mutex<Vec<Asked>>>) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (head, body) = request.into_parts();
    let path = head.uri.path_and_query().map_or_else(String::new, ToString::to_string);
    let question = Asked { method: head.method, path, headers: head.headers, body: body.collect().await?.to_bytes() };
    asked.lock().unwrap_or_else(PoisonError::into_inner).push(question.clone());
    let (status, body) = match answer(&question) {
        Reply::Json(status, body) => (status, body),
        Reply::Silence => pending().await,
    };
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
    response.headers_mut().insert("content-type", hyper::header::HeaderValue::from_static("application/json"));
    Ok(response)
}
