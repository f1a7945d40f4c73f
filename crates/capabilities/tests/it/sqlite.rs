//! SQLite guests, and the presets of a start.

use std::path::Path;

use coracle_capabilities::sqlite::{Preset, preset};
use serde_json::json;

use crate::guest::Given;

fn granted(labels: &[&str]) -> Given {
    Given::default().grant("sqlite", json!(labels))
}

fn kept_in(state_dir: &Path) -> Given {
    let mut given = granted(&["default"]);
    given.site.state_dir = Some(state_dir.to_owned());
    given
}

#[tokio::test]
async fn a_guest_of_spin_5_keeps_rows() {
    let folder = tempfile::tempdir().unwrap();
    for given in [granted(&["default"]), kept_in(folder.path())] {
        let guest = given.serve("spin5-sqlite");
        assert_eq!(guest.get("/a").await, (200, "columns=[\"id\", \"path\"]\n1 /a\n".to_owned()));
        assert_eq!(guest.get("/b").await, (200, "columns=[\"id\", \"path\"]\n1 /a\n2 /b\n".to_owned()));
    }
    let (_, text) = kept_in(folder.path()).serve("spin5-sqlite").get("/c").await;
    assert!(text.ends_with("3 /c\n"), "rows outlive the workload in the state folder: {text}");
    assert!(folder.path().join("sqlite_db.db").is_file());
}

#[tokio::test]
async fn without_a_grant_open_answers_access_denied() {
    let config = "[sqlite_database.other]\ntype = \"spin\"";
    for given in [Given::default(), granted(&["other"]).runtime_config(config, Path::new("/"))] {
        assert_eq!(given.serve("spin5-sqlite").get("/").await, (500, "Error::AccessDenied".to_owned()));
    }
}

#[tokio::test]
async fn presets_run_before_the_app() {
    let folder = tempfile::tempdir().unwrap();
    let guest = granted(&["default"]).serve("spin5-sqlite");
    let table =
        "CREATE TABLE visits (id INTEGER PRIMARY KEY AUTOINCREMENT, path TEXT NOT NULL); INSERT INTO visits (path) VALUES ('/first')";
    let file = folder.path().join("setup.sql");
    std::fs::write(&file, table).unwrap();
    preset(&guest.site, Preset::parse(&format!("@{}", file.display()))).await.unwrap();
    preset(&guest.site, Preset::parse("INSERT INTO visits (path) VALUES ('/second')")).await.unwrap();
    let (_, text) = guest.get("/third").await;
    assert_eq!(text, "columns=[\"id\", \"path\"]\n1 /first\n2 /second\n3 /third\n");

    for (argument, expected) in [
        (
            "INSERT INTO nowhere VALUES (1)",
            "the SQL of `--sqlite` cannot be used; mend it, or the database `default` (memory): no such table",
        ),
        ("@/no/such.sql", "the SQL file /no/such.sql cannot be used; check the path"),
        (&format!("@{}:other", file.display()), "`other`, which no component is granted; add `sqlite_databases = [\"other\"]`"),
    ] {
        let error = preset(&guest.site, Preset::parse(argument)).await.unwrap_err();
        let text = coracle_base::chain(&error).to_string();
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn presets_name_a_file_and_a_label() {
    let file = |path: &str, label: &str| Preset::File { path: path.into(), label: label.to_owned() };
    assert_eq!(Preset::parse("SELECT ':x'"), Preset::Statements("SELECT ':x'".to_owned()));
    assert_eq!(Preset::parse("@a.sql"), file("a.sql", "default"));
    assert_eq!(Preset::parse("@a:b.sql:main"), file("a:b.sql", "main"));
    assert_eq!(Preset::parse("@a:b/c.sql"), file("a:b/c.sql", "default"));
}
