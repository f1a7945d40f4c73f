//! What is allowed but probably not meant.

use expect_test::expect;

use crate::check::warnings;

#[test]
fn names_both_triggers_of_a_hidden_route() {
    warnings(
        "spin.toml",
        r#"
spin_manifest_version = 2
application.name = "routes"
[[trigger.http]]
id = "one"
route = "/foo"
component = "a"
[[trigger.http]]
id = "two"
route = "/foo/"
component = "a"
[[trigger.http]]
route = "/u/:a"
component = "a"
[[trigger.http]]
route = "u/:b"
component = "a"
[[trigger.http]]
route = "/.well-known/spin/mine"
component = "a"
[component.a]
source = "a.wasm"
"#,
        expect![[r#"
            spin.toml:10:9: route `/foo` of trigger `one` is hidden by route `/foo` of trigger `two`; change one of them
            spin.toml:16:9: route `/u/:a` of trigger `a-http-trigger` is hidden by route `/u/:b` of trigger `http-trigger1`; change one of them
            spin.toml:19:9: route `/.well-known/spin/mine` of trigger `http-trigger2` will never be reached: paths beneath `/.well-known/spin/` are answered by the host; choose another path"#]],
    );
}

#[test]
fn a_manifest_without_triggers_is_doubtful() {
    let text = "spin_manifest_version = 2\napplication.name = 'x'\ntrigger = {}\n";
    warnings("spin.toml", text, expect!["spin.toml:3:1: the application has no triggers, so nothing can call it"]);
}

#[test]
fn deprecated_keys_are_named_with_what_to_write() {
    warnings(
        "spin.toml",
        r#"
spin_manifest_version = 2
application.name = "old"
application.trigger.http.base = "/"
[[trigger.http]]
route = "/..."
component = "a"
[component.a]
source = "a.wasm"
files = ["*", "**/*", "./*"]
allowed_http_hosts = ["example.com"]
"#,
        expect![[r#"
            spin.toml:4:26: `base` is deprecated and has no effect; remove it
            spin.toml:10:10: the file pattern `*` takes in the whole application directory; write `./*` if that is meant
            spin.toml:10:15: the file pattern `**/*` takes in the whole application directory; write `./**/*` if that is meant
            spin.toml:11:1: `allowed_http_hosts` is deprecated; write `allowed_outbound_hosts = ["http://example.com", "https://example.com"]`"#]],
    );
}

#[test]
fn two_triggers_of_one_id_are_doubtful() {
    warnings(
        "spin.toml",
        r#"
spin_manifest_version = 2
application.name = "twice"
[[trigger.http]]
id = "t"
route = "/a"
component = "a"
[[trigger.http]]
id = "t"
route = "/b"
component = "a"
[component.a]
source = "a.wasm"
"#,
        expect!["spin.toml:9:6: two triggers have the id `t`; give each its own"],
    );
}
