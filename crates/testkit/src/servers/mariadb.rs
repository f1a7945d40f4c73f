//! MariaDB with the user and the password `coracle`, and a database `test`.

use std::process::Command;
use std::sync::Arc;

use anyhow::{Result, ensure};

use super::{Pair, Place, Server, Shared, is_root, program};

/// The user and the password.
pub const USER: &str = "coracle";

/// What makes the user. It runs at every start.
const SETUP: &str = "CREATE USER IF NOT EXISTS 'coracle'@'%' IDENTIFIED BY 'coracle';\nGRANT ALL ON *.* TO 'coracle'@'%';\n\
                     CREATE DATABASE IF NOT EXISTS test CHARACTER SET utf8mb4;\n";

/// Starts MariaDB.
///
/// # Errors
/// When it is not installed or does not start.
pub fn start() -> Result<Server> {
    start_with(Vec::new())
}

/// Starts MariaDB so that it lets nobody in without TLS.
///
/// # Errors
/// As [`start`].
pub fn start_with_tls(own: &Pair) -> Result<Server> {
    let (certificate, key) = (own.certificate.display(), own.key.display());
    start_with(vec![format!("--ssl-cert={certificate}"), format!("--ssl-key={key}"), "--require-secure-transport=ON".to_owned()])
}

fn start_with(more: Vec<String>) -> Result<Server> {
    Server::start("mariadb", prepare, move |place: &Place| {
        let mut command = daemon(place, &["mariadbd", "mysqld"]);
        let setup = place.folder.join("setup.sql");
        command.arg(format!("--datadir={}", data(place))).arg(format!("--init-file={}", setup.display()));
        command.arg(format!("--port={}", place.port)).arg(format!("--socket={}", place.folder.join("socket").display()));
        command.arg(format!("--pid-file={}", place.folder.join("pid").display()));
        command.args(["--bind-address=127.0.0.1", "--skip-name-resolve", "--innodb-buffer-pool-size=16M", "--innodb-log-file-size=8M"]);
        command.args(["--performance-schema=OFF", "--skip-log-bin", "--max-connections=100"]).args(&more);
        command
    })
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
    format!("mysql://{USER}:{USER}@{}/test", server.place().address())
}

fn prepare(place: &Place) -> Result<()> {
    std::fs::write(place.folder.join("setup.sql"), SETUP)?;
    let mut install = daemon(place, &["mariadb-install-db", "mysql_install_db"]);
    install.arg(format!("--datadir={}", data(place))).args(["--auth-root-authentication-method=normal", "--skip-test-db"]);
    install.args(["--innodb-log-file-size=8M", "--innodb-buffer-pool-size=16M"]);
    let made = install.output()?;
    ensure!(made.status.success(), "mariadb-install-db failed: {}", String::from_utf8_lossy(&made.stderr));
    Ok(())
}

fn data(place: &Place) -> String {
    place.folder.join("data").display().to_string()
}

/// A program of MariaDB without the settings of the machine. As root it runs only when it is told that this is meant.
fn daemon(place: &Place, names: &[&str]) -> Command {
    let mut command = program(names);
    // Two servers whose processes have one number, as in two containers, would take each other's temporary files away.
    command.env("TMPDIR", &place.folder);
    command.arg("--no-defaults");
    if is_root() {
        command.arg("--user=root");
    }
    command
}
