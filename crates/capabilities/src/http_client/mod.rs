//! Outgoing HTTP: `wasi:http` 0.2 and 0.3 (whose WIT is `wasmtime-wasi-http`'s) and its first snapshot, and Spin's first interface. A request leaves
//! only through our own send hook, which takes it apart, builds it anew and sends it where a permit of `egress` allows.

mod body;
mod client;
mod connection;
mod error;
mod link;
mod local;
mod outbound;
mod outgoing_body;
mod pool;
mod request;
mod snapshot;
mod spin_v1;
mod state;
mod tls;

pub use local::{LocalRouter, LocalService, LocalTarget};
pub use state::{Arrival, State, arrive, types_view, view};

use std::any::{Any, TypeId};
use std::sync::Arc;

use coracle_engine::{
    About, Bind, BindError, Capability, ConfigTable, Generation, Grant, GrantError, GrantRequest, Identity, InstanceState, Interface,
};
use wasmtime::component::Linker;

use crate::egress::{Networking, Policy};
use crate::operations::Operations;
use client::{Client, Granted, OPERATION};
use outbound::Outbound;

const NAME: &str = "http-client";

/// Outgoing HTTP.
pub struct HttpClient;

struct Requests(Arc<Granted>);

impl Capability for HttpClient {
    fn name(&self) -> &'static str {
        NAME
    }

    fn interfaces(&self) -> &'static [Interface] {
        const GRANTED_BY: Option<&str> = Some("outbound-hosts");
        &[
            Interface { name: "wasi:http/types", versions: &["0.2.12", "0.3.0", snapshot::VERSION], granted_by: None },
            Interface { name: "wasi:http/outgoing-handler", versions: &["0.2.12", snapshot::VERSION], granted_by: GRANTED_BY },
            Interface { name: "wasi:http/client", versions: &["0.3.0"], granted_by: GRANTED_BY },
            Interface { name: "fermyon:spin/http-types", versions: &[], granted_by: None },
            Interface { name: "fermyon:spin/http", versions: &[], granted_by: GRANTED_BY },
        ]
    }

    fn link(&self, linker: &mut Linker<InstanceState>, generation: Generation) -> wasmtime::Result<()> {
        link::p2(linker)?;
        snapshot::link(linker)?;
        if generation == Generation::P3 {
            link::p3(linker)?;
        }
        spin_v1::link(linker)
    }

    fn bind(&self, bind: &mut Bind<'_>) -> Result<(), BindError> {
        Networking::bind(bind)?;
        let outbound = Outbound::bind(bind)?;
        bind.site.share(Arc::new(outbound));
        if bind.site.shared::<LocalRouter>().is_none() {
            // The app behind it is the same when its configuration is applied anew.
            let router = bind.site.before().unwrap_or_default();
            bind.site.share::<LocalRouter>(router);
        }
        Ok(())
    }

    fn grant(&self, request: &GrantRequest<'_>) -> Result<Option<Box<dyn Grant>>, GrantError> {
        let policy = Policy::from_request(request)?;
        if policy.is_empty() {
            return Ok(None);
        }
        let outbound = request.site.shared().unwrap_or_default();
        let router = request.site.shared().unwrap_or_default();
        let operations = Operations::new(NAME, &[OPERATION], request.component);
        let component = request.component.to_owned();
        Ok(Some(Box::new(Requests(Arc::new(Granted { policy, outbound, router, component, operations })))))
    }

    fn tables(&self) -> &'static [ConfigTable] {
        &[
            ConfigTable {
                header: "[outbound_http]",
                about: "How many connections there may be, whether they are kept, and who speaks HTTP/2 without TLS.",
                example: "[outbound_http]\nconnection_pooling = true\nmax_connections = 128\nh2c_prior_knowledge = [\"backend:8080\"]\n",
            },
            ConfigTable {
                header: "[outbound_networking]",
                about: "Networks that no component reaches, whatever its manifest says, and bounds on all connections together.",
                example: "[outbound_networking]\nblock_networks = [\"private\", \"1.1.1.1/32\"]\nmax_total_connections = 256\n",
            },
            ConfigTable {
                header: "[[client_tls]]",
                about: "Which roots are trusted, and which certificate is shown, by component and host.",
                example: "[[client_tls]]\ncomponent_ids = [\"web\"]\nhosts = [\"api.example.com\"]\nca_roots_file = \"ca.pem\"\n\
                          client_cert_file = \"client.pem\"\nclient_private_key_file = \"client.key\"\n",
            },
        ]
    }

    fn about(&self) -> About {
        About {
            summary: "HTTP requests to hosts that the manifest names, and to the app's own components without a socket.",
            example: r#"[component.web]
allowed_outbound_hosts = ["https://api.example.com", "http://*.example.org:8080", "http://self", "http://backend.spin.internal"]
"#,
            denied: "`HTTP-request-denied`; of Spin's first interface, `destination-not-allowed`",
            backends: &[],
        }
    }
}

impl Grant for Requests {
    fn state(&self) -> TypeId {
        TypeId::of::<State>()
    }

    fn open(&self, _identity: &Arc<Identity>) -> Box<dyn Any + Send> {
        Box::new(State::of(Client::of(&self.0)))
    }

    fn describe(&self) -> Vec<String> {
        self.0.policy.describe()
    }
}
