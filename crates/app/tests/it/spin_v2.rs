//! Version 2 of `spin.toml`: defaults, generated ids, profiles, dependencies.

use coracle_app::{
    Build, ComponentId, Dependency, DependencyName, DependencySource, Format, Inherit, InheritKey, InstancePolicy, LimitOverrides, Source,
    load,
};
use expect_test::{expect, expect_file};

use crate::check::app;

fn id(name: &str) -> ComponentId {
    ComponentId::parse(name).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn reads_a_maximal_manifest() {
    let app = app("spin.toml", include_str!("manifests/maximal_v2.toml"));
    expect_file!["snapshots/maximal_v2.txt"].assert_debug_eq(&app);
}

#[test]
fn what_is_left_out_has_a_default() {
    let text =
        "spin_manifest_version = 2\n[application]\nname = 'm'\n[[trigger.fake]]\ncomponent = 'm'\n[component.m]\nsource = 'm.wasm'\n";
    let app = app("spin.toml", text);
    assert_eq!((app.version.as_str(), app.description.as_str(), app.authors.len()), ("", "", 0));
    assert_eq!(app.format, Format::SpinV2);
    assert!(app.variables.is_empty() && app.trigger_settings.is_empty() && app.warnings.is_empty() && app.targets.is_empty());
    let component = app.component(&id("m")).unwrap();
    assert_eq!(component.source, Source::Path("m.wasm".to_owned()));
    assert!(component.grants.is_empty(), "nothing is granted that is not named");
    assert!(component.files.is_empty() && component.dependencies.is_empty() && component.profiles.is_empty());
    assert_eq!((&component.build, &component.targets), (&None, &None));
    assert_eq!((component.limits.clone(), component.instances), (LimitOverrides::default(), InstancePolicy::Fresh));
    assert!(!component.strict_imports && !component.inherit_all);
    assert_eq!(app.component(&id("other")), None);
    assert_eq!(app.triggers_of("fake").count(), 1);
    assert_eq!(app.triggers_of("http").count(), 0);
}

#[test]
fn empty_lists_grant_nothing() {
    let text = "spin_manifest_version = 2\napplication.name = 'm'\n[[trigger.fake]]\ncomponent = 'm'\n[component.m]\nsource = 'm'\n\
                key_value_stores = []\nsqlite_databases = []\nai_models = []\nallowed_outbound_hosts = []\nenvironment = {}\nvariables = {}\n";
    assert!(app("spin.toml", text).components[0].grants.is_empty());
}

#[test]
fn triggers_and_inline_components_get_their_ids_in_order() {
    let app = app(
        "spin.toml",
        r#"
spin_manifest_version = 2
application.name = "ids"

[[trigger.http]]
route = "/1"
component = "hello"
[[trigger.http]]
route = "/2"
component = "hello"
[[trigger.http]]
id = "admin-handler"
route = "/3"
component = { source = "admin.wasm" }
[[trigger.http]]
route = "/4"
component = { source = "other.wasm" }
[[trigger.http]]
id = "http-trigger3"
route = "/5"
component = "hello"
[[trigger.http]]
route = "/6"
component = { source = "sixth.wasm" }
[[trigger.http]]
id = "under_score"
route = "/7"
component = { source = "seventh.wasm" }

[[trigger.example]]
components.hello = "hello"
components.one = { source = "one.wasm" }
components.two = [{ source = "two.wasm" }, "hello"]
[[trigger.example]]
component = { source = "last.wasm" }
components.other = "hello"

[component.hello]
source = "hello.wasm"
[component.inline-component2]
source = "taken.wasm"
"#,
    );
    let lines: Vec<String> = app
        .triggers
        .iter()
        .map(|trigger| {
            let main = trigger.component.as_ref().map_or("-", ComponentId::as_str);
            let roles = trigger
                .components
                .iter()
                .map(|(role, ids)| format!(" {role}={}", ids.iter().map(ComponentId::as_str).collect::<Vec<_>>().join(",")));
            format!("{} -> {main}{}", trigger.id, roles.collect::<String>())
        })
        .collect();
    expect![[r#"
        hello-http-trigger -> hello
        http-trigger1 -> hello
        admin-handler -> admin-handler-component
        http-trigger2 -> http-trigger2-component
        http-trigger3 -> hello
        http-trigger4 -> http-trigger4-component
        under_score -> inline-component1
        example-trigger1 -> - hello=hello one=inline-component3 two=inline-component4,hello
        example-trigger2 -> inline-component5 other=hello"#]]
    .assert_eq(&lines.join("\n"));
    let ids: Vec<&str> = app.components.iter().map(|component| component.id.as_str()).collect();
    expect!["hello inline-component2 admin-handler-component http-trigger2-component http-trigger4-component inline-component1 inline-component3 inline-component4 inline-component5"].assert_eq(&ids.join(" "));
}

const PROFILES: &str = r#"
spin_manifest_version = 2
application.name = "profiles"
[[trigger.http]]
route = "/..."
component = "a"
[[trigger.http]]
route = "/inline"
component = { source = "i.wasm", profile.debug.source = "i-debug.wasm" }
[component.a]
source = "a.wasm"
environment = { KEEP = "1", CHANGE = "2" }
build = { command = "make", workdir = "w", watch = ["src"] }
dependencies = { "b:c" = "1", "d:e" = { path = "d.wasm" } }
[component.a.profile.debug]
source = "debug.wasm"
environment = { CHANGE = "3", NEW = "4" }
dependencies = { "d:e" = { path = "d-debug.wasm" }, "f:g" = "2" }
build.command = ["one", "two"]
[component.b]
source = "b.wasm"
[component.b.profile.debug]
build.command = "only"
environment = { A = "b" }
"#;

#[test]
fn a_profile_replaces_source_and_build_and_adds_the_rest() {
    let app = load(PROFILES, "spin.toml", None, Some("debug")).unwrap_or_else(|errors| panic!("{errors}"));
    let component = app.component(&id("a")).unwrap();
    assert_eq!(component.source, Source::Path("debug.wasm".to_owned()));
    assert_eq!(component.grants["environment"], serde_json::json!({ "KEEP": "1", "CHANGE": "3", "NEW": "4" }));
    let expected = Build { commands: vec!["one".into(), "two".into()], workdir: Some("w".into()), watch: vec!["src".into()] };
    assert_eq!(component.build, Some(expected));
    let names: Vec<String> = component.dependencies.iter().map(|dependency| dependency.name.to_string()).collect();
    assert_eq!(names, ["b:c", "d:e", "f:g"]);
    assert_eq!(component.dependencies[1].source, DependencySource::Path { path: "d-debug.wasm".to_owned() });

    let component = app.component(&id("b")).unwrap();
    assert_eq!(component.source, Source::Path("b.wasm".to_owned()), "what the profile leaves out stays");
    assert_eq!(component.build.as_ref().unwrap().commands, ["only"]);
    assert_eq!(component.grants["environment"], serde_json::json!({ "A": "b" }));

    let inline = app.components.last().unwrap();
    assert_eq!(inline.source, Source::Path("i-debug.wasm".to_owned()));
}

#[test]
fn without_a_profile_the_base_is_used() {
    let app = app("spin.toml", PROFILES);
    let component = app.component(&id("a")).unwrap();
    assert_eq!(component.source, Source::Path("a.wasm".to_owned()));
    assert_eq!(component.build.as_ref().unwrap().commands, ["make"]);
    assert_eq!(component.profiles["debug"].build_commands, ["one", "two"]);
    assert_eq!(component.dependencies.len(), 2);
    assert_eq!(app.component(&id("b")).unwrap().build, None);
}

#[test]
fn dependencies_inherit_nothing_unless_told() {
    let text = r#"
spin_manifest_version = 2
application.name = "inherit"
[[trigger.http]]
route = "/..."
component = "a"
[component.a]
source = "a.wasm"
[component.a.dependencies]
"a:none" = "1"
"b:false" = { path = "b", inherit_configuration = false }
"c:all" = { path = "c", inherit_configuration = true }
"d:some" = { path = "d", inherit_configuration = ["files", "variables"] }
"e:empty" = { path = "d", inherit_configuration = [] }
"#;
    let app = app("spin.toml", text);
    let inherits: Vec<&Inherit> = app.components[0].dependencies.iter().map(|Dependency { inherit, .. }| inherit).collect();
    let some = Inherit::Some([InheritKey::Files, InheritKey::Variables].into());
    assert_eq!(inherits, [&Inherit::None, &Inherit::None, &Inherit::All, &some, &Inherit::Some([].into())]);
    assert!(some.includes(InheritKey::Files) && !some.includes(InheritKey::Environment));
    assert!(Inherit::All.includes(InheritKey::Environment) && !Inherit::None.includes(InheritKey::Environment));

    let all = text.replace("source = \"a.wasm\"", "source = \"a.wasm\"\ndependencies_inherit_configuration = true");
    let all: String = all
        .lines()
        .filter(|line| !line.contains("inherit_configuration =") || line.starts_with("dep"))
        .map(|line| format!("{line}\n"))
        .collect();
    let app = crate::check::app("spin.toml", &all);
    assert!(app.components[0].inherit_all);
    assert_eq!(app.components[0].dependencies[0].inherit, Inherit::All);
}

#[test]
fn names_of_dependencies_take_each_form() {
    for name in ["plain-name", "a:b", "a:b/c", "a:b/c@1.2.3", "a:b@0.1.0-rc.1"] {
        let parsed = DependencyName::parse(name).unwrap();
        assert_eq!(parsed.to_string(), name);
    }
    for name in ["", "a:", ":b", "a:b/", "a:b@", "a:b@1", "a/b", "a@1.0.0", "a:b:c", "A_b", "a:b/c/d"] {
        assert!(DependencyName::parse(name).is_err(), "{name}");
    }
}

#[test]
fn names_of_dependencies_conflict_when_one_import_fits_both() {
    for (one, other, conflict) in [
        ("a:b", "a:b/c", true),
        ("a:b/c", "a:b/d", false),
        ("a:b/c", "a:b/c@1.0.0", true),
        ("a:b@1.0.0", "a:b@1.1.0", true),
        ("a:b@1.0.0", "a:b@2.0.0", false),
        ("a:b@0.1.0", "a:b@0.2.0", false),
        ("a:b@0.1.0", "a:b@0.1.9", true),
        ("a:b@0.0.1", "a:b@0.0.2", false),
        ("a:b/c@1.0.0", "a:b@2.0.0", false),
        ("a:b/c@1.0.0", "a:b@1.0.0", true),
        ("a:b", "a:d", false),
        ("a", "a", true),
        ("a", "b", false),
        ("a", "a:a", false),
    ] {
        let parse = |name| DependencyName::parse(name).unwrap();
        assert_eq!(parse(one).conflicts_with(&parse(other)), conflict, "{one} {other}");
        assert_eq!(parse(other).conflicts_with(&parse(one)), conflict, "{other} {one}");
    }
}

#[test]
fn http_settings_are_read_from_the_trigger() {
    let app = app("spin.toml", include_str!("manifests/maximal_v2.toml"));
    let settings: Vec<_> = app.triggers_of("http").map(|trigger| coracle_app::http::HttpTrigger::parse(trigger).unwrap()).collect();
    assert_eq!(settings[0].route.as_ref().unwrap().raw(), "/api/:id/...");
    let response = settings[1].static_response.as_ref().unwrap();
    assert_eq!((response.status, response.body.as_str(), response.headers["x-pot"].as_str()), (418, "short and stout", "tea"));
    assert_eq!(settings[2].route, None, "a private route is not in any table");
}

#[test]
fn a_wildcard_for_components_names_each_of_them() {
    let text = "spin_manifest_version = 2\napplication.name = 'chain'\n[[trigger.http]]\nroute = '/...'\ncomponent = 'a'\n[[trigger.http]]\n\
                route = { private = true }\ncomponent = { source = 'i' }\n[component.a]\nsource = 'a'\nallowed_outbound_hosts = [\n\
                'http://x.dev', 'http://*.spin.internal', 'https://*.spin.internal:8080', 'http://b.spin.internal', 'http://*.other.internal',\n\
                'http://*.spin.internal.evil.dev']\n";
    let app = app("spin.toml", text);
    let expected = [
        "http://x.dev",
        "http://a.spin.internal",
        "http://http-trigger1-component.spin.internal",
        "https://a.spin.internal:8080",
        "https://http-trigger1-component.spin.internal:8080",
        "http://b.spin.internal",
        "http://*.other.internal",
        "http://*.spin.internal.evil.dev",
    ];
    assert_eq!(app.components[0].grants["outbound-hosts"], serde_json::json!(expected));
}
