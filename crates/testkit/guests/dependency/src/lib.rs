//! A component that others depend on: it tells what it can reach itself, so that a test sees what it inherits.

wit_bindgen::generate!({ path: "wit", world: "dependency", generate_all });

use exports::coracle::test::probe::Guest;
use fermyon::spin::key_value::Store;

struct Dependency;

export!(Dependency);

impl Guest for Dependency {
    fn environment() -> Vec<String> {
        std::env::vars().map(|(name, value)| format!("{name}={value}")).collect()
    }

    fn store() -> Result<(), String> {
        Store::open("default").map(drop).map_err(|error| format!("{error:?}"))
    }

    fn connect() -> Result<(), String> {
        std::net::TcpStream::connect("127.0.0.1:9").map(drop).map_err(|error| format!("{:?}", error.kind()))
    }
}
