//! Asks for secrets by the second version of wasmCloud's interface, whose functions are async.

mod bindings {
    wit_bindgen::generate!({
        inline: "
            package coracle:guests;
            world secrets {
                import wasmcloud:secrets/store@2.1.0;
                import wasmcloud:secrets/reveal@2.1.0;
                import wasmcloud:secrets/secret@2.1.0;
                export named: async func(key: string) -> result<string, string>;
                export only: async func() -> string;
            }
        ",
        path: ["../../../capabilities/src/secrets/wit/wasmcloud-secrets@2.1.0"],
        world: "coracle:guests/secrets",
        generate_all,
    });
}

use bindings::wasmcloud::secrets::{reveal, secret, store};

struct Secrets;

bindings::export!(Secrets with_types_in bindings);

impl bindings::Guest for Secrets {
    async fn named(key: String) -> Result<String, String> {
        let secret = store::get(key).await.map_err(|error| format!("{error:?}"))?;
        Ok(text(reveal::reveal(&secret).await))
    }

    async fn only() -> String {
        text(reveal::reveal(&secret::get().await).await)
    }
}

fn text(value: store::SecretValue) -> String {
    match value {
        store::SecretValue::String(value) => value,
        store::SecretValue::Bytes(_) => "bytes".to_owned(),
    }
}
