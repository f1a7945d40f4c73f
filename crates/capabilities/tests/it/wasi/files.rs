//! Nothing outside a mounted directory is reachable, and nothing in a read-only one can be changed, whatever path a guest writes.

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use serde_json::json;

use super::{Guest, Setting};

/// What lies outside; seeing it means to have escaped.
const SECRET: &str = "SECRET";

/// A mounted directory with a secret beside it, and links to the secret that somebody left in it.
fn scene() -> tempfile::TempDir {
    let scene = tempfile::tempdir().unwrap();
    let at = |path: &str| scene.path().join(path);
    for directory in ["outside", "mount/sub/deep", "mount/empty"] {
        std::fs::create_dir_all(at(directory)).unwrap();
    }
    for (file, text) in [("secret.txt", SECRET), ("outside/secret.txt", SECRET), ("mount/inside.txt", "inside"), ("mount/sub/file", "sub")]
    {
        std::fs::write(at(file), text).unwrap();
    }
    let absolute = at("secret.txt");
    let links = [
        ("../secret.txt", "link-out"),
        (absolute.to_str().unwrap(), "link-absolute"),
        ("link-out", "link-chain"),
        ("../outside", "link-dir"),
        ("..", "link-up"),
        ("/", "link-root"),
        ("link-loop", "link-loop"),
        ("sub/../../secret.txt", "link-winding"),
        ("../outside/new.txt", "link-dangling"),
        ("sub/file", "link-in"),
        ("sub/../inside.txt", "link-in-winding"),
    ];
    for (target, link) in links {
        symlink(target, at("mount").join(link)).unwrap();
    }
    scene
}

fn mounted(scene: &Path, writable: bool) -> Setting {
    Setting::granted(json!({ "files": [{ "source": scene.join("mount"), "destination": "/m", "writable": writable }] }))
}

/// Every path below `root` with what tells whether it was changed: kind, size, number of names, time of change, and text.
fn snapshot(root: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut left = vec![root.to_owned()];
    while let Some(path) = left.pop() {
        let about = std::fs::symlink_metadata(&path).unwrap();
        let text = if about.is_file() { std::fs::read_to_string(&path).unwrap() } else { String::new() };
        let times = if about.is_dir() { String::new() } else { format!("{}.{}", about.mtime(), about.mtime_nsec()) };
        found.insert(path.display().to_string(), format!("{:?} {} {times} {text}", about.file_type(), about.nlink()));
        if about.is_dir() {
            left.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    found
}

/// The part of a snapshot that a guest must not be able to change.
fn outside(scene: &Path) -> BTreeMap<String, String> {
    let mount = scene.join("mount").display().to_string();
    let mut found = snapshot(scene);
    found.retain(|path, _| !path.starts_with(&mount) && *path != scene.display().to_string());
    found
}

/// The same program for each version of WASI.
const GUESTS: [&str; 3] = ["files-p1", "files-p2", "files-p3"];

/// `{abs}` stands for the scene's own absolute path, and `{nul}`, which the guest puts in, for what ends a text in C.
const ESCAPES: &[&[&str]] = &[
    &["read", "../secret.txt"],
    &["read", "./../secret.txt"],
    &["read", "sub/../../secret.txt"],
    &["read", "sub/deep/../../../secret.txt"],
    &["read", "nothing/../../secret.txt"],
    &["read", "inside.txt/../../secret.txt"],
    &["read", ".//..//secret.txt"],
    &["read", "../mount/../secret.txt"],
    &["read", "{abs}/secret.txt"],
    &["read", "//{abs}/secret.txt"],
    &["read", "/etc/passwd"],
    &["read", "../../../../../../../../../../etc/passwd"],
    &["read", "/proc/self/environ"],
    &["read", "/proc/self/root/etc/passwd"],
    &["read", "link-out"],
    &["read", "link-out/"],
    &["read", "link-out/."],
    &["read", "./link-out"],
    &["read", "link-absolute"],
    &["read", "link-chain"],
    &["read", "link-winding"],
    &["read", "link-loop"],
    &["read", "link-root/etc/passwd"],
    &["read", "link-dir/secret.txt"],
    &["read", "link-dir/../secret.txt"],
    &["read", "link-up/secret.txt"],
    &["read", "sub/../link-up/secret.txt"],
    &["read", "link-up/mount/../secret.txt"],
    &["read", "..{nul}/secret.txt"],
    &["read", "inside.txt{nul}/../../secret.txt"],
    &["read", "inside.txt{nul}"],
    &["read-no-follow", "../secret.txt"],
    &["read-no-follow", "link-out"],
    &["read-no-follow", "link-out/"],
    &["read-no-follow", "link-dir/secret.txt"],
    &["read-below", "sub", "../../secret.txt"],
    &["read-below", "sub", "../link-out"],
    &["read-below", "..", "secret.txt"],
    &["read-below", "link-up", "secret.txt"],
    &["read-below", "link-dir/", "secret.txt"],
    &["stat", "../secret.txt"],
    &["stat", ".."],
    &["stat", "link-out"],
    &["stat", "link-dir/."],
    &["list", ".."],
    &["list", "../"],
    &["list", "./.."],
    &["list", "sub/../.."],
    &["list", "/"],
    &["list", "link-dir"],
    &["list", "link-dir/"],
    &["list", "link-up"],
    &["list", "link-root"],
    &["list", "link-dir/.."],
    &["write", "../secret.txt"],
    &["write", "link-out"],
    &["write", "link-absolute"],
    &["write", "{abs}/secret.txt"],
    &["append", "link-out"],
    &["append", "link-dir/secret.txt"],
    &["truncate", "../secret.txt"],
    &["truncate", "link-out"],
    &["truncate-read", "link-out"],
    &["resize", "link-out"],
    &["create", "../new.txt"],
    &["create", "link-dir/new.txt"],
    &["create", "link-up/new.txt"],
    &["create", "link-dangling"],
    &["create-exclusive", "../new.txt"],
    &["create-exclusive", "link-dangling"],
    &["create-below", "sub", "../../new.txt"],
    &["create-below", "link-dir", "new.txt"],
    &["mkdir", "../new"],
    &["mkdir", "link-dir/new"],
    &["mkdir", "link-dangling/"],
    &["mkdir", "link-up/new/"],
    &["rmdir", "../outside"],
    &["rmdir", "link-dir"],
    &["rmdir", "link-dir/"],
    &["rmdir", ".."],
    &["unlink", "../secret.txt"],
    &["unlink", "link-dir/secret.txt"],
    &["unlink", "link-up/secret.txt"],
    &["readlink", "../mount/link-out"],
    &["touch", "../secret.txt"],
    &["touch", "link-out"],
    &["touch", "link-dir/secret.txt"],
    &["rename", "../secret.txt", "stolen"],
    &["rename", "link-dir/secret.txt", "stolen"],
    &["rename", "link-up/secret.txt", "stolen"],
    &["rename", "inside.txt", "../given"],
    &["rename", "inside.txt", "link-dir/given"],
    &["rename", "sub", "link-dir/"],
    &["rename", "sub", "link-dangling/"],
    &["rename", "sub", "../given/"],
    &["rename", "link-dir/", "stolen"],
    &["rename", "link-dir/", "stolen/"],
    &["link", "../secret.txt", "stolen"],
    &["link", "link-dir/secret.txt", "stolen"],
    &["link", "inside.txt", "../given"],
    &["link", "inside.txt", "link-dir/given"],
    &["link", "link-out/", "stolen"],
    &["link-follow", "link-out", "stolen"],
    &["link-follow", "../secret.txt", "stolen"],
    &["symlink", "{abs}/secret.txt", "mine"],
    &["symlink", "anything", "../mine"],
    &["symlink", "anything", "link-dir/mine"],
    &["symlink-read", "../secret.txt", "mine"],
    &["symlink-read", "link-out", "mine"],
    &["symlink-read", "sub/../../secret.txt", "mine"],
    &["symlink-read", "../../secret.txt", "sub/mine"],
];

#[tokio::test]
async fn no_path_leads_out_of_a_mount() {
    let mut cases = 0;
    for name in GUESTS {
        let guest = Guest::built(name);
        // Where nothing may be written, one scene is enough for all.
        let unchanged = scene();
        for (escape, writable) in ESCAPES.iter().flat_map(|escape| [(escape, false), (escape, true)]) {
            let own = writable.then(scene);
            let scene = own.as_ref().unwrap_or(&unchanged);
            let absolute = scene.path().display().to_string();
            let [operation, paths @ ..] = escape else { panic!("an empty case") };
            let mut words = vec![(*operation).to_owned(), "/m".to_owned()];
            words.extend(paths.iter().map(|path| path.replace("{abs}", &absolute)));
            let words: Vec<&str> = words.iter().map(String::as_str).collect();

            let before = outside(scene.path());
            let said = guest.says(&mounted(scene.path(), writable), &words).await;
            assert_eq!(before, outside(scene.path()), "{name}: {escape:?} changed what is outside (writable: {writable})");
            assert!(said.starts_with("error "), "{name}: {escape:?} answered `{said}` (writable: {writable})");
            assert!(!said.contains(SECRET), "{name}: {escape:?} answered `{said}` (writable: {writable})");
            cases += 1;
        }
    }
    assert!(cases >= 600, "{cases} cases");
}

/// What a read-only mount holds must not become writable by another name in a mount that may be written to.
#[tokio::test]
async fn no_file_changes_from_one_mount_to_another() {
    for name in GUESTS {
        let guest = Guest::built(name);
        let scene = scene();
        let (mount, own) = (scene.path().join("mount"), scene.path().join("own"));
        std::fs::create_dir(&own).unwrap();
        std::fs::write(own.join("mine.txt"), "mine").unwrap();
        let files = json!([{ "source": mount, "destination": "/m" }, { "source": own, "destination": "/w", "writable": true }]);
        let setting = Setting::granted(json!({ "files": files }));
        let before = snapshot(scene.path());
        for case in [
            &["link-to", "/m", "inside.txt", "/w", "stolen"] as &[&str],
            &["link-to", "/m", "link-in", "/w", "stolen"],
            &["link-to", "/w", "mine.txt", "/m", "given"],
            &["rename-to", "/m", "inside.txt", "/w", "stolen"],
            &["rename-to", "/m", "sub", "/w", "stolen"],
            &["rename-to", "/m", "sub", "/w", "stolen/"],
            &["rename-to", "/w", "mine.txt", "/m", "given"],
            &["rename-to", "/w", "mine.txt", "/m", "inside.txt"],
            &["link-to", "/w", "../mount/inside.txt", "/w", "stolen"],
            &["symlink-read", "/w", "../mount/inside.txt", "stolen"],
        ] {
            let said = guest.says(&setting, case).await;
            assert!(said.starts_with("error "), "{name}: {case:?} answered `{said}`");
            // A link that leads out may be made; it cannot be followed.
            let _ = std::fs::remove_file(own.join("stolen"));
            assert_eq!(before, snapshot(scene.path()), "{name}: {case:?}");
        }
        assert!(guest.says(&setting, &["rename-to", "/w", "mine.txt", "/w", "renamed"]).await.starts_with("ok"), "{name}");
    }
}

/// Somebody on the host made a second name for an outside file in the mount. What it names is inside then, and no more than that file.
#[tokio::test]
async fn a_hard_link_that_the_host_made_shows_its_file_and_stays_read_only() {
    for name in GUESTS {
        let guest = Guest::built(name);
        let scene = scene();
        std::fs::hard_link(scene.path().join("outside/secret.txt"), scene.path().join("mount/shared")).unwrap();
        let before = snapshot(scene.path());
        let read_only = mounted(scene.path(), false);
        assert_eq!(guest.says(&read_only, &["read", "/m", "shared"]).await, format!("ok {SECRET}"), "{name}");
        for operation in ["write", "append", "truncate", "truncate-read", "resize", "touch", "unlink"] {
            let said = guest.says(&read_only, &[operation, "/m", "shared"]).await;
            assert!(said.starts_with("error "), "{name}: {operation} answered `{said}`");
        }
        for (operation, to) in [("rename", "moved"), ("link", "again")] {
            let said = guest.says(&read_only, &[operation, "/m", "shared", to]).await;
            assert!(said.starts_with("error "), "{name}: {operation} answered `{said}`");
        }
        assert_eq!(before, snapshot(scene.path()), "{name}");
    }
}

#[tokio::test]
async fn what_is_inside_is_reachable() {
    let scene = scene();
    let read_only = mounted(scene.path(), false);
    let guests = GUESTS.map(|name| (name, Guest::built(name)));
    for (words, expected) in [
        (["read", "/m", "inside.txt"], "ok inside"),
        (["read", "/m", "sub/../inside.txt"], "ok inside"),
        (["read", "/m", "./sub/./file"], "ok sub"),
        (["read", "/m", "link-in"], "ok sub"),
        (["read", "/m", "link-in-winding"], "ok inside"),
        (["list", "/m", "sub"], "ok deep file"),
        (["list", "/m", "sub/"], "ok deep file"),
        (["stat", "/m", "inside.txt"], "ok 6 bytes"),
        (["readlink", "/m", "link-in"], "ok sub/file"),
    ] {
        for (name, guest) in &guests {
            assert_eq!(guest.says(&read_only, &words).await, expected, "{name}: {words:?}");
        }
    }
    for ((name, guest), expected) in guests.iter().zip(["NOENT", "no-entry (error 20)", "ErrorCode::NoEntry"]) {
        assert_eq!(guest.says(&read_only, &["read", "/m", "nothing"]).await, format!("error {expected}"), "{name}");
    }
}

#[tokio::test]
async fn a_read_only_mount_cannot_be_changed() {
    let guests = GUESTS.map(|name| (name, Guest::built(name)));
    let scene = scene();
    let before = snapshot(scene.path());
    for case in [
        &["write", "inside.txt"] as &[&str],
        &["append", "inside.txt"],
        &["create", "new.txt"],
        &["create", "inside.txt"],
        &["create-read", "new.txt"],
        &["create-exclusive", "new.txt"],
        &["truncate", "inside.txt"],
        &["truncate-read", "inside.txt"],
        &["truncate-read", "link-in"],
        &["resize", "inside.txt"],
        &["create-below", "sub", "new.txt"],
        &["mkdir", "new"],
        &["rmdir", "empty"],
        &["unlink", "inside.txt"],
        &["unlink", "link-in"],
        &["touch", "inside.txt"],
        &["rename", "inside.txt", "renamed.txt"],
        &["link", "inside.txt", "again.txt"],
        &["symlink", "inside.txt", "mine"],
    ] {
        let [operation, paths @ ..] = case else { panic!("an empty case") };
        let words = [&[*operation, "/m"], paths].concat();
        for (name, guest) in &guests {
            let said = guest.says(&mounted(scene.path(), false), &words).await;
            assert!(said.starts_with("error "), "{name}: {case:?} answered `{said}`");
            assert_eq!(before, snapshot(scene.path()), "{name}: {case:?}");
        }
    }
}

#[tokio::test]
async fn a_writable_mount_can_be_changed() {
    for name in GUESTS {
        let guest = Guest::built(name);
        let scene = scene();
        let writable = mounted(scene.path(), true);
        for case in [
            &["create", "/m", "new.txt"] as &[&str],
            &["append", "/m", "new.txt"],
            &["mkdir", "/m", "made"],
            &["rename", "/m", "new.txt", "made/new.txt"],
            &["rmdir", "/m", "empty"],
            &["unlink", "/m", "inside.txt"],
            &["symlink", "/m", "made", "mine"],
        ] {
            let said = guest.says(&writable, case).await;
            assert!(said.starts_with("ok"), "{name}: {case:?} answered `{said}`");
        }
        assert_eq!(std::fs::read_to_string(scene.path().join("mount/made/new.txt")).unwrap(), "minemine", "{name}");
        assert!(!scene.path().join("mount/inside.txt").exists(), "{name}");
    }
}

/// How often a guest reads a path that changes, until it has met it in both of its states.
const ROUNDS_MAX: usize = 100;

/// Somebody on the host swaps a directory for a link to the outside while the guest opens a file below it.
#[tokio::test]
async fn a_path_that_changes_meanwhile_leads_nowhere_else() {
    for name in GUESTS {
        let guest = Guest::built(name);
        let scene = scene();
        let mount = scene.path().join("mount");
        std::fs::create_dir(mount.join("swing")).unwrap();
        std::fs::write(mount.join("swing/secret.txt"), "harmless").unwrap();
        symlink("../outside", mount.join("other")).unwrap();

        let (stop, swaps) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let swapper = std::thread::spawn({
            let (stop, swaps, mount) = (Arc::clone(&stop), Arc::clone(&swaps), mount.clone());
            move || {
                let at = |name: &str| mount.join(name);
                while !stop.load(SeqCst) {
                    for (from, to) in [("swing", "spare"), ("other", "swing"), ("spare", "other")] {
                        std::fs::rename(at(from), at(to)).unwrap();
                    }
                    swaps.fetch_add(1, SeqCst);
                }
            }
        });
        // A busy machine may give the swapper no turn while the guest reads: then once more.
        let mut has_met_both = false;
        for _ in 0..ROUNDS_MAX {
            let said = guest.says(&mounted(scene.path(), false), &["read-many", "/m", "swing/secret.txt", "1000"]).await;
            assert!(!said.contains(SECRET), "{name}: {said}");
            has_met_both |= said == "ok |harmless";
            if has_met_both && swaps.load(SeqCst) > 10 {
                break;
            }
        }
        stop.store(true, SeqCst);
        swapper.join().unwrap();
        assert!(has_met_both, "{name}: the path never changed while the guest read");
    }
}

#[tokio::test]
async fn several_directories_are_mounted_side_by_side() {
    for name in GUESTS {
        side_by_side(&Guest::built(name)).await;
    }
}

async fn side_by_side(guest: &Guest) {
    let scene = scene();
    let (mount, outside) = (scene.path().join("mount"), scene.path().join("outside"));
    let files = json!([{ "source": mount, "destination": "/" }, { "source": outside, "destination": "/data", "writable": true }]);
    let setting = Setting::granted(json!({ "files": files }));
    assert_eq!(guest.says(&setting, &["preopens"]).await, "ok / /data");
    assert_eq!(guest.says(&setting, &["read", "/", "inside.txt"]).await, "ok inside");
    assert_eq!(guest.says(&setting, &["create", "/data", "new.txt"]).await, "ok");
    assert!(guest.says(&setting, &["create", "/", "new.txt"]).await.starts_with("error "));
    assert_eq!(guest.says(&Setting::default(), &["preopens"]).await, "ok");
}

#[test]
fn a_mount_that_cannot_be_is_refused_at_start() {
    let guest = Guest::built("files-p2");
    let scene = scene();
    let mount = scene.path().join("mount");
    let refused = |files: serde_json::Value| guest.ready(&Setting::granted(json!({ "files": files }))).err().unwrap().to_string();
    for (files, expected) in [
        (json!("assets"), "component `guest`: `files` must be a list of `{ source, destination, writable }`"),
        (json!([{ "source": mount, "destination": "/a", "mode": "rw" }]), "must be a list of `{ source, destination, writable }`"),
        (json!([{ "source": mount.join("nothing"), "destination": "/a" }]), "cannot be mounted: No such file"),
        (json!([{ "source": mount.join("inside.txt"), "destination": "/a" }]), "is not a directory; mount the directory that it is in"),
        (json!([{ "source": mount, "destination": "" }]), "is mounted at no path; give it a destination such as `/assets`"),
        (json!([{ "source": mount, "destination": "/a/../b" }]), "a destination has no `..`"),
        (
            json!([{ "source": mount, "destination": "/a" }, { "source": mount, "destination": "/a" }]),
            "two directories are mounted at `/a`; give each its own destination",
        ),
    ] {
        let found = refused(files);
        assert!(found.contains(expected), "{found}");
    }
}
