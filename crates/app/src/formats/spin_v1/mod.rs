//! `spin.toml` version 1: checked against its own schema, then rewritten into the tree of version 2.

pub(crate) mod allowed_http_hosts;
mod convert;
mod shape;
#[cfg(test)]
mod tables;

use super::{ManifestFormat, spin_v2};
use crate::document::{Node, OwnKeys, Problems, check};
use crate::model::{App, Format};

/// `spin.toml` version 1.
pub(super) const FORMAT: ManifestFormat = ManifestFormat { format: Format::SpinV1, load };

/// Reads a manifest of version 1; `None` when it has an error in its structure.
fn load(root: Node, profile: Option<&str>, problems: &mut Problems<'_>) -> Option<App> {
    check(&shape::MANIFEST, &root, OwnKeys::Refused, problems);
    if problems.has_errors() {
        return None;
    }
    let root = convert::to_v2(root, problems);
    spin_v2::load(root, Format::SpinV1, profile, problems)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::rust_source;

    #[test]
    fn the_shape_is_that_of_the_tables() {
        expect_test::expect_file!["shape.rs"].assert_eq(&rust_source(&spin_v2::schema::generate::<tables::ManifestV1>()));
    }
}
