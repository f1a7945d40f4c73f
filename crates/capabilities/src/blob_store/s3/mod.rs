//! A store in a bucket of S3 or of a service that speaks like it. A container is the first part of the keys, below an optional prefix;
//! a small object marks it, so that an empty container is one too. Bodies go up in parts.

mod service;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use coracle_engine::BindError;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{BackoffConfig, GetOptions, GetRange, MultipartUpload, ObjectStore, ObjectStoreExt as _, RetryConfig};
use serde::Deserialize;
use url::Url;

use self::service::{Busy, Service};
use super::name::check_object;
use super::{Error, Object, Reading, Stat, Store, Writing};
use crate::backend::{Kind, Opened, Opening};

/// A store in a bucket.
pub(super) const KIND: Kind<dyn Store> = Kind { types: &["s3"], open };

/// The table of such a store.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// The bucket, which must be there.
    bucket: String,
    /// What stands before every key, without a `/` at its ends.
    prefix: Option<String>,
    /// The region of the bucket.
    #[serde(default = "usual_region")]
    region: String,
    /// The URL of the service; that of AWS in the region when absent.
    endpoint: Option<String>,
    /// The credentials; requests are not signed when they are absent.
    access_key_id: Option<String>,
    secret_access_key: Option<String>,
    session_token: Option<String>,
    /// Whether the endpoint may be spoken to without TLS.
    #[serde(default)]
    allow_http: bool,
    /// Whether the bucket is a part of the host name, instead of the path.
    #[serde(default)]
    virtual_host_style: bool,
    /// Requests at once; more wait.
    #[serde(default = "usual_connections", rename = "max_connections")]
    connections_max: usize,
    /// Certificates to trust instead of the machine's, as PEM.
    ca_roots_file: Option<PathBuf>,
}

fn usual_region() -> String {
    "us-east-1".to_owned()
}

const fn usual_connections() -> usize {
    64
}

/// The object that marks a container.
const MARKER: &str = ".container";
/// What is sent at once of an object that is too large for one request; S3 wants 5 MiB at least.
const PART_BYTES: usize = 8 << 20;
/// How often and how long a request that failed is tried anew.
const RETRIES_MAX: usize = 3;
const RETRY_TIME_MAX: Duration = Duration::from_secs(10);
const BACKOFF: BackoffConfig = BackoffConfig { init_backoff: Duration::from_millis(50), max_backoff: Duration::from_secs(1), base: 2.0 };

/// A store in a bucket.
#[derive(Debug)]
struct S3 {
    client: Arc<AmazonS3>,
    prefix: Option<String>,
}

/// An object on its way up.
struct Draft {
    client: Arc<AmazonS3>,
    path: Path,
    rest: BytesMut,
    parts: Option<Box<dyn MultipartUpload>>,
}

fn open(opening: &Opening<'_>) -> Result<Opened<dyn Store>, BindError> {
    let config: Config = opening.config()?;
    let endpoint = endpoint(opening, &config)?;
    if endpoint.scheme() != "https" && !config.allow_http {
        return Err(
            opening.refused("its endpoint is without TLS", "write `allow_http = true` if it should be, or begin it with `https://`")
        );
    }
    let mut connector = opening.connector(endpoint.as_str(), "https")?;
    if endpoint.scheme() == "https" {
        connector = connector.with_tls(opening.tls(config.ca_roots_file.as_deref())?);
    }
    let place = format!("s3 {}/{}", endpoint.as_str().trim_end_matches('/'), config.bucket);
    let mut builder = AmazonS3Builder::new()
        .with_http_connector(Service::new(connector, config.connections_max))
        .with_endpoint(endpoint.as_str().trim_end_matches('/'))
        .with_bucket_name(&config.bucket)
        .with_region(&config.region)
        .with_allow_http(config.allow_http)
        .with_virtual_hosted_style_request(config.virtual_host_style)
        .with_retry(RetryConfig { backoff: BACKOFF, max_retries: RETRIES_MAX, retry_timeout: RETRY_TIME_MAX });
    builder = match (config.access_key_id, config.secret_access_key) {
        (Some(id), Some(secret)) => builder.with_access_key_id(id).with_secret_access_key(secret),
        (None, None) => builder.with_skip_signature(true),
        _ => {
            return Err(opening.refused("it has half of its credentials", "write both `access_key_id` and `secret_access_key`, or neither"));
        }
    };
    if let Some(token) = config.session_token {
        builder = builder.with_token(token);
    }
    let client = builder.build().map_err(|error| BindError::Backend {
        what: opening.what(),
        remedy: "correct its endpoint, bucket, region and credentials".to_owned(),
        source: Box::new(error),
    })?;
    let prefix = config.prefix.map(|prefix| prefix.trim_matches('/').to_owned()).filter(|prefix| !prefix.is_empty());
    Ok(Opened { backend: Arc::new(S3 { client: Arc::new(client), prefix }), place })
}

/// Where requests go: with the bucket in the host name where that is the style.
fn endpoint(opening: &Opening<'_>, config: &Config) -> Result<Url, BindError> {
    let wrong = || opening.refused("its endpoint names no host", "write it as `https://host`");
    let usual = || format!("https://s3.{}.amazonaws.com", config.region);
    let mut url = Url::parse(&config.endpoint.clone().unwrap_or_else(usual)).map_err(|_| wrong())?;
    let host = url.host_str().ok_or_else(wrong)?;
    if config.virtual_host_style {
        let host = format!("{}.{host}", config.bucket);
        url.set_host(Some(&host)).map_err(|_| wrong())?;
    }
    Ok(url)
}

impl S3 {
    fn folder(&self, container: &str) -> String {
        self.prefix.as_ref().map_or_else(|| container.to_owned(), |prefix| format!("{prefix}/{container}"))
    }

    fn path(&self, container: &str, name: &str) -> Result<Path, Error> {
        Path::parse(format!("{}/{name}", self.folder(container))).map_err(|error| Error::backend(&error))
    }

    fn object(&self, object: &Object) -> Result<Path, Error> {
        if object.name == MARKER {
            return Err(Error::Name { name: object.name.clone(), reason: "it marks the container" });
        }
        self.path(&object.container, &object.name)
    }

    /// Every path in a container, its mark included.
    fn paths(&self, container: &str) -> Result<stream::BoxStream<'static, object_store::Result<Path>>, Error> {
        let folder = Path::parse(self.folder(container)).map_err(|error| Error::backend(&error))?;
        Ok(self.client.list(Some(&folder)).map_ok(|meta| meta.location).boxed())
    }

    async fn delete_all(&self, paths: stream::BoxStream<'static, object_store::Result<Path>>) -> Result<(), Error> {
        let mut deleted = self.client.delete_stream(paths);
        while let Some(deleted) = deleted.next().await {
            match deleted {
                Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(failed(&error, "")),
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Store for S3 {
    async fn create(&self, container: &str) -> Result<(), Error> {
        if self.created(container).await?.is_some() {
            return Err(Error::ContainerExists(container.to_owned()));
        }
        let marker = self.path(container, MARKER)?;
        self.client.put(&marker, Bytes::new().into()).await.map(drop).map_err(|error| failed(&error, container))
    }

    async fn created(&self, container: &str) -> Result<Option<u64>, Error> {
        match self.client.head(&self.path(container, MARKER)?).await {
            Ok(meta) => return Ok(Some(seconds(&meta))),
            Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(failed(&error, container)),
        }
        // What others put into the bucket has no mark, and makes a container all the same.
        let folder = Path::parse(self.folder(container)).map_err(|error| Error::backend(&error))?;
        let first = self.client.list(Some(&folder)).try_next().await.map_err(|error| failed(&error, container))?;
        Ok(first.map(|meta| seconds(&meta)))
    }

    async fn remove(&self, container: &str) -> Result<(), Error> {
        self.delete_all(self.paths(container)?).await
    }

    async fn stat(&self, object: &Object) -> Result<Option<Stat>, Error> {
        match self.client.head(&self.object(object)?).await {
            Ok(meta) => Ok(Some(Stat { bytes: meta.size, created: seconds(&meta) })),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failed(&error, &object.name)),
        }
    }

    async fn read(&self, object: &Object, first: u64, last: u64) -> Result<Reading, Error> {
        /// No object has more bytes, and services refuse larger numbers.
        const OBJECT_BYTES_MAX: u64 = 1 << 50;
        let path = self.object(object)?;
        let end = last.min(OBJECT_BYTES_MAX).saturating_add(1);
        let empty = || Reading { bytes: 0, chunks: stream::empty().boxed() };
        if first >= end {
            return self.stat(object).await?.map(|_| empty()).ok_or_else(|| Error::NoObject(object.name.clone()));
        }
        let options = GetOptions { range: Some(GetRange::Bounded(first..end)), ..GetOptions::default() };
        let found = match self.client.get_opts(&path, options).await {
            Ok(found) => found,
            Err(error @ object_store::Error::NotFound { .. }) => return Err(failed(&error, &object.name)),
            // A range behind the end is an error to S3, also that of an object without bytes.
            Err(error) => {
                return match self.stat(object).await? {
                    Some(stat) if stat.bytes <= first => Ok(empty()),
                    _ => Err(failed(&error, &object.name)),
                };
            }
        };
        let bytes = found.range.end.saturating_sub(found.range.start);
        let name = object.name.clone();
        Ok(Reading { bytes, chunks: found.into_stream().map_err(move |error| failed(&error, &name)).boxed() })
    }

    async fn write(&self, object: &Object) -> Result<Box<dyn Writing>, Error> {
        let path = self.object(object)?;
        Ok(Box::new(Draft { client: Arc::clone(&self.client), path, rest: BytesMut::new(), parts: None }))
    }

    async fn list(&self, container: &str, after: Option<&str>, names_max: usize) -> Result<Vec<String>, Error> {
        let folder = self.folder(container);
        let within = Path::parse(&folder).map_err(|error| Error::backend(&error))?;
        let found = match after {
            Some(after) => self.client.list_with_offset(Some(&within), &self.path(container, after)?),
            None => self.client.list(Some(&within)),
        };
        let name = |path: &Path| path.as_ref().strip_prefix(&folder)?.strip_prefix('/').map(str::to_owned);
        let names = found.try_filter_map(|meta| {
            let name = name(&meta.location).filter(|name| name != MARKER && check_object(name).is_ok());
            async move { Ok(name) }
        });
        names.take(names_max).try_collect().await.map_err(|error| failed(&error, container))
    }

    async fn delete(&self, container: &str, names: &[String]) -> Result<(), Error> {
        let object = |name: &String| self.object(&Object { container: container.to_owned(), name: name.clone() });
        let paths: Vec<_> = names.iter().map(|name| object(name).map(Ok)).collect::<Result<_, _>>()?;
        self.delete_all(stream::iter(paths).boxed()).await
    }

    async fn copy(&self, from: &Object, to: &Object) -> Result<(), Error> {
        let (source, target) = (self.object(from)?, self.object(to)?);
        self.client.copy(&source, &target).await.map_err(|error| failed(&error, &from.name))
    }
}

#[async_trait]
impl Writing for Draft {
    async fn push(&mut self, bytes: Bytes) -> Result<(), Error> {
        self.rest.extend_from_slice(&bytes);
        while self.rest.len() >= PART_BYTES {
            let part = self.rest.split_to(PART_BYTES).freeze();
            if self.parts.is_none() {
                self.parts = Some(self.client.put_multipart(&self.path).await.map_err(|error| failed(&error, ""))?);
            }
            if let Some(parts) = &mut self.parts {
                parts.put_part(part.into()).await.map_err(|error| failed(&error, ""))?;
            }
        }
        Ok(())
    }

    async fn finish(mut self: Box<Self>) -> Result<(), Error> {
        let rest = std::mem::take(&mut self.rest).freeze();
        let Some(parts) = &mut self.parts else {
            return self.client.put(&self.path, rest.into()).await.map(drop).map_err(|error| failed(&error, ""));
        };
        if !rest.is_empty() {
            parts.put_part(rest.into()).await.map_err(|error| failed(&error, ""))?;
        }
        parts.complete().await.map_err(|error| failed(&error, ""))?;
        self.parts = None;
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if let (Some(mut parts), Ok(runtime)) = (self.parts.take(), tokio::runtime::Handle::try_current()) {
            // Parts of an object that never came about are kept and paid for until they are given up. Nobody is left to tell of a failure.
            runtime.spawn(async move { parts.abort().await });
        }
    }
}

fn seconds(meta: &object_store::ObjectMeta) -> u64 {
    u64::try_from(meta.last_modified.timestamp()).unwrap_or(0)
}

fn failed(error: &object_store::Error, name: &str) -> Error {
    let internal = || coracle_base::chain(error).to_string();
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<Busy>() {
            return Error::Busy;
        }
        cause = error.source();
    }
    match error {
        object_store::Error::NotFound { .. } => Error::NoObject(name.to_owned()),
        object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. } => {
            Error::Backend { public: "the storage refuses access", internal: internal() }
        }
        _ => Error::Backend { public: "the storage failed", internal: internal() },
    }
}
