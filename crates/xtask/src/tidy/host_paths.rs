//! Nothing in the repository depends on the machine it was written on: no home folders, no registry hosts.

use anyhow::Result;

use super::{Case, Finding};
use crate::source::Tree;

pub(super) const CASE: Case = Case { name: "host_paths", rule: "no paths of one machine and no registry hosts", check };

/// Folders of somebody's machine, put together here so that this file does not find itself.
const FOLDERS: &[&str] = &[concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/Us", "ers/")];

const HOSTS: &[&str] =
    &[concat!("crates", ".io/api"), concat!("static.crates", ".io"), concat!("index.crates", ".io"), concat!("static.rust-lang", ".org")];

fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let mut found = Vec::new();
    for file in tree.files() {
        for (number, line) in file.lines() {
            for folder in FOLDERS.iter().filter(|folder| starts_a_path(line, folder)) {
                let message = format!("`{folder}…` is a path of one machine; write it relative to the repository");
                found.push(Finding::new(&file.path, number, message));
            }
            for host in HOSTS.iter().filter(|host| line.contains(**host)) {
                let message = format!("`{host}` is where cargo or rustup look by themselves; call those, not the host");
                found.push(Finding::new(&file.path, number, message));
            }
        }
    }
    Ok(found)
}

/// Whether the folder stands at the start of a path: `/api/work/` is a route, not a folder of ours.
fn starts_a_path(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(start, _)| {
        let before = line.get(..start).and_then(|before| before.chars().next_back());
        before.is_none_or(|c| !c.is_alphanumeric() && !matches!(c, '.' | '-' | '_' | '/' | '}' | ']' | '>' | '*'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::lines_of;

    #[test]
    fn relative_paths_and_routes_pass() {
        let route = format!("GET /api{}items http://a.example{}x", FOLDERS[0], FOLDERS[1]);
        assert_eq!(lines_of(&CASE, &[("a.md", &route), ("b.rs", "include_str!(\"../work/x\")")]), [""; 0]);
    }

    #[test]
    fn paths_of_one_machine_and_registry_hosts_are_found() {
        for folder in FOLDERS {
            let found = lines_of(&CASE, &[("a.rs", &format!("\nlet x = \"{folder}main\";"))]);
            assert_eq!(found, [format!("a.rs:2: `{folder}…` is a path of one machine; write it relative to the repository")]);
        }
        for host in HOSTS {
            assert_eq!(lines_of(&CASE, &[("a.sh", &format!("curl https://{host}/x"))]).len(), 1, "{host}");
        }
    }
}
