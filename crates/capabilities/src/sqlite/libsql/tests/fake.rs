//! A server of the protocol for tests: SQLite behind HTTP, with a stream for each baton, and bounds as such servers have them. Where the
//! protocol leaves a value undefined, it is nonsense here.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use coracle_base::clock;
use parking_lot::Mutex;
use rusqlite::fallible_iterator::FallibleIterator as _;
use rusqlite::types::{Value as Bound, ValueRef};
use rusqlite::{Batch, ErrorCode, params_from_iter};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::super::base64;

/// What the server asks for.
pub(super) const TOKEN: &str = "let-me-in";

/// How long a pipeline may take, and how many rows a result may have.
const TIME_MAX: Duration = Duration::from_secs(2);
const ROWS_MAX: usize = 100_000;
/// How many steps SQLite takes before it asks whether it may go on.
const STEPS: i32 = 10_000;
/// Statements of which alone the protocol says how many rows they changed, and those of which it says which row came last.
const CHANGES: [&str; 4] = ["INSERT", "UPDATE", "DELETE", "REPLACE"];
const INSERTS: [&str; 2] = ["INSERT", "REPLACE"];
/// What stands where the protocol defines nothing.
const UNDEFINED: u64 = 4_711;

/// The server. It ends with its runtime.
#[derive(Clone)]
pub(super) struct Fake(Arc<Inner>);

struct Inner {
    path: PathBuf,
    bytes_max: u64,
    address: SocketAddr,
    streams: Mutex<HashMap<String, rusqlite::Connection>>,
    made: Mutex<u64>,
}

impl Fake {
    /// A server whose database lies in `folder` and may have `bytes_max`.
    pub(super) async fn start(folder: &Path, bytes_max: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let inner = Inner { path: folder.join("served.db"), bytes_max, address, streams: Mutex::default(), made: Mutex::default() };
        let fake = Self(Arc::new(inner));
        let server = fake.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(server.clone().serve(stream));
            }
        });
        fake
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.0.address)
    }

    /// Streams that are open.
    pub(super) fn streams(&self) -> usize {
        self.0.streams.lock().len()
    }

    /// Forgets every stream, as a server does that restarts.
    pub(super) fn forget(&self) {
        self.0.streams.lock().clear();
    }

    async fn serve(self, stream: TcpStream) {
        let mut stream = BufReader::new(stream);
        loop {
            let (mut length, mut is_allowed, mut line) = (0, false, String::new());
            loop {
                line.clear();
                if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                    return;
                }
                let header = line.trim().to_ascii_lowercase();
                if header.is_empty() {
                    break;
                }
                if let Some(value) = header.strip_prefix("content-length: ") {
                    length = value.parse().unwrap();
                }
                is_allowed |= header == format!("authorization: bearer {TOKEN}");
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).await.unwrap();
            let (status, answer) = match is_allowed {
                false => ("401 Unauthorized", json!({ "error": "no" })),
                true => {
                    let server = self.clone();
                    // SQLite waits for other connections, which must be heard meanwhile.
                    tokio::task::spawn_blocking(move || server.answer(&serde_json::from_slice(&body).unwrap())).await.unwrap()
                }
            };
            let answer = answer.to_string();
            let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", answer.len());
            stream.write_all((head + &answer).as_bytes()).await.unwrap();
        }
    }

    fn open(&self) -> rusqlite::Connection {
        let connection = rusqlite::Connection::open(&self.0.path).unwrap();
        let page_bytes: u32 = connection.query_row("PRAGMA page_size", [], |row| row.get(0)).unwrap();
        let pages_max = self.0.bytes_max / u64::from(page_bytes);
        connection.query_row(&format!("PRAGMA max_page_count = {pages_max}"), [], |_| Ok(())).unwrap();
        connection
    }

    fn answer(&self, pipeline: &Value) -> (&'static str, Value) {
        let mut connection = match pipeline["baton"].as_str() {
            Some(baton) => match self.0.streams.lock().remove(baton) {
                Some(connection) => connection,
                None => return ("400 Bad Request", json!({ "error": "no such stream" })),
            },
            None => self.open(),
        };
        let begin = clock::now();
        connection.progress_handler(STEPS, Some(move || begin.elapsed() > TIME_MAX)).unwrap();
        let mut is_closed = false;
        let results: Vec<_> = pipeline["requests"]
            .as_array()
            .unwrap()
            .iter()
            .map(|step| {
                let done = match step["type"].as_str().unwrap() {
                    "execute" => execute(&connection, &step["stmt"]).map(|result| json!({ "type": "execute", "result": result })),
                    "sequence" => connection.execute_batch(step["sql"].as_str().unwrap()).map(|()| json!({ "type": "sequence" })),
                    "close" => {
                        is_closed = true;
                        Ok(json!({ "type": "close" }))
                    }
                    other => panic!("{other}"),
                };
                match done {
                    Ok(response) => json!({ "type": "ok", "response": response }),
                    Err(rusqlite::Error::MultipleStatement) => {
                        json!({ "type": "error", "error": { "message": "more than one statement", "code": "SQL_MANY_STATEMENTS" } })
                    }
                    Err(error) => json!({ "type": "error", "error": { "message": error.to_string(), "code": code(&error) } }),
                }
            })
            .collect();
        let mut baton = Value::Null;
        if !is_closed {
            let mut made = self.0.made.lock();
            *made += 1;
            baton = json!(format!("baton-{made}"));
            self.0.streams.lock().insert(format!("baton-{made}"), connection);
        }
        ("200 OK", json!({ "baton": baton, "base_url": null, "results": results }))
    }
}

/// The name of an error, where ours tell it from others.
fn code(error: &rusqlite::Error) -> &'static str {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy) => "SQLITE_BUSY",
        Some(ErrorCode::DiskFull) => "SQLITE_FULL",
        _ => "SQLITE_ERROR",
    }
}

fn execute(connection: &rusqlite::Connection, statement: &Value) -> rusqlite::Result<Value> {
    let sql = statement["sql"].as_str().unwrap();
    let mut batch = Batch::new(connection, sql);
    let Some(mut prepared) = batch.next()? else { return Err(rusqlite::Error::InvalidQuery) };
    if batch.next()?.is_some() {
        return Err(rusqlite::Error::MultipleStatement);
    }
    let arguments = statement["args"].as_array().unwrap().iter().map(|argument| match argument["type"].as_str().unwrap() {
        "integer" => Bound::Integer(argument["value"].as_str().unwrap().parse().unwrap()),
        "float" => Bound::Real(argument["value"].as_f64().unwrap()),
        "text" => Bound::Text(argument["value"].as_str().unwrap().to_owned()),
        "blob" => Bound::Blob(base64::decode(argument["base64"].as_str().unwrap()).unwrap()),
        _ => Bound::Null,
    });
    let columns: Vec<_> = prepared.column_names().map(|name| json!({ "name": name, "decltype": null })).collect();
    let width = columns.len();
    let mut rows = prepared.query(params_from_iter(arguments))?;
    let mut sent = Vec::new();
    while let Some(row) = rows.next()? {
        let value = |index| match row.get_ref(index).unwrap() {
            ValueRef::Null => json!({ "type": "null" }),
            ValueRef::Integer(number) => json!({ "type": "integer", "value": number.to_string() }),
            ValueRef::Real(number) => json!({ "type": "float", "value": number }),
            ValueRef::Text(text) => json!({ "type": "text", "value": String::from_utf8_lossy(text) }),
            ValueRef::Blob(bytes) => json!({ "type": "blob", "base64": base64::encode(bytes) }),
        };
        assert!(sent.len() < ROWS_MAX, "a test asks for more than such a server sends");
        sent.push((0..width).map(value).collect::<Vec<_>>());
    }
    drop(rows);
    let word = verb(sql);
    let (is_change, is_insert) = (CHANGES.contains(&word.as_str()), INSERTS.contains(&word.as_str()));
    Ok(json!({
        "cols": columns,
        "rows": sent,
        "affected_row_count": if is_change { connection.changes() } else { UNDEFINED },
        "last_insert_rowid": if is_insert { connection.last_insert_rowid().to_string() } else { UNDEFINED.to_string() },
    }))
}

/// The word that says what a statement does, of statements as tests write them: with one comment before it, or one table in `WITH`.
fn verb(sql: &str) -> String {
    let sql = sql.trim_start();
    let sql = sql.strip_prefix("--").and_then(|comment| comment.split_once('\n')).map_or(sql, |(_, rest)| rest);
    let sql = match sql.strip_prefix("WITH") {
        Some(_) => sql.split_once(") ").map_or("", |(_, rest)| rest),
        None => sql,
    };
    sql.split_whitespace().next().unwrap_or_default().to_ascii_uppercase()
}
