//! Order, templates, refusals, and that no value is ever shown.

use super::*;
use coracle_engine::RuntimeConfig;
use coracle_testkit::fakes::vault::Vault;
use futures::executor::block_on;

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

fn bind(setup: Setup) -> Result<Arc<Resolver>, BindError> {
    let mut site = Site::default();
    site.share(Arc::new(AppVariables {
        declared: setup.declared.into_iter().map(|(name, default)| (name.to_owned(), declared(default))).collect(),
        overrides: setup.overrides.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect(),
    }));
    site.share(Arc::new(Environment::new(setup.environment.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())))));
    settled(site, RuntimeConfig::new(setup.config.parse().unwrap(), None))
}

/// Binds and settles, as a start does.
fn settled(mut site: Site, mut config: RuntimeConfig) -> Result<Arc<Resolver>, BindError> {
    let resolver = Arc::new(Resolver::bind(&mut Bind { site: &mut site, config: &mut config, labels: &BTreeMap::new() })?);
    site.share(Arc::clone(&resolver));
    block_on(Resolver::settle(&site))?;
    Ok(resolver)
}

fn resolve(resolver: &Resolver, name: &str) -> Result<String, ResolveError> {
    block_on(resolver.resolve(name)).map(|value| value.expose().to_owned())
}

/// Fills a template both ways, which agree where every provider is local.
fn filled(resolver: &Arc<Resolver>, template: &Template) -> Result<String, ResolveError> {
    let filled = block_on(resolver.resolve_template(template));
    assert_eq!(resolver.known_template(template), filled);
    filled
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
        assert_eq!(resolve(&resolver, "greeting").as_deref(), Ok(expected), "{config}");
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
        ("[[variables_provider]]\ntype = 'vault'\ntoken = 'c4n4ry'", "missing field `url`"),
        (
            "[[variables_provider]]\ntype = 'azure_key_vault'",
            "has the type `azure_key_vault`, which this version does not have; use one of `env`, `static`, `files`, `vault`",
        ),
        ("[[variables_provider]]\ntype = 'consul'", "`[variables_provider[0]]` has the type `consul`, which is not known"),
        ("[[variables_provider]]\nvalues = {}", "`[variables_provider[0]]` has no `type`"),
        ("[[variables_provider]]\ntype = 'static'\nvalues = 'c4n4ry'", "`values` is not a table"),
        ("[[variables_provider]]\ntype = 'static'\nvalues = { pin = ['c4n4ry'] }", "the value of `pin` is of type array, not a string"),
        ("[[variables_provider]]\ntype = 'static'", "missing field `values`"),
        ("[[variables_provider]]\ntype = 'env'\nprefx = 'A'", "unknown field `prefx`"),
        ("[[variables_provider]]\ntype = 'env'\ndotenv_path = '/nonexistent/.env'", "/nonexistent/.env"),
        (
            "[[variables_provider]]\ntype = 'vault'\nurl = 'http://v'\nmount = 's'\ntoken = 12345",
            "it must be a string, and is of type integer",
        ),
        ("[[variables_provider]]\ntype = 'vault'\nurl = 'http://v'\nmount = 's'", "it has no `token`; write `token`, or name the file"),
        (
            "[[variables_provider]]\ntype = 'vault'\nurl = 'http://v'\nmount = 's'\ntoken = 'c4n4ry'\ntoken_file = '/t'",
            "it has both `token` and `token_file`",
        ),
        ("[[variables_provider]]\ntype = 'vault'\nurl = 'http://v'\nmount = '/'\ntoken = 'c4n4ry'", "`mount` is empty"),
        ("[[variables_provider]]\ntype = 'vault'\nurl = 'http://u:c4n4ry@v'\nmount = 's'\ntoken = 't'", "`url` is not an address of HTTP"),
        ("[[variables_provider]]\ntype = 'vault'\nurl = 'ftp://v'\nmount = 's'\ntoken = 't'", "`url` is not an address of HTTP"),
        (
            "[[variables_provider]]\ntype = 'vault'\nurl = 'http://v'\nmount = 's'\ntoken = 't'\ncache_ms = 60001",
            "`cache_ms` is more than 60000",
        ),
        ("[[variables_provider]]\ntype = 'vault'\nurl = 'http://v'\nmount = 's'\ntoken = 't'\npath = 'x'", "unknown field `path`"),
        ("[[variables_provider]]\ntype = 'files'\npath = '/nonexistent'", "the folder `/nonexistent`"),
        ("[[variables_provider]]\ntype = 'files'\npath = '/'\nwatch = true", "unknown field `watch`"),
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
    let resolver = settled(site, RuntimeConfig::default()).unwrap();
    assert_eq!([resolve(&resolver, "a"), resolve(&resolver, "b")], [Ok("process".to_owned()), Ok("file".to_owned())]);
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
        assert_eq!(filled(&resolver, &template).as_deref(), Ok(expected));
    }
    let unknown = Template::parse("{{ unknown }}").unwrap();
    assert_eq!(resolver.check(&unknown), Err(ResolveError::Undeclared { name: "unknown".to_owned() }));
    assert_eq!(filled(&resolver, &unknown), Err(ResolveError::Undeclared { name: "unknown".to_owned() }));
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
    assert!(filled(&resolver, &Template::parse("{{a}}{{a}}").unwrap()).is_ok());
    assert_eq!(filled(&resolver, &Template::parse("{{a}}{{a}}{{a}}").unwrap()), Err(ResolveError::TooLong));
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
    assert_eq!(resolve(&resolver, "a").as_deref(), Ok(CANARY));
    let shown = format!("{resolver:?} {:#?}", resolver);
    assert!(!shown.contains(CANARY), "{shown}");
}

#[tokio::test]
async fn who_cannot_wait_gets_the_last_word_of_a_provider_that_is_far_away() {
    let vault = Vault::start("t", None).unwrap();
    vault.set("host", "first");
    let config = format!("[[variables_provider]]\ntype = 'vault'\nurl = '{}'\ntoken = 't'\nmount = 'secret'", vault.url());
    let mut site = Site::default();
    let declared = [("host".to_owned(), declared(None)), ("port".to_owned(), declared(Some("80")))];
    site.share(Arc::new(AppVariables { declared: declared.into(), ..AppVariables::default() }));
    let mut config = RuntimeConfig::new(config.parse().unwrap(), None);
    let resolver = Arc::new(Resolver::bind(&mut Bind { site: &mut site, config: &mut config, labels: &BTreeMap::new() }).unwrap());
    site.share(Arc::clone(&resolver));
    let template = Template::parse("{{ host }}:{{ port }}").unwrap();
    assert!(matches!(resolver.known_template(&template), Err(ResolveError::Provider { .. })));
    Resolver::settle(&site).await.unwrap();
    assert_eq!(resolver.known_template(&template).as_deref(), Ok("first:80"));

    vault.set("host", "second");
    let news = async {
        while resolver.known_template(&template).as_deref() != Ok("second:80") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), news).await.expect("a changed value is learnt");
    vault.seal(true);
    assert!(matches!(resolver.resolve("host").await, Err(ResolveError::Provider { .. })));
    assert_eq!(resolver.known_template(&template).as_deref(), Ok("second:80"));
    let error = text(Resolver::settle(&site).await.unwrap_err());
    assert!(error.starts_with("required variable `host` cannot be looked up: Vault is sealed") && !error.contains("second"), "{error}");
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
