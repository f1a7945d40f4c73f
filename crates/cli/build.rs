//! How the shipped program is linked; see `docs/decisions/011-the-shipped-program.md`.

use std::path::Path;

#[expect(clippy::disallowed_methods, reason = "a build script is told everything by its environment")]
fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // Cargo tells a build script which of its two own profiles a profile inherits from, and the profile itself only by its folder.
    let out = std::env::var_os("OUT_DIR").unwrap_or_default();
    let is_shipped = Path::new(&out).ancestors().any(|folder| folder.ends_with("dist/build"));
    let target = std::env::var("TARGET").unwrap_or_default();
    // The linker that comes with Rust for this target is lld, which folds.
    if is_shipped && target == "x86_64-unknown-linux-gnu" {
        println!("cargo:rustc-link-arg-bins=-no-pie");
        println!("cargo:rustc-link-arg-bins=-Wl,--icf=all");
    }
}
