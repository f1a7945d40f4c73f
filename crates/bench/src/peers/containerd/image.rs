//! An image of the native server and the libraries that it needs, nothing else: as small as such an image becomes.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::capture;

/// Where the server lies in the image.
pub(super) const PROGRAM: &str = "/coracle-native";

/// The files of the image, in a folder.
#[derive(Debug)]
pub(crate) struct Image {
    folder: PathBuf,
}

impl Image {
    /// Copies `program` and its libraries into `folder`.
    pub(crate) fn new(program: &Path, folder: PathBuf) -> Result<Self> {
        std::fs::create_dir_all(&folder)?;
        std::fs::copy(program, folder.join(PROGRAM.trim_start_matches('/'))).context("the program of the image")?;
        for library in libraries(&capture(Command::new("ldd").arg(program))?) {
            let to = folder.join(library.trim_start_matches('/'));
            std::fs::create_dir_all(to.parent().unwrap_or(&folder))?;
            std::fs::copy(library, to).with_context(|| format!("the library {library}"))?;
        }
        // What a runtime mounts over.
        for mount in ["dev", "proc", "sys", "etc"] {
            std::fs::create_dir_all(folder.join(mount))?;
        }
        Ok(Self { folder })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Its layer as it travels, compressed, in bytes.
    pub(crate) fn compressed_bytes(&self) -> Result<u64> {
        let output = Command::new("tar").arg("-C").arg(&self.folder).args(["-cz", "."]).output().context("`tar` is not there")?;
        Ok(output.stdout.len() as u64)
    }

    /// Writes the image into an archive in `folder`, in the layout that registries and containerd understand.
    pub(super) fn archive(&self, folder: &Path, name: &str) -> Result<PathBuf> {
        let (layout, archive) = (folder.join("image"), folder.join("image.tar"));
        let blobs = layout.join("blobs/sha256");
        std::fs::create_dir_all(&blobs)?;
        let layer = Command::new("tar").arg("-C").arg(&self.folder).args(["-c", "."]).output().context("`tar` is not there")?.stdout;
        let blob = |bytes: &[u8], kind: &str| -> Result<Value> {
            let digest = hex(bytes);
            std::fs::write(blobs.join(&digest), bytes)?;
            Ok(json!({ "mediaType": kind, "digest": format!("sha256:{digest}"), "size": bytes.len() }))
        };
        let layers = [blob(&layer, "application/vnd.oci.image.layer.v1.tar")?];
        let config = json!({
            "architecture": if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" },
            "os": "linux",
            "config": {},
            "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{}", hex(&layer))] },
        });
        let config = blob(config.to_string().as_bytes(), "application/vnd.oci.image.config.v1+json")?;
        let kind = "application/vnd.oci.image.manifest.v1+json";
        let manifest = json!({ "schemaVersion": 2, "mediaType": kind, "config": config, "layers": layers });
        let mut manifest = blob(manifest.to_string().as_bytes(), kind)?;
        super::merge(&mut manifest, json!({ "annotations": { "io.containerd.image.name": name } }));
        std::fs::write(layout.join("index.json"), json!({ "schemaVersion": 2, "manifests": [manifest] }).to_string())?;
        std::fs::write(layout.join("oci-layout"), json!({ "imageLayoutVersion": "1.0.0" }).to_string())?;
        capture(Command::new("tar").arg("-C").arg(&layout).arg("-cf").arg(&archive).arg("."))?;
        Ok(archive)
    }
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The files in the output of `ldd`: `libc.so.6 => /lib/libc.so.6 (0x…)`, and the loader without an arrow.
fn libraries(text: &str) -> Vec<&str> {
    let path = |line: &'_ str| -> Option<usize> { line.find('/') };
    text.lines().filter_map(|line| line.get(path(line)?..)?.split_whitespace().next()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_found_with_and_without_an_arrow() {
        let text =
            "\tlinux-vdso.so.1 (0x00)\n\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00)\n\t/lib64/ld-linux-x86-64.so.2 (0x00)\n";
        assert_eq!(libraries(text), ["/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2"]);
    }
}
