//! Redis, by an address that the guest names and its manifest allows. A guest has its connection for itself; who comes later gets it
//! only in the state of a new one.

mod answer;
mod commands;
mod config;
mod grant;
mod handle;
mod host;
mod limits;
mod pool;

pub use grant::State;
pub use limits::Limits;

use coracle_engine::{
    About, Bind, BindError, Bound, Capability, ConfigTable, Generation, Grant, GrantError, GrantRequest, InstanceState, Interface,
};
use wasmtime::component::Linker;

/// The key of the grant.
const NAME: &str = "redis";
const GRANT: &str = "outbound-hosts";

/// Redis.
pub struct Redis;

/// Why a guest gets no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The address is none, or the component may not reach it.
    #[error("the address is not one of Redis that the component may reach")]
    InvalidAddress,
    /// The instance has as many connections open as it may, or the app has, and none came free in time.
    #[error("too many connections are open")]
    TooManyConnections,
    /// A value is not of the kind that was asked for.
    #[error("the value is of another type")]
    Type,
    /// The instance called more often than it may.
    #[error("more than {operations_max} operations of Redis in one invocation; do the rest in another")]
    TooManyOperations {
        /// The bound.
        operations_max: u32,
    },
    /// A command with its arguments is too large.
    #[error("a command of {bytes} bytes exceeds the limit of {bytes_max} bytes")]
    CommandTooLarge {
        /// Its size.
        bytes: usize,
        /// The bound.
        bytes_max: usize,
    },
    /// An answer is too large.
    #[error("the answer exceeds the limit of {bytes_max} bytes or {elements_max} elements; ask for less at a time")]
    AnswerTooLarge {
        /// The bound of its size.
        bytes_max: usize,
        /// The bound of its parts.
        elements_max: usize,
    },
    /// The server takes too long.
    #[error("the server did not answer in time")]
    Timeout,
    /// The server cannot be reached, or does not let us in.
    #[error("the server could not be reached")]
    Unreachable,
    /// The connection ended before the answer came. What became of the command is not known.
    #[error("the connection was lost before the answer came")]
    Lost,
    /// The server refuses the command.
    #[error("{0}")]
    Server(String),
}

impl Capability for Redis {
    fn name(&self) -> &'static str {
        NAME
    }

    fn interfaces(&self) -> &'static [Interface] {
        const GRANTED_BY: Option<&str> = Some(GRANT);
        &[
            Interface { name: "fermyon:spin/redis-types", versions: &[], granted_by: None },
            Interface { name: "fermyon:spin/redis", versions: &[], granted_by: GRANTED_BY },
            Interface { name: "fermyon:spin/redis", versions: &["2.0.0"], granted_by: GRANTED_BY },
            Interface { name: "spin:redis/redis", versions: &["3.0.0"], granted_by: GRANTED_BY },
        ]
    }

    fn link(&self, linker: &mut Linker<InstanceState>, generation: Generation) -> wasmtime::Result<()> {
        host::link(linker, generation)
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

    fn about(&self) -> About {
        About {
            summary: "Commands to Redis at addresses that the manifest names.",
            example: "[component.counter]\nallowed_outbound_hosts = [\"redis://cache.example:6379\"]",
            denied: "`open` answers `invalid-address`; of Spin's first interface, every function `error`",
            backends: &[],
        }
    }

    fn tables(&self) -> &'static [ConfigTable] {
        &[ConfigTable {
            header: "[outbound_redis]",
            about: "How many connections the app may have at once; by default there is no bound but each instance's. And who vouches for \
                    servers that are spoken to by TLS; by default the machine's roots.",
            example: "[outbound_redis]\nmax_connections = 64\nca_roots_file = \"redis-ca.pem\"\n",
        }]
    }

    fn bounds(&self) -> Vec<Bound> {
        Limits::default().bounds()
    }
}
