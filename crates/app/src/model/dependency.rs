//! Dependencies: components plugged into another component's imports, and what they inherit from it.

use std::collections::BTreeSet;
use std::fmt;

use super::{ComponentId, NameError, NameStyle};

/// A component that satisfies imports of another one.
#[derive(Debug, Clone, PartialEq)]
pub struct Dependency {
    /// Which imports it satisfies.
    pub name: DependencyName,
    /// Where its code comes from.
    pub source: DependencySource,
    /// The export to plug in; `None` means the one with the import's name.
    pub export: Option<String>,
    /// Which grants of the importing component it may use.
    pub inherit: Inherit,
}

/// The imports that a dependency satisfies.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum DependencyName {
    /// One import with a plain kebab-case name.
    Plain(String),
    /// One interface of a package, or all of them.
    Package {
        /// `namespace:name`.
        package: String,
        /// The interface; `None` means every interface of the package.
        interface: Option<String>,
        /// The version of the package.
        version: Option<semver::Version>,
    },
}

/// Why a dependency's name was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DependencyNameError {
    /// There is an `@`, `/` or `:` but no `namespace:name` before it.
    #[error("`{name}` is neither a kebab-case name nor of the form namespace:package/interface@version")]
    Form {
        /// The whole name.
        name: String,
    },
    /// One of its words breaks the rule for names.
    #[error("in `{name}`, {source}")]
    Word {
        /// The whole name.
        name: String,
        /// The rule that was broken.
        source: NameError,
    },
    /// What follows the `@` is not a version.
    #[error("`{version}` in `{name}` is not a semantic version")]
    Version {
        /// The whole name.
        name: String,
        /// What follows the `@`.
        version: String,
    },
}

impl DependencyName {
    /// Reads `plain-name` or `namespace:package[/interface][@version]`.
    ///
    /// # Errors
    /// When the text has neither form.
    pub fn parse(text: &str) -> Result<Self, DependencyNameError> {
        let word = |word: &str| NameStyle::Kebab.check(word).map_err(|source| DependencyNameError::Word { name: text.to_owned(), source });
        if !text.contains([':', '/', '@']) {
            word(text)?;
            return Ok(Self::Plain(text.to_owned()));
        }
        let (path, version) = match text.split_once('@') {
            Some((path, version)) => (path, Some(version)),
            None => (text, None),
        };
        let version = version
            .map(|version| {
                semver::Version::parse(version)
                    .map_err(|_| DependencyNameError::Version { name: text.to_owned(), version: version.to_owned() })
            })
            .transpose()?;
        let (package, interface) = match path.split_once('/') {
            Some((package, interface)) => (package, Some(interface)),
            None => (path, None),
        };
        let Some((namespace, name)) = package.split_once(':') else {
            return Err(DependencyNameError::Form { name: text.to_owned() });
        };
        for part in [Some(namespace), Some(name), interface].into_iter().flatten() {
            word(part)?;
        }
        Ok(Self::Package { package: package.to_owned(), interface: interface.map(str::to_owned), version })
    }

    /// Whether both names could claim the same import, so that they cannot stand side by side.
    #[must_use]
    pub fn conflicts_with(&self, other: &Self) -> bool {
        let (
            Self::Package { package, interface, version },
            Self::Package { package: other_package, interface: other_interface, version: other_version },
        ) = (self, other)
        else {
            return self == other;
        };
        let versions_differ = match (version, other_version) {
            (Some(one), Some(two)) => compatible(one) != compatible(two),
            _ => false,
        };
        let interfaces_differ = match (interface, other_interface) {
            (Some(one), Some(two)) => one != two,
            _ => false,
        };
        package == other_package && !versions_differ && !interfaces_differ
    }
}

impl fmt::Display for DependencyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(name) => f.write_str(name),
            Self::Package { package, interface, version } => {
                f.write_str(package)?;
                if let Some(interface) = interface {
                    write!(f, "/{interface}")?;
                }
                if let Some(version) = version {
                    write!(f, "@{version}")?;
                }
                Ok(())
            }
        }
    }
}

/// The first version that a semver-compatible caller would accept in place of this one.
fn compatible(version: &semver::Version) -> semver::Version {
    let mut bucket = version.clone();
    bucket.build = semver::BuildMetadata::EMPTY;
    if bucket.pre.is_empty() {
        if bucket.major > 0 {
            bucket.minor = 0;
        }
        if bucket.major > 0 || bucket.minor > 0 {
            bucket.patch = 0;
        }
    }
    bucket
}

/// Where a dependency's code comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DependencySource {
    /// A file, relative to the manifest.
    Path {
        /// The file.
        path: String,
    },
    /// A download that must have the given digest.
    Url {
        /// Where to fetch it.
        url: String,
        /// `sha256:` and 64 hexadecimal digits.
        digest: String,
    },
    /// The newest matching version of a package.
    Registry {
        /// The registry; `None` means the configured default.
        registry: Option<String>,
        /// The package, `namespace:name`.
        package: String,
        /// The versions that will do, such as `^1.2`.
        version: semver::VersionReq,
    },
    /// The code of another component of the application.
    Component(ComponentId),
}

/// Which grants a dependency may use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Inherit {
    /// None: each call that needs a grant is denied.
    #[default]
    None,
    /// All that the importing component has.
    All,
    /// The named ones.
    Some(BTreeSet<InheritKey>),
}

impl Inherit {
    /// Whether this kind of grant is passed on.
    #[must_use]
    pub fn includes(&self, key: InheritKey) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Some(keys) => keys.contains(&key),
        }
    }
}

/// A kind of grant that a dependency can inherit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InheritKey {
    /// Large language models.
    AiModels,
    /// Outgoing network connections.
    AllowedOutboundHosts,
    /// Blob stores.
    BlobStores,
    /// Environment variables.
    Environment,
    /// Files.
    Files,
    /// Key-value stores.
    KeyValueStores,
    /// Messages.
    Messaging,
    /// SQLite databases.
    SqliteDatabases,
    /// Component variables.
    Variables,
}

impl InheritKey {
    /// Every key, in the order of the alphabet.
    pub const ALL: [Self; 9] = [
        Self::AiModels,
        Self::AllowedOutboundHosts,
        Self::BlobStores,
        Self::Environment,
        Self::Files,
        Self::KeyValueStores,
        Self::Messaging,
        Self::SqliteDatabases,
        Self::Variables,
    ];

    /// The name in the manifest.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AiModels => "ai_models",
            Self::AllowedOutboundHosts => "allowed_outbound_hosts",
            Self::BlobStores => "blob_stores",
            Self::Environment => "environment",
            Self::Files => "files",
            Self::KeyValueStores => "key_value_stores",
            Self::Messaging => "messaging",
            Self::SqliteDatabases => "sqlite_databases",
            Self::Variables => "variables",
        }
    }

    /// Whether only `coracle.toml` has it.
    #[must_use]
    pub fn is_own(self) -> bool {
        matches!(self, Self::BlobStores | Self::Messaging)
    }

    /// The key with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|key| key.name() == name)
    }
}
