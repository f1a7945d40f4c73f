//! What is said about manifests that are at fault.

use expect_test::expect;

use crate::check::errors;

#[test]
fn names_every_problem_at_once() {
    errors(
        "spin.toml",
        r#"
spin_manifest_version = 2
colour = "red"

[application]
name = 7

[[trigger.http]]
route = "/..."
component = "helo"
rout = "/x"

[component.hello]
source = { url = "https://example.com/a.wasm" }
enviroment = { A = "b" }
limits = { memory = "1MiB" }

[component.other]
files = ["*", { source = "a" }]

[component.bad_id]
source = "x.wasm"
"#,
        expect![[r#"
            spin.toml:3:1: unknown key `colour` in the manifest
              help: the known keys are `spin_manifest_version`, `application`, `variables`, `trigger`, `component`
            spin.toml:6:8: `application.name` must be a string, not an integer
              help: write a string: The application's name
            spin.toml:10:13: component `helo` does not exist
              help: did you mean `hello`?
            spin.toml:11:1: unknown key `rout` in `trigger.http`
              help: did you mean `route`?
            spin.toml:14:1: missing field `digest` in `component.hello.source`
              help: add `digest`: `sha256:` and the digest that it must have
            spin.toml:15:1: unknown key `enviroment` in `component.hello`
              help: did you mean `environment`?
            spin.toml:16:1: `limits` is a key of coracle.toml, which spin.toml does not have
              help: rename the manifest to coracle.toml, or remove the key
            spin.toml:18:12: missing field `source` in `component.other`
              help: add `source`: Where the code is: a path, a URL with its digest, or a package of a registry
            spin.toml:19:15: missing field `destination` in `component.other.files`
              help: add `destination`: The absolute path in the guest
            spin.toml:21:12: component id `bad_id`: words must be separated with '-', not '_'
              help: write it in kebab-case, such as `my-component`"#]],
    );
}

#[test]
fn reports_every_syntax_error() {
    errors(
        "spin.toml",
        "a = \nb = 'x\n[c",
        expect![[r#"
        spin.toml:1:5: not valid TOML: string values must be quoted, expected literal string
          help: correct the syntax at this place
        spin.toml:2:7: not valid TOML: invalid literal string, expected `'`
          help: correct the syntax at this place
        spin.toml:3:3: not valid TOML: unclosed table, expected `]`
          help: correct the syntax at this place"#]],
    );
}
