//! Version 2 of `spin.toml`.

use expect_test::expect_file;

use crate::check::app;

#[test]
fn reads_a_maximal_manifest() {
    let app = app("spin.toml", include_str!("manifests/maximal_v2.toml"));
    expect_file!["snapshots/maximal_v2.txt"].assert_debug_eq(&app);
}
