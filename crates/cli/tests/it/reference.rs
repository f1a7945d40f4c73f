//! Help, and the reference page that is made from it.

use crate::support::App;

#[test]
fn the_reference_page_is_that_of_this_program() {
    let app = App::new();
    let output = app.output(&["__reference"]);
    assert!(output.status.success());
    let page = String::from_utf8(output.stdout).unwrap();
    expect_test::expect_file!["../../../../docs/cli.md"].assert_eq(&page);
}

#[test]
fn the_page_of_capabilities_is_that_of_this_program() {
    let app = App::new();
    let output = app.output(&["__reference", "capabilities"]);
    assert!(output.status.success());
    let page = String::from_utf8(output.stdout).unwrap();
    expect_test::expect_file!["../../../../docs/capabilities.md"].assert_eq(&page);
}

#[test]
fn every_command_teaches_by_examples() {
    let app = App::new();
    let help = app.output(&["--help"]);
    assert!(help.status.success());
    let text = String::from_utf8(help.stdout).unwrap();
    assert!(text.contains("Exit status:") && !text.contains("__compile"), "{text}");
    let commands = text.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| line.starts_with("  "));
    let names: Vec<_> = commands.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").collect();
    assert!(names.len() >= 10, "{names:?}");
    for name in names {
        let output = app.output(&[name, "--help"]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && text.contains("Examples:\n  coracle "), "{name}: {text}");
    }
}

#[test]
fn output_that_nobody_reads_ends_quietly() {
    let app = App::new();
    let mut child = app.coracle(&["schema"]).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}
