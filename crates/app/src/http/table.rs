//! The table of an application's routes: from host, method and path to the trigger that answers.

use super::route::{Cursor, Route};
use super::trie::{RouteIndex, Trie};
use crate::problem::Warning;

/// Paths beneath this prefix are answered by the host itself.
pub const WELL_KNOWN_PREFIX: &str = "/.well-known/spin/";

/// A route to put into a table, and what it leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteEntry<T> {
    /// The trigger's id, for warnings.
    pub id: String,
    /// The path.
    pub route: Route,
    /// Host names, such as `example.com` or `*.example.com`; empty for all hosts.
    pub hosts: Vec<String>,
    /// Methods in upper case; empty for all methods.
    pub methods: Vec<String>,
    /// What the route leads to.
    pub value: T,
}

/// Finds the route of a request. A host of its own goes before all hosts, then the more specific path, segment by
/// segment, then a method of its own before all methods.
#[derive(Debug, Clone)]
pub struct RouteTable<T> {
    entries: Vec<RouteEntry<T>>,
    /// Exact host names in lower case, sorted.
    hosts: Vec<(String, Trie)>,
    /// Suffixes such as `.example.com` in lower case, longest first.
    suffixes: Vec<(String, Trie)>,
    any_host: Trie,
}

/// The route of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match<'t, 'p, T> {
    /// What the route leads to.
    pub value: &'t T,
    /// The named segments and their values, in the order of the route.
    pub params: Vec<(&'t str, &'p str)>,
    /// What the wildcard matched, with its leading slash; `None` for a route without one.
    pub trailing: Option<&'p str>,
    /// The route itself.
    pub route: &'t Route,
}

impl<T> RouteTable<T> {
    /// Builds a table. Of two routes for the same requests the later one wins; the warnings name both.
    pub fn new(entries: impl IntoIterator<Item = RouteEntry<T>>) -> (Self, Vec<Warning>) {
        let (table, doubts) = Self::build(entries);
        let warnings = doubts.into_iter().map(|(_, message)| Warning { place: None, message });
        (table, warnings.collect())
    }

    /// Builds a table; each doubt comes with the position of its entry.
    pub(crate) fn build(entries: impl IntoIterator<Item = RouteEntry<T>>) -> (Self, Vec<(usize, String)>) {
        let mut table = Self { entries: Vec::new(), hosts: Vec::new(), suffixes: Vec::new(), any_host: Trie::default() };
        let mut doubts = Vec::new();
        for (index, entry) in entries.into_iter().enumerate() {
            if entry.route.matched_route().starts_with(WELL_KNOWN_PREFIX) {
                let message = format!(
                    "route `{}` of trigger `{}` will never be reached: paths beneath `{WELL_KNOWN_PREFIX}` are answered \
                     by the host; choose another path",
                    entry.route, entry.id
                );
                doubts.push((index, message));
            }
            for other in table.insert(&entry, index).into_iter().filter_map(|other| table.entries.get(other)) {
                let message = format!(
                    "route `{}` of trigger `{}` is hidden by route `{}` of trigger `{}`; change one of them",
                    other.route, other.id, entry.route, entry.id
                );
                doubts.push((index, message));
            }
            table.entries.push(entry);
        }
        (table, doubts)
    }

    /// The route for a request; `host` may have a port, `path` is the one of the request line without its query.
    #[must_use]
    pub fn find<'t, 'p>(&'t self, method: &str, host: &str, path: &'p str) -> Option<Match<'t, 'p, T>> {
        let entry = self.entries.get(self.find_index(method, without_port(host), Cursor::new(path))?)?;
        let found = entry.route.matches(path)?;
        Some(Match { value: &entry.value, params: found.params, trailing: found.trailing, route: &entry.route })
    }

    /// The entries, in the order in which they were given, those that are hidden included.
    pub fn entries(&self) -> impl Iterator<Item = &RouteEntry<T>> {
        self.entries.iter()
    }

    fn find_index(&self, method: &str, host: &str, path: Cursor<'_>) -> Option<RouteIndex> {
        let exact = self.hosts.binary_search_by(|(known, _)| lower(known).cmp(lower(host))).ok();
        let exact = exact.and_then(|index| self.hosts.get(index)).and_then(|(_, trie)| trie.find(method, path));
        exact
            .or_else(|| {
                let mut fitting = self.suffixes.iter().filter(|(suffix, _)| has_suffix(host, suffix));
                fitting.find_map(|(_, trie)| trie.find(method, path))
            })
            .or_else(|| self.any_host.find(method, path))
    }

    /// Adds an entry; the answer is the entries that it replaces for at least some requests.
    fn insert(&mut self, entry: &RouteEntry<T>, index: RouteIndex) -> Vec<RouteIndex> {
        let mut replaced = Vec::new();
        let mut insert = |trie: &mut Trie| {
            if entry.methods.is_empty() {
                replaced.extend(trie.insert(&entry.route, None, index));
            }
            for method in &entry.methods {
                replaced.extend(trie.insert(&entry.route, Some(method), index));
            }
        };
        if entry.hosts.is_empty() {
            insert(&mut self.any_host);
        }
        for host in &entry.hosts {
            let host = host.to_ascii_lowercase();
            match host.strip_prefix('*') {
                Some(suffix) => insert(trie_of(&mut self.suffixes, suffix)),
                None => insert(trie_of(&mut self.hosts, &host)),
            }
        }
        self.hosts.sort_by(|(one, _), (other, _)| one.cmp(other));
        self.suffixes.sort_by_key(|(suffix, _)| std::cmp::Reverse(suffix.len()));
        // A host or method that is listed twice replaces its own entry, which is no conflict.
        replaced.retain(|other| *other != index);
        replaced.sort_unstable();
        replaced.dedup();
        replaced
    }
}

fn trie_of<'t>(tries: &'t mut Vec<(String, Trie)>, key: &str) -> &'t mut Trie {
    let index = tries.iter().position(|(known, _)| known == key).unwrap_or_else(|| {
        tries.push((key.to_owned(), Trie::default()));
        tries.len() - 1
    });
    #[expect(clippy::indexing_slicing, reason = "the index was found or made just above")]
    &mut tries[index].1
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

fn lower(host: &str) -> impl Iterator<Item = u8> + '_ {
    host.bytes().map(|byte| byte.to_ascii_lowercase())
}

/// Whether `host` ends in `suffix` and has something before it.
fn has_suffix(host: &str, suffix: &str) -> bool {
    let start = host.len().checked_sub(suffix.len()).filter(|start| *start > 0);
    start.and_then(|start| host.get(start..)).is_some_and(|end| end.eq_ignore_ascii_case(suffix))
}
