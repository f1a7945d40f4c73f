//! HTTP/1 as bytes: sends what no client would, and reads what came back without believing it.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

/// Longer than any answer takes; a test that waits this long has failed.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Sends `bytes`, closes the sending side, and reads to the end of the connection.
///
/// # Errors
/// When there is no connection, or no end.
pub fn exchange(address: SocketAddr, bytes: &[u8]) -> Result<Vec<u8>> {
    let mut stream = connect(address)?;
    // A server that refuses early may close before it has read everything.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    read_to_end(&mut stream)
}

/// Sends `bytes` and reads until the server closes the connection.
///
/// # Errors
/// When there is no connection, or the server does not close it.
pub fn until_closed(address: SocketAddr, bytes: &[u8]) -> Result<Vec<u8>> {
    let mut stream = connect(address)?;
    let _ = stream.write_all(bytes);
    read_to_end(&mut stream)
}

/// A connection whose reads do not wait for ever.
///
/// # Errors
/// When there is none.
pub fn connect(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE).with_context(|| format!("no connection to {address}"))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Reads until the other side closes or resets the connection.
///
/// # Errors
/// When it does neither.
pub fn read_to_end(stream: &mut TcpStream) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Ok(_) => Ok(bytes),
        Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(bytes),
        Err(error) => Err(error).with_context(|| format!("the connection did not end after {:?}", String::from_utf8_lossy(&bytes))),
    }
}

/// Reads one response and no byte more.
///
/// # Errors
/// When there is none, or it is malformed.
pub fn read_response(stream: &mut TcpStream) -> Result<Response> {
    let mut bytes = Vec::new();
    let mut byte = [0];
    loop {
        if let Some((response, _)) = Response::parse(&bytes)? {
            return Ok(response);
        }
        let read = stream.read(&mut byte).with_context(|| format!("no response after {:?}", String::from_utf8_lossy(&bytes)))?;
        if read == 0 {
            bail!("the connection ended after {:?}", String::from_utf8_lossy(&bytes));
        }
        bytes.extend(byte);
    }
}

/// A response as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The fields with their names in lower case.
    pub fields: Vec<(String, String)>,
    /// The body, without its chunks.
    pub body: Vec<u8>,
    /// The trailer fields.
    pub trailers: Vec<(String, String)>,
}

impl Response {
    /// The first response in `bytes` and its length; `None` when it is not complete. Without a framing of its own a response has no body.
    ///
    /// # Errors
    /// When it is malformed.
    pub fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>> {
        let Some(end) = find(bytes, b"\r\n\r\n") else { return Ok(None) };
        let head = str::from_utf8(bytes.get(..end).unwrap_or_default())?;
        let mut lines = head.split("\r\n");
        let first = lines.next().unwrap_or_default();
        let status = first.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)).and_then(|status| status.parse().ok());
        let Some(status) = status else { bail!("{first:?} is no status line") };
        let fields = lines.map(field).collect::<Result<Vec<_>>>()?;
        let mut response = Self { status, fields, body: Vec::new(), trailers: Vec::new() };
        let rest = bytes.get(end + 4..).unwrap_or_default();
        let has_no_body = status < 200 || matches!(status, 204 | 304);
        let length = if has_no_body {
            Some(0)
        } else if response.field("transfer-encoding").is_some() {
            response.chunks(rest)?
        } else {
            let length: usize = response.field("content-length").unwrap_or("0").parse()?;
            rest.get(..length).map(|body| {
                response.body = body.to_vec();
                length
            })
        };
        Ok(length.map(|length| (response, end + 4 + length)))
    }

    /// All responses in `bytes`.
    ///
    /// # Errors
    /// When one is malformed or cut short.
    pub fn parse_all(mut bytes: &[u8]) -> Result<Vec<Self>> {
        let mut all = Vec::new();
        while !bytes.is_empty() {
            let Some((response, length)) = Self::parse(bytes)? else {
                bail!("{:?} is not a complete response", String::from_utf8_lossy(bytes));
            };
            all.push(response);
            bytes = bytes.get(length..).unwrap_or_default();
        }
        Ok(all)
    }

    /// The first value of a field.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Reads a chunked body. `None` when it is not complete.
    fn chunks(&mut self, bytes: &[u8]) -> Result<Option<usize>> {
        let mut at = 0;
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            let Some(end) = find(rest, b"\r\n") else { return Ok(None) };
            let size = usize::from_str_radix(str::from_utf8(rest.get(..end).unwrap_or_default())?, 16)?;
            at += end + 2;
            if size == 0 {
                return self.chunk_trailers(bytes, at);
            }
            let Some(data) = bytes.get(at..at + size + 2) else { return Ok(None) };
            let Some(data) = data.strip_suffix(b"\r\n") else { bail!("a chunk does not end with CR LF") };
            self.body.extend_from_slice(data);
            at += size + 2;
        }
    }

    fn chunk_trailers(&mut self, bytes: &[u8], mut at: usize) -> Result<Option<usize>> {
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            let Some(end) = find(rest, b"\r\n") else { return Ok(None) };
            at += end + 2;
            if end == 0 {
                return Ok(Some(at));
            }
            self.trailers.push(field(str::from_utf8(rest.get(..end).unwrap_or_default())?)?);
        }
    }
}

fn field(line: &str) -> Result<(String, String)> {
    let (name, value) = line.split_once(':').with_context(|| format!("{line:?} is no field"))?;
    Ok((name.to_ascii_lowercase(), value.trim().to_owned()))
}

fn find(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    bytes.windows(pattern.len()).position(|window| window == pattern)
}
