//! Applications without a manifest.

use coracle_app::http::HttpTrigger;
use coracle_app::{BareWorld, Format, Source, bare};

#[test]
fn an_http_component_answers_every_path() {
    let app = bare("target/My_App 2.wasm", BareWorld::Http);
    assert_eq!((app.name.as_str(), app.format), ("my-app-n2", Format::Bare));
    assert_eq!(app.components[0].source, Source::Path("target/My_App 2.wasm".to_owned()));
    assert!(app.components[0].grants.is_empty());
    assert_eq!(app.triggers[0].kind, "http");
    let http = HttpTrigger::parse(&app.triggers[0]).unwrap();
    assert_eq!(http.route.unwrap().raw(), "/...");
    assert!(app.component(app.triggers[0].component.as_ref().unwrap()).is_some());
}

#[test]
fn a_command_has_a_trigger_that_runs_it_once() {
    let app = bare("tool.wat", BareWorld::Command);
    assert_eq!((app.triggers[0].kind.as_str(), app.triggers[0].id.as_str()), ("command", "tool-command-trigger"));
}

#[test]
fn any_file_name_gives_a_valid_id() {
    for (name, id) in [("", "component"), (".wasm", "component"), ("---", "component"), ("9.wasm", "n9"), ("a--b", "a-b"), ("ÄÖ-x1", "x1")]
    {
        let app = bare(name, BareWorld::Http);
        assert_eq!(app.name, id, "{name}");
        assert!(coracle_app::ComponentId::parse(&app.name).is_ok());
    }
}
