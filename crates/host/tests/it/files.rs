//! What a guest sees of the `files` of its manifest, and what it does not.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;

use coracle_capabilities::wasi::{Captured, Command, Stdout};
use coracle_engine::{Compiler, Metered};
use coracle_host::{Host, Mounting, Options, Placement, Workload, WorkloadError};
use tempfile::TempDir;
use wasmtime_wasi::p2::bindings::CommandPre;

/// Where the links of an app lead that should lead nowhere.
const SECRET: &str = "SECRET";

const COPIED: Mounting = Mounting { direct: false, transient_write: false };
const DIRECT: Mounting = Mounting { direct: true, transient_write: false };
const TRANSIENT: Mounting = Mounting { direct: false, transient_write: true };

/// An app's folder with a secret beside it.
fn scene() -> TempDir {
    let scene = tempfile::tempdir().unwrap();
    let at = |path: &str| scene.path().join("app").join(path);
    std::fs::create_dir_all(at("assets/deep")).unwrap();
    for (file, text) in
        [("assets/a.txt", "a"), ("assets/deep/b.txt", "b"), ("assets/notes.md", "notes"), ("other.txt", "other"), ("../secret.txt", SECRET)]
    {
        std::fs::write(at(file), text).unwrap();
    }
    for (target, link) in
        [("../../secret.txt", "assets/link-out"), ("..", "link-up"), ("assets/a.txt", "link-in"), ("a.txt", "assets/link-beside")]
    {
        symlink(target, at(link)).unwrap();
    }
    std::fs::copy(coracle_testkit::built_path("files-p2"), at("files.wasm")).unwrap();
    scene
}

async fn start(scene: &Path, files: &str, mounting: Mounting) -> Result<Workload, WorkloadError> {
    let others = if mounting.direct { "" } else { "files = [\"other.txt\"]" };
    let manifest = format!(
        "application = {{ name = \"files\" }}\n[[trigger.command]]\ncomponent = \"files\"\n[[trigger.command]]\ncomponent = \"other\"\n\
         [component.files]\nsource = \"files.wasm\"\n{files}\n[component.other]\nsource = \"files.wasm\"\n{others}\n"
    );
    let app = coracle_app::load(&manifest, "coracle.toml", None, None).unwrap();
    let host = Host::new(Options { compiler: Compiler::InProcess, ..Options::default() }).unwrap();
    Workload::start(&host, app, Placement { folder: scene.join("app"), mounting, ..Placement::default() }).await
}

/// What the component `files` prints when it is run with `words`.
async fn says(workload: &Workload, words: &[&str]) -> String {
    let runnable = workload.runnable(&"files".parse().unwrap()).unwrap();
    let mut store = runnable.store().unwrap();
    let printed = Captured::new(64 << 10);
    let arguments = std::iter::once("guest").chain(words.iter().copied()).map(str::to_owned).collect();
    store.data_mut().put(Command { arguments, stdout: Stdout::Capture(printed.clone()), ..Command::default() });
    let meter = Arc::clone(store.data().meter());
    let pre = CommandPre::new(runnable.pre().unwrap().clone()).unwrap();
    let running = async {
        let command = pre.instantiate_async(&mut store).await.unwrap();
        command.wasi_cli_run().call_run(&mut store).await.unwrap().unwrap();
    };
    Metered::new(running, meter).await.unwrap();
    String::from_utf8_lossy(&printed.bytes()).trim_end().to_owned()
}

#[track_caller]
fn ends_in_error(said: &str, words: &[&str]) {
    assert!(said.starts_with("error ") && !said.contains(SECRET), "{words:?} answered `{said}`");
}

/// Starts an app with `files` and compares what its guest finds; `error` stands for any.
async fn check(files: &str, mounting: Mounting, expected: &[(&[&str], &str)]) {
    let scene = scene();
    let workload = start(scene.path(), files, mounting).await.unwrap();
    for (words, expected) in expected {
        let said = says(&workload, words).await;
        match *expected {
            "error" => ends_in_error(&said, words),
            expected => assert_eq!(said, expected, "{files}: {words:?}"),
        }
    }
}

#[tokio::test]
async fn folders_globs_and_files_keep_their_places() {
    let found: &[(&[&str], &str)] = &[
        (&["preopens"], "ok /"),
        (&["list", "/", "."], "ok assets"),
        (&["read", "/", "assets/a.txt"], "ok a"),
        (&["read", "/", "assets/deep/b.txt"], "ok b"),
        (&["read", "/", "assets/notes.md"], "ok notes"),
        (&["read", "/", "assets/link-out"], "error"),
        (&["read", "/", "other.txt"], "error"),
    ];
    check("files = [\"assets\"]", COPIED, found).await;
    check("files = [\"./assets/\"]", COPIED, found).await;
    check("files = [\"assets/**/*\"]", COPIED, found).await;
    let text_only: &[(&[&str], &str)] = &[
        (&["list", "/", "assets"], "ok a.txt deep"),
        (&["read", "/", "assets/deep/b.txt"], "ok b"),
        (&["read", "/", "other.txt"], "error"),
    ];
    check("files = [\"assets/**/*.txt\"]", COPIED, text_only).await;
    check(
        "files = [\"assets/*.txt\", \"link-in\"]",
        COPIED,
        &[(&["list", "/", "assets"], "ok a.txt"), (&["read", "/", "link-in"], "ok a")],
    )
    .await;
}

#[tokio::test]
async fn files_and_folders_appear_where_they_are_placed() {
    let placed =
        "files = [{ source = \"assets\", destination = \"/static/files\" }, { source = \"other.txt\", destination = \"/renamed\" }]";
    let expected: &[(&[&str], &str)] = &[
        (&["list", "/", "."], "ok renamed static"),
        (&["read", "/", "static/files/deep/b.txt"], "ok b"),
        (&["read", "/", "renamed"], "ok other"),
    ];
    check(placed, COPIED, expected).await;
}

#[tokio::test]
async fn what_is_excluded_is_not_there() {
    let excluded = "files = [\"assets\"]\nexclude_files = [\"assets/*.md\", \"**/deep/*\"]";
    check(excluded, COPIED, &[(&["list", "/", "assets"], "ok a.txt"), (&["read", "/", "assets/notes.md"], "error")]).await;
}

#[tokio::test]
async fn a_copy_is_read_only_and_stays_what_it_was_at_start() {
    let scene = scene();
    let workload = start(scene.path(), "files = [\"assets\"]", COPIED).await.unwrap();
    std::fs::write(scene.path().join("app/assets/a.txt"), "changed").unwrap();
    assert_eq!(says(&workload, &["read", "/", "assets/a.txt"]).await, "ok a");
    for words in [
        ["write", "/", "assets/a.txt"],
        ["create", "/", "new.txt"],
        ["unlink", "/", "assets/a.txt"],
        ["truncate-read", "/", "assets/a.txt"],
    ] {
        ends_in_error(&says(&workload, &words).await, &words);
    }
}

#[tokio::test]
async fn a_copy_may_be_written_to_where_the_operator_allows_it_and_the_app_stays_as_it_was() {
    let scene = scene();
    let workload = start(scene.path(), "files = [\"assets\"]", TRANSIENT).await.unwrap();
    assert_eq!(says(&workload, &["write", "/", "assets/a.txt"]).await, "ok");
    assert_eq!(says(&workload, &["read", "/", "assets/a.txt"]).await, "ok mine");
    assert_eq!(std::fs::read_to_string(scene.path().join("app/assets/a.txt")).unwrap(), "a");
}

#[tokio::test]
async fn one_component_sees_nothing_of_another() {
    let expected: &[(&[&str], &str)] = &[
        (&["list", "/", "."], "ok assets"),
        (&["read", "/", "../other/other.txt"], "error"),
        (&["list", "/", ".."], "error"),
        (&["read", "/", "other.txt"], "error"),
    ];
    check("files = [\"assets\"]", COPIED, expected).await;
    check("", COPIED, &[(&["preopens"], "ok")]).await;
}

#[tokio::test]
async fn a_direct_mount_is_the_folder_itself() {
    let scene = scene();
    let files = "files = [\"assets\", { source = \"assets/deep\", destination = \"/deep\" }]";
    let workload = start(scene.path(), files, DIRECT).await.unwrap();
    assert_eq!(says(&workload, &["preopens"]).await, "ok /assets /deep");
    std::fs::write(scene.path().join("app/assets/a.txt"), "changed").unwrap();
    assert_eq!(says(&workload, &["read", "/assets", "a.txt"]).await, "ok changed");
    assert_eq!(says(&workload, &["read", "/assets", "link-beside"]).await, "ok changed");
    for words in [["read", "/assets", "link-out"], ["read", "/deep", "../a.txt"], ["write", "/assets", "a.txt"]] {
        ends_in_error(&says(&workload, &words).await, &words);
    }
}

#[tokio::test]
async fn a_writable_mount_changes_the_apps_own_files() {
    let scene = scene();
    let files = "files = [{ source = \"assets\", destination = \"/data\", writable = true }, \"other.txt\"]";
    let workload = start(scene.path(), files, COPIED).await.unwrap();
    assert_eq!(says(&workload, &["create", "/data", "new.txt"]).await, "ok");
    assert_eq!(std::fs::read_to_string(scene.path().join("app/assets/new.txt")).unwrap(), "mine");
    for words in [["create", "/", "new.txt"], ["read", "/data", "link-out"], ["write", "/data", "../other.txt"]] {
        ends_in_error(&says(&workload, &words).await, &words);
    }
}

#[tokio::test]
async fn what_cannot_be_shown_is_refused_at_start() {
    let placed = |source: &str, destination: &str| format!("files = [{{ source = \"{source}\", destination = \"{destination}\" }}]");
    for (files, mounting, expected) in [
        ("files = [\"nothing\"]".to_owned(), COPIED, "`nothing` does not exist and is not a glob; create it"),
        ("files = [\"assets/link-out\"]".to_owned(), COPIED, "`assets/link-out` is outside of the app's folder"),
        ("files = [\"link-up\"]".to_owned(), COPIED, "`link-up` is outside of the app's folder"),
        (placed("../secret.txt", "/a"), COPIED, "`../secret.txt` is outside of the app's folder; move the files below it"),
        (placed("/etc/passwd", "/a"), COPIED, "`/etc/passwd` is outside of the app's folder"),
        (placed("link-up", "/a"), COPIED, "`link-up` is outside of the app's folder"),
        (placed("other.txt", "/a/"), COPIED, "destination `/a/` must be an absolute path without `..`"),
        (placed("nothing", "/a"), COPIED, "`nothing` does not exist"),
        ("files = [\"assets/*.txt\"]".to_owned(), DIRECT, "`assets/*.txt` cannot be mounted directly: only folders can"),
        ("files = [\"other.txt\"]".to_owned(), DIRECT, "`other.txt` cannot be mounted directly: only folders can"),
        ("files = [\"assets\"]\nexclude_files = [\"*.md\"]".to_owned(), DIRECT, "leave out `--direct-mounts`"),
        ("files = [\"link-up\"]".to_owned(), DIRECT, "`link-up` is outside of the app's folder"),
    ] {
        let scene = scene();
        let error = start(scene.path(), &files, mounting).await.unwrap_err();
        let error = coracle_base::chain(&error).to_string();
        assert!(error.contains("component `files`: ") && error.contains(expected), "{files}: {error}");
    }
}
