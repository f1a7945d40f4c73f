//! Stores of objects in containers. A guest names a container within the stores that it was granted; bodies are streamed both ways.
//! Nothing here knows which backend answers.

pub mod directory;
pub mod memory;
pub mod s3;

mod config;
mod grant;
mod handle;
mod host;
mod incoming;
mod limits;
mod name;
mod outgoing;

#[cfg(test)]
mod conformance;

pub use grant::State;
pub use limits::Limits;

use async_trait::async_trait;
use bytes::Bytes;
use coracle_engine::{
    About, Bind, BindError, Bound, Capability, ConfigTable, Generation, Grant, GrantError, GrantRequest, Import, InstanceState, Interface,
    Label, Labelled, Linkable,
};
use futures::stream::BoxStream;
use wasmtime::component::{Linker, LinkerInstance};

/// The key of this capability in a component's grants.
const GRANT: &str = "blob-store";

/// The interface of WASI that names containers.
const WASI_BLOBSTORE: &str = "wasi:blobstore/blobstore";

/// `wasi:blobstore` and `wasmcloud:blobstore`.
pub struct BlobStore;

/// One store behind a label. Names were checked before, in `name.rs`. What is acknowledged is as durable as the backend is.
#[async_trait]
pub trait Store: Send + Sync {
    /// Makes an empty container. Fails with [`Error::ContainerExists`].
    async fn create(&self, container: &str) -> Result<(), Error>;

    /// When `container` was made, in seconds since 1970; `None` if there is none.
    async fn created(&self, container: &str) -> Result<Option<u64>, Error>;

    /// Removes `container` with all that is in it; that it was absent is no error.
    async fn remove(&self, container: &str) -> Result<(), Error>;

    /// What is known of an object; `None` if there is none.
    async fn stat(&self, object: &Object) -> Result<Option<Stat>, Error>;

    /// Begins to read the bytes from `first` to `last`, both included, as far as there are any. Fails with [`Error::NoObject`].
    async fn read(&self, object: &Object, first: u64, last: u64) -> Result<Reading, Error>;

    /// Begins to write an object. Nobody sees it, or misses the one before it, until [`Writing::finish`].
    async fn write(&self, object: &Object) -> Result<Box<dyn Writing>, Error>;

    /// Up to `names_max` names after `after`, in the order of their bytes. One that is there throughout is listed exactly once.
    async fn list(&self, container: &str, after: Option<&str>, names_max: usize) -> Result<Vec<String>, Error>;

    /// Removes objects; that one was absent is no error.
    async fn delete(&self, container: &str, names: &[String]) -> Result<(), Error>;

    /// Makes `to` what `from` is now; they differ. Fails with [`Error::NoObject`].
    async fn copy(&self, from: &Object, to: &Object) -> Result<(), Error>;

    /// Gives an object another name, which differs. Fails with [`Error::NoObject`].
    async fn rename(&self, from: &Object, to: &Object) -> Result<(), Error> {
        self.copy(from, to).await?;
        self.delete(&from.container, std::slice::from_ref(&from.name)).await
    }
}

/// An object that is being written. Dropped before its end, it leaves what was there before.
#[async_trait]
pub trait Writing: Send {
    /// Adds bytes at the end.
    async fn push(&mut self, bytes: Bytes) -> Result<(), Error>;

    /// Makes what was written the object.
    async fn finish(self: Box<Self>) -> Result<(), Error>;
}

/// An object by its container and name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Object {
    /// Its container.
    pub container: String,
    /// Its name there.
    pub name: String,
}

/// What is known of an object without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// Its size.
    pub bytes: u64,
    /// When it was written, in seconds since 1970.
    pub created: u64,
}

/// An object that is being read.
pub struct Reading {
    /// How many bytes will come.
    pub bytes: u64,
    /// The bytes, read as they are asked for.
    pub chunks: BoxStream<'static, Result<Bytes, Error>>,
}

/// Why a store refuses. Guests get the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The component was granted no such store.
    #[error("access denied")]
    AccessDenied,
    /// The instance chose a link that the component was not granted.
    #[error("there is no link `{0}`; grant the component that label")]
    NoLink(String),
    /// There is no such container.
    #[error("container `{0}` does not exist")]
    NoContainer(String),
    /// There is one already.
    #[error("container `{0}` already exists")]
    ContainerExists(String),
    /// There is no such object.
    #[error("object `{0}` does not exist")]
    NoObject(String),
    /// A name that no backend could keep.
    #[error("`{name}` is no valid name: {reason}")]
    Name {
        /// What the guest wrote.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The first byte asked for is behind the last one.
    #[error("the range from {first} to {last} is none; its end must not be before its start")]
    Range {
        /// The first byte.
        first: u64,
        /// The last byte.
        last: u64,
    },
    /// A folder store cannot keep one name as an object and as the folder of others.
    #[error("`{0}` cannot be written: a part of its name is an object, a folder of other objects, or a link")]
    Occupied(String),
    /// An object is larger than it may be.
    #[error("object exceeds the limit of {bytes_max} bytes")]
    ObjectTooLarge {
        /// The bound.
        bytes_max: u64,
    },
    /// An object is too large to be handed over in one piece.
    #[error("{bytes} bytes exceed the limit of {bytes_max} bytes for one piece; read them as a stream")]
    PieceTooLarge {
        /// Its size.
        bytes: u64,
        /// The bound.
        bytes_max: u64,
    },
    /// A body was written before its object was named.
    #[error("give the value to `write-data` before you write more than {bytes_max} bytes of its body")]
    Unaddressed {
        /// The bound.
        bytes_max: usize,
    },
    /// A value was used in an order that means nothing.
    #[error("{0}")]
    Misused(&'static str),
    /// The instance called more often than it may.
    #[error("more than {operations_max} blob operations in one invocation; do the rest in another")]
    TooManyOperations {
        /// The bound.
        operations_max: u32,
    },
    /// The instance has as many containers open as it may.
    #[error("more than {open_max} containers or listings are open; drop some")]
    TooManyOpen {
        /// The bound.
        open_max: u32,
    },
    /// The instance reads and writes as many objects as it may.
    #[error("more than {transfers_max} objects are being read and written; finish or drop some")]
    TooManyTransfers {
        /// The bound.
        transfers_max: usize,
    },
    /// Every connection to the store was busy for too long.
    #[error("the store has too many connections in use; try again later")]
    Busy,
    /// The store did not answer in time.
    #[error("the store did not answer in time")]
    Timeout,
    /// The store has no room.
    #[error("the storage is full")]
    Full,
    /// The backend failed.
    #[error("{public}")]
    Backend {
        /// What a guest may see.
        public: &'static str,
        /// What an operator may see.
        internal: String,
    },
}

impl Error {
    /// A failure of the backend whose cause only the operator gets.
    fn backend(cause: &(dyn std::error::Error + 'static)) -> Self {
        Self::Backend { public: "the storage failed", internal: coracle_base::chain(cause).to_string() }
    }
}

impl Capability for BlobStore {
    fn name(&self) -> &'static str {
        GRANT
    }

    fn interfaces(&self) -> &'static [Interface] {
        const fn interface(name: &'static str, versions: &'static [&'static str]) -> Interface {
            Interface { name, versions, granted_by: Some(GRANT) }
        }
        const {
            &[
                interface(WASI_BLOBSTORE, &["0.2.0-draft"]),
                interface("wasi:blobstore/container", &["0.2.0-draft"]),
                interface("wasi:blobstore/types", &["0.2.0-draft"]),
                interface("wasmcloud:blobstore/blobstore", &["0.1.0"]),
                interface("wasmcloud:blobstore/container", &["0.1.0"]),
                interface("wasmcloud:blobstore/types", &["0.1.0"]),
            ]
        }
    }

    fn link(&self, linker: &mut Linker<InstanceState>, generation: Generation) -> wasmtime::Result<()> {
        host::link(linker, generation)
    }

    fn labelled(&self) -> &'static [Labelled] {
        const { &[Labelled { name: WASI_BLOBSTORE, is_required: false }, Labelled { name: "wasmcloud:blobstore/blobstore", is_required: false }] }
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
            summary: "Objects in containers, streamed in and out. A container lies in the first store of the list; `archive/photos` is the \
                      container `photos` of the store `archive`.",
            example: "[component.gallery]\nblob_stores = [\"default\"]",
            denied: "every function answers the error `access denied`, or `access-denied`",
            backends: &["directory", "memory", "s3"],
        }
    }
}
