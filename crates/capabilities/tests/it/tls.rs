//! Servers that guests name, by TLS: whoever the machine's roots vouch for is believed, by every client, and nobody else. The roots come
//! from the environment of a process, so that it is this test binary, started again to be [`the_host`], that runs the guests.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use coracle_testkit::certificates::Authority;
use coracle_testkit::servers::{mariadb, mosquitto, redis};
use serde_json::json;

use crate::guest::Given;
use crate::sql;

/// What tells the host where the servers are: the addresses of MariaDB, Mosquitto and Redis, in lines.
const ORDER: &str = "CORACLE_TEST_TLS";
/// Where programs look for the roots of a machine.
const ROOTS: &str = "SSL_CERT_FILE";

/// Not a test by itself: the process that the other starts. It says whom it reached.
#[tokio::test]
async fn the_host() {
    #[expect(clippy::disallowed_methods, reason = "a test binary is started again by its environment, having no arguments of its own")]
    let Ok(order) = std::env::var(ORDER) else { return };
    let [mysql, mqtt, redis] = order.split('\n').collect::<Vec<_>>()[..] else { panic!("{order}") };
    let given = || Given::default().grant("outbound-hosts", json!(["*://localhost:*"]));
    for mode in ["REQUIRED", "DISABLED"] {
        let request = sql::request("/mysql/commit", &format!("{mysql}?ssl-mode={mode}"));
        let (status, text) = given().serve_built("transactions").answer(request).await.unwrap();
        println!("mysql {mode}: {status} {text}");
    }
    println!("mqtt: {}", crate::mqtt::publish(given(), mqtt, &["t"]).await);
    let guest = given().grant("environment", json!({ "REDIS_ADDRESS": redis })).serve("spin5-redis");
    println!("redis: {}", guest.try_get("/").await.0);
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

#[test]
fn the_machines_roots_are_believed_and_no_others() {
    let (authority, stranger) = (Authority::new().unwrap(), Authority::new().unwrap());
    let own = authority.server();
    let mysql = mariadb::start_with_tls(&own).unwrap();
    let (mqtt, redis) = (mosquitto::start_with_tls(&own).unwrap(), redis::start_with_tls(&own).unwrap());
    let order = format!(
        "mysql://{user}:{user}@localhost:{}/test\nmqtts://localhost:{}\nrediss://localhost:{}",
        mysql.place().port,
        mqtt.place().port,
        redis.place().port,
        user = mariadb::USER
    );
    let said = host(&authority.root(), &order);
    for line in ["mysql REQUIRED: 200", "mysql DISABLED: 500", "mqtt: ok", "redis: 200"] {
        assert!(said.contains(line), "{line}: {said}");
    }
    let said = host(&stranger.root(), &order);
    for line in ["mysql REQUIRED: 500", "mqtt: Error::ConnectionFailed", "redis: 500"] {
        assert!(said.contains(line), "{line}: {said}");
    }
}
