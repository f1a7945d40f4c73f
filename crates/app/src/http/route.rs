//! One route: its syntax, and how it matches a path. Paths are compared as they arrived, percent-encoding untouched.

use std::collections::HashSet;
use std::fmt;

/// A longer route is refused.
pub const ROUTE_BYTES_MAX: usize = 4_096;

/// The last segment of a route that matches everything beneath, in its two spellings.
const WILDCARDS: [&str; 2] = ["...", "*"];

/// A pattern for the paths of requests, such as `/users/:id/...`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    raw: String,
    segments: Vec<Segment>,
    wildcard: bool,
}

/// One part of a route between slashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Segment {
    /// Matches itself.
    Literal(String),
    /// `:file.json`, `:name.:extension`: pieces joined by dots; a named one ends at the next dot.
    Dotted(Vec<Piece>),
    /// `:name` matches any one segment.
    Param(String),
}

/// A part of a segment between dots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    Literal(String),
    Param(String),
}

/// What a route found in a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteMatch<'r, 'p> {
    /// The named segments and their values, in the order of the route.
    pub params: Vec<(&'r str, &'p str)>,
    /// What the wildcard matched, with its leading slash; `None` for a route without one.
    pub trailing: Option<&'p str>,
}

/// Why a route was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// It is longer than `ROUTE_BYTES_MAX`.
    #[error("the route has {bytes} bytes, more than the {ROUTE_BYTES_MAX} that are allowed; shorten it")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// A wildcard stands before the end.
    #[error("`{segment}` in route `{route}` can only be the last segment; name the segment, such as `:name`")]
    WildcardInside {
        /// The whole route.
        route: String,
        /// The wildcard.
        segment: String,
    },
    /// A wildcard has a name.
    #[error("the wildcard `{segment}` in route `{route}` cannot have a name; write `...`")]
    NamedWildcard {
        /// The whole route.
        route: String,
        /// The wildcard with its name.
        segment: String,
    },
    /// There is a `:` without a name.
    #[error("a segment of route `{route}` has no name after `:`; write `:name`")]
    Unnamed {
        /// The whole route.
        route: String,
    },
    /// Two segments have one name.
    #[error("route `{route}` has two segments named `{name}`; give each its own name")]
    DuplicateName {
        /// The whole route.
        route: String,
        /// The name.
        name: String,
    },
}

impl Route {
    /// Reads a route: `/exact/path`, `/users/:id`, `/files/...`. A leading slash may be left out, and trailing ones
    /// do not matter.
    ///
    /// # Errors
    /// When the route is too long, or a wildcard or a name is not where it can be.
    pub fn parse(raw: &str) -> Result<Self, RouteError> {
        if raw.len() > ROUTE_BYTES_MAX {
            return Err(RouteError::TooLong { bytes: raw.len() });
        }
        let mut parts: Vec<&str> = raw.split('/').filter(|part| !part.is_empty()).collect();
        let wildcard = parts.last().is_some_and(|last| WILDCARDS.contains(last));
        if wildcard {
            parts.pop();
        }
        let mut names = HashSet::new();
        let segments = parts.into_iter().map(|part| parse_segment(part, raw, &mut names)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { raw: raw.to_owned(), segments, wildcard })
    }

    /// The route as its author wrote it.
    #[must_use]
    pub fn raw(&self) -> &str {
        &self.raw
    }

    /// The route with a leading slash and without a trailing one: the value of `spin-matched-route`.
    #[must_use]
    pub fn matched_route(&self) -> String {
        let without_trailing = self.raw.strip_suffix('/').unwrap_or(&self.raw);
        let slash = if without_trailing.starts_with('/') || without_trailing.is_empty() { "" } else { "/" };
        format!("{slash}{without_trailing}")
    }

    /// The route as written, without `/...` at its end: the value of `spin-component-route`.
    #[must_use]
    pub fn component_route(&self) -> &str {
        self.raw.strip_suffix("/...").unwrap_or(&self.raw)
    }

    /// The path that people can follow: the route without its wildcard, with a slash before it and none after; empty for the root.
    #[must_use]
    pub fn path(&self) -> String {
        let parts = self.raw.split('/').filter(|part| !part.is_empty() && !WILDCARDS.contains(part));
        parts.fold(String::new(), |path, part| format!("{path}/{part}"))
    }

    /// Whether the route matches everything beneath its path.
    #[must_use]
    pub fn has_wildcard(&self) -> bool {
        self.wildcard
    }

    /// What the route finds in a path; `None` when it does not match.
    #[must_use]
    pub fn matches<'r, 'p>(&'r self, path: &'p str) -> Option<RouteMatch<'r, 'p>> {
        let mut cursor = Cursor::new(path);
        let mut params = Vec::new();
        for segment in &self.segments {
            let part = cursor.next_segment()?;
            if !segment.accepts(part) {
                return None;
            }
            segment.capture(part, &mut params);
        }
        if self.wildcard {
            return Some(RouteMatch { params, trailing: Some(cursor.rest) });
        }
        cursor.is_at_end().then_some(RouteMatch { params, trailing: None })
    }

    pub(super) fn segments(&self) -> &[Segment] {
        &self.segments
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let route = self.matched_route();
        f.write_str(if route.is_empty() { "/" } else { &route })
    }
}

impl Segment {
    /// Whether this segment matches one part of a path.
    pub(super) fn accepts(&self, part: &str) -> bool {
        match self {
            Self::Literal(text) => text == part,
            Self::Param(_) => !part.is_empty(),
            Self::Dotted(pieces) => {
                pair_pieces(pieces, part).all(|(piece, part)| match piece {
                    Piece::Literal(text) => text == part,
                    Piece::Param(_) => !part.is_empty(),
                }) && part.split('.').count() >= pieces.len()
            }
        }
    }

    fn capture<'r, 'p>(&'r self, part: &'p str, params: &mut Vec<(&'r str, &'p str)>) {
        match self {
            Self::Literal(_) => {}
            Self::Param(name) => params.push((name, part)),
            Self::Dotted(pieces) => {
                params.extend(pair_pieces(pieces, part).filter_map(|(piece, part)| match piece {
                    Piece::Literal(_) => None,
                    Piece::Param(name) => Some((name.as_str(), part)),
                }));
            }
        }
    }
}

/// Each piece with what it stands for; the last piece stands for all that is left, dots included.
fn pair_pieces<'r, 'p>(pieces: &'r [Piece], part: &'p str) -> impl Iterator<Item = (&'r Piece, &'p str)> {
    pieces.iter().zip(part.splitn(pieces.len(), '.'))
}

/// Walks over the segments of a path. Slashes at the start count once and those at the end not at all.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'p> {
    /// What is left, with the slash before it.
    pub(super) rest: &'p str,
}

impl<'p> Cursor<'p> {
    pub(super) fn new(path: &'p str) -> Self {
        let extra = path.len() - path.trim_start_matches('/').len();
        Self { rest: path.get(extra.saturating_sub(1)..).unwrap_or(path) }
    }

    /// Whether nothing but slashes is left.
    pub(super) fn is_at_end(self) -> bool {
        self.rest.bytes().all(|byte| byte == b'/')
    }

    pub(super) fn next_segment(&mut self) -> Option<&'p str> {
        if self.is_at_end() {
            return None;
        }
        let after_slash = self.rest.strip_prefix('/').unwrap_or(self.rest);
        let end = after_slash.find('/').unwrap_or(after_slash.len());
        let (segment, rest) = after_slash.split_at_checked(end)?;
        self.rest = rest;
        Some(segment)
    }
}

fn parse_segment(part: &str, route: &str, names: &mut HashSet<String>) -> Result<Segment, RouteError> {
    let route = || route.to_owned();
    if WILDCARDS.contains(&part) {
        return Err(RouteError::WildcardInside { route: route(), segment: part.to_owned() });
    }
    if part.starts_with('*') {
        return Err(RouteError::NamedWildcard { route: route(), segment: part.to_owned() });
    }
    let mut name = |piece: &str| -> Result<String, RouteError> {
        if piece.is_empty() {
            return Err(RouteError::Unnamed { route: route() });
        }
        if !names.insert(piece.to_owned()) {
            return Err(RouteError::DuplicateName { route: route(), name: piece.to_owned() });
        }
        Ok(piece.to_owned())
    };
    let is_named = |piece: &str| piece.starts_with(':');
    if !part.split('.').any(is_named) {
        return Ok(Segment::Literal(part.to_owned()));
    }
    if let Some(only) = part.strip_prefix(':').filter(|only| !only.contains('.')) {
        return Ok(Segment::Param(name(only)?));
    }
    let pieces = part.split('.').map(|piece| match piece.strip_prefix(':') {
        Some(only) => Ok(Piece::Param(name(only)?)),
        None => Ok(Piece::Literal(piece.to_owned())),
    });
    Ok(Segment::Dotted(pieces.collect::<Result<_, _>>()?))
}
