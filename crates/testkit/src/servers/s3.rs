//! A bucket of S3 in memory, as far as stores of blobs use it: objects, ranges, listings in pages, copies, uploads in parts, and
//! deletion of many at once. Requests must be signed for [`ACCESS_KEY`]; whether rightly is not checked.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;
use tokio::task::{AbortHandle, JoinSet};

/// The bucket.
pub const BUCKET: &str = "bucket";
/// The id of the one key that is known.
pub const ACCESS_KEY: &str = "known";
/// Names in one page of a listing.
const PAGE_NAMES: usize = 7;
const MODIFIED: &str = "Wed, 21 Oct 2015 07:28:00 GMT";
const MODIFIED_ISO: &str = "2015-10-21T07:28:00.000Z";

/// A bucket, there as long as this value is.
pub struct Fake {
    address: SocketAddr,
    contents: Arc<Mutex<Contents>>,
    task: AbortHandle,
}

#[derive(Default)]
struct Contents {
    objects: BTreeMap<String, Bytes>,
    uploads: BTreeMap<String, Upload>,
    uploads_begun: usize,
}

struct Upload {
    key: String,
    parts: BTreeMap<u32, Bytes>,
}

type Answer = Response<Full<Bytes>>;

impl Fake {
    /// Starts it on a free port of loopback.
    ///
    /// # Errors
    /// When there is no port.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let (address, contents) = (listener.local_addr()?, Arc::new(Mutex::new(Contents::default())));
        let shared = Arc::clone(&contents);
        let serve = async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&shared);
                connections.spawn(async move {
                    let service = service_fn(move |request| answer(Arc::clone(&shared), request));
                    // What goes wrong on a connection shows at the client's end.
                    let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
                });
            }
        };
        Ok(Self { address, contents, task: tokio::spawn(serve).abort_handle() })
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The keys of its objects.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        lock(&self.contents).objects.keys().cloned().collect()
    }

    /// Puts an object there, as another program would.
    pub fn put(&self, key: &str, body: &[u8]) {
        lock(&self.contents).objects.insert(key.to_owned(), Bytes::copy_from_slice(body));
    }

    /// Uploads in parts that were begun, and those that were neither completed nor given up.
    #[must_use]
    pub fn uploads(&self) -> (usize, usize) {
        let contents = lock(&self.contents);
        (contents.uploads_begun, contents.uploads.len())
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock(contents: &Mutex<Contents>) -> std::sync::MutexGuard<'_, Contents> {
    contents.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn answer(contents: Arc<Mutex<Contents>>, request: Request<Incoming>) -> Result<Answer, Infallible> {
    let (head, body) = request.into_parts();
    let Ok(body) = body.collect().await else { return Ok(status(StatusCode::BAD_REQUEST)) };
    let signature = head.headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !signature.starts_with("AWS4-HMAC-SHA256") || !signature.contains(&format!("Credential={ACCESS_KEY}/")) {
        return Ok(status(StatusCode::FORBIDDEN));
    }
    let path = decoded(head.uri.path());
    let query: BTreeMap<String, String> = head.uri.query().map(pairs).unwrap_or_default();
    let Some(key) = path.strip_prefix(&format!("/{BUCKET}")) else { return Ok(status(StatusCode::NOT_FOUND)) };
    let mut contents = lock(&contents);
    Ok(match key.strip_prefix('/').unwrap_or(key) {
        "" if query.contains_key("delete") => contents.delete_many(&String::from_utf8_lossy(&body.to_bytes())),
        "" => contents.list(&query),
        key => contents.object(&head.method, key, &query, &head.headers, body.to_bytes()),
    })
}

impl Contents {
    fn object(&mut self, method: &Method, key: &str, query: &BTreeMap<String, String>, headers: &HeaderMap, body: Bytes) -> Answer {
        let upload = query.get("uploadId");
        match (method.as_str(), upload) {
            ("POST", None) if query.contains_key("uploads") => {
                self.uploads_begun += 1;
                let id = format!("upload-{}", self.uploads_begun);
                self.uploads.insert(id.clone(), Upload { key: key.to_owned(), parts: BTreeMap::new() });
                xml(format!("<InitiateMultipartUploadResult><UploadId>{id}</UploadId></InitiateMultipartUploadResult>"))
            }
            ("PUT", Some(id)) => match (self.uploads.get_mut(id), query.get("partNumber").and_then(|number| number.parse().ok())) {
                (Some(upload), Some(number)) => {
                    upload.parts.insert(number, body);
                    tagged(StatusCode::OK)
                }
                _ => status(StatusCode::NOT_FOUND),
            },
            ("POST", Some(id)) => match self.uploads.remove(id) {
                Some(upload) => {
                    self.objects.insert(upload.key, upload.parts.into_values().flatten().collect());
                    xml("<CompleteMultipartUploadResult><ETag>\"tag\"</ETag></CompleteMultipartUploadResult>".to_owned())
                }
                None => status(StatusCode::NOT_FOUND),
            },
            ("DELETE", Some(id)) => {
                self.uploads.remove(id);
                status(StatusCode::NO_CONTENT)
            }
            ("PUT", None) => self.put(key, headers, body),
            ("DELETE", None) => {
                self.objects.remove(key);
                status(StatusCode::NO_CONTENT)
            }
            ("GET" | "HEAD", None) => self.get(key, headers, method == Method::HEAD),
            _ => status(StatusCode::METHOD_NOT_ALLOWED),
        }
    }

    fn put(&mut self, key: &str, headers: &HeaderMap, body: Bytes) -> Answer {
        let source = headers.get("x-amz-copy-source").and_then(|value| value.to_str().ok()).map(decoded);
        let Some(source) = source else {
            self.objects.insert(key.to_owned(), body);
            return tagged(StatusCode::OK);
        };
        let source = source.trim_start_matches('/');
        match source.strip_prefix(&format!("{BUCKET}/")).and_then(|source| self.objects.get(source)).cloned() {
            Some(body) => {
                self.objects.insert(key.to_owned(), body);
                xml("<CopyObjectResult><ETag>\"tag\"</ETag></CopyObjectResult>".to_owned())
            }
            None => status(StatusCode::NOT_FOUND),
        }
    }

    fn get(&self, key: &str, headers: &HeaderMap, is_head: bool) -> Answer {
        let Some(body) = self.objects.get(key) else { return status(StatusCode::NOT_FOUND) };
        let range = headers.get("range").and_then(|value| value.to_str().ok()?.strip_prefix("bytes=")?.split_once('-'));
        let mut response = tagged(StatusCode::OK);
        let mut part = body.clone();
        if let Some((first, last)) = range {
            let first: usize = first.parse().unwrap_or(usize::MAX);
            let end = last.parse::<usize>().map_or(body.len(), |last| last.saturating_add(1)).min(body.len());
            if first >= body.len() {
                return status(StatusCode::RANGE_NOT_SATISFIABLE);
            }
            part = body.slice(first..end);
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            insert(&mut response, "content-range", &format!("bytes {first}-{}/{}", end - 1, body.len()));
        }
        insert(&mut response, "last-modified", MODIFIED);
        insert(&mut response, "content-length", &part.len().to_string());
        if !is_head {
            *response.body_mut() = Full::new(part);
        }
        response
    }

    fn list(&self, query: &BTreeMap<String, String>) -> Answer {
        let text = |name: &str| query.get(name).map(String::as_str).unwrap_or_default();
        let after = text("continuation-token").max(text("start-after"));
        let found = self.objects.iter().filter(|(key, _)| key.starts_with(text("prefix")) && key.as_str() > after);
        let mut found: Vec<_> = found.take(PAGE_NAMES + 1).collect();
        let is_truncated = found.len() > PAGE_NAMES;
        found.truncate(PAGE_NAMES);
        let next = found
            .last()
            .filter(|_| is_truncated)
            .map(|(key, _)| format!("<NextContinuationToken>{}</NextContinuationToken>", escaped(key)));
        let entry = |(key, body): &(&String, &Bytes)| {
            let (key, size) = (escaped(key), body.len());
            format!(
                "<Contents><Key>{key}</Key><LastModified>{MODIFIED_ISO}</LastModified><ETag>\"tag\"</ETag><Size>{size}</Size></Contents>"
            )
        };
        let entries: String = found.iter().map(entry).collect();
        let next = next.unwrap_or_default();
        xml(format!("<ListBucketResult><IsTruncated>{is_truncated}</IsTruncated>{entries}{next}</ListBucketResult>"))
    }

    fn delete_many(&mut self, request: &str) -> Answer {
        let keys = request.split("<Key>").skip(1).filter_map(|rest| rest.split("</Key>").next());
        let keys: Vec<_> = keys.map(unescaped).collect();
        keys.iter().for_each(|key| drop(self.objects.remove(key)));
        let deleted: String = keys.iter().map(|key| format!("<Deleted><Key>{}</Key></Deleted>", escaped(key))).collect();
        xml(format!("<DeleteResult>{deleted}</DeleteResult>"))
    }
}

fn status(status: StatusCode) -> Answer {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

fn tagged(code: StatusCode) -> Answer {
    let mut response = status(code);
    insert(&mut response, "etag", "\"tag\"");
    response
}

fn xml(body: String) -> Answer {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    insert(&mut response, "content-type", "application/xml");
    response
}

fn insert(response: &mut Answer, name: &'static str, value: &str) {
    if let Ok(value) = value.parse() {
        response.headers_mut().insert(name, value);
    }
}

fn pairs(query: &str) -> BTreeMap<String, String> {
    let text = |text: &str| decoded(&text.replace('+', " "));
    query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, ""))).map(|(name, value)| (text(name), text(value))).collect()
}

/// Undoes percent-encoding.
fn decoded(text: &str) -> String {
    let mut pieces = text.split('%');
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        match piece.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => bytes.extend([&[byte], piece.get(2..).unwrap_or_default().as_bytes()].concat()),
            None => bytes.extend([b"%", piece.as_bytes()].concat()),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'").replace("&amp;", "&")
}
