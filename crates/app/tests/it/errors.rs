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

/// A manifest with one HTTP trigger for component `a`, and these further keys of that component.
fn component(keys: &str) -> String {
    with_trigger("route = '/...'\ncomponent = 'a'", keys)
}

fn with_trigger(trigger: &str, component: &str) -> String {
    format!(
        "spin_manifest_version = 2\napplication.name = 'x'\n[[trigger.http]]\n{trigger}\n[component.a]\nsource = \
         'a.wasm'\n{component}\n"
    )
}

#[test]
fn refuses_versions_that_do_not_exist() {
    for (version, expected) in [
        (
            "'0'",
            expect![[r#"
            spin.toml:1:25: invalid manifest version: "0"
              help: write `spin_manifest_version = 2`"#]],
        ),
        (
            "'77.301.12'",
            expect![[r#"
            spin.toml:1:25: invalid manifest version: "77.301.12"
              help: write `spin_manifest_version = 2`"#]],
        ),
        (
            "'2'",
            expect![[r#"
            spin.toml:1:25: invalid manifest version: "2"
              help: write 2 without quotes"#]],
        ),
        (
            "1",
            expect![[r#"
            spin.toml:1:25: invalid manifest version: 1
              help: write "1" with quotes, or convert the manifest to version 2"#]],
        ),
        (
            "3",
            expect![[r#"
            spin.toml:1:25: invalid manifest version: 3
              help: write `spin_manifest_version = 2`"#]],
        ),
        (
            "true",
            expect![[r#"
            spin.toml:1:25: invalid manifest version: a boolean
              help: write `spin_manifest_version = 2`"#]],
        ),
    ] {
        errors("spin.toml", &format!("spin_manifest_version = {version}\n"), expected);
    }
}

#[test]
fn refuses_files_that_are_no_manifest() {
    for (file, text, expected) in [
        (
            "spin.toml",
            "",
            expect![[r#"
            spin.toml:1:1: missing field `spin_manifest_version`
              help: add `spin_manifest_version = 2` as the first line, or name the file coracle.toml"#]],
        ),
        (
            "coracle.toml",
            "",
            expect![[r#"
            coracle.toml:1:1: missing field `application`
              help: add `application`: What the application is called and whose it is
            coracle.toml:1:1: missing field `trigger`
              help: add `trigger`: What wakes the components: `[[trigger.http]]`, `[[trigger.redis]]` and so on"#]],
        ),
        (
            "spin.toml",
            "# nothing\n\n",
            expect![[r#"
            spin.toml:1:1: missing field `spin_manifest_version`
              help: add `spin_manifest_version = 2` as the first line, or name the file coracle.toml"#]],
        ),
        (
            "app.json",
            "{\n  \"application\": {}\n}\n",
            expect![[r#"
            app.json:1:1: this is JSON, not a manifest
              help: name a coracle.toml or spin.toml; `coracle schema` prints the format"#]],
        ),
        (
            "Cargo.toml",
            "[package]\nname = \"x\"\n",
            expect![[r#"
            Cargo.toml:1:1: this is a Cargo manifest, not that of an application
              help: name the application's coracle.toml or spin.toml"#]],
        ),
        (
            "deployment.yaml",
            "apiVersion: apps/v1\nkind: Deployment\n",
            expect![[r#"
            deployment.yaml:1:1: this is a Kubernetes document of the kind `Deployment`, not a manifest
              help: name a wadm Application, a WorkloadDeployment of wasmCloud, a coracle.toml or a spin.toml"#]],
        ),
        (
            "wadm.yaml",
            "apiVersion: core.oam.dev/v1\nkind: Application\n",
            expect![[r#"
            wadm.yaml:1:13: Application of the version `core.oam.dev/v1` is not known
              help: write `core.oam.dev/v1beta1` or `runtime.wasmcloud.dev/v1alpha1`"#]],
        ),
        (
            "artifact.yaml",
            "apiVersion: runtime.wasmcloud.dev/v1alpha1\nkind: Artifact\n",
            expect![[r#"
            artifact.yaml:1:1: wasmCloud's `Artifact` is no application
              help: name a WorkloadDeployment"#]],
        ),
        (
            "values.yaml",
            "---\na: b\n",
            expect![[r#"
            values.yaml:1:1: this is YAML, not a manifest
              help: describe the application in a coracle.toml"#]],
        ),
        (
            "spin.toml",
            "hello, world\n",
            expect![[r#"
            spin.toml:1:6: not valid TOML: key with no value, expected `=`
              help: correct the syntax at this place"#]],
        ),
        (
            "spin.toml",
            "\u{feff}spin_manifest_version = 9\n",
            expect![[r#"
            spin.toml:1:26: invalid manifest version: 9
              help: write `spin_manifest_version = 2`"#]],
        ),
    ] {
        errors(file, text, expected);
    }
}

#[test]
fn refuses_a_manifest_that_is_too_long() {
    errors(
        "spin.toml",
        &"#".repeat((1 << 20) + 1),
        expect![[r#"
        spin.toml:1:1: the manifest has 1048577 bytes; at most 1048576 are read
          help: split the application, or move data out of the manifest into files"#]],
    );
}

#[test]
fn reports_no_more_problems_than_anybody_reads() {
    let text = (0..150).map(|index| format!("key{index} = 1\n")).collect::<String>();
    let errors = coracle_app::load(&text, "coracle.toml", None, None).unwrap_err();
    assert_eq!(errors.problems.len(), 101);
    expect![[r#"
        coracle.toml:151:1: 52 more problems are not shown
          help: correct the ones above and check again"#]]
    .assert_eq(&errors.problems[100].to_string());
}

#[test]
fn refuses_bad_names_by_the_rule_they_break() {
    errors(
        "spin.toml",
        r#"
spin_manifest_version = 2
application.name = "names"
[variables]
"bad+name" = { default = "" }
Upper_Case = { default = "" }
kebab-name = { default = "" }
double__under = { default = "" }
"" = { default = "" }
[[trigger.http]]
route = "/..."
component = "1-2-3"
[component.bad_id]
source = "a.wasm"
[component.Mixed]
source = "a.wasm"
[component.UPPER-lower]
source = "a.wasm"
key_value_stores = ["my-store", "my_store", "my store", "a-b_c"]
sqlite_databases = [""]
ai_models = ["llama_2"]
"#,
        expect![[r#"
            spin.toml:5:1: variable `bad+name`: '_'-separated words may only contain alphanumeric ASCII; got '+'
              help: write it in lower_snake_case, such as `api_key`
            spin.toml:6:1: variable `Upper_Case`: '_'-separated words must be all lowercase or all UPPERCASE; got "Upper"
              help: write it in lower_snake_case, such as `api_key`
            spin.toml:7:1: variable `kebab-name`: words must be separated with '_', not '-'
              help: write it in lower_snake_case, such as `api_key`
            spin.toml:8:1: variable `double__under`: '_'-separated words must not be empty
              help: write it in lower_snake_case, such as `api_key`
            spin.toml:9:1: variable ``: a name must not be empty
              help: write it in lower_snake_case, such as `api_key`
            spin.toml:12:13: component id `1-2-3`: '-'-separated words must start with an ASCII letter; got '1'
              help: write it in kebab-case, such as `my-component`
            spin.toml:13:12: component id `bad_id`: words must be separated with '-', not '_'
              help: write it in kebab-case, such as `my-component`
            spin.toml:15:12: component id `Mixed`: '-'-separated words must be all lowercase or all UPPERCASE; got "Mixed"
              help: write it in kebab-case, such as `my-component`
            spin.toml:19:45: key-value store `my store`: expected kebab-case or snake_case; got "my store"
              help: use words of letters and digits joined by `-` or `_`
            spin.toml:19:57: key-value store `a-b_c`: expected kebab-case or snake_case; got "a-b_c"
              help: use words of letters and digits joined by `-` or `_`
            spin.toml:20:21: SQLite database ``: expected kebab-case or snake_case; got ""
              help: use words of letters and digits joined by `-` or `_`"#]],
    );
}

#[test]
fn a_variable_has_a_default_or_is_required() {
    errors(
        "coracle.toml",
        "application.name = 'x'\ntrigger = {}\n[variables]\nneither = {}\nboth = { required = true, default = '' }\n\
         secret = { secret = true }\nwrong = { default = 7 }\n",
        expect![[r#"
            coracle.toml:4:1: variable `neither` must be `required` OR have a `default`
              help: add `required = true` or `default = "…"`
            coracle.toml:5:1: variable `both` must be `required` OR have a `default`
              help: remove one of the two
            coracle.toml:6:1: variable `secret` must be `required` OR have a `default`
              help: add `required = true` or `default = "…"`
            coracle.toml:7:21: `variables.wrong.default` must be a string, not an integer
              help: write a string: The value when nobody sets one"#]],
    );
}

#[test]
fn refuses_templates_that_cannot_be_filled_in() {
    let text = component(
        "variables = { a = '{{ hots }}', b = '{{', c = 'x }}', d = '{{ }}', e = '{{ a.b }}', f = '{{ x {{ host }}' }\n\
         allowed_outbound_hosts = ['https://{{ host }}', 'https://{{ nope }}']\n[variables]\nhost = { required = true }",
    );
    errors(
        "spin.toml",
        &text,
        expect![[r#"
            spin.toml:8:19: unknown variable `hots` in template
              help: did you mean `host`?
            spin.toml:8:37: unmatched `{{` in template `{{`; close it with `}}`
              help: variables are written as `{{ name }}`
            spin.toml:8:47: unmatched `}}` in template `x }}`; open it with `{{`
              help: variables are written as `{{ name }}`
            spin.toml:8:59: `` in template `{{ }}` is not the name of a variable; use lower-case letters, digits and single underscores
              help: variables are written as `{{ name }}`
            spin.toml:8:72: `a.b` in template `{{ a.b }}` is not the name of a variable; use lower-case letters, digits and single underscores
              help: variables are written as `{{ name }}`
            spin.toml:8:89: unmatched `{{` in template `{{ x {{ host }}`; close it with `}}`
              help: variables are written as `{{ name }}`
            spin.toml:9:49: unknown variable `nope` in template
              help: declare it: `[variables]` and `nope = { required = true }`"#]],
    );
}

#[test]
fn refuses_sources_that_cannot_be_fetched() {
    let digest = "a".repeat(64);
    for (source, expected) in [
        (
            "{ url = 'https://x.dev/a', digest = 'not-a-digest' }".to_owned(),
            expect![[r#"
            spin.toml:7:46: invalid `digest` "not-a-digest"; must start with 'sha256:'
              help: write `sha256:` and the output of `sha256sum`"#]],
        ),
        (
            "{ url = 'https://x.dev/a', digest = 'sha256:abcd' }".to_owned(),
            expect![[r#"
            spin.toml:7:46: invalid `digest` "sha256:abcd"; must have 64 hexadecimal digits after 'sha256:'
              help: write `sha256:` and the output of `sha256sum`"#]],
        ),
        (
            format!("{{ url = 'file:///a', digest = 'sha256:{digest}' }}"),
            expect![[r#"
            spin.toml:7:18: `file:///a` is not a URL that can be fetched
              help: use one that starts with https:// or http://"#]],
        ),
        (
            "{ package = 'a', version = '^1' }".to_owned(),
            expect![[r#"
            spin.toml:7:22: `a` is not the name of a package
              help: write it as `namespace:name`
            spin.toml:7:37: `^1` is not an exact semantic version
              help: write all three numbers, such as "1.2.3""#]],
        ),
        (
            "{ url = 'https://x.dev/a', sha256 = '' }".to_owned(),
            expect![[r#"
            spin.toml:7:1: missing field `digest` in `component.a.source`
              help: add `digest`: `sha256:` and the digest that it must have
            spin.toml:7:37: unknown key `sha256` in `component.a.source`
              help: the known keys are `url`, `digest`"#]],
        ),
        (
            "{}".to_owned(),
            expect![[r#"
                spin.toml:7:1: `component.a.source` has none of the forms that it can take
                  help: write a table with `url` and `digest`, or a table with `package` and `version`"#]],
        ),
        (
            "['a.wasm']".to_owned(),
            expect![[r#"
            spin.toml:7:1: `component.a.source` must be a string or a table, not an array
              help: write a string or a table: Where the code is: a path, a URL with its digest, or a package of a registry"#]],
        ),
        (
            "''".to_owned(),
            expect![[r#"
            spin.toml:7:10: the path of `source` is empty
              help: name the component's .wasm file"#]],
        ),
    ] {
        errors("spin.toml", &component("").replace("'a.wasm'", &source), expected);
    }
}

#[test]
fn refuses_file_patterns_that_lead_out() {
    let text = component(
        "files = ['a/.', '..', '../a', '/etc/passwd', 'a/../../b', 'a/../b', '[', { source = 'a', destination = 'b' }, \
         { source = '', destination = '/../b' }]\nexclude_files = ['{']\nbuild = { command = 'x', workdir = '/tmp', watch \
         = ['['] }",
    );
    errors(
        "spin.toml",
        &text,
        expect![[r#"
            spin.toml:8:10: the file pattern `a/.` cannot end in `.` or `..`
              help: name the directory, or use a pattern such as `./*`
            spin.toml:8:17: the file pattern `..` cannot end in `.` or `..`
              help: name the directory, or use a pattern such as `./*`
            spin.toml:8:23: the file pattern `../a` leads out of the application's directory
              help: copy the files into it
            spin.toml:8:31: the file pattern `/etc/passwd` leads out of the application's directory
              help: copy the files into it
            spin.toml:8:46: the file pattern `a/../../b` leads out of the application's directory
              help: copy the files into it
            spin.toml:8:69: `[` is not a glob: unclosed character class; missing ']'
              help: put a character that is meant literally into brackets, such as `[[]`
            spin.toml:8:104: the destination `b` is not absolute
              help: write `/b`
            spin.toml:8:122: the path of `source` is empty
              help: name a path
            spin.toml:8:140: the destination `/../b` leads upwards
              help: write the path without `..`
            spin.toml:9:18: `{` is not a glob: unclosed alternate group; missing '}' (maybe escape '{' with '[{]'?)
              help: put a character that is meant literally into brackets, such as `[[]`
            spin.toml:10:36: the build directory `/tmp` is absolute
              help: write it relative to the manifest
            spin.toml:10:53: `[` is not a glob: unclosed character class; missing ']'
              help: put a character that is meant literally into brackets, such as `[[]`"#]],
    );
}

#[test]
fn refuses_dependencies_that_are_incomplete_or_overlap() {
    let text = component(
        r#"
[component.a.dependencies]
"plain" = "1.0"
"other-plain" = { version = "1.0" }
"a:b" = { path = "x.wasm", export = "c" }
"c:d" = { version = "not a version" }
"e:f" = "^1"
"e:f/g" = "^1"
"h:i/j@1.1.0" = "^1"
"h:i/j@1.2.0" = "^1"
"h:i/j@2.0.0" = "^2"
"k:l/m@1" = "^1"
"1bad" = "^1"
"no/colon" = "^1"
"n:o/p" = { path = "x", inherit_configuration = ["files", "file", "network"] }
"q:r/s" = { component = "missing" }
"t:u/v" = { component = "rich" }
"w:x/y" = { path = "a", url = "b" }
[component.rich]
source = "rich.wasm"
files = ["a"]
environment = { A = "b" }
key_value_stores = ["default"]
"#,
    );
    errors(
        "spin.toml",
        &text,
        expect![[r#"
        spin.toml:10:11: dependency `plain` must specify a package name
          help: write `{ version = "1.0", package = "namespace:name" }`
        spin.toml:11:29: dependency `other-plain` must specify a package name
          help: write `{ version = "1.0", package = "namespace:name" }`
        spin.toml:12:28: using an export to satisfy the package dependency `a:b` is not permitted
          help: name one interface in the dependency's name, or remove `export`
        spin.toml:13:21: `not a version` is not a version requirement: unexpected character 'n' while parsing major version number
          help: write one such as "1.2.3", "^1.2" or ">=1, <3"
        spin.toml:15:1: `e:f/g` dependency conflicts with `e:f`
          help: name different interfaces, or versions that are not compatible with each other
        spin.toml:17:1: `h:i/j@1.2.0` dependency conflicts with `h:i/j@1.1.0`
          help: name different interfaces, or versions that are not compatible with each other
        spin.toml:19:1: `1` in `k:l/m@1` is not a semantic version
          help: name the import, such as "my:package/interface@1.0.0" or "my-import"
        spin.toml:20:1: in `1bad`, '-'-separated words must start with an ASCII letter; got '1'
          help: name the import, such as "my:package/interface@1.0.0" or "my-import"
        spin.toml:21:1: `no/colon` is neither a kebab-case name nor of the form namespace:package/interface@version
          help: name the import, such as "my:package/interface@1.0.0" or "my-import"
        spin.toml:22:59: `file` cannot be inherited
          help: did you mean `files`?
        spin.toml:22:67: `network` cannot be inherited
          help: use ai_models, allowed_outbound_hosts, environment, files, key_value_stores, sqlite_databases, variables
        spin.toml:23:25: dependency ID `missing` does not exist
          help: add `[component.missing]`
        spin.toml:24:25: component `rich` cannot be a dependency of `a` because it has resources or permissions of its own: environment, files, key_value_stores
          help: remove them from `[component.rich]` and pass on what it needs with `inherit_configuration`
        spin.toml:25:25: unknown key `url` in `component.a.dependencies.w:x/y`
          help: the known keys are `path`, `export`, `inherit_configuration`"#]],
    );
}

#[test]
fn refuses_both_forms_of_inheritance() {
    let text =
        component("dependencies_inherit_configuration = false\ndependencies = { \"a:b\" = { path = 'x', inherit_configuration = false } }");
    errors(
        "spin.toml",
        &text,
        expect![[r#"
        spin.toml:8:1: component `a` specifies both `dependencies_inherit_configuration` and per-dependency `inherit_configuration`
          help: they are mutually exclusive; remove one of them"#]],
    );
}

#[test]
fn refuses_http_triggers_that_cannot_answer() {
    for (trigger, expected) in [
        (
            "component = 'a'",
            expect![[r#"
            spin.toml:3:1: missing field `route` in `trigger.http`
              help: add `route`: The path to answer, such as `"/users/:id"` or `"/files/..."`, or `{ private = true }` for a component that only other components call"#]],
        ),
        (
            "route = '/a'",
            expect![[r#"
            spin.toml:3:1: trigger `http-trigger1` must have exactly one of `component` and `static_response`
              help: add `component = "…"`"#]],
        ),
        (
            "route = '/a'\ncomponent = 'a'\nstatic_response = {}",
            expect![[r#"
            spin.toml:5:13: trigger `a-http-trigger` must have exactly one of `component` and `static_response`
              help: remove one of the two"#]],
        ),
        (
            "route = { private = false }\ncomponent = 'a'",
            expect![[r#"
            spin.toml:4:1: trigger `a-http-trigger`: `route` must be a path or `{ private = true }`
              help: give it a path, or write `{ private = true }`"#]],
        ),
        (
            "route = { privat = true }\ncomponent = 'a'",
            expect![[r#"
            spin.toml:4:1: missing field `private` in `trigger.http.route`
              help: add `private`: Must be true
            spin.toml:4:11: unknown key `privat` in `trigger.http.route`
              help: did you mean `private`?"#]],
        ),
        (
            "route = 7\ncomponent = 'a'",
            expect![[r#"
            spin.toml:4:9: `trigger.http.route` must be a string or a table, not an integer
              help: write a string or a table: The path to answer, such as `"/users/:id"` or `"/files/..."`, or `{ private = true }` for a component that only other components call"#]],
        ),
        (
            "route = '/:'\ncomponent = 'a'",
            expect![[r#"
            spin.toml:4:9: trigger `a-http-trigger`: error parsing route: a segment of route `/:` has no name after `:`; write `:name`
              help: write a route such as `/users/:id` or `/files/...`"#]],
        ),
        (
            "route = '/a'\nstatic_response = { status_code = 600 }",
            expect![[r#"
                spin.toml:5:35: 600 is out of range for `trigger.http.static_response.status_code`
                  help: use a number from 200 to 599"#]],
        ),
        (
            "route = '/a'\nstatic_response = { headers = { 'a b' = '' } }",
            expect![[r#"
            spin.toml:5:1: trigger `http-trigger1`: `a b` is not an HTTP header that can be sent
              help: use letters, digits and `-` in the name, and one line of text as the value"#]],
        ),
        (
            "route = '/a'\nstatic_response = { headers = { a = \"x\\ny\" } }",
            expect![[r#"
            spin.toml:5:1: trigger `http-trigger1`: `a` is not an HTTP header that can be sent
              help: use letters, digits and `-` in the name, and one line of text as the value"#]],
        ),
        (
            "route = '/a'\ncomponent = 'a'\nexecutor = { type = 'wagi', entrypoint = 'main' }",
            expect![[r#"
            spin.toml:6:1: trigger `a-http-trigger`: the entry point of a CGI program must be `_start`, not `main`
              help: remove `entrypoint`"#]],
        ),
        (
            "route = '/a'\ncomponent = 'a'\nexecutor = { type = 'http', argv = 'x' }",
            expect![[r#"
            spin.toml:6:29: unknown key `argv` in `trigger.http.executor`
              help: the known keys are `type`"#]],
        ),
        (
            "route = '/a'\ncomponent = 'a'\nexecutor = { type = 'cgi' }",
            expect![[r#"
                spin.toml:6:21: `cgi` is not a value of `trigger.http.executor.type`
                  help: use `http` or `spin` or `wagi`"#]],
        ),
        (
            "route = '/a'\ncomponent = 'a'\ndependencies.filter = [{ path = 'x' }]",
            expect![[r#"
            spin.toml:6:14: unknown trigger dependency role `filter`
              help: the only role is `middleware`"#]],
        ),
        (
            "route = '/a'\ncomponent = 'a'\ndependencies.middleware = [{ component = 'b' }, { version = '1' }]",
            expect![[r#"
            spin.toml:6:49: missing field `package` in `trigger.http.dependencies.middleware`
              help: add `package`: The package, `namespace:name`"#]],
        ),
        (
            "route = '/a'\ncomponent = 'a'\ndependencies.middleware = { path = 'x' }",
            expect![[r#"
                spin.toml:6:14: `trigger.http.dependencies.middleware` must be an array, not a table
                  help: write `[[trigger.http.dependencies.middleware]]` as the header of the table, or put brackets around the value"#]],
        ),
        (
            "route = '/a'\nstatic_response = { body = 'x' }\ndependencies.middleware = [{ path = 'x' }]",
            expect![[r#"
                spin.toml:6:1: trigger `http-trigger1` has middleware and no component for it to call
                  help: add `component = "…"`, or remove the middleware"#]],
        ),
        (
            "route = '/a'\nstatic_response = { status_code = 103 }",
            expect![[r#"
                spin.toml:5:35: 103 is out of range for `trigger.http.static_response.status_code`
                  help: use a number from 200 to 599"#]],
        ),
    ] {
        errors("spin.toml", &with_trigger(trigger, ""), expected);
    }
}

#[test]
fn middleware_has_no_permissions_of_its_own() {
    let trigger = "route = '/a'\ncomponent = 'a'\ndependencies.middleware = [{ component = 'a' }]";
    errors(
        "spin.toml",
        &with_trigger(trigger, "ai_models = ['m']"),
        expect![[r#"
        spin.toml:6:42: component `a` cannot be a dependency of `a-http-trigger` because it has resources or permissions of its own: ai_models
          help: remove them from `[component.a]` and pass on what it needs with `inherit_configuration`"#]],
    );
}

#[test]
fn refuses_a_base_that_is_not_the_root() {
    let text = component("").replace("application.name", "application.trigger.http = { base = '/x', bse = 1 }\napplication.name");
    errors(
        "spin.toml",
        &text,
        expect![[r#"
        spin.toml:2:37: `base` must be "/": a common prefix of all routes is no longer supported
          help: remove `base` and write the prefix into each route
        spin.toml:2:43: unknown key `bse` in the settings of HTTP triggers
          help: remove it; only `base = "/"` is known"#]],
    );
}

#[test]
fn refuses_a_profile_that_nobody_defines() {
    let text = component("profile.debug.source = 'd.wasm'");
    let said = |text: &str, profile| coracle_app::load(text, "spin.toml", None, Some(profile)).unwrap_err().to_string();
    expect![[r#"
        spin.toml:1:1: profile `debg` is not defined in this application
          help: did you mean `debug`?"#]]
    .assert_eq(&said(&text, "debg"));
    expect![[r#"
        spin.toml:1:1: profile `release` is not defined in this application
          help: the defined profiles are debug"#]]
    .assert_eq(&said(&text, "release"));
    expect![[r#"
        spin.toml:1:1: profile `release` is not defined in this application
          help: no component defines a profile; leave out `--profile`"#]]
    .assert_eq(&said(&component(""), "release"));
}

#[test]
fn values_that_toml_has_and_json_has_not_are_refused() {
    errors(
        "spin.toml",
        &component("tool.a.b = nan\ntool.c = 99999999999999999999\n"),
        expect![[r#"
            spin.toml:8:12: the number nan is not finite
              help: use a finite number
            spin.toml:9:10: the integer 99999999999999999999 does not fit in 64 bits
              help: use a smaller number"#]],
    );
    errors(
        "spin.toml",
        &component("description = 2020-01-01\ntool.c = 2020-01-01"),
        expect![[r#"
        spin.toml:8:15: `component.a.description` must be a string, not a date or time
          help: write a string: A description for people"#]],
    );
    let deep = format!("tool.a = {}1{}", "[".repeat(70), "]".repeat(70));
    errors(
        "spin.toml",
        &component(&deep),
        expect![[r#"
        spin.toml:8:70: nested more than 64 levels deep
          help: flatten this part of the manifest"#]],
    );
}

#[test]
fn environment_names_must_be_possible() {
    errors(
        "spin.toml",
        &component("environment = { 'A=B' = 'x', '' = 'y', C = \"\\u0000\" }"),
        expect![[r#"
        spin.toml:8:17: `A=B` cannot be an environment variable
          help: use a name without `=`, and no NUL in name or value
        spin.toml:8:30: `` cannot be an environment variable
          help: use a name without `=`, and no NUL in name or value
        spin.toml:8:40: `C` cannot be an environment variable
          help: use a name without `=`, and no NUL in name or value"#]],
    );
}

#[test]
fn an_application_has_bounds() {
    let components: String = (0..1001).map(|index| format!("[component.c{index}]\nsource = 'a'\n")).collect();
    errors(
        "spin.toml",
        &component(&components),
        expect![[r#"
        spin.toml:6:2: 1002 components are more than the 1000 that one application may have
          help: split the application"#]],
    );
}

#[test]
fn profiles_are_checked_whether_chosen_or_not() {
    let text =
        component("profile.p = { source = '', environment = { A = 1 }, dependencies = { x = { component = 'gone' } }, exclude = 1 }");
    errors(
        "spin.toml",
        &text,
        expect![[r#"
        spin.toml:8:24: the path of `source` is empty
          help: name the component's .wasm file
        spin.toml:8:48: `component.a.profile.p.environment.A` must be a string, not an integer
          help: write a string
        spin.toml:8:88: dependency ID `gone` does not exist
          help: add `[component.gone]`
        spin.toml:8:100: unknown key `exclude` in `component.a.profile.p`
          help: the known keys are `source`, `environment`, `dependencies`, `build`"#]],
    );
}

#[test]
fn slips_with_brackets_are_explained() {
    errors(
        "coracle.toml",
        "application.name = 'x'\n[trigger.http]\nroute = '/'\n[[component]]\nid = 'a'\n",
        expect![[r#"
        coracle.toml:2:10: `trigger.http` must be an array, not a table
          help: write `[[trigger.http]]` as the header of the table, or put brackets around the value
        coracle.toml:4:3: `component` must be a table, not an array
          help: write a table: The components, by their kebab-case id"#]],
    );
}

#[test]
fn a_component_has_bounds() {
    let hosts = "'http://*.spin.internal', ".repeat(2_049);
    errors(
        "spin.toml",
        &component(&format!("allowed_outbound_hosts = [{hosts}]")),
        expect![[r#"
        spin.toml:8:1: a component may have at most 2048 outbound hosts
          help: use wildcards, such as `https://*.example.com`"#]],
    );
    let dependencies: String = (0..257).map(|index| format!("d{index} = {{ path = 'x' }}\n")).collect();
    errors(
        "spin.toml",
        &component(&format!("[component.a.dependencies]\n{dependencies}")),
        expect![[r#"
        spin.toml:8:14: 257 dependencies are more than the 256 that one component may have
          help: split the component"#]],
    );
}
