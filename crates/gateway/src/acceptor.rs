//! The thread that accepts. It hands each connection to the worker that has the fewest, does nothing slow, and no error ends it.
//!
//! A worker of its own for each listening socket (`SO_REUSEPORT`) would save this hand-over, which is one wake-up for each connection.
//! But the kernel deals connections out by hash: with few, long-lived connections it leaves threads idle beside busy ones. And two
//! servers could share a port without knowing.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::tls::Tls;
use crate::traffic::{Counters, add};
use crate::worker::{Accepted, OpenConnection};

/// After an error that is not about one connection, such as too many open files: time for something to be closed.
const BACK_OFF: Duration = Duration::from_millis(100);
/// At most one line about such errors in this time.
const COMPLAIN: Duration = Duration::from_secs(5);
/// Between two looks at the files of the certificate.
const LOOK: Duration = Duration::from_secs(2);

const BUSY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 49\r\n\
    retry-after: 1\r\nconnection: close\r\n\r\nthe server has too many connections; retry later\n";

/// One worker, as the acceptor sees it.
pub(crate) struct Desk {
    pub(crate) counters: Arc<Counters>,
    pub(crate) connections: mpsc::UnboundedSender<Accepted>,
}

pub(crate) struct Acceptor {
    pub(crate) desks: Vec<Desk>,
    pub(crate) connections_max: usize,
    pub(crate) tls: Option<Arc<Tls>>,
    /// Counts what no worker gets.
    pub(crate) counters: Arc<Counters>,
    pub(crate) drain: CancellationToken,
}

impl Acceptor {
    /// Accepts until told to stop; then takes what the kernel has completed already, and closes the socket.
    pub(crate) async fn run(self, listener: TcpListener) {
        let listener = match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => listener,
            Err(error) => return tracing::error!("the listening socket cannot be waited for: {error}"),
        };
        let mut look = tokio::time::interval(LOOK);
        let mut complained = None;
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted.and_then(|(stream, client)| Ok((stream.into_std()?, client))) {
                    Ok((stream, client)) => self.hand_over(stream, client),
                    Err(error) if is_about_one_connection(&error) => {}
                    Err(error) => {
                        complain(&mut complained, &error);
                        tokio::time::sleep(BACK_OFF).await;
                    }
                },
                _ = look.tick(), if self.tls.is_some() => self.look(),
                () = self.drain.cancelled() => break,
            }
        }
        let Ok(listener) = listener.into_std() else { return };
        while let Ok((stream, client)) = listener.accept() {
            if stream.set_nonblocking(true).is_ok() {
                self.hand_over(stream, client);
            }
        }
    }

    fn hand_over(&self, stream: TcpStream, client: SocketAddr) {
        let open: u64 = self.desks.iter().map(|desk| desk.counters.connections_open.load(Ordering::Relaxed)).sum();
        let desk = self.desks.iter().min_by_key(|desk| desk.counters.connections_open.load(Ordering::Relaxed));
        let Some(desk) = desk.filter(|_| open < self.connections_max as u64) else {
            add(&self.counters.connections_shed, 1);
            return shed(stream, self.tls.is_some());
        };
        let open = OpenConnection::count(&desk.counters);
        if desk.connections.send(Accepted { stream, client, open }).is_err() {
            tracing::error!(%client, "a worker of the server has ended; its connection is closed");
        }
    }

    fn look(&self) {
        if let Some(tls) = self.tls.clone() {
            // Files may lie on a slow disk; accepting goes on meanwhile.
            tokio::task::spawn_blocking(move || tls.look());
        }
    }
}

/// Says that there is no place, as far as that can be said at once. The stream does not block.
fn shed(mut stream: TcpStream, is_tls: bool) {
    if is_tls {
        return;
    }
    // Unread bytes would turn the close into a reset, and the client would not see the answer.
    let mut thrown_away = [0; 2048];
    let _ = stream.read(&mut thrown_away);
    let _ = stream.write(BUSY);
    let _ = stream.shutdown(Shutdown::Write);
}

/// Errors of the connection that was to be accepted; the next may be better.
fn is_about_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        error.kind(),
        Kind::ConnectionAborted
            | Kind::ConnectionReset
            | Kind::ConnectionRefused
            | Kind::Interrupted
            | Kind::TimedOut
            | Kind::HostUnreachable
            | Kind::NetworkUnreachable
            | Kind::NetworkDown
            | Kind::PermissionDenied
    )
}

fn complain(last: &mut Option<tokio::time::Instant>, error: &io::Error) {
    if last.is_none_or(|last| last.elapsed() >= COMPLAIN) {
        *last = Some(tokio::time::Instant::now());
        tracing::warn!("no connection can be accepted for the moment; raise the limit of open files if this goes on: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_of_the_busy_answer_is_right() {
        let text = str::from_utf8(BUSY).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}", body.len())), "{}", body.len());
    }
}
