//! Mosquitto, a broker of MQTT. It lets everybody in, and keeps sessions and messages that wait for their readers on disk.

use anyhow::Result;

use super::{Pair, Place, Server, program};

/// Starts Mosquitto.
///
/// # Errors
/// When it is not installed or does not start.
pub fn start() -> Result<Server> {
    start_with("allow_anonymous true\n".to_owned())
}

/// Starts Mosquitto so that it speaks TLS only.
///
/// # Errors
/// As [`start`].
pub fn start_with_tls(own: &Pair) -> Result<Server> {
    start_with(format!("certfile {}\nkeyfile {}\nallow_anonymous true\n", own.certificate.display(), own.key.display()))
}

/// Starts Mosquitto for a user with a password only.
///
/// # Errors
/// As [`start`].
pub fn start_for(user: &str, password: &str) -> Result<Server> {
    let (user, password) = (user.to_owned(), password.to_owned());
    let prepare = move |place: &Place| {
        let file = place.folder.join("passwords");
        let status = program(&["mosquitto_passwd"]).args(["-b", "-c"]).arg(&file).args([&user, &password]).status()?;
        anyhow::ensure!(status.success(), "mosquitto_passwd failed");
        write_config(place, &format!("allow_anonymous false\npassword_file {}\n", file.display()))
    };
    Server::start("mosquitto", prepare, command)
}

fn start_with(lines: String) -> Result<Server> {
    Server::start("mosquitto", move |place| write_config(place, &lines), command)
}

fn write_config(place: &Place, lines: &str) -> Result<()> {
    let (port, folder) = (place.port, place.folder.display());
    // As root it would become another user, who may not write to the folder.
    let config = format!(
        "listener {port} 127.0.0.1\nuser root\npersistence true\npersistence_location {folder}/\nautosave_interval 1\n\
         autosave_on_changes true\nmax_queued_messages 0\nmax_inflight_messages 0\n{lines}"
    );
    Ok(std::fs::write(place.folder.join("mosquitto.conf"), config)?)
}

fn command(place: &Place) -> std::process::Command {
    let mut command = program(&["mosquitto"]);
    command.arg("-c").arg(place.folder.join("mosquitto.conf"));
    command
}
