//! The HTTP trigger: turns a request into a call of the guest's handler and the guest's answer into a response whose body streams.

mod app;
mod body;
mod call;
mod handler;
mod headers;
mod local;
mod p2;
mod p3;
mod pool;
mod request_body;
mod spin_v1;
mod trace;

pub use app::{HttpApp, HttpAppError, RouteSummary, settings};
pub use body::{Body, BodyError, Served};
pub use handler::{Handler, HandlerError};

use std::net::SocketAddr;

use crate::{About, Trigger};

/// HTTP requests.
pub struct Http;

/// Where a request came from.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    /// The address of the client.
    pub client: SocketAddr,
    /// Whether the client's connection is encrypted.
    pub tls: bool,
}

impl Trigger for Http {
    fn kind(&self) -> &'static str {
        "http"
    }

    fn about(&self) -> About {
        About {
            summary: "Answers HTTP requests, a fresh instance for each.",
            exports: &["wasi:http/incoming-handler@0.2", "wasi:http/handler@0.3", "fermyon:spin/inbound-http"],
            example: "[[trigger.http]]\nroute = \"/hello/...\"\ncomponent = \"hello\"\n",
        }
    }
}
