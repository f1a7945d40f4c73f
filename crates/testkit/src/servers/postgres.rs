//! PostgreSQL with the user `postgres`, whose password is the same. What it acknowledged outlives the process, not the machine.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use anyhow::{Result, ensure};

use super::{Place, Server, Shared, of_nobody, owned_by_nobody, program_in};

/// Where Debian keeps the programs of the version that it has.
const FOLDERS: &str = "/usr/lib/postgresql";
/// The user and the password.
pub const USER: &str = "postgres";

/// A certificate and its key in PEM, with which a server speaks TLS.
#[derive(Debug, Clone)]
pub struct Tls {
    /// The certificate.
    pub certificate: String,
    /// Its key.
    pub key: String,
    /// The authority that has to vouch for clients, if any has to.
    pub clients: Option<String>,
}

/// Starts PostgreSQL.
///
/// # Errors
/// When it is not installed or does not start.
pub fn start() -> Result<Server> {
    launch(None)
}

/// Starts PostgreSQL so that it speaks TLS where a client asks for it.
///
/// # Errors
/// When it is not installed or does not start.
pub fn start_with_tls(tls: &Tls) -> Result<Server> {
    launch(Some(tls))
}

/// The one that the tests of a binary share.
///
/// # Errors
/// When it is not installed or does not start.
pub fn shared() -> Result<Arc<Server>> {
    static SHARED: Shared = Shared::new();
    SHARED.get(start)
}

/// The address of `server` for its user.
#[must_use]
pub fn address(server: &Server) -> String {
    format!("postgres://{USER}:{USER}@{}/postgres?sslmode=disable", server.place().address())
}

fn launch(tls: Option<&Tls>) -> Result<Server> {
    let (has_tls, knows_clients) = (tls.is_some(), tls.is_some_and(|tls| tls.clients.is_some()));
    Server::start_until(
        "postgres",
        |place| prepare(place, tls),
        move |place: &Place| {
            let mut command = of_nobody(&installed("postgres"));
            let (port, folder) = (place.port.to_string(), data(place));
            command.args(["-D", &folder, "-p", &port, "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]);
            command.args(["-c", "fsync=off", "-c", "shared_buffers=16MB", "-c", "max_connections=100"]);
            if has_tls {
                command.args(["-c", "ssl=on", "-c", "ssl_cert_file=../server.crt", "-c", "ssl_key_file=../server.key"]);
            }
            if knows_clients {
                command.args(["-c", "ssl_ca_file=../clients.crt"]);
            }
            command
        },
        lets_in,
    )
}

/// It accepts connections before it lets anybody in.
fn lets_in(place: &Place) -> bool {
    let mut ask = Command::new(installed("pg_isready").get_program());
    ask.args(["-q", "-h", &place.address().ip().to_string(), "-p", &place.port.to_string()]);
    ask.status().is_ok_and(|status| status.success())
}

fn prepare(place: &Place, tls: Option<&Tls>) -> Result<()> {
    let password = place.folder.join("password");
    write(&password, USER)?;
    if let Some(tls) = tls {
        write(&place.folder.join("server.crt"), &tls.certificate)?;
        write(&place.folder.join("server.key"), &tls.key)?;
        if let Some(clients) = &tls.clients {
            write(&place.folder.join("clients.crt"), clients)?;
        }
    }
    owned_by_nobody(&place.folder)?;
    let mut initdb = of_nobody(&installed("initdb"));
    initdb.args(["-D", &data(place), "-U", USER, "--pwfile", &password.display().to_string(), "--auth", "scram-sha-256"]);
    initdb.args(["--no-sync", "--encoding", "UTF8", "--locale", "C"]);
    let made = initdb.output()?;
    ensure!(made.status.success(), "initdb failed: {}", String::from_utf8_lossy(&made.stderr));
    if tls.is_some_and(|tls| tls.clients.is_some()) {
        // The file is there, and stays its owner's.
        std::fs::write(place.folder.join("data/pg_hba.conf"), "hostssl all all 127.0.0.1/32 scram-sha-256 clientcert=verify-ca\n")?;
    }
    Ok(())
}

fn data(place: &Place) -> String {
    place.folder.join("data").display().to_string()
}

/// Writes a file that only its owner may read: the server insists on it for its key.
fn write(path: &Path, text: &str) -> Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    Ok(file?.write_all(text.as_bytes())?)
}

fn installed(name: &str) -> Command {
    program_in(Path::new(FOLDERS), name)
}
