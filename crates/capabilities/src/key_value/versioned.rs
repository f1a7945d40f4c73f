//! Values with versions, for guests that swap by version or by value. A version is a digest of the value: the same value has the same
//! version again, whatever it was in between.

use super::handle::Handle;
use super::{Error, Swap};

/// A value and its version.
pub(super) struct Versioned {
    pub(super) value: Vec<u8>,
    pub(super) version: String,
}

/// What a key must have for a swap. Nothing required is a swap at any rate.
pub(super) struct Required {
    pub(super) version: Option<String>,
    pub(super) value: Option<Vec<u8>>,
}

/// How a swap ended.
pub(super) enum Swapped {
    /// The new value stands.
    Done,
    /// The key did not have what was required, but this.
    Stale(Option<Versioned>),
}

impl From<Vec<u8>> for Versioned {
    fn from(value: Vec<u8>) -> Self {
        Self { version: version(&value), value }
    }
}

fn version(value: &[u8]) -> String {
    blake3::hash(value).to_hex().to_string()
}

impl Handle {
    /// What `key` has now.
    pub(super) async fn versioned(&self, key: &str) -> Result<Option<Versioned>, Error> {
        Ok(self.get(key).await?.map(Versioned::from))
    }

    /// Makes `value` the value of `key` if it has what is `required`.
    pub(super) async fn swap_required(&self, key: &str, value: Vec<u8>, required: Required) -> Result<Swapped, Error> {
        let expected = match required {
            Required { version: None, value: None } => return self.set(key, value).await.map(|()| Swapped::Done),
            Required { version: None, value: expected } => expected,
            Required { version: Some(version), value: Some(expected) } => {
                let fits = self::version(&expected) == version;
                fits.then_some(expected)
            }
            // The store swaps by value, so the value is looked up that the version stands for.
            Required { version: Some(version), value: None } => match self.versioned(key).await? {
                Some(current) if current.version == version => Some(current.value),
                other => return Ok(Swapped::Stale(other)),
            },
        };
        if let Some(expected) = expected
            && self.swap(key, Some(&expected), value).await? == Swap::Done
        {
            return Ok(Swapped::Done);
        }
        Ok(Swapped::Stale(self.versioned(key).await?))
    }
}
