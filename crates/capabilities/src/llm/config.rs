//! Which service runs the models: the table `[llm_compute]` of the runtime configuration. Without one an app starts all the same, as it
//! does with Spin, and each call says what is missing.

use std::sync::Arc;

use coracle_engine::{Bind, BindError, ConfigTable, Site};
use tokio::sync::Semaphore;

use super::{Limits, Models, open_ai, remote};
use crate::backend::{self, Kind, Opening};

/// The table of the runtime configuration.
pub(super) const TABLE: &str = "llm_compute";

/// What the reference page says of it.
pub(super) const TABLES: &[ConfigTable] = &[ConfigTable {
    header: "[llm_compute]",
    about: "The service that runs the models. Without one each call says what is missing.",
    example: "[llm_compute]\ntype = \"open_ai\"\nurl = \"http://localhost:11434\"\nauth_token = \"a token, where one is asked for\"\n\n\
              [llm_compute]\ntype = \"remote_http\"\nurl = \"https://models.internal\"\nauth_token = \"a token\"\n",
}];

/// Every kind of service.
pub(super) const KINDS: &[&Kind<dyn Models>] = &[&open_ai::KIND, &remote::KIND];

/// Kinds that Spin has and this version lacks: models in the process of the host.
const MISSING: &[&str] = &["spin"];

/// What all components of an app share.
pub(super) struct Bound {
    /// The service, if the operator chose one.
    pub(super) models: Option<Arc<dyn Models>>,
    pub(super) place: String,
    pub(super) turns: Semaphore,
    pub(super) limits: Limits,
}

impl Bound {
    /// What stands behind every model.
    pub(super) fn new(models: Option<Arc<dyn Models>>, place: String, limits: Limits) -> Self {
        Self { models, place, turns: Semaphore::new(limits.concurrent_max), limits }
    }

    /// What [`bind`] left in `site`.
    pub(super) fn of(site: &Site) -> Arc<Self> {
        site.shared().unwrap_or_else(|| Arc::new(Self::unbound()))
    }

    fn unbound() -> Self {
        Self::new(None, format!("nothing; add `[{TABLE}]` to the runtime configuration"), Limits::default())
    }
}

/// Reads the table.
pub(super) fn bind(bind: &mut Bind<'_>) -> Result<(), BindError> {
    let bound = match bind.config.take_as::<toml::Table>(TABLE)? {
        None => Bound::unbound(),
        Some(mut table) => {
            let kind = backend::find(KINDS, MISSING, TABLE, &table)?;
            table.remove("type");
            let opened = (kind.open)(&Opening::new("", bind.site, TABLE.to_owned(), table, bind.config.folder()))?;
            Bound::new(Some(opened.backend), opened.place, Limits::default())
        }
    };
    bind.site.share(Arc::new(bound));
    Ok(())
}
