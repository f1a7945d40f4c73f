//! Order, templates, refusals, and that no value is ever shown.

use super::*;
use coracle_engine::{RuntimeConfig, Site};
use std::sync::Arc;

const CANARY: &str = "c4n4ry";

fn declared(default: Option<&str>) -> Declared {
    Declared { default: default.map(Secret::from), required: default.is_none(), secret: false }
}

struct Setup {
    declared: Vec<(&'static str, Option<&'static str>)>,
    overrides: Vec<(&'static str, &'static str)>,
    environment: Vec<(&'static str, &'static str)>,
    config: &'static str,
}

impl Default for Setup {
    fn default() -> Self {
        Self { declared: vec![("greeting", Some("default"))], overrides: vec![], environment: vec![], config: "" }
    }
}

fn bind(setup: Setup) -> Result<Resolver, BindError> {
    let mut site = Site::default();
    site.share(Arc::new(AppVariables {
        declared: setup.declared.into_iter().map(|(name, default)| (name.to_owned(), declared(default))).collect(),
        overrides: setup.overrides.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect(),
    }));
    site.share(Arc::new(Environment::new(setup.environment.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())))));
    let mut config = RuntimeConfig::new(setup.config.parse().unwrap(), None);
    Resolver::bind(&mut Bind { site: &mut site, config: &mut config, labels: &BTreeMap::new() })
}

/// The text of an error with its causes.
fn text(error: BindError) -> String {
    coracle_base::chain(&error).to_string()
}

#[test]
fn the_first_in_line_gives_the_value() {
    const STATIC: &str = "[[variables_provider]]\ntype = 'static'\nvalues = { greeting = 'static' }";
    const ENV: &str =
        "[[config_provider]]\ntype = 'env'\nprefix = 'MY'\n[[config_provider]]\ntype = 'static'\nvalues = { greeting = 'static' }";
    let all = vec![("SPIN_VARIABLE_GREETING", "environment"), ("MY_GREETING", "mine")];
    for (overrides, config, environment, expected) in [
        (vec![("greeting", "cli")], STATIC, all.clone(), "cli"),
        (vec![], STATIC, all.clone(), "static"),
        (vec![], ENV, all.clone(), "mine"),
        (vec![], ENV, vec![], "static"),
        (vec![], "[[variables_provider]]\ntype = 'env'\nprefix = ''", vec![("GREETING", "bare")], "bare"),
        (vec![], "", all, "environment"),
        (vec![], "", vec![("SPIN_VARIABLE_greeting", "lower")], "default"),
    ] {
        let resolver = bind(Setup { overrides, config, environment, ..Setup::default() }).unwrap();
        assert_eq!(resolver.resolve("greeting"), Ok(expected), "{config}");
    }
}

#[test]
fn required_variables_without_a_value_stop_the_start() {
    let declared = vec![("first", None), ("second", None), ("third", Some("x")), ("fourth", None)];
    let error = text(bind(Setup { declared, overrides: vec![("fourth", "given")], ..Setup::default() }).unwrap_err());
    assert!(error.starts_with("no provider resolved required variable(s): [first, second]; set SPIN_VARIABLE_FIRST"), "{error}");
}

#[test]
fn wrong_provider_tables_are_refused_without_showing_values() {
    for (config, expected) in [
        ("[[variables_provider]]\ntype = 'vault'\ntoken = 'c4n4ry'", "`vault` is not built yet"),
        ("[[variables_provider]]\ntype = 'azure_key_vault'", "`azure_key_vault` is not built yet"),
        ("[[variables_provider]]\ntype = 'consul'", "no provider type `consul`"),
        ("[[variables_provider]]\nvalues = {}", "does not say its type"),
        ("[[variables_provider]]\ntype = 'static'\nvalues = 'c4n4ry'", "`values` is not a table"),
        ("[[variables_provider]]\ntype = 'static'\nvalues = { pin = ['c4n4ry'] }", "the value of `pin` is of type array, not a string"),
        ("[[variables_provider]]\ntype = 'static'", "missing field `values`"),
        ("[[variables_provider]]\ntype = 'env'\nprefx = 'A'", "unknown field `prefx`"),
        ("[[variables_provider]]\ntype = 'env'\ndotenv_path = '/nonexistent/.env'", "/nonexistent/.env"),
        ("variables_provider = 'env'", "`variables_provider` is not understood"),
        ("[[variables_provider]]\ntype = 'env'\n[[config_provider]]\ntype = 'env'", "which are one thing"),
    ] {
        let error = text(bind(Setup { config, ..Setup::default() }).unwrap_err());
        assert!(error.contains(expected), "{config}: {error}");
        assert!(!error.contains(CANARY), "{error}");
    }
}

#[test]
fn a_dotenv_file_is_asked_after_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(".env"), "SPIN_VARIABLE_A=file\nSPIN_VARIABLE_B=file\n").unwrap();
    let environment = [("SPIN_VARIABLE_A".to_owned(), "process".to_owned())];
    let mut site = Site::default();
    let names = ["a", "b"].map(|name| (name.to_owned(), declared(None)));
    site.share(Arc::new(AppVariables { declared: names.into(), ..AppVariables::default() }));
    site.share(Arc::new(Environment::new(environment).with_dotenv(folder.path().join(".env"))));
    let mut config = RuntimeConfig::default();
    let resolver = Resolver::bind(&mut Bind { site: &mut site, config: &mut config, labels: &BTreeMap::new() }).unwrap();
    assert_eq!((resolver.resolve("a"), resolver.resolve("b")), (Ok("process"), Ok("file")));
}

#[test]
fn templates_are_read_and_filled() {
    let resolver = bind(Setup { declared: vec![("a", Some("1")), ("b_2", Some("two"))], ..Setup::default() }).unwrap();
    for (template, expected) in [
        ("", ""),
        ("plain { } text", "plain { } text"),
        ("{{a}}", "1"),
        ("{{ a }}-{{\tb_2 }}{{a}}", "1-two1"),
        ("http://{{ a }}:80/", "http://1:80/"),
    ] {
        let template = Template::parse(template).unwrap();
        assert_eq!(resolver.resolve_template(&template).as_deref(), Ok(expected));
    }
    let unknown = Template::parse("{{ unknown }}").unwrap();
    assert_eq!(resolver.check(&unknown), Err(ResolveError::Undeclared { name: "unknown".to_owned() }));
    assert_eq!(resolver.resolve_template(&unknown), Err(ResolveError::Undeclared { name: "unknown".to_owned() }));
}

#[test]
fn wrong_templates_are_refused_without_repeating_them() {
    for (template, expected) in [
        ("c4n4ry {{ a", TemplateError::Unclosed),
        ("c4n4ry {{ a {{ b }}", TemplateError::Unclosed),
        ("c4n4ry }} {{ a }}", TemplateError::Unopened),
        ("{{ a }} c4n4ry }}", TemplateError::Unopened),
    ] {
        let error = Template::parse(template).unwrap_err();
        assert_eq!(error, expected, "{template}");
        assert!(!error.to_string().contains(CANARY));
    }
    for name in ["", "A", "1a", "_a", "a_", "a__b", "a-b", "a b", "a.b", "a!", "é"] {
        let error = Template::parse(&format!("{{{{ {name} }}}}")).unwrap_err();
        assert!(matches!(error, TemplateError::Name { .. }), "{name}: {error}");
    }
}

#[test]
fn a_template_cannot_grow_without_bound() {
    let long: &str = Box::leak("x".repeat(EXPANDED_BYTES_MAX / 2).into_boxed_str());
    let resolver = bind(Setup { declared: vec![("a", Some(long))], ..Setup::default() }).unwrap();
    assert!(resolver.resolve_template(&Template::parse("{{a}}{{a}}").unwrap()).is_ok());
    assert_eq!(resolver.resolve_template(&Template::parse("{{a}}{{a}}{{a}}").unwrap()), Err(ResolveError::TooLong));
}

#[test]
fn debug_and_errors_show_no_value() {
    let config = "[[variables_provider]]\ntype = 'static'\nvalues = { a = 'c4n4ry' }";
    let resolver = bind(Setup {
        declared: vec![("a", Some("c4n4ry")), ("b", None)],
        overrides: vec![("b", "c4n4ry")],
        environment: vec![("SPIN_VARIABLE_A", "c4n4ry")],
        config,
    })
    .unwrap();
    assert_eq!(resolver.resolve("a"), Ok(CANARY));
    let shown = format!("{resolver:?} {:#?}", resolver);
    assert!(!shown.contains(CANARY), "{shown}");
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_template_parser_panic_or_lose_a_part(text in r"(\{\{|\}\}|[a-z_ {}\u{e9}]{0,4}){0,12}") {
        if let Ok(template) = Template::parse(&text) {
            let written: String = template.parts().iter().map(|part| match part {
                template::Part::Literal(literal) => literal.clone(),
                template::Part::Variable(name) => format!("{{{{{name}}}}}"),
            }).collect();
            proptest::prop_assert_eq!(written.replace(' ', ""), text.replace(' ', ""));
        }
    }
}
