//! A component made ready in process, with what a test grants it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use coracle_capabilities as capabilities;
use coracle_capabilities::resolver::{AppVariables, Declared, Environment};
use coracle_engine::{Bind, BindError, Component, Engines, Fault, GrantRequest, Identity, Limits, RuntimeConfig, Settings, Site};
use coracle_host::{Parts, Runnable};
use coracle_testkit::{built, fixture};
use coracle_triggers::http::{Body, Handler, Peer};
use http_body_util::BodyExt as _;
use serde_json::Value;

/// What a test gives to a component.
#[derive(Default)]
pub(crate) struct Given {
    pub(crate) site: Site,
    pub(crate) config: RuntimeConfig,
    pub(crate) grants: BTreeMap<String, Value>,
    pub(crate) limits: Limits,
}

impl Given {
    /// Application variables with their defaults; `None` is a required one.
    pub(crate) fn variables(mut self, declared: &[(&str, Option<&str>)], environment: &[(&str, &str)]) -> Self {
        let declare = |(name, default): &(&str, Option<&str>)| {
            let declared = Declared { default: default.map(Into::into), required: default.is_none(), secret: false };
            ((*name).to_owned(), declared)
        };
        let declared = declared.iter().map(declare).collect();
        self.site.share(Arc::new(AppVariables { declared, ..AppVariables::default() }));
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        self.site.share(Arc::new(Environment::new(environment)));
        self
    }

    /// Grants the component `value` under `key`.
    pub(crate) fn grant(mut self, key: &str, value: Value) -> Self {
        self.grants.insert(key.to_owned(), value);
        self
    }

    /// Reads `text` as the operator's configuration; relative paths in it start at `folder`.
    pub(crate) fn runtime_config(mut self, text: &str, folder: &Path) -> Self {
        self.config = RuntimeConfig::new(toml::from_str(text).unwrap(), Some(folder.join("runtime-config.toml")));
        self
    }

    /// Binds the configuration, as a start does.
    pub(crate) fn bind(&mut self) -> Result<(), BindError> {
        let texts = |value: &Value| {
            let list = value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
            list.chain(value.as_object().into_iter().flat_map(serde_json::Map::keys).cloned()).collect()
        };
        let labels = self.grants.iter().map(|(key, value)| (key.clone(), texts(value))).collect();
        let (site, config) = (&mut self.site, &mut self.config);
        capabilities::bind(&mut Bind { site, config, labels: &labels })
    }

    /// Makes a component ready.
    pub(crate) fn run(mut self, name: &str, wasm: &[u8]) -> Runnable {
        self.ready(name, wasm)
    }

    pub(crate) fn ready(&mut self, name: &str, wasm: &[u8]) -> Runnable {
        let engines = Arc::new(Engines::new(&Settings { instances_max: 10, ..Settings::default() }).unwrap());
        let component = Component::compile(&engines, wasm).unwrap();
        let linker = capabilities::linker(engines.get(component.generation()), component.generation()).unwrap();
        self.bind().unwrap();
        let request = GrantRequest { component: name, grants: &self.grants, site: &self.site };
        let grants = capabilities::grants(&request).unwrap();
        let identity = Identity { app: "test".to_owned(), component: name.to_owned() };
        Runnable::new(&engines, &linker, Parts { identity, component, grants, limits: self.limits.clone() }).unwrap()
    }

    /// Makes a fixture ready to answer HTTP.
    pub(crate) fn serve(self, name: &str) -> Served {
        self.serve_bytes(name, &fixture(name).unwrap())
    }

    /// Makes a guest of this repository ready to answer HTTP.
    pub(crate) fn serve_built(self, name: &str) -> Served {
        self.serve_bytes(name, &built(name).unwrap())
    }

    /// Makes the component `name` ready to answer HTTP.
    pub(crate) fn serve_bytes(mut self, name: &str, wasm: &[u8]) -> Served {
        let runnable = Arc::new(self.ready(name, wasm));
        Served { handler: Handler::new(Arc::clone(&runnable)).unwrap(), runnable, site: self.site }
    }
}

/// A guest that answers HTTP.
pub(crate) struct Served {
    pub(crate) site: Site,
    handler: Handler,
    runnable: Arc<Runnable>,
}

impl Served {
    /// Sends a GET request.
    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        self.send("GET", path, "").await
    }

    /// The same of a guest that may fail, which then answers with its fault.
    pub(crate) async fn try_get(&self, path: &str) -> (u16, String) {
        let request = http::Request::get(format!("http://example.com{path}")).header("host", "example.com").body(Body::empty()).unwrap();
        self.answer(request).await.unwrap_or_else(|fault| (fault.status(), fault.to_string()))
    }

    /// Sends a request.
    pub(crate) async fn send(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let request = http::Request::builder().method(method).uri(format!("http://example.com{path}")).header("host", "example.com");
        self.answer(request.body(Body::full(body.to_owned())).unwrap()).await.unwrap()
    }

    /// Sends a request while others may be under way.
    pub(crate) async fn send_beside_others(&self, request: http::Request<Body>) -> Result<(u16, String), Fault> {
        let peer = Peer { client: "127.0.0.1:9".parse().unwrap(), tls: false };
        let response = self.handler.handle(request, peer).await?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        Ok((status, String::from_utf8(body.to_vec()).unwrap()))
    }

    /// Gives the guest a request, reads the answer to its end, and sees that the instance goes away afterwards.
    pub(crate) async fn answer(&self, request: http::Request<Body>) -> Result<(u16, String), Fault> {
        let answer = self.send_beside_others(request).await?;
        let gone = async {
            while self.runnable.running() > 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(5), gone).await.expect("the instance ends with its answer");
        Ok(answer)
    }
}
