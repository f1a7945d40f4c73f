//! Stores and databases in SQLite files whose process is killed at any moment, or whose disk is full: what was acknowledged to another
//! process is there, and nothing is damaged. The process is this test binary, started again to be [`the_writer`].

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use coracle_capabilities::key_value::{KeyValue, preset as set};
use coracle_capabilities::sqlite::{Preset, Sqlite, preset as run};
use coracle_engine::{Bind, BindError, Capability, RuntimeConfig, Site};
use rusqlite::Connection;

/// What tells the writer what to do: the kind of file, the file, and its first number.
const ORDER: &str = "CORACLE_TEST_WRITER";

/// Kills of each kind, on files of their own at the same time.
const KILLS: u32 = 504;
const FILES: u32 = 3;

/// The longest that a writer works before it is killed, in numbers and in time.
const NUMBERS_MAX: u64 = 12;
const TIME_MAX_MS: u64 = 80;

/// Numbers and bytes that fill a small disk.
const DISK_KIB: u32 = 512;
const FILLER_BYTES: usize = 2_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    KeyValue,
    Sqlite,
}

/// What the writer said.
#[derive(Debug, Default)]
struct Said {
    acknowledged: u64,
    refused: Option<String>,
}

impl Kind {
    fn name(self) -> &'static str {
        if self == Self::KeyValue { "key-value" } else { "sqlite" }
    }

    fn bind(self, path: &Path) -> Result<Site, BindError> {
        let table = if self == Self::KeyValue { "key_value_store" } else { "sqlite_database" };
        let config = format!("[{table}.default]\ntype = \"spin\"\npath = \"{}\"", path.display());
        let mut config = RuntimeConfig::new(toml::from_str(&config).unwrap(), None);
        let labels = BTreeMap::from([(self.name().to_owned(), BTreeSet::from(["default".to_owned()]))]);
        let mut site = Site::default();
        let capability: &dyn Capability = if self == Self::KeyValue { &KeyValue } else { &Sqlite };
        capability.bind(&mut Bind { site: &mut site, config: &mut config, labels: &labels })?;
        Ok(site)
    }

    /// Writes `number` in two places at once.
    async fn write(self, site: &Site, number: u64, filler: &str) -> Result<(), BindError> {
        match self {
            Self::KeyValue => {
                let pair = |name: &str| (format!("{name}-{number:08}"), format!("{number} {filler}"));
                set(site, "default", vec![pair("a"), pair("b")]).await
            }
            Self::Sqlite => {
                let insert = |name: &str| format!("INSERT INTO {name} VALUES ({number}, '{filler}');");
                let statements = format!("BEGIN; {} {} COMMIT", insert("a"), insert("b"));
                run(site, Preset::Statements(statements)).await
            }
        }
    }

    /// The last number of the file at `path`, which must be sound and have every number up to it in both places.
    fn check(self, path: &Path) -> u64 {
        let file = Connection::open(path).unwrap();
        let sound: String = file.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(sound, "ok");
        let numbers = |name: &str| {
            let select = match self {
                Self::KeyValue => format!(
                    "SELECT count(*), coalesce(max(CAST(substr(key, 3) AS INTEGER)), 0) FROM spin_key_value WHERE key LIKE '{name}-%'"
                ),
                Self::Sqlite => format!("SELECT count(*), coalesce(max(number), 0) FROM {name}"),
            };
            let numbers = file.query_row(&select, [], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)));
            match numbers {
                // Killed before it had made the tables.
                Err(error) if error.to_string().contains("no such table") => (0, 0),
                numbers => numbers.unwrap(),
            }
        };
        let (a, b) = (numbers("a"), numbers("b"));
        assert_eq!(a, b, "both places or none");
        assert_eq!(a.0, a.1, "no number is missing");
        a.1.unsigned_abs()
    }
}

/// Not a test by itself: the process that the others start.
#[test]
fn the_writer() {
    #[expect(clippy::disallowed_methods, reason = "a test binary is started again by its environment, having no arguments of its own")]
    let Ok(order) = std::env::var(ORDER) else { return };
    let [kind, path, first, filler] = order.split('\n').collect::<Vec<_>>()[..] else { panic!("{order}") };
    let kind = if kind == "sqlite" { Kind::Sqlite } else { Kind::KeyValue };
    let filler = "x".repeat(filler.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // One write for each line: a killed process leaves no half of one. The test harness has begun the first.
    let say = |line: String| std::io::stdout().lock().write_all(format!("{line}\n").as_bytes()).unwrap();
    say(String::new());
    let refused = runtime.block_on(async {
        let site = kind.bind(Path::new(path))?;
        if kind == Kind::Sqlite {
            let tables = ["a", "b"].map(|name| format!("CREATE TABLE IF NOT EXISTS {name} (number INTEGER PRIMARY KEY, filler TEXT);"));
            run(&site, Preset::Statements(tables.concat())).await?;
        }
        for number in first.parse::<u64>().unwrap().. {
            kind.write(&site, number, &filler).await?;
            say(format!("acknowledged {number}"));
        }
        Ok::<_, BindError>(())
    });
    say(format!("refused {}", coracle_base::chain(&refused.unwrap_err())));
}

/// How a writer is started.
fn writer(kind: Kind, path: &Path, first: u64, filler: usize) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "durable::the_writer", "--nocapture", "--test-threads=1"]);
    command.env(ORDER, format!("{}\n{}\n{first}\n{filler}", kind.name(), path.display()));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

impl Said {
    /// Hears `lines` until `acknowledged_max` numbers were acknowledged, `time` is over, or there are no more.
    fn hear(&mut self, lines: &Receiver<String>, acknowledged_max: u64, time: Duration) {
        let begin = coracle_base::clock::now();
        let mut heard = 0;
        while heard < acknowledged_max {
            match lines.recv_timeout(time.saturating_sub(begin.elapsed())) {
                Ok(line) => match line.split_once(' ') {
                    Some(("acknowledged", number)) => {
                        self.acknowledged = number.parse().unwrap();
                        heard += 1;
                    }
                    Some(("refused", error)) => self.refused = Some(error.to_owned()),
                    // What the test harness says.
                    _ => {}
                },
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return,
            }
        }
    }
}

/// Starts a writer and kills it when it has acknowledged so much, or worked so long.
fn kill_once(mut command: Command, acknowledged_max: u64, time: Duration) -> Said {
    let mut child = command.spawn().unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let (sender, lines) = mpsc::channel();
    let reader = std::thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
    let mut said = Said::default();
    said.hear(&lines, acknowledged_max, time);
    // One that met an error has ended by itself.
    let _ = child.kill();
    child.wait().unwrap();
    said.hear(&lines, u64::MAX, Duration::MAX);
    reader.join().unwrap().unwrap();
    said
}

/// Numbers that look random and are the same each time.
fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

fn kill_often(kind: Kind, path: &Path, seed: u64) -> u64 {
    let (mut state, mut last) = (seed, 0);
    for round in 0..KILLS / FILES {
        let (numbers, time) = (random(&mut state) % NUMBERS_MAX, Duration::from_millis(random(&mut state) % TIME_MAX_MS));
        // Some are killed by the clock, while they open the file too; the others in the midst of writing.
        let (numbers, time) = if round % 2 == 0 { (u64::MAX, time) } else { (numbers.max(1), Duration::from_secs(30)) };
        let said = kill_once(writer(kind, path, last + 1, 100), numbers, time);
        assert_eq!(said.refused, None);
        let (acknowledged, found) = (said.acknowledged.max(last), kind.check(path));
        assert!(found == acknowledged || found == acknowledged + 1, "{kind:?} {round}: {acknowledged} acknowledged, {found} found");
        last = found;
    }
    last
}

#[track_caller]
fn survives_kills(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let files = (0..FILES).map(|file| {
        let path = folder.path().join(format!("{file}.db"));
        std::thread::spawn(move || kill_often(kind, &path, u64::from(file) + 0x9e37_79b9))
    });
    for file in files.collect::<Vec<_>>() {
        assert!(file.join().unwrap() > u64::from(KILLS), "the writers wrote");
    }
}

#[test]
fn a_key_value_file_survives_kills() {
    survives_kills(Kind::KeyValue);
}

#[test]
fn a_database_file_survives_kills() {
    survives_kills(Kind::Sqlite);
}

/// A small disk, where this user may have one.
struct Disk(PathBuf);

impl Disk {
    fn mount(path: &Path) -> Option<Self> {
        let size = format!("size={DISK_KIB}k");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "none"]).arg(path).stderr(Stdio::null()).status();
        mounted.is_ok_and(|status| status.success()).then(|| Self(path.to_owned()))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

/// Fills the file with the writer that `limit` makes of one, which must be refused and lose nothing.
#[track_caller]
fn fills(kind: Kind, folder: &Path, limit: impl Fn(Command) -> Command) -> String {
    let path = folder.join(format!("{}.db", kind.name()));
    let mut last = 0;
    let mut refusal = String::new();
    // The second meets a disk that is full from the start.
    for _ in 0..2 {
        let said = kill_once(limit(writer(kind, &path, last + 1, FILLER_BYTES)), u64::MAX, Duration::from_secs(120));
        refusal = said.refused.unwrap_or_else(|| panic!("{kind:?}: nothing was refused after {}", said.acknowledged));
        let found = kind.check(&path);
        assert_eq!(found, said.acknowledged.max(last), "{kind:?}: what was refused is not there");
        last = found;
    }
    assert!(last > 0);
    refusal
}

#[test]
fn a_full_disk_is_an_error_and_no_damage() {
    for kind in [Kind::KeyValue, Kind::Sqlite] {
        let folder = tempfile::tempdir().unwrap();
        if let Some(_disk) = Disk::mount(folder.path()) {
            let refusal = fills(kind, folder.path(), |command| command);
            assert!(refusal.contains("full"), "{refusal}");
        }
    }
}

#[test]
fn a_file_that_may_not_grow_is_an_error_and_no_damage() {
    for kind in [Kind::KeyValue, Kind::Sqlite] {
        let folder = tempfile::tempdir().unwrap();
        fills(kind, folder.path(), |writer| {
            // The shell counts blocks of 512 bytes. A signal that is ignored leaves an error instead.
            let mut command = Command::new("sh");
            command.args(["-c", &format!("trap '' XFSZ; ulimit -f {}; exec \"$0\" \"$@\"", DISK_KIB * 2)]);
            command.arg(writer.get_program()).args(writer.get_args());
            command.envs(writer.get_envs().filter_map(|(name, value)| Some((name, value?))));
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
            command
        });
    }
}
