//! Links of the HTTP server: which requests call which component. Where it listens is a flag of the program, not a part of an application.

use super::convert::{text, values};
use crate::document::{At, Node, Problems};
use crate::formats::wasmcloud::Draft;

/// Settings that decide nothing here, and who decides instead.
const ELSEWHERE: &[(&str, &str)] = &[
    ("address", "`--listen` says where the program listens"),
    ("default_address", "`--listen` says where the program listens"),
    ("tls_cert_file", "`--tls-cert` names the certificate"),
    ("tls_priv_key_file", "`--tls-key` names the key of the certificate"),
];

/// Every path.
const ANY_PATH: &str = "/...";

/// Lets requests wake the component at `target`, as `link` from the HTTP server `provider` says.
pub(super) fn link(draft: &mut Draft, provider: At<'_>, link: At<'_>, target: At<'_>, problems: &mut Problems<'_>) {
    let Some(component) = target.node.filter(|node| node.as_str().is_some_and(|name| draft.has(name))) else {
        return problems.error(target.start, "an HTTP server calls components, and this is a provider", "link it to a component");
    };
    let of_provider = values(provider.child("properties").child("config"), problems);
    let of_link = [values(link.child("source").child("config"), problems), values(link.child("source_config"), problems)].concat();
    let mut route = Node::string(ANY_PATH, target.start);
    let mut hosts = Vec::new();
    for (key, at) in of_provider.into_iter().chain(of_link) {
        let value = text(at).unwrap_or_default();
        match key.to_ascii_lowercase().as_str() {
            "routing_mode" if ["address", "path", "host"].contains(&value) => {}
            "path" => route = Node::string(route_of(value), at.start),
            "host" => hosts.push(Node::string(value, at.start)),
            "timeout_ms" => timeout(draft, component.as_str().unwrap_or_default(), at, value, problems),
            known => match ELSEWHERE.iter().find(|(name, _)| *name == known) {
                Some((_, who)) => problems.warn(at.key, format!("`{key}` has no effect: {who}")),
                None => {
                    problems.error(at.key, format!("`{key}: {value}` is a setting of the HTTP server that there is not here"), "remove it")
                }
            },
        }
    }
    draft.answer_http(component.clone(), route, hosts);
}

fn timeout(draft: &mut Draft, component: &str, at: At<'_>, value: &str, problems: &mut Problems<'_>) {
    match value.parse::<i64>() {
        Ok(ms) => draft.set(component, &["limits", "wall"], at.key, Node::synthetic(at.start, crate::document::NodeValue::Integer(ms))),
        Err(_) => problems.error(at.start, format!("`timeout_ms: {value}` is no number"), "write milliseconds"),
    }
}

/// The route of a path of the HTTP server, which writes `{name}` for a segment and `{*rest}` for all that follow.
fn route_of(path: &str) -> String {
    let segment = |segment: &str| match segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        Some(rest) if rest.starts_with('*') => "...".to_owned(),
        Some(name) => format!(":{name}"),
        None => segment.to_owned(),
    };
    path.split('/').map(segment).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::route_of;

    #[test]
    fn parameters_are_those_of_routes() {
        for (path, route) in [("/", "/"), ("/a/b", "/a/b"), ("/user/{id}/x", "/user/:id/x"), ("/files/{*rest}", "/files/...")] {
            assert_eq!(route_of(path), route);
        }
    }
}
