//! Messages to a broker that the operator bound to a label: publish, and ask for replies. A guest writes to the subjects that it was
//! granted; nothing here knows which broker answers. What wakes a guest with a message is a trigger, not this.

pub mod local;

mod config;
mod grant;
mod handle;
mod host;
mod limits;
mod mqtt;
mod nats;
mod redis;
mod subject;

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod listen;

pub use config::local;
pub use grant::State;
pub use limits::Limits;

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use coracle_engine::{
    About, Bind, BindError, Bound, Capability, ConfigTable, Generation, Grant, GrantError, GrantRequest, Import, InstanceState, Interface,
    Label, Labelled, Linkable,
};
use wasmtime::component::{Linker, LinkerInstance};

/// The key of this capability in a component's grants.
const GRANT: &str = "messaging";

/// The interface that names no broker.
const CONSUMER: &str = "wasmcloud:messaging/consumer";

/// Messages to brokers.
pub struct Messaging;

/// One broker behind a label. Subjects were checked before, in `subject.rs`.
#[async_trait]
pub trait Broker: Send + Sync {
    /// Publishes a message, and waits until the broker has it as surely as it can tell.
    async fn publish(&self, message: Message) -> Result<(), Error>;

    /// Publishes a message whose receivers are to reply, and waits for up to `replies_max` replies, which have up to `bytes_max`
    /// together. Fails with [`Error::Timeout`] when there is none in time.
    async fn request(&self, message: Message, replies: Replies) -> Result<Vec<Message>, Error>;
}

/// What somebody wants to hear, and how long they wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replies {
    /// How many replies end the wait.
    pub replies_max: usize,
    /// How large they may be together.
    pub bytes_max: usize,
    /// How long to wait for them.
    pub time_max: Duration,
}

/// A message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// Where it goes, or came from: names with dots in between.
    pub subject: String,
    /// What it says.
    pub body: Bytes,
    /// Where replies go.
    pub reply_to: Option<String>,
    /// What is said about it.
    pub headers: Vec<(String, String)>,
}

/// Why a message was not published, or not answered. Guests get the text, or the interface's own word.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The component was not granted the label, or the subject.
    #[error("access denied")]
    AccessDenied,
    /// The instance chose a link that the component was not granted.
    #[error("there is no link `{0}`; grant the component that label")]
    NoLink(String),
    /// The subject is none that can be published to.
    #[error("the subject is not valid: {0}")]
    Subject(&'static str),
    /// A message is too large.
    #[error("message of {bytes} bytes exceeds the limit of {bytes_max} bytes")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The bound.
        bytes_max: usize,
    },
    /// The instance sends more than it may.
    #[error("{0}")]
    Quota(&'static str),
    /// Nobody answered in time.
    #[error("there was no answer in time")]
    Timeout,
    /// Nobody listens to a request.
    #[error("nobody listens to the subject")]
    NoResponders,
    /// The broker cannot carry what was asked for.
    #[error("{0}")]
    Unsupported(&'static str),
    /// The broker is not there, or went away.
    #[error("the broker is not available")]
    Unavailable {
        /// What an operator may see.
        internal: String,
    },
    /// The broker refuses the message.
    #[error("the broker refuses the message")]
    Refused {
        /// What an operator may see.
        internal: String,
    },
}

impl Capability for Messaging {
    fn name(&self) -> &'static str {
        GRANT
    }

    fn interfaces(&self) -> &'static [Interface] {
        const fn interface(name: &'static str, versions: &'static [&'static str], granted_by: Option<&'static str>) -> Interface {
            Interface { name, versions, granted_by }
        }
        const GRANTED: Option<&str> = Some(GRANT);
        const {
            &[
                interface("wasmcloud:messaging/types", &["0.2.0", "0.3.0"], GRANTED),
                interface(CONSUMER, &["0.2.0", "0.3.0"], GRANTED),
                interface("wasmcloud:messaging/producer", &["0.3.0"], GRANTED),
                interface("wasmcloud:messaging/request-reply", &["0.3.0"], GRANTED),
                interface("wasi:messaging/types", &["0.2.0-draft"], GRANTED),
                interface("wasi:messaging/producer", &["0.2.0-draft"], GRANTED),
                interface("wasi:messaging/request-reply", &["0.2.0-draft"], GRANTED),
            ]
        }
    }

    fn link(&self, linker: &mut Linker<InstanceState>, generation: Generation) -> wasmtime::Result<()> {
        host::link(linker, generation)
    }

    fn labelled(&self) -> &'static [Labelled] {
        const { &[Labelled { name: CONSUMER, is_required: false }] }
    }

    fn link_labelled(&self, linker: &mut LinkerInstance<'_, InstanceState>, import: &Import, label: Label) -> wasmtime::Result<()> {
        host::link_labelled(linker, import, label)
    }

    fn bind(&self, bind: &mut Bind<'_>) -> Result<(), BindError> {
        config::bind(bind)
    }

    fn grant(&self, request: &GrantRequest<'_>) -> Result<Option<Box<dyn Grant>>, GrantError> {
        grant::grant(request)
    }

    fn renew(&self, instance: &mut InstanceState) {
        if let Some(state) = instance.opened::<State>() {
            state.renew();
        }
    }

    fn tables(&self) -> &'static [ConfigTable] {
        config::TABLES
    }

    fn bounds(&self) -> Vec<Bound> {
        Limits::default().bounds()
    }

    fn linkable<'i>(&self, instance: &'i mut InstanceState) -> Option<Linkable<'i>> {
        Some(instance.state::<State>().linkable())
    }

    fn about(&self) -> About {
        About {
            summary: "Messages to a broker: publish, and ask for replies. A message goes to the first label of the component whose subjects \
                      include its own; `*` stands for one name, `>` for one or more at the end.",
            example: "[component.shop]\nmessaging = { default = [\"orders.>\"] }",
            denied: "`access-denied`, or `permission-denied`, or the text `access denied`",
            backends: &["memory", "nats", "redis", "mqtt"],
        }
    }
}
