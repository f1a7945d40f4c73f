//! Routes of one host, merged into a tree of segments. Going down, a literal is tried before a pattern and a pattern
//! before the wildcard, so the first hit is the most specific route. A node is visited at most once for each path.

use std::collections::{BTreeSet, HashMap};

use super::route::{Cursor, Piece, Route, Segment};

const GET: &str = "GET";
const HEAD: &str = "HEAD";

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

    /// Adds the methods of all routes that match the path, for whom the routes of another method are no use.
    pub(super) fn methods<'t>(&'t self, mut path: Cursor<'_>, methods: &mut BTreeSet<&'t str>) {
        let here = path;
        let Some(segment) = path.next_segment() else {
            self.exact.methods(methods);
            return self.wildcard.methods(methods);
        };
        if !here.is_at_end() {
            self.wildcard.methods(methods);
        }
        let literal = self.literals.get(segment);
        let dotted = self.dotted.iter().filter(|(pattern, _)| pattern.accepts(segment)).map(|(_, next)| next);
        let param = self.param.as_deref().filter(|_| !segment.is_empty());
        for next in literal.into_iter().chain(dotted).chain(param) {
            next.methods(path, methods);
        }
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
        let of = |method: &str| self.by_method.iter().find(|(known, _)| known == method).map(|(_, index)| *index);
        // Who answers GET answers HEAD, which asks for the same without the body.
        of(method).or_else(|| if method == HEAD { of(GET) } else { None }).or(self.any_method)
    }

    fn methods<'t>(&'t self, methods: &mut BTreeSet<&'t str>) {
        for (method, _) in &self.by_method {
            methods.insert(method);
            if method == GET {
                methods.insert(HEAD);
            }
        }
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
