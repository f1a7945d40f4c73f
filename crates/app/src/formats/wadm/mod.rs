//! wadm's application manifest, in the Open Application Model (`core.oam.dev/v1beta1`): checked against its own schema, then rewritten into
//! the tree of a `coracle.toml`. Links of components become grants and labels, links of the HTTP server become routes.

mod convert;
mod http_server;
mod shape;
#[cfg(test)]
mod tables;

use super::{ManifestFormat, spin_v2};
use crate::document::{Node, OwnKeys, Problems, check};
use crate::model::{App, Format};

/// A wadm manifest.
pub(super) const FORMAT: ManifestFormat = ManifestFormat { format: Format::Wadm, load };

fn load(root: Node, profile: Option<&str>, problems: &mut Problems<'_>) -> Option<App> {
    check(&shape::MANIFEST, &root, OwnKeys::Allowed, problems);
    if problems.has_errors() {
        return None;
    }
    let root = convert::to_coracle(&root, problems);
    if problems.has_errors() {
        return None;
    }
    spin_v2::load(root, Format::Wadm, profile, problems)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::rust_source;

    #[test]
    fn the_shape_is_that_of_the_tables() {
        expect_test::expect_file!["shape.rs"].assert_eq(&rust_source(&spin_v2::schema::generate::<tables::Manifest>()));
    }
}
