//! Requests per second and CPU time of the server per request, over keep-alive connections, beside a native server in the same run.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use coracle_base::clock;
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::process::{Server, coracle, native};
use crate::stats::{Table, median, percentile};

/// How long one round loads one server.
const ROUND: Duration = Duration::from_secs(3);
/// Rounds of each server, interleaved.
const ROUNDS: usize = 5;
/// Connections at once, each with one request in flight.
const CONNECTIONS: usize = 32;

/// What one round found.
struct Round {
    per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
    cpu_us: f64,
}

pub(crate) fn run() -> Result<Table> {
    let cache = tempfile::tempdir()?;
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let servers = [
        ("coracle up, fresh instance", Server::start(&mut coracle(cache.path())?)?),
        ("native hyper, thread per core", Server::start(&mut native(workers)?)?),
    ];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut rounds = [Vec::new(), Vec::new()];
    for round in 0..=ROUNDS {
        for ((_, server), results) in servers.iter().zip(&mut rounds) {
            let result = runtime.block_on(load(server))?;
            // The first round warms up.
            if round > 0 {
                results.push(result);
            }
        }
    }
    let pick = |rounds: &[Round], value: fn(&Round) -> f64| median(&rounds.iter().map(value).collect::<Vec<_>>());
    let native_cpu_us = rounds.last().map_or(0.0, |rounds| pick(rounds, |round| round.cpu_us));
    let mut table = Table::new(&["server", "req/s", "p50 ms", "p99 ms", "CPU µs/req", "× native", "RSS MiB"]);
    for ((name, server), rounds) in servers.iter().zip(&rounds) {
        let cpu_us = pick(rounds, |round| round.cpu_us);
        table.row(vec![
            (*name).to_owned(),
            format!("{:.0}", pick(rounds, |round| round.per_second)),
            format!("{:.2}", pick(rounds, |round| round.p50_ms)),
            format!("{:.2}", pick(rounds, |round| round.p99_ms)),
            format!("{cpu_us:.1}"),
            format!("{:.2}", cpu_us / native_cpu_us),
            format!("{:.1}", server.resident_mib()?),
        ]);
    }
    Ok(table)
}

async fn load(server: &Server) -> Result<Round> {
    let cpu_before_us = server.cpu_us()?;
    let started = clock::now();
    let until = started + ROUND;
    let connections: Vec<_> = (0..CONNECTIONS).map(|_| tokio::spawn(connection(server.address, until))).collect();
    let mut times_ms = Vec::new();
    for connection in connections {
        times_ms.extend(connection.await??);
    }
    let seconds = started.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a count of requests")]
    let count = times_ms.len() as f64;
    Ok(Round {
        per_second: count / seconds,
        p50_ms: percentile(&times_ms, 50.0),
        p99_ms: percentile(&times_ms, 99.0),
        cpu_us: (server.cpu_us()? - cpu_before_us) / count,
    })
}

/// The time of each request over one connection, in milliseconds.
async fn connection(address: std::net::SocketAddr, until: Instant) -> Result<Vec<f64>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let mut times_ms = Vec::new();
    while clock::now() < until {
        let request = hyper::Request::get("/").header("host", "localhost").body(Empty::<Bytes>::new())?;
        let started = clock::now();
        sender.ready().await?;
        let response = sender.send_request(request).await?;
        anyhow::ensure!(response.status() == 200, "the server answered {}", response.status());
        response.into_body().collect().await.context("the body")?;
        times_ms.push(started.elapsed().as_secs_f64() * 1_000.0);
    }
    Ok(times_ms)
}
