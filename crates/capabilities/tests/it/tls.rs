//! Servers that guests name, by TLS: whoever the machine's roots vouch for is believed, or whoever the operator's do where the runtime
//! configuration names some, by every client, and nobody else. The machine's roots come from the environment of a process, so that it is
//! this test binary, started again to be [`the_host`], that runs the guests.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use coracle_testkit::certificates::Authority;
use coracle_testkit::servers::{Server, mariadb, mosquitto, postgres, redis};
use serde_json::json;

use crate::guest::Given;
use crate::sql;

/// What tells the host where the servers are: the addresses of PostgreSQL, MariaDB, Mosquitto and Redis, and the file of the authority
/// that the runtime configuration names, if it names one, in lines.
const ORDER: &str = "CORACLE_TEST_TLS";
/// Where programs look for the roots of a machine.
const ROOTS: &str = "SSL_CERT_FILE";
/// The tables that may name an authority.
const TABLES: [&str; 4] = ["outbound_pg", "outbound_mysql", "outbound_mqtt", "outbound_redis"];

/// Not a test by itself: the process that the others start. It says whom it reached, and what an operator is told.
#[tokio::test]
async fn the_host() {
    #[expect(clippy::disallowed_methods, reason = "a test binary is started again by its environment, having no arguments of its own")]
    let Ok(order) = std::env::var(ORDER) else { return };
    let [pg, mysql, mqtt, redis, authority] = order.split('\n').collect::<Vec<_>>()[..] else { panic!("{order}") };
    tracing_subscriber::fmt().with_writer(std::io::stdout).with_ansi(false).with_max_level(tracing::Level::WARN).init();
    let keys = TABLES.map(|table| format!("[{table}]\nca_roots_file = {authority:?}\n")).concat();
    let given = || {
        let given = Given::default().grant("outbound-hosts", json!(["*://localhost:*"]));
        if authority.is_empty() { given } else { given.runtime_config(&keys, Path::new("/")) }
    };
    for (name, address) in [
        ("pg require", format!("{pg}?sslmode=require")),
        ("mysql REQUIRED", format!("{mysql}?ssl-mode=REQUIRED")),
        ("mysql DISABLED", format!("{mysql}?ssl-mode=DISABLED")),
    ] {
        let path = if name.starts_with("pg") { "/postgres/commit" } else { "/mysql/commit" };
        let (status, text) = given().serve_built("transactions").answer(sql::request(path, &address)).await.unwrap();
        println!("{name}: {status} {text}");
    }
    println!("mqtt: {}", crate::mqtt::publish(given(), mqtt, &["t"]).await);
    let guest = given().grant("environment", json!({ "REDIS_ADDRESS": redis })).serve("spin5-redis");
    println!("redis: {}", guest.try_get("/").await.0);
}

/// One server for each client, all of which `authority` vouches for.
struct Servers {
    pg: Server,
    mysql: Server,
    mqtt: Server,
    redis: Server,
}

impl Servers {
    fn of(authority: &Authority) -> Self {
        let own = authority.server();
        let read = |path| std::fs::read_to_string(path).unwrap();
        let tls = postgres::Tls { certificate: read(&own.certificate), key: read(&own.key), clients: None };
        Self {
            pg: postgres::start_with_tls(&tls).unwrap(),
            mysql: mariadb::start_with_tls(&own).unwrap(),
            mqtt: mosquitto::start_with_tls(&own).unwrap(),
            redis: redis::start_with_tls(&own).unwrap(),
        }
    }

    /// What a host says of them that trusts `roots` as a machine, and `authority` by its runtime configuration.
    fn met_by(&self, roots: &Authority, authority: Option<&Authority>) -> String {
        let (pg, mysql) = (self.pg.place().port, self.mysql.place().port);
        let (mqtt, redis) = (self.mqtt.place().port, self.redis.place().port);
        let user = mariadb::USER;
        let order = format!(
            "postgres://{pg_user}:{pg_user}@localhost:{pg}/postgres\nmysql://{user}:{user}@localhost:{mysql}/test\n\
             mqtts://localhost:{mqtt}\nrediss://localhost:{redis}\n{}",
            authority.map(|authority| authority.root().display().to_string()).unwrap_or_default(),
            pg_user = postgres::USER,
        );
        host(&roots.root(), &order)
    }
}

/// What a host says that trusts `roots`.
fn host(roots: &Path, order: &str) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "tls::the_host", "--nocapture", "--test-threads=1"]).env(ORDER, order).env(ROOTS, roots);
    let Output { status, stdout, stderr } = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8(stdout).unwrap();
    assert!(status.success(), "{said}\n{}", String::from_utf8_lossy(&stderr));
    said
}

#[track_caller]
fn check(said: &str, lines: &[&str]) {
    for line in lines {
        assert!(said.contains(line), "{line}: {said}");
    }
}

const REACHED: &[&str] = &["pg require: 200", "mysql REQUIRED: 200", "mysql DISABLED: 500", "mqtt: ok", "redis: 200"];
const REFUSED: &[&str] = &["pg require: 500", "mysql REQUIRED: 500", "mqtt: Error::ConnectionFailed", "redis: 500"];

#[test]
fn who_vouches_is_the_machine_or_the_runtime_configuration_and_nobody_else() {
    let (authority, stranger) = (Authority::new().unwrap(), Authority::new().unwrap());
    let servers = Servers::of(&authority);
    check(&servers.met_by(&authority, None), REACHED);
    check(&servers.met_by(&stranger, Some(&authority)), REACHED);
    // What the operator names stands instead of the machine's roots, not beside them.
    check(&servers.met_by(&authority, Some(&stranger)), REFUSED);

    let refused = servers.met_by(&stranger, None);
    check(&refused, REFUSED);
    // For each client the operator is told of the key; for SQL the guest, too.
    for scheme in ["postgres", "mysql", "mqtts", "rediss"] {
        let told = refused.lines().filter(|line| line.contains(&format!("`{scheme}://localhost:")) && line.contains("WARN"));
        assert!(told.clone().any(|line| line.contains("in `ca_roots_file`")), "{scheme}: {refused}");
    }
    for line in refused.lines().filter(|line| line.starts_with("pg require") || line.starts_with("mysql REQUIRED")) {
        assert!(line.contains("in `ca_roots_file`"), "{line}");
    }
}
