//! Only the gateway and the control plane listen, so there is one place to look for what a network can reach.

use anyhow::Result;
use syn::visit::Visit;

use super::{Case, Finding};
use crate::source::{Tree, is_cfg_test};

pub(super) const CASE: Case = Case { name: "listeners", rule: "only `gateway` and `control` listen", check };

/// The two that serve, and those that play a peer in tests and benchmarks.
const MAY_LISTEN: &[&str] = &["gateway", "control", "testkit", "bench"];

const LISTENERS: &[&str] = &["TcpListener", "UnixListener", "TcpSocket"];

fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let mut found = Vec::new();
    for file in tree.rust_files().filter(|file| !file.is_test() && !file.is_guest()) {
        let crate_name = file.path.strip_prefix("crates/").and_then(|rest| rest.split('/').next());
        let is_bound = crate_name.is_some_and(|name| !MAY_LISTEN.contains(&name));
        if let (true, Some(syntax)) = (is_bound, file.syntax()) {
            Binds { path: &file.path, found: &mut found }.visit_file(syntax);
        }
    }
    Ok(found)
}

struct Binds<'a> {
    path: &'a str,
    found: &'a mut Vec<Finding>,
}

impl<'ast> Visit<'ast> for Binds<'_> {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if !is_cfg_test(&module.attrs) {
            syn::visit::visit_item_mod(self, module);
        }
    }

    fn visit_expr_path(&mut self, expression: &'ast syn::ExprPath) {
        let names: Vec<String> = expression.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if let [.., owner, act] = names.as_slice()
            && LISTENERS.contains(&owner.as_str())
            && act.starts_with("bind")
        {
            let line = expression.path.segments.last().map_or(0, |last| last.ident.span().start().line);
            let message = format!("`{owner}::{act}` opens a door; only gateway and control listen, so ask one of them");
            self.found.push(Finding::new(self.path, line, message));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::lines_of;

    const BINDS: &str = "fn x() { tokio::net::TcpListener::bind(a); }\n";

    #[test]
    fn the_gateway_and_tests_listen() {
        let test = "#[cfg(test)] mod tests { fn x() { TcpListener::bind(a); } }";
        let files = [("crates/gateway/src/lib.rs", BINDS), ("crates/host/tests/it/main.rs", BINDS), ("crates/host/src/lib.rs", test)];
        assert_eq!(lines_of(&CASE, &files), [""; 0]);
    }

    #[test]
    fn another_listener_is_found() {
        let found = lines_of(&CASE, &[("crates/host/src/lib.rs", BINDS)]);
        assert_eq!(
            found,
            ["crates/host/src/lib.rs:1: `TcpListener::bind` opens a door; only gateway and control listen, so ask one of them"]
        );
    }
}
