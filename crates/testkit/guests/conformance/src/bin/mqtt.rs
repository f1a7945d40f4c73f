//! Publishes to a broker of MQTT, at the address and as the user of the headers `mqtt-address`, `mqtt-username` and `mqtt-password`.

use wasip2::http::types::IncomingRequest;

wit_bindgen::generate!({ path: "wit", world: "publishing" });
use fermyon::spin::mqtt::{Connection, Error, Qos};

conformance::program!(check);

fn check(request: &IncomingRequest) -> Result<Vec<u8>, String> {
    let text = |error: Error| format!("{error:?}");
    let header = |name: &str| {
        let value = request.headers().get(name).into_iter().next().ok_or_else(|| format!("no `{name}`"))?;
        Ok::<_, String>(String::from_utf8_lossy(&value).into_owned())
    };
    let (address, username, password) = (header("mqtt-address")?, header("mqtt-username")?, header("mqtt-password")?);
    let connection = Connection::open(&address, &username, &password, 30).map_err(text)?;
    connection.publish("telemetry-topic", b"Eureka!", Qos::AtLeastOnce).map_err(text)?;
    Ok(Vec::new())
}
