//! Routes of one host, merged into a tree of segments. Going down, a literal is tried before a pattern and a pattern
//! before the wildcard, so the first hit is the most specific route. A node is visited at most once for each path.

use std::collections::HashMap;

use super::route::{Cursor, Piece, Route, Segment};

/// The position of a route in its table.
pub(super) type RouteIndex = usize;

/// A node: what may follow the segments that lead to it.
#[derive(Debug, Clone, Default)]
pub(super) struct Trie {
    literals: HashMap<String, Trie>,
    dotted: Vec<(Segment, Trie)>,
    param: Option<Box<Trie>>,
    /// The routes that end here.
    exact: Leaf,
    /// The routes that have their wildcard here.
    wildcard: Leaf,
}

/// Routes of one shape, at most one for each method.
#[derive(Debug, Clone, Default)]
struct Leaf {
    by_method: Vec<(String, RouteIndex)>,
    any_method: Option<RouteIndex>,
}

impl Trie {
    /// Adds a route for one method, or for all; the answer is the route that it replaces.
    pub(super) fn insert(&mut self, route: &Route, method: Option<&str>, index: RouteIndex) -> Option<RouteIndex> {
        let mut node = self;
        for segment in route.segments() {
            node = node.child(segment);
        }
        let leaf = if route.has_wildcard() { &mut node.wildcard } else { &mut node.exact };
        leaf.insert(method, index)
    }

    /// The most specific route for this method and what is left of the path.
    pub(super) fn find(&self, method: &str, mut path: Cursor<'_>) -> Option<RouteIndex> {
        let here = path;
        let Some(segment) = path.next_segment() else {
            return self.exact.find(method).or_else(|| self.wildcard.find(method));
        };
        let literal = self.literals.get(segment).and_then(|next| next.find(method, path));
        literal
            .or_else(|| self.find_dotted(method, segment, path))
            .or_else(|| {
                let param = self.param.as_ref().filter(|_| !segment.is_empty());
                param.and_then(|next| next.find(method, path))
            })
            .or_else(|| self.wildcard.find(method).filter(|_| !here.is_at_end()))
    }

    fn find_dotted(&self, method: &str, segment: &str, path: Cursor<'_>) -> Option<RouteIndex> {
        let mut fitting = self.dotted.iter().filter(|(pattern, _)| pattern.accepts(segment));
        fitting.find_map(|(_, next)| next.find(method, path))
    }

    fn child(&mut self, segment: &Segment) -> &mut Self {
        match segment {
            Segment::Literal(text) => self.literals.entry(text.clone()).or_default(),
            Segment::Param(_) => self.param.get_or_insert_default(),
            Segment::Dotted(pieces) => {
                let found = self.dotted.iter().position(|(known, _)| same_shape(known, pieces));
                let index = found.unwrap_or_else(|| {
                    let rank = literal_pieces(pieces);
                    let place = self.dotted.partition_point(|(known, _)| literal_rank(known) >= rank);
                    self.dotted.insert(place, (segment.clone(), Self::default()));
                    place
                });
                #[expect(clippy::indexing_slicing, reason = "the index was found or made just above")]
                let (_, next) = &mut self.dotted[index];
                next
            }
        }
    }
}

impl Leaf {
    fn insert(&mut self, method: Option<&str>, index: RouteIndex) -> Option<RouteIndex> {
        let Some(method) = method else {
            return self.any_method.replace(index);
        };
        match self.by_method.iter_mut().find(|(known, _)| known == method) {
            Some((_, known)) => Some(std::mem::replace(known, index)),
            None => {
                self.by_method.push((method.to_owned(), index));
                None
            }
        }
    }

    fn find(&self, method: &str) -> Option<RouteIndex> {
        let own = self.by_method.iter().find(|(known, _)| known == method).map(|(_, index)| *index);
        own.or(self.any_method)
    }
}

/// Whether a dotted segment differs from these pieces in names only.
fn same_shape(segment: &Segment, pieces: &[Piece]) -> bool {
    let Segment::Dotted(known) = segment else {
        return false;
    };
    known.len() == pieces.len()
        && known.iter().zip(pieces).all(|pair| match pair {
            (Piece::Literal(one), Piece::Literal(other)) => one == other,
            (Piece::Param(_), Piece::Param(_)) => true,
            _ => false,
        })
}

/// Which pieces are literal; compared from the left, and then by number: more literal is more specific.
fn literal_pieces(pieces: &[Piece]) -> Vec<bool> {
    pieces.iter().map(|piece| matches!(piece, Piece::Literal(_))).collect()
}

fn literal_rank(segment: &Segment) -> Vec<bool> {
    match segment {
        Segment::Dotted(pieces) => literal_pieces(pieces),
        _ => Vec::new(),
    }
}
