//! From the sources of a component to the one binary that is compiled: its own code, its dependencies plugged in, and the middleware of
//! the trigger that calls it.

use coracle_app::{Component, ComponentId, DependencySource, Inherit, Middleware};

use crate::compose::{ComposeError, Plug, compose};
use crate::middleware::{Step, name_of, put_before};
use crate::source::{SourceError, Sources};

/// Why a component cannot be put together.
#[derive(Debug, thiserror::Error)]
pub enum AssembleError {
    /// The bytes of a component cannot be had.
    #[error("component `{component}` has no code")]
    Source {
        /// The component.
        component: ComponentId,
        /// Why.
        source: SourceError,
    },
    /// The bytes of a dependency or a middleware cannot be had.
    #[error("component `{component}` lacks its part `{part}`")]
    Missing {
        /// The component.
        component: ComponentId,
        /// The dependency or the middleware.
        part: String,
        /// Why.
        source: Box<SourceError>,
    },
    /// The parts do not fit.
    #[error(transparent)]
    Compose(#[from] ComposeError),
}

impl AssembleError {
    /// The key of the component's table, or of the trigger's, that is at fault.
    #[must_use]
    pub fn key(&self) -> &'static str {
        match self {
            Self::Source { .. } => "source",
            Self::Missing { .. } | Self::Compose(_) => "dependencies",
        }
    }
}

impl Sources<'_> {
    /// The binary of `component` with its dependencies plugged in.
    ///
    /// # Errors
    /// [`AssembleError`] when a part is missing or does not fit.
    pub async fn composed(&self, component: &Component) -> Result<Vec<u8>, AssembleError> {
        let bytes = self.of(component).await.map_err(|source| AssembleError::Source { component: component.id.clone(), source })?;
        if component.dependencies.is_empty() {
            return Ok(bytes);
        }
        let mut plugs = Vec::new();
        for dependency in &component.dependencies {
            let bytes = self.part(component, &dependency.name.to_string(), &dependency.source).await?;
            let inherit = if component.inherit_all { &Inherit::All } else { &dependency.inherit };
            plugs.push(Plug { dependency, bytes, inherit });
        }
        Ok(compose(component.id.as_str(), bytes, plugs)?)
    }

    /// `bytes`, which are those of `component`, with `middleware` before them.
    ///
    /// # Errors
    /// [`AssembleError`] when a part is missing or does not fit.
    pub async fn behind(&self, component: &Component, bytes: Vec<u8>, middleware: &[Middleware]) -> Result<Vec<u8>, AssembleError> {
        let mut steps = Vec::new();
        for middleware in middleware {
            let bytes = self.part(component, &name_of(&middleware.source), &middleware.source).await?;
            steps.push(Step { middleware, bytes });
        }
        Ok(put_before(component.id.as_str(), bytes, steps)?)
    }

    async fn part(&self, component: &Component, part: &str, source: &DependencySource) -> Result<Vec<u8>, AssembleError> {
        let missing = |source| AssembleError::Missing { component: component.id.clone(), part: part.to_owned(), source: Box::new(source) };
        self.of_dependency(source).await.map_err(missing)
    }
}
