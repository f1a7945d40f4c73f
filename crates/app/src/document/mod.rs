//! A manifest as a tree whose every key and value knows its place, and the collector of what is wrong with it.

mod nearest;
mod node;
mod problems;
mod structure;
mod yaml;

pub(crate) use nearest::nearest;
pub(crate) use node::{At, Entry, Node, NodeValue};
pub(crate) use problems::Problems;
#[cfg(test)]
pub(crate) use structure::rust_source;
pub(crate) use structure::{Additional, Dirty, OWN_KEY_MARK, OwnKeys, Part, Shape, Type, check};
pub(crate) use yaml::parse_yaml;

/// Parses TOML text; syntax errors go to `problems`, and then there is no tree.
pub(crate) fn parse(text: &str, problems: &mut Problems<'_>) -> Option<Node> {
    let (table, errors) = toml::de::DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return node::convert(table, problems);
    }
    for error in errors {
        let start = error.span().map_or(0, |span| span.start);
        let message = error.message().trim().replace('\n', ", ");
        problems.error(start, format!("not valid TOML: {message}"), "correct the syntax at this place");
    }
    None
}
