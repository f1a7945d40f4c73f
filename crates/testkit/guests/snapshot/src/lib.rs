//! A command of the WASI snapshot `0.2.0-rc-2023-10-18`, which prints what it finds: arguments, a file, the time it waited.

wit_bindgen::generate!({
    path: "../../../capabilities/src/wasi/legacy/snapshot.wit",
    world: "command",
    generate_all,
});

use exports::wasi::cli::run::Guest;
use wasi::cli::{environment, stdout, terminal_stdout};
use wasi::clocks::{monotonic_clock, timezone, wall_clock};
use wasi::filesystem::preopens::get_directories;
use wasi::filesystem::types::{DescriptorFlags, ErrorCode, Modes, OpenFlags, PathFlags};
use wasi::io::poll;
use wasi::random::random;
use wasi::sockets::network::{ErrorCode as SocketError, IpAddressFamily};
use wasi::sockets::tcp_create_socket::create_tcp_socket;

struct Snapshot;

export!(Snapshot);

impl Guest for Snapshot {
    fn run() -> Result<(), ()> {
        say(&format!("arguments {:?}", environment::get_arguments()));
        say(&format!("environment {:?}", environment::get_environment()));
        wait();
        say(&format!("random {}", random::get_random_bytes(4).len()));
        say(&format!("terminal {}", terminal_stdout::get_terminal_stdout().is_some()));
        let denied = matches!(create_tcp_socket(IpAddressFamily::Ipv4), Err(SocketError::AccessDenied));
        say(&format!("socket denied {denied}"));
        files().map_err(|code| say(&format!("files failed: {code:?}")))
    }
}

fn wait() {
    let zone = timezone::display(wall_clock::now());
    say(&format!("zone {} {}", zone.name, zone.utc_offset));
    let before = monotonic_clock::now();
    let pollable = monotonic_clock::subscribe(1_000_000, false);
    poll::poll_one(&pollable);
    let again = monotonic_clock::subscribe(before, true);
    say(&format!("ready {}", poll::poll_list(&[&pollable, &again]).contains(&0)));
    say(&format!("waited {}", monotonic_clock::now() - before >= 1_000_000));
}

fn files() -> Result<(), ErrorCode> {
    let Some((root, name)) = get_directories().pop() else {
        say("no directories");
        return Ok(());
    };
    let flags = DescriptorFlags::READ;
    let modes = Modes::READABLE;
    let file = root.open_at(PathFlags::SYMLINK_FOLLOW, "hello.txt", OpenFlags::empty(), flags, modes)?;
    let size = file.stat()?.size;
    let forwarded = stdout::get_stdout().forward(file.read_via_stream(0)?);
    say(&format!("\n{name} has {size} bytes, {forwarded:?} forwarded"));
    let outside = root.open_at(PathFlags::SYMLINK_FOLLOW, "../hello.txt", OpenFlags::empty(), flags, modes);
    say(&format!("outside {:?}", outside.err().map(|code| code.name())));
    let created = root.open_at(PathFlags::empty(), "new.txt", OpenFlags::CREATE, DescriptorFlags::WRITE, modes);
    say(&format!("created {:?}", created.err().map(|code| code.name())));
    say(&format!("locked {:?}", file.try_lock_shared().err().map(|code| code.name())));
    Ok(())
}

fn say(line: &str) {
    let output = stdout::get_stdout();
    let _ = output.blocking_write_and_flush(format!("{line}\n").as_bytes());
}
