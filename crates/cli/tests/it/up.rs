//! `coracle up`.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use expect_test::expect;

use crate::support::{App, Serving, manifest};

#[test]
fn an_app_is_served_until_it_is_asked_to_stop() {
    let app = App::of("spin5-hello", "");
    let serving = app.up(&[]);
    serving.line(|line| line == "Available Routes:");
    let route = serving.line(|line| line.contains("spin5-hello"));
    assert_eq!(route, format!("  spin5-hello: http://{}/ (wildcard)", serving.address));
    let (status, body) = serving.get("/");
    assert_eq!(status, 200, "{body}");
    assert!(body.to_lowercase().contains("hello"), "{body}");
    assert_eq!(serving.get("/.well-known/spin/health"), (200, "OK".to_owned()));
    assert!(serving.stop().success());
}

#[test]
fn a_component_without_a_manifest_is_served_on_every_path() {
    let app = App::new();
    app.fixture("wstd-hello");
    let serving = app.up(&["wstd-hello.wasm"]);
    assert_eq!(serving.get("/any/path").0, 200);
    assert!(!app.path(".spin").exists() && !app.path(".coracle").exists(), "a bare component leaves no state behind");
}

#[test]
fn the_manifest_is_found_above_and_coracle_toml_counts_before_spin_toml() {
    let app = App::of("spin5-hello", "");
    app.file("coracle.toml", &manifest("spin5-hello", "").replace("/...", "/only"));
    app.file("deep/down/here.txt", "");
    let mut command = app.coracle(&["up", "--listen", "127.0.0.1:0"]);
    command.current_dir(app.path("deep/down"));
    let serving = Serving::start(command);
    assert_eq!((serving.get("/only").0, serving.get("/other").0), (200, 404));
}

#[test]
fn json_tells_programs_where_it_serves() {
    let app = App::of("spin5-hello", "description = \"Says hello\"\n");
    let mut command = app.coracle(&["up", "--listen", "127.0.0.1:0", "--format", "json"]);
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut values = serde_json::Deserializer::from_reader(child.stdout.take().unwrap()).into_iter::<serde_json::Value>();
    let mut value = values.next().unwrap().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let base = value["base_url"].as_str().unwrap();
    assert!(base.starts_with("http://127.0.0.1:"), "{base}");
    value["base_url"] = "<base>".into();
    expect![[r#"{"base_url":"<base>","routes":[{"id":"spin5-hello","route":"","wildcard":true,"description":"Says hello"}]}"#]]
        .assert_eq(&value.to_string());
}

#[test]
fn the_address_may_come_from_the_environment() {
    let app = App::of("spin5-hello", "");
    let mut command = app.coracle(&["up"]);
    command.env("SPIN_HTTP_LISTEN_ADDR", "127.0.0.1:0");
    assert_eq!(Serving::start(command).get("/").0, 200);
}

#[test]
fn another_port_is_found_when_the_first_is_taken() {
    let app = App::of("spin5-hello", "");
    let first = app.up(&[]);
    let second = Serving::start(app.coracle(&["up", "--listen", &first.address, "--find-free-port"]));
    assert_ne!(first.address, second.address);
    assert_eq!(second.get("/").0, 200);
}

#[test]
fn what_is_imported_without_a_grant_is_told_with_the_line_that_grants_it() {
    let app = App::of("spin5-kv", "");
    let serving = app.up(&[]);
    let line = serving.line(|line| line.starts_with("spin5-kv"));
    assert!(line.contains("fermyon:spin/key-value@2.0.0") && line.ends_with("key_value_stores = [\"default\"]"), "{line}");
}

#[test]
fn a_store_keeps_its_values_in_the_state_folder() {
    let app = App::of("spin5-kv", "key_value_stores = [\"default\"]\n");
    let serving = app.up(&[]);
    serving.line(|line| line.contains("default"));
    assert_eq!(serving.get("/").0, 200);
    serving.stop();
    assert!(app.path(".spin/sqlite_key_value.db").exists());
}

#[test]
fn an_empty_state_folder_keeps_everything_in_memory() {
    let app = App::of("spin5-kv", "key_value_stores = [\"default\"]\n");
    let serving = app.up(&["--state-dir", ""]);
    assert_eq!(serving.get("/").0, 200);
    serving.stop();
    assert!(!app.path(".spin").exists());
}

#[test]
fn variables_come_from_the_command_line_before_the_environment_before_the_default() {
    let more =
        "[component.spin7-variables.variables]\ngreeting = \"{{ greeting }} from spin\"\n[variables]\ngreeting = { default = \"hello\" }\n";
    let app = App::of("spin7-variables", more);
    assert_eq!(app.up(&[]).get("/"), (200, "hello from spin".to_owned()));
    let with_environment = |arguments: &[&str]| {
        let mut command = app.coracle(&[&["up", "--listen", "127.0.0.1:0"], arguments].concat());
        command.env("SPIN_VARIABLE_GREETING", "ahoy");
        Serving::start(command).get("/").1
    };
    assert_eq!(with_environment(&[]), "ahoy from spin");
    assert_eq!(with_environment(&["--variable", "greeting=moin"]), "moin from spin");
}

#[test]
fn pairs_and_environment_variables_are_given_on_the_command_line() {
    let app = App::of("spin5-kv", "key_value_stores = [\"default\"]\n");
    let serving = app.up(&["--key-value", "color=green", "--key-value", "size=9", "--env", "A=1", "--state-dir", ""]);
    assert_eq!(serving.get("/color"), (200, "green".to_owned()));
    assert_eq!(serving.get("/size"), (200, "9".to_owned()));
}

#[test]
fn a_server_may_open_as_many_files_as_the_system_allows() {
    let app = App::of("spin5-hello", "");
    // The program from a shell that allows little.
    let program = app.coracle(&["up", "--listen", "127.0.0.1:0"]);
    let mut shell = std::process::Command::new("/bin/sh");
    shell.args(["-c", "ulimit -Sn 100; ulimit -Hn 600; exec \"$@\"", "sh"]).arg(program.get_program()).args(program.get_args());
    shell.env_clear().envs(program.get_envs().filter_map(|(name, value)| Some((name, value?)))).current_dir(app.path(""));
    let serving = Serving::start(shell);
    assert_eq!(serving.get("/").0, 200);
    let limits = serving.proc("limits");
    let files = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    assert_eq!(files.split_whitespace().nth(3), Some("600"), "{files}");
}

/// The client does not read at first; then it reads while it writes.
#[test]
fn a_guest_streams_a_body_that_is_larger_than_its_memory() {
    const BODY: usize = 96 << 20;
    let app = App::of("wstd-echo", "limits = { memory = \"16MiB\", cpu = \"60s\", wall = \"120s\" }\n");
    app.rename("spin.toml", "coracle.toml");
    let serving = app.up(&[]);
    assert_eq!(serving.get("/").0, 200);
    let before = serving.peak_kib();
    let mut stream = TcpStream::connect(&serving.address).unwrap();
    write!(stream, "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {BODY}\r\n\r\n").unwrap();
    stream.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let piece = vec![b'x'; 1 << 20];
    let mut sent = 0;
    while let Ok(written) = stream.write(&piece[..piece.len().min(BODY - sent)]) {
        sent += written;
        assert!(sent < BODY / 2, "{sent} bytes went somewhere");
    }
    stream.set_write_timeout(None).unwrap();
    let mut writing = stream.try_clone().unwrap();
    let writer = std::thread::spawn(move || {
        while sent < BODY {
            sent += writing.write(&piece[..piece.len().min(BODY - sent)]).unwrap();
        }
    });
    let received = std::io::copy(&mut stream, &mut std::io::sink()).unwrap();
    writer.join().unwrap();
    assert!(received > BODY as u64, "{received}");
    let grown = serving.peak_kib() - before;
    assert!(grown < 64 << 10, "{grown} KiB more");
}

#[test]
fn requests_in_progress_finish_before_the_end() {
    let app = App::of("fault-slow-body", "");
    let mut serving = app.up(&[]);
    let mut stream = begin(&serving, "/?n=4&ms=100");
    serving.signal(rustix::process::Signal::TERM);
    serving.error(|line| line.contains("requests in progress"));
    let mut rest = String::new();
    stream.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("chunk 3"), "{rest}");
    assert!(serving.wait().success());
}

#[test]
fn a_second_signal_does_not_wait() {
    let app = App::of("fault-slow-body", "");
    let mut serving = app.up(&[]);
    let _stream = begin(&serving, "/?n=1000&ms=100");
    serving.signal(rustix::process::Signal::TERM);
    serving.error(|line| line.contains("requests in progress"));
    serving.signal(rustix::process::Signal::INT);
    assert_eq!(serving.wait().code(), Some(130));
}

/// A request whose answer has begun.
fn begin(serving: &Serving, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(&serving.address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    stream.read_exact(&mut [0; 1]).unwrap();
    stream
}

#[test]
fn flags_of_spin_that_mean_nothing_here_say_so() {
    let app = App::of("spin5-hello", "");
    let serving = app.up(&["--experimental-wasi-otel", "--max-instance-reuse-count", "4"]);
    let line = serving.error(|line| line.contains("--max-instance-reuse-count"));
    assert!(line.starts_with("warning: `--max-instance-reuse-count` has no effect"), "{line}");
}

#[test]
fn an_app_is_built_first_when_that_is_asked_for() {
    let app = App::new();
    app.file("spin.toml", &manifest("made", "build.command = \"cp ../kept.wasm made.wasm\"\nbuild.workdir = \"sub\"\n"));
    app.file("sub/x", "");
    std::fs::copy(coracle_testkit::fixture_path("spin5-hello"), app.path("kept.wasm")).unwrap();
    let text = app.read("spin.toml").replace("source = \"made.wasm\"", "source = \"sub/made.wasm\"");
    app.file("spin.toml", &text);
    assert_eq!(app.up(&["--build"]).get("/").0, 200);
}

#[test]
fn output_of_components_is_kept_and_shown_with_time_and_name() {
    let app = App::of("fault-panic", "");
    let serving = app.up(&[]);
    assert_eq!(serving.get("/").0, 500);
    let line = serving.error(|line| line.contains(" fault-panic ") && line.contains("panicked"));
    assert_eq!(&line[4..5], "-", "it begins with a date: {line}");
    serving.stop();
    assert!(app.read(".spin/logs/fault-panic_stderr.txt").contains("panicked"));
}

#[test]
fn quiet_keeps_the_output_in_files_only() {
    let app = App::of("fault-panic", "");
    let serving = app.up(&["--quiet", "--log-dir", "kept"]);
    assert_eq!(serving.get("/").0, 500);
    serving.stop();
    assert!(app.read("kept/fault-panic_stderr.txt").contains("panicked"));
}

#[test]
fn metrics_are_served_on_a_listener_of_their_own() {
    let app = App::of("spin5-hello", "");
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let serving = app.up(&["--admin-listen", &free]);
    assert_eq!(serving.get("/").0, 200);
    let (status, metrics) = crate::support::get(&free, "/metrics");
    assert_eq!(status, 200);
    assert!(metrics.contains("coracle_http_requests"), "{metrics}");
}

/// An app of a program and of a component that answers.
fn mixed() -> App {
    let app = App::of("spin5-hello", "[[trigger.command]]\ncomponent = \"tool\"\n[component.tool]\nsource = \"cli-rust-p1.wasm\"\n");
    app.fixture("cli-rust-p1");
    app
}

#[test]
fn a_program_beside_what_is_served_is_not_run_and_said_so() {
    let app = mixed();
    let serving = app.up(&[]);
    assert_eq!(serving.get("/").0, 200);
    let line = serving.error(|line| line.starts_with("warning: "));
    assert_eq!(line, "warning: the program `tool` is not run while the app is served; run it alone with `--component-id tool`");
}

#[test]
fn a_program_is_run_when_it_alone_is_chosen() {
    let output = mixed().output(&["up", "-c", "tool", "--env", "A=1"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("args=[") && text.contains("\nA=1\n"), "{text}");
    assert_eq!(output.status.code(), Some(3));
}

#[test]
fn everything_on_standard_error_is_json_when_logs_are() {
    let app = App::of("fault-panic", "");
    let serving = app.up(&["--log-format", "json", "--experimental-wasi-otel"]);
    assert_eq!(serving.get("/").0, 500);
    serving.signal(rustix::process::Signal::TERM);
    let seen = std::cell::RefCell::new(Vec::new());
    serving.error(|line| {
        let object: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
        let object = object.as_object().unwrap();
        let is_access = object.get("target").is_some_and(|target| target == "coracle::access");
        assert!(object.contains_key("timestamp") && (is_access || object.contains_key("message")), "{line}");
        seen.borrow_mut().push(object.get("target").or(object.get("stream")).or(object.get("level")).unwrap().as_str().unwrap().to_owned());
        // What guests write comes by a way of its own, and may be later than what is told of them.
        let wanted = ["WARN", "INFO", "stderr", "coracle::access", "coracle_triggers::http::app"];
        wanted.iter().all(|wanted| seen.borrow().iter().any(|known| known == wanted))
    });
}

#[test]
fn an_error_is_json_too_when_logs_are() {
    let output = App::new().output(&["up", "nowhere", "--log-format", "json"]);
    let text = String::from_utf8(output.stderr).unwrap();
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&lines[0]["level"], &lines[0]["message"]), (&"ERROR".into(), &"nowhere does not exist".into()), "{text}");
    assert!(lines[1]["help"].is_string(), "{text}");
}

#[test]
fn the_folder_of_the_logs_is_told() {
    let app = App::of("spin5-hello", "");
    let line = app.up(&[]).error(|line| line.starts_with("Logging component stdio to "));
    assert!(line.ends_with(".spin/logs"), "{line}");
}

#[test]
fn variables_of_the_environment_stand_for_flags() {
    let app = App::of("spin5-hello", "");
    let mut command = app.coracle(&["up"]);
    command.env("SPIN_HTTP_LISTEN_ADDR", "127.0.0.1:0").env("SPIN_LOG_DIR", "kept").env("SPIN_MAX_INSTANCE_COUNT", "3");
    command.env("DISABLE_WASMTIME_CACHE", "1").env("SPIN_WASMTIME_POOLING", "0").env("XDG_CACHE_HOME", app.path("cache"));
    let serving = Serving::start(command);
    assert_eq!(serving.get("/").0, 200);
    serving.stop();
    assert!(app.path("kept/spin5-hello_stdout.txt").exists());
    assert!(!app.path("cache").exists(), "nothing is kept where the cache is off");
    let mut command = app.coracle(&["up", "--state-dir", ""]);
    command.env("SPIN_MAX_INSTANCE_MEMORY", "65536").env("SPIN_HTTP_LISTEN_ADDR", "127.0.0.1:0");
    assert_eq!(Serving::start(command).get("/"), (500, "memory limit exceeded".to_owned()));
}

#[test]
fn routes_are_shown_as_they_can_be_called() {
    let app = App::new();
    app.fixture("spin5-hello");
    let text = manifest("spin5-hello", "")
        .replace("route = \"/...\"", "route = \"greet/:name/\"\nmethod = [\"GET\", \"PUT\"]\nhost = \"shop.example\"");
    app.file("coracle.toml", &text);
    let serving = app.up(&[]);
    let line = serving.line(|line| line.contains("spin5-hello"));
    assert_eq!(line, format!("  spin5-hello: http://{}/greet/:name, GET and PUT only, for shop.example", serving.address));
}
