//! `coracle watch`.

use crate::support::{App, Serving, manifest};

/// An app whose build copies `which.wasm` and counts how often it ran.
fn app() -> App {
    let app = App::new();
    app.fixture("spin5-hello");
    app.fixture("wasip2-hello");
    app.file("src/which", "spin5-hello");
    let build = "build.command = \"sh build.sh\"\nbuild.watch = [\"src/**/*\", \"build.sh\"]\n";
    app.file("spin.toml", &manifest("out", build));
    app.file("build.sh", "echo ran >> runs; cp $(cat src/which).wasm out.wasm\n");
    app
}

fn watch(app: &App, arguments: &[&str]) -> Serving {
    Serving::start(app.coracle(&[&["watch", "--listen", "127.0.0.1:0"], arguments].concat()))
}

fn runs(app: &App) -> usize {
    app.read("runs").lines().count()
}

#[test]
fn a_change_is_built_and_served_at_the_same_address() {
    let app = app();
    let serving = watch(&app, &[]);
    let before = serving.get("/").1;
    app.file("src/which", "wasip2-hello");
    serving.error(|line| line.starts_with("serving the new version"));
    let after = serving.get("/").1;
    assert_ne!(before, after);
    assert_eq!(runs(&app), 2);
    assert!(serving.stop().success());
}

#[test]
fn a_failed_build_keeps_the_app_that_was_served() {
    let app = app();
    let serving = watch(&app, &[]);
    let before = serving.get("/");
    app.file("src/which", "missing");
    serving.error(|line| line.contains("the app before it is still served"));
    assert_eq!(serving.get("/"), before);
    app.file("src/which", "wasip2-hello");
    serving.error(|line| line.starts_with("serving the new version"));
    assert_ne!(serving.get("/"), before);
}

#[test]
fn a_broken_manifest_keeps_the_app_that_was_served() {
    let app = app();
    let serving = watch(&app, &[]);
    let sound = app.read("spin.toml");
    app.file("spin.toml", "spin_manifest_version = 2\n[application\n");
    serving.error(|line| line.contains("spin.toml:2"));
    serving.error(|line| line.contains("the app before it is still served"));
    assert_eq!(serving.get("/").0, 200);
    app.file("spin.toml", &sound.replace("/...", "/moved"));
    serving.error(|line| line.starts_with("serving the new version"));
    assert_eq!((serving.get("/").0, serving.get("/moved").0), (404, 200));
}

#[test]
fn a_build_that_writes_its_own_sources_does_not_start_itself_for_ever() {
    let app = app();
    app.file("build.sh", "echo ran >> runs; date +%s%N > src/generated; cp $(cat src/which).wasm out.wasm; sleep 0.3\n");
    let serving = watch(&app, &[]);
    let settled = runs(&app);
    app.file("src/which", "wasip2-hello");
    serving.error(|line| line.starts_with("serving the new version"));
    assert!(runs(&app) <= settled + 4, "{}", runs(&app));
}

#[test]
fn writing_the_same_content_again_starts_nothing() {
    let app = app();
    let serving = watch(&app, &[]);
    assert_eq!(runs(&app), 1);
    app.file("src/which", "spin5-hello");
    app.file("src/new", "a real change");
    let line = serving.error(|line| line.starts_with("changed: "));
    assert!(line.ends_with("src/new"), "{line}");
    serving.error(|line| line.starts_with("serving the new version"));
    assert_eq!(runs(&app), 2);
}

#[test]
fn without_builds_new_code_is_served_when_it_is_there() {
    let app = app();
    std::fs::copy(app.path("spin5-hello.wasm"), app.path("out.wasm")).unwrap();
    let serving = watch(&app, &["--skip-build"]);
    let before = serving.get("/").1;
    std::fs::copy(app.path("wasip2-hello.wasm"), app.path("new.wasm")).unwrap();
    std::fs::rename(app.path("new.wasm"), app.path("out.wasm")).unwrap();
    serving.error(|line| line.starts_with("serving the new version"));
    assert_ne!(serving.get("/").1, before);
    assert!(!app.path("runs").exists());
}

#[test]
fn a_change_cancels_the_build_that_runs() {
    let app = app();
    let serving = watch(&app, &[]);
    app.file(
        "build.sh",
        "echo ran >> runs; test $(cat src/which) = wasip2-hello || { echo > asleep; sleep 600; }; cp $(cat src/which).wasm out.wasm\n",
    );
    while !app.path("asleep").exists() {
        std::thread::yield_now();
    }
    app.file("src/which", "wasip2-hello");
    serving.error(|line| line == "the build that runs is cancelled");
    serving.error(|line| line.starts_with("serving the new version"));
    assert_eq!(runs(&app), 3);
}

#[test]
fn what_the_program_writes_itself_is_no_change() {
    let app = app();
    let build = "build.command = \"sh build.sh\"\nbuild.watch = [\"**/*\"]\n";
    app.file("spin.toml", &manifest("out", build));
    app.file("build.sh", "echo ran >> target/runs; cp $(cat src/which).wasm out.wasm\n");
    app.file("target/runs", "");
    let mut command = app.coracle(&["watch", "--listen", "127.0.0.1:0", "--log-dir", "output", "--state-dir", "state"]);
    let errors = std::fs::File::create(app.path("errors")).unwrap();
    command.stdout(std::process::Stdio::piped()).stderr(errors);
    let mut child = command.spawn().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    let line = lines.next().unwrap().unwrap();
    // The guest prints a line for each request, and so does the access log.
    for _ in 0..3 {
        assert_eq!(crate::support::get(line.rsplit("//").next().unwrap(), "/").0, 200);
    }
    app.file("src/which", "wasip2-hello");
    while !app.read("errors").contains("serving the new version") {
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let changed: Vec<_> = app.read("errors").lines().filter(|line| line.starts_with("changed: ")).map(str::to_owned).collect();
    assert!(changed.iter().all(|line| line.ends_with("src/which")), "{changed:?}");
    assert!(app.read("output/out_stdout.txt").contains("GET"));
}

#[test]
fn what_another_build_makes_is_no_source() {
    let app = App::new();
    app.fixture("spin5-hello");
    app.fixture("wasip2-hello");
    app.file("target/runs", "");
    let build = "build = { command = \"echo ran >> target/runs; cp spin5-hello.wasm first.wasm\", watch = [\"**/*.wasm\", \"which\"] }\n";
    let second = "[[trigger.http]]\nroute = \"/second\"\ncomponent = \"second\"\n[component.second]\nsource = \"second.wasm\"\n\
                  build = { command = \"cp $(cat which).wasm second.wasm\", watch = [\"which\"] }\n";
    app.file("which", "spin5-hello");
    app.file("spin.toml", &manifest("first", &format!("{build}{second}")));
    let serving = watch(&app, &[]);
    app.file("which", "wasip2-hello");
    serving.error(|line| line.starts_with("serving the new version"));
    assert_eq!(app.read("target/runs").lines().count(), 2);
}

#[test]
fn a_program_is_not_watched() {
    let app = App::new();
    app.fixture("cli-rust-p1");
    let text = app.refusal(&["watch", "cli-rust-p1.wasm"]);
    assert_eq!(text, "exit 1\nerror: this app is a program, and `coracle watch` serves apps\n  help: run it once with `coracle up`\n");
}

#[test]
fn another_runtime_configuration_is_a_change() {
    let app = App::of("spin5-kv", "key_value_stores = [\"default\"]\n");
    app.file("runtime.toml", "[key_value_store.default]\ntype = \"memory\"\n");
    let serving = watch(&app, &["--skip-build", "--runtime-config-file", "runtime.toml"]);
    app.file("runtime.toml", "[key_value_store.default]\ntype = \"spin\"\npath = \"one.db\"\n");
    serving.error(|line| line.starts_with("serving the new version"));
    assert!(app.path("one.db").exists());
}
