//! Routes: syntax, precedence, what they capture, and agreement with a matcher that is too simple to be wrong.

use coracle_app::http::{ROUTE_BYTES_MAX, Route, RouteEntry, RouteTable};
use expect_test::expect;
use proptest::prelude::*;

fn entry(route: &str) -> RouteEntry<String> {
    RouteEntry {
        id: format!("t-{route}"),
        route: Route::parse(route).unwrap_or_else(|error| panic!("{error}")),
        hosts: Vec::new(),
        methods: Vec::new(),
        value: route.to_owned(),
    }
}

fn on_host(host: &str, route: &str, value: &str) -> RouteEntry<String> {
    RouteEntry { hosts: vec![host.to_owned()], value: value.to_owned(), ..entry(route) }
}

fn with_method(method: &str, route: &str, value: &str) -> RouteEntry<String> {
    RouteEntry { methods: vec![method.to_owned()], value: value.to_owned(), ..entry(route) }
}

fn table(entries: impl IntoIterator<Item = RouteEntry<String>>) -> RouteTable<String> {
    RouteTable::new(entries).0
}

/// The route that answers a GET, or `-`.
fn winner<'t>(table: &'t RouteTable<String>, path: &str) -> &'t str {
    table.find("GET", "x.dev", path).map_or("-", |found| found.value.as_str())
}

#[track_caller]
fn check(routes: &[&str], cases: &[(&str, &str)]) {
    let forwards = table(routes.iter().map(|route| entry(route)));
    let backwards = table(routes.iter().rev().map(|route| entry(route)));
    for (path, expected) in cases {
        assert_eq!(winner(&forwards, path), *expected, "{path}");
        assert_eq!(winner(&backwards, path), *expected, "{path}, routes in reverse");
    }
}

#[test]
fn literal_routes_match_exactly() {
    check(
        &["/foo", "/foo/bar"],
        &[
            ("/foo", "/foo"),
            ("/foo/", "/foo"),
            ("/foo/bar", "/foo/bar"),
            ("/fo", "-"),
            ("/foob", "-"),
            ("/foo/bar/baz", "-"),
            ("/", "-"),
            ("/FOO", "-"),
            ("/f%6Fo", "-"),
        ],
    );
    check(&["/"], &[("/", "/"), ("", "/"), ("//", "/"), ("/a", "-")]);
}

#[test]
fn a_wildcard_matches_everything_beneath() {
    for route in ["/...", "/*", "..."] {
        check(&[route], &[("/foo/bar", route), ("/abc/", route), ("/", route), ("", route)]);
    }
    check(&["/a/..."], &[("/a", "/a/..."), ("/a/", "/a/..."), ("/a/b/c", "/a/..."), ("/ab", "-"), ("/", "-")]);
}

#[test]
fn the_longer_prefix_wins() {
    check(
        &["/one/...", "/one/two/...", "/one/two/three/..."],
        &[
            ("/one/two/three/four", "/one/two/three/..."),
            ("/one/two/four", "/one/two/..."),
            ("/one/four", "/one/..."),
            ("/one", "/one/..."),
        ],
    );
}

#[test]
fn literal_beats_param_beats_wildcard_segment_by_segment() {
    check(&["/one", "/..."], &[("/one", "/one"), ("/two", "/..."), ("/one/x", "/...")]);
    check(&["/one", "/one/..."], &[("/one", "/one"), ("/one/", "/one"), ("/one/x", "/one/...")]);
    check(&["/a/:x", "/a/b", "/:y/b", "/..."], &[("/a/b", "/a/b"), ("/a/c", "/a/:x"), ("/c/b", "/:y/b"), ("/c/d", "/...")]);
    // The literal leads nowhere, so that the search must come back to the param.
    check(&["/a/b/c", "/:x/b/d", "/..."], &[("/a/b/d", "/:x/b/d"), ("/a/b/e", "/...")]);
}

#[test]
fn params_and_the_wildcard_capture_what_they_match() {
    let route = Route::parse("/1/:two/3").unwrap();
    assert_eq!(route.matches("/1/2/3").unwrap().params, [("two", "2")]);
    assert_eq!(route.matches("/1/2/3").unwrap().trailing, None);
    assert_eq!(route.matches("/1//3"), None);
    assert_eq!(route.matches("/1/%2F/3").unwrap().params, [("two", "%2F")]);

    let route = Route::parse("/1/...").unwrap();
    assert_eq!(route.matches("/1/2/3").unwrap().trailing, Some("/2/3"));

    let route = Route::parse("/test/...").unwrap();
    for (path, trailing) in [("/test", ""), ("/test/", "/"), ("/test/hello", "/hello"), ("/test/hello/", "/hello/")] {
        assert_eq!(route.matches(path).unwrap().trailing, Some(trailing), "{path}");
    }

    let route = Route::parse("/users/:userid/...").unwrap();
    let found = route.matches("/users/42/").unwrap();
    assert_eq!((found.params, found.trailing), (vec![("userid", "42")], Some("/")));

    let route = Route::parse("/...").unwrap();
    for (path, trailing) in [("/", "/"), ("", ""), ("/foo/bar", "/foo/bar"), ("/foo//bar/", "/foo//bar/")] {
        assert_eq!(route.matches(path).unwrap().trailing, Some(trailing), "{path}");
    }
}

#[test]
fn a_dot_can_end_a_param() {
    check(
        &["/:file.json", "/:a.:b", "/:any", "/data.json"],
        &[("/x.json", "/:file.json"), ("/x.toml", "/:a.:b"), ("/x", "/:any"), ("/data.json", "/data.json"), ("/.json", "/:any")],
    );
    let route = Route::parse("/files/:name.:extension/...").unwrap();
    let found = route.matches("/files/a.tar.gz/rest").unwrap();
    assert_eq!(found.params, [("name", "a"), ("extension", "tar.gz")]);
    assert_eq!(found.trailing, Some("/rest"));
}

#[test]
fn headers_get_the_route_in_its_forms() {
    for (raw, matched, component) in [
        ("/base/:id/...", "/base/:id/...", "/base/:id"),
        ("/...", "/...", ""),
        ("/foo", "/foo", "/foo"),
        ("foo/", "/foo", "foo/"),
        ("/", "", "/"),
    ] {
        let route = Route::parse(raw).unwrap();
        assert_eq!(route.raw(), raw);
        assert_eq!(route.matched_route(), matched);
        assert_eq!(route.component_route(), component);
    }
}

#[test]
fn refuses_routes_that_cannot_be_meant() {
    let mut messages = Vec::new();
    for raw in ["/a/.../b", "/*/b", "/*rest", "/:", "/a/:.json", "/:x/:x", "/:x.:x"] {
        messages.push(Route::parse(raw).unwrap_err().to_string());
    }
    messages.push(Route::parse(&"/a".repeat(ROUTE_BYTES_MAX)).unwrap_err().to_string());
    expect![[r#"
        `...` in route `/a/.../b` can only be the last segment; name the segment, such as `:name`
        `*` in route `/*/b` can only be the last segment; name the segment, such as `:name`
        the wildcard `*rest` in route `/*rest` cannot have a name; write `...`
        a segment of route `/:` has no name after `:`; write `:name`
        a segment of route `/a/:.json` has no name after `:`; write `:name`
        route `/:x/:x` has two segments named `x`; give each its own name
        route `/:x.:x` has two segments named `x`; give each its own name
        the route has 8192 bytes, more than the 4096 that are allowed; shorten it"#]]
    .assert_eq(&messages.join("\n"));
}

#[test]
fn the_later_of_two_equal_routes_wins() {
    let later = RouteEntry { value: "later".to_owned(), id: "t2".to_owned(), ..entry("/foo") };
    let (table, warnings) = RouteTable::new([entry("/foo"), later]);
    assert_eq!(winner(&table, "/foo"), "later");
    expect!["route `/foo` of trigger `t-/foo` is hidden by route `/foo` of trigger `t2`; change one of them"]
        .assert_eq(&warnings[0].message);
    assert_eq!(warnings.len(), 1);
}

#[test]
fn equal_routes_are_noticed_whatever_their_spelling() {
    for (one, other, equal) in [
        ("/foo", "/foo/", true),
        ("/foo", "foo", true),
        ("/u/:a", "/u/:b", true),
        ("/...", "/*", true),
        ("/:a.json", "/:b.json", true),
        ("/:a.json", "/:b.toml", false),
        ("/foo", "/foo/...", false),
        ("/foo", "/:foo", false),
    ] {
        let (_, warnings) = RouteTable::new([entry(one), entry(other)]);
        assert_eq!(!warnings.is_empty(), equal, "{one} {other}");
    }
}

#[test]
fn a_host_of_its_own_goes_first() {
    let table = table([
        entry("/very/specific/path"),
        on_host("example.com", "/...", "exact"),
        on_host("*.example.com", "/...", "beneath"),
        on_host("*.deep.example.com", "/...", "deeper"),
    ]);
    let on = |host| table.find("GET", host, "/very/specific/path").map_or("-", |found| found.value.as_str());
    assert_eq!(on("example.com"), "exact");
    assert_eq!(on("EXAMPLE.com:8080"), "exact");
    assert_eq!(on("a.example.com"), "beneath");
    assert_eq!(on("a.b.example.com:1"), "beneath");
    assert_eq!(on("x.deep.example.com"), "deeper");
    assert_eq!(on("badexample.com"), "/very/specific/path");
    assert_eq!(on(".example.com"), "/very/specific/path");
    assert_eq!(on(""), "/very/specific/path");
    assert_eq!(on("[::1]:80"), "/very/specific/path");
}

#[test]
fn a_method_of_its_own_goes_first_and_a_missing_one_falls_through() {
    let table = table([entry("/foo"), with_method("POST", "/foo", "post"), with_method("PUT", "/only", "put"), entry("/...")]);
    let by = |method, path| table.find(method, "x.dev", path).map(|found| found.value.as_str());
    assert_eq!(by("POST", "/foo"), Some("post"));
    assert_eq!(by("GET", "/foo"), Some("/foo"));
    assert_eq!(by("PUT", "/only"), Some("put"));
    assert_eq!(by("GET", "/only"), Some("/..."));
}

#[test]
fn who_answers_get_answers_head() {
    let table = table([
        with_method("GET", "/a", "get"),
        entry("/a"),
        with_method("GET", "/b", "get"),
        with_method("HEAD", "/b", "head"),
        with_method("POST", "/c", "post"),
        entry("/..."),
    ]);
    let head = |path| table.find("HEAD", "x.dev", path).map(|found| found.value.as_str());
    assert_eq!(head("/a"), Some("get"));
    assert_eq!(head("/b"), Some("head"));
    assert_eq!(head("/c"), Some("/..."));
}

#[test]
fn the_methods_of_a_path_are_those_of_all_its_routes() {
    let table = table([
        with_method("PUT", "/a/b", "one"),
        with_method("GET", "/a/:x", "two"),
        with_method("DELETE", "/:y.json/:z", "three"),
        with_method("PATCH", "/a/b/...", "four"),
        RouteEntry { methods: vec!["BREW".into()], ..on_host("*.dev", "/a/b", "five") },
        RouteEntry { methods: vec!["NEVER".into()], ..on_host("b.example", "/a/b", "six") },
        with_method("POST", "/other", "seven"),
    ]);
    assert_eq!(table.find("OPTIONS", "x.dev", "/a/b"), None);
    assert_eq!(table.methods("x.dev", "/a/b"), ["BREW", "GET", "HEAD", "PATCH", "PUT"]);
    assert_eq!(table.methods("x.example:80", "/a/b/"), ["GET", "HEAD", "PATCH", "PUT"]);
    assert_eq!(table.methods("x.dev", "/a/c"), ["GET", "HEAD"]);
    assert_eq!(table.methods("x.dev", "/q.json/1"), ["DELETE"]);
    assert_eq!(table.methods("x.dev", "/nothing"), Vec::<&str>::new());
}

#[test]
fn routes_that_differ_in_host_or_method_do_not_hide_each_other() {
    let (_, warnings) = RouteTable::new([
        entry("/foo"),
        on_host("a.dev", "/foo", "a"),
        on_host("b.dev", "/foo", "b"),
        with_method("GET", "/foo", "get"),
        with_method("POST", "/foo", "post"),
    ]);
    assert_eq!(warnings, []);
    let twice = RouteEntry { methods: vec!["GET".into(), "GET".into()], ..entry("/foo") };
    assert_eq!(RouteTable::new([twice]).1, []);
}

/// How specific each segment of a route is, for the reference: lists compare from the left, lower first.
fn ranks(route: &str) -> Vec<u8> {
    let rank = |part: &str| match part {
        "..." => 4,
        part if part.starts_with(':') && part.contains('.') => 1,
        part if part.starts_with(':') => 2,
        _ => 0,
    };
    route.split('/').filter(|part| !part.is_empty()).map(rank).collect()
}

/// Whether a route matches, without any cleverness.
fn reference_matches(route: &str, path: &str) -> bool {
    let path = path.trim_matches('/');
    let parts: Vec<&str> = if path.is_empty() { Vec::new() } else { path.split('/').collect() };
    let mut patterns: Vec<&str> = route.split('/').filter(|part| !part.is_empty()).collect();
    let open = patterns.last() == Some(&"...");
    if open {
        patterns.pop();
    }
    let long_enough = if open { parts.len() >= patterns.len() } else { parts.len() == patterns.len() };
    long_enough
        && patterns.iter().zip(&parts).all(|(pattern, part)| match pattern.strip_prefix(':') {
            Some(name) => match name.split_once('.') {
                Some((_, end)) => part.split_once('.').is_some_and(|(start, rest)| !start.is_empty() && rest == end),
                None => !part.is_empty(),
            },
            None => pattern == part,
        })
}

fn segment() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["a", "b", "c.json", ":x", ":y", ":x.json"])
}

fn route() -> impl Strategy<Value = String> {
    (prop::collection::vec(segment(), 0..4), any::<bool>()).prop_map(|(segments, open)| {
        let mut route = String::new();
        for (index, segment) in segments.iter().enumerate() {
            // Names must differ within a route; what they are does not matter.
            let segment = segment.replacen('x', &format!("x{index}"), 1).replacen('y', &format!("y{index}"), 1);
            route.push('/');
            route.push_str(&segment);
        }
        if open || route.is_empty() {
            route.push_str("/...");
        }
        route
    })
}

fn path() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec!["a", "b", "c.json", "z", "", ".json", "a.b.json"]);
    prop::collection::vec(part, 0..5).prop_map(|parts| format!("/{}", parts.join("/")))
}

proptest! {
    #[test]
    fn the_table_agrees_with_a_naive_matcher(routes in prop::collection::vec(route(), 1..8), path in path()) {
        let table = table(routes.iter().map(|route| entry(route)));
        // Of the best candidates the last one counts: it replaces those of the same shape.
        let expected = routes
            .iter()
            .filter(|route| reference_matches(route, &path))
            .min_by(|one, other| ranks(one).cmp(&ranks(other)))
            .map(|route| ranks(route));
        let found = table.find("GET", "x.dev", &path);
        prop_assert_eq!(found.as_ref().map(|found| ranks(found.value)), expected);
        if let Some(found) = found {
            prop_assert!(reference_matches(found.value, &path));
        }
    }

    #[test]
    fn any_text_is_a_route_or_an_error(raw in "\\PC*", path in "\\PC*") {
        if let Ok(route) = Route::parse(&raw) {
            let _ = route.matched_route();
            if let Some(found) = route.matches(&path) {
                for (name, value) in found.params {
                    prop_assert!(!name.is_empty() && !value.contains('/'));
                }
                prop_assert!(path.ends_with(found.trailing.unwrap_or_default()));
            }
        }
    }
}
