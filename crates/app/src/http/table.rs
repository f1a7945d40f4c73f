//! The table of an application's routes: from host, method and path to the trigger that answers.

use std::collections::{BTreeSet, HashMap};

use super::route::{Cursor, Route};
use super::trie::{RouteIndex, Trie};
use crate::problem::Warning;

/// Paths beneath this prefix are answered by the host itself.
pub const WELL_KNOWN_PREFIX: &str = "/.well-known/spin/";

/// The longest name of a host, by the rules of the DNS.
pub(super) const HOST_BYTES_MAX: usize = 253;

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
    /// Exact host names in lower case.
    hosts: HashMap<String, Trie>,
    /// What stands after the `*`, such as `.example.com`, in lower case.
    suffixes: HashMap<String, Trie>,
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
        let mut table = Self { entries: Vec::new(), hosts: HashMap::new(), suffixes: HashMap::new(), any_host: Trie::default() };
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

    /// The methods that a path has routes for, in alphabetical order. Only for a request that [`Self::find`] finds nothing for: a route
    /// for all methods is not told.
    #[must_use]
    pub fn methods(&self, host: &str, path: &str) -> Vec<&str> {
        let mut methods = BTreeSet::new();
        self.ask(without_port(host), |trie| {
            trie.methods(Cursor::new(path), &mut methods);
            None::<()>
        });
        methods.into_iter().collect()
    }

    fn find_index(&self, method: &str, host: &str, path: Cursor<'_>) -> Option<RouteIndex> {
        self.ask(host, |trie| trie.find(method, path))
    }

    /// Asks the routes of this host, then those of longer and shorter `*.` patterns, then those of all hosts, until one answers.
    fn ask<'t, A>(&'t self, host: &str, mut question: impl FnMut(&'t Trie) -> Option<A>) -> Option<A> {
        let mut buffer = [0; HOST_BYTES_MAX];
        // A longer name is none that a route could have.
        let host = if self.hosts.is_empty() && self.suffixes.is_empty() { None } else { lower_case(host, &mut buffer) };
        if let Some(host) = host {
            let suffixes = host.match_indices('.').filter(|(start, _)| *start > 0);
            let suffixes = suffixes.filter_map(|(start, _)| self.suffixes.get(host.get(start..)?));
            let answer = self.hosts.get(host).into_iter().chain(suffixes).find_map(&mut question);
            if answer.is_some() {
                return answer;
            }
        }
        question(&self.any_host)
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
                Some(suffix) => insert(self.suffixes.entry(suffix.to_owned()).or_default()),
                None => insert(self.hosts.entry(host).or_default()),
            }
        }
        // A host or method that is listed twice replaces its own entry, which is no conflict.
        replaced.retain(|other| *other != index);
        replaced.sort_unstable();
        replaced.dedup();
        replaced
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// Writes a host name in lower case into the buffer; `None` when it does not fit.
fn lower_case<'b>(host: &str, buffer: &'b mut [u8; HOST_BYTES_MAX]) -> Option<&'b str> {
    let target = buffer.get_mut(..host.len())?;
    target.copy_from_slice(host.as_bytes());
    target.make_ascii_lowercase();
    std::str::from_utf8(target).ok()
}
