//! What is printed when an app serves: its address and routes, as Spin prints them, then what its components were granted and what they
//! import without a grant.

use std::collections::BTreeMap;

use coracle_host::{Notice, Workload, interface_of, is_ambient};
use coracle_triggers::http::RouteSummary;
use serde_json::{Value, json};

use super::{Format, Ready};
use crate::output::{Output, Style, Table};

/// Prints everything that is to be known about `ready`, which answers at `base`.
pub(crate) fn print_summary(output: Output, ready: &Ready, base: &str, format: Format) {
    for warning in &ready.workload.app().warnings {
        output.warning(warning);
    }
    let routes = ready.http.routes(&ready.workload);
    if format == Format::Json {
        output.json(&as_json(base, &routes));
        return;
    }
    output.line(format_args!("Serving {}", output.style(base, Style::Bold)));
    output.line("Available Routes:");
    for route in &routes {
        output.line(format_args!("  {}: {}", output.style(&route.id, Style::Cyan), shown(base, route)));
        for line in route.description.lines() {
            output.line(format_args!("    {line}"));
        }
    }
    print_granted(output, &ready.workload);
    print_ungranted(output, ready.workload.notices());
}

fn print_granted(output: Output, workload: &Workload) {
    let mut table = Table::new(&["component", "capability", "what it has"]);
    for (component, granted) in workload.granted() {
        table.row([component.as_str(), granted.capability, &granted.text]);
    }
    if !table.is_empty() {
        output.line("");
        output.table(&table);
    }
}

fn print_ungranted(output: Output, notices: &[Notice]) {
    let mut lines: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
    for notice in notices.iter().filter(|notice| is_surprising(notice)) {
        lines
            .entry((notice.component.as_str(), notice.line.as_deref().unwrap_or("(this version does not have it)")))
            .or_default()
            .push(notice.interface.to_string());
    }
    let mut table = Table::new(&["component", "imports without a grant", "to allow it, add"]);
    for ((component, line), interfaces) in lines {
        table.row([component.to_owned(), shortened(&interfaces), line.to_owned()]);
    }
    if !table.is_empty() {
        output.line("");
        output.table(&table);
    }
}

/// The first of several interfaces, and how many follow.
fn shortened(interfaces: &[String]) -> String {
    match interfaces {
        [] => String::new(),
        [one] => one.clone(),
        [first, rest @ ..] => format!("{first} and {} more", rest.len()),
    }
}

/// Whether somebody should look at it: every toolchain imports environment and files.
fn is_surprising(notice: &Notice) -> bool {
    let key = interface_of(&notice.interface).and_then(|interface| interface.granted_by);
    key.is_some_and(|key| !is_ambient(key))
}

fn as_json(base: &str, routes: &[RouteSummary]) -> Value {
    let route = |route: &RouteSummary| {
        let mut object = json!({ "id": route.id, "route": route.route, "wildcard": route.wildcard });
        let more = [
            ("description", (!route.description.is_empty()).then(|| json!(route.description))),
            ("methods", (!route.methods.is_empty()).then(|| json!(route.methods))),
            ("hosts", (!route.hosts.is_empty()).then(|| json!(route.hosts))),
        ];
        if let Some(object) = object.as_object_mut() {
            object.extend(more.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))));
        }
        object
    };
    json!({ "base_url": base, "routes": routes.iter().map(route).collect::<Vec<_>>() })
}

/// A route at `base`, as Spin shows it, with the methods and hosts that it is limited to.
fn shown(base: &str, route: &RouteSummary) -> String {
    let path = if route.route.is_empty() { "/" } else { &route.route };
    let wildcard = if route.wildcard { " (wildcard)" } else { "" };
    let methods = if route.methods.is_empty() { String::new() } else { format!(", {} only", route.methods.join(" and ")) };
    let hosts = if route.hosts.is_empty() { String::new() } else { format!(", for {}", route.hosts.join(" and ")) };
    format!("{base}{path}{wildcard}{methods}{hosts}")
}
