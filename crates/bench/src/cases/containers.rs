//! A container around a native server, beside a process that runs an app.

use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use coracle_base::clock;

use super::Case;
use crate::app::App;
use crate::bench::Bench;
use crate::peers::containerd::{self, Bundle, Daemon, Image};
use crate::record::{Metric, Run, Series};
use crate::server::{Server, answers, free_address};
use crate::subjects::{CONTAINER, CORACLE, NATIVE, RUNC};
use crate::terminal::note;

/// Starts of each, for each run of the plan.
const STARTS: usize = 3;
/// Between two attempts to get an answer.
const RETRY: Duration = Duration::from_micros(200);
/// How long a container may take to its first answer.
const START_MAX: Duration = Duration::from_secs(60);

pub(super) const CASE: Case = Case {
    name: "containers",
    title: "Containers",
    about: "From the command that starts it to the first answer with 200, memory once it serves, and what travels over the network to a new \
            node. The container holds the native hyper server and its libraries alone, on the host's network; its image is there, and \
            containerd runs. The row of Coracle is `coracle up` with a warm cache, and its image is the guest, compressed.",
    untold: "A cluster adds scheduling, a network namespace and probes to both. Memory of a container is its shim and its program; that of \
             Coracle is the whole process, which can serve many apps.",
    peers: &[&containerd::PEER],
    run,
    columns: &[Metric::StartMs, Metric::IdleMib, Metric::ImageMib],
    plot: Metric::StartMs,
    reference: CORACLE,
};

/// The bytes that an unknown number of mebibytes has.
const MIB: f64 = 1_048_576.0;

fn run(bench: &Bench) -> Result<Vec<Series>> {
    let program = bench.peer(&containerd::PEER).context("containers need containerd")?;
    let folder = bench.folder("containers")?;
    let native = bench.own_program("coracle-native")?;
    let image = Image::new(&native, folder.join("image-files"))?;
    let image_mib = image.compressed_bytes()? as f64 / MIB;
    let daemon_folder = folder.join("containerd");
    std::fs::create_dir_all(&daemon_folder)?;
    let daemon = Daemon::start(program, &daemon_folder, &image)?;

    let guest = bench.guest("hello-p2")?;
    let coracle = bench.coracle(&App::new("containers", guest.clone()))?;
    let guest_mib = compressed_bytes(&guest)? as f64 / MIB;
    drop(Server::start(&coracle)?);

    let mut series = [CORACLE, NATIVE, RUNC, CONTAINER].map(|subject| Series::new("", subject));
    for turn in 0..bench.plan.runs * STARTS {
        note(&format!("  start {} of {}", turn + 1, bench.plan.runs * STARTS));
        let [ours, process, runc, container] = &mut series;
        let server = Server::start(&coracle)?;
        ours.runs.push(found(server.start_ms, server.processes().resident_mib(), guest_mib));
        drop(server);
        let server = Server::start(&bench.native("per-core")?)?;
        process.runs.push(found(server.start_ms, server.processes().resident_mib(), image_mib));
        drop(server);

        let name = format!("native-{turn}");
        let address = free_address()?;
        let bundle = Bundle::new(&folder.join("bundle"), &image, &[&address.to_string(), "per-core"])?;
        let start_ms = first_answer_ms(&mut bundle.run(&name), address);
        let memory_mib = bundle.processes(&name).map(|processes| processes.resident_mib());
        bundle.remove(&name)?;
        runc.runs.push(found(start_ms?, memory_mib?, image_mib));

        let address = free_address()?;
        let start_ms = first_answer_ms(&mut daemon.run(&name, &[&address.to_string(), "per-core"]), address);
        let memory_mib = daemon.processes(&name).map(|processes| processes.resident_mib());
        daemon.remove(&name)?;
        container.runs.push(found(start_ms?, memory_mib?, image_mib));
    }
    Ok(series.into())
}

fn found(start_ms: f64, idle_mib: f64, image_mib: f64) -> Run {
    Run::from([(Metric::StartMs, start_ms), (Metric::IdleMib, idle_mib), (Metric::ImageMib, image_mib)])
}

/// Runs a command that leaves a server behind; the time to the server's first answer.
fn first_answer_ms(command: &mut Command, address: std::net::SocketAddr) -> Result<f64> {
    let started = clock::now();
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().context("the runtime does not start")?;
    while !answers(address, "/") {
        if let Some(status) = child.try_wait()?
            && !status.success()
        {
            bail!("the runtime ended with {status}");
        }
        if started.elapsed() > START_MAX {
            let _ = child.kill();
            bail!("the container gives no answer");
        }
        std::thread::sleep(RETRY);
    }
    let elapsed_ms = started.elapsed().as_secs_f64() * 1_000.0;
    child.wait()?;
    Ok(elapsed_ms)
}

fn compressed_bytes(path: &std::path::Path) -> Result<u64> {
    let output = Command::new("gzip").arg("-c").arg(path).output().context("`gzip` is not there")?;
    Ok(output.stdout.len() as u64)
}
