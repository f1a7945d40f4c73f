//! What a statement may change, as its words say: the protocol tells how many rows were changed, and which row came last, of statements
//! that change rows, and may say anything of others.

/// What a statement does to rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nothing that a connection remembers.
    None,
    /// It changes or removes rows.
    Change,
    /// It adds rows.
    Insert,
}

/// The words of a statement outside of brackets.
struct Words<'s> {
    rest: &'s str,
}

impl Effect {
    /// What `statement` does.
    pub(super) fn of(statement: &str) -> Self {
        let mut words = Words { rest: statement };
        let first = words.next();
        if !first.is_some_and(|word| word.eq_ignore_ascii_case("WITH")) {
            return first.map_or(Self::None, Self::named);
        }
        // Between `WITH` and the statement there are names of tables, which may be words of the language, and what they stand for.
        let mut is_name_next = true;
        for word in words {
            let is_name = std::mem::replace(&mut is_name_next, word == "," || word.eq_ignore_ascii_case("RECURSIVE"));
            let is_end = ["SELECT", "VALUES"].iter().any(|end| word.eq_ignore_ascii_case(end));
            match Self::named(word) {
                _ if is_name => {}
                Self::None if is_end => return Self::None,
                Self::None => {}
                effect => return effect,
            }
        }
        Self::None
    }

    fn named(word: &str) -> Self {
        let is = |names: [&str; 2]| names.iter().any(|name| word.eq_ignore_ascii_case(name));
        match () {
            () if is(["INSERT", "REPLACE"]) => Self::Insert,
            () if is(["UPDATE", "DELETE"]) => Self::Change,
            () => Self::None,
        }
    }
}

impl<'s> Iterator for Words<'s> {
    type Item = &'s str;

    /// The next word, quoted name or comma.
    fn next(&mut self) -> Option<&'s str> {
        let mut depth = 0_u32;
        loop {
            let (token, rest) = self.rest.split_at(token_bytes(self.rest)?);
            self.rest = rest;
            match token {
                "(" => depth = depth.saturating_add(1),
                ")" => depth = depth.saturating_sub(1),
                _ if depth > 0 || is_blank(token) => {}
                _ => return Some(token),
            }
        }
    }
}

fn is_blank(token: &str) -> bool {
    token.starts_with("--") || token.starts_with("/*") || token.starts_with(char::is_whitespace)
}

/// The length of the first token, `None` at the end. What does not end as it should goes to the end.
fn token_bytes(text: &str) -> Option<usize> {
    let first = text.chars().next()?;
    let after = |skip: usize, end: &str| {
        let found = text.get(skip..).and_then(|rest| rest.find(end));
        found.map_or(text.len(), |at| at.saturating_add(skip).saturating_add(end.len()))
    };
    let while_holds = |holds: fn(char) -> bool| text.find(|letter| !holds(letter)).unwrap_or(text.len());
    Some(match first {
        '-' if text.starts_with("--") => after(2, "\n"),
        '/' if text.starts_with("/*") => after(2, "*/"),
        '\'' | '"' | '`' => after(1, first.encode_utf8(&mut [0; 4])),
        '[' => after(1, "]"),
        _ if first.is_whitespace() => while_holds(char::is_whitespace),
        _ if is_of_a_word(first) => while_holds(is_of_a_word),
        _ => first.len_utf8(),
    })
}

fn is_of_a_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_' || letter == '$'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_that_counts_tells() {
        for (statement, effect) in [
            ("INSERT INTO t VALUES (1)", Effect::Insert),
            (" \n-- select\n/* select */ replace INTO t VALUES (1)", Effect::Insert),
            ("update t SET a = 1", Effect::Change),
            ("DELETE FROM t", Effect::Change),
            ("SELECT 'INSERT'", Effect::None),
            ("CREATE TABLE t (v)", Effect::None),
            ("EXPLAIN INSERT INTO t VALUES (1)", Effect::None),
            ("BEGIN", Effect::None),
            ("WITH w AS (SELECT 1) SELECT * FROM w", Effect::None),
            ("WITH w AS (SELECT 1) INSERT INTO t SELECT * FROM w", Effect::Insert),
            ("with recursive w(i) AS (VALUES (1)), \"x)\" AS NOT MATERIALIZED (SELECT ')') DELETE FROM t", Effect::Change),
            ("WITH replace AS (SELECT 1), [update] AS (SELECT 2) SELECT * FROM replace", Effect::None),
            ("WITH w AS (DELETE", Effect::None),
            ("WITH w AS (SELECT 'it''s') UPDATE t SET a = 1", Effect::Change),
            ("inserted", Effect::None),
            ("'", Effect::None),
            ("-- INSERT", Effect::None),
            ("é", Effect::None),
            ("", Effect::None),
        ] {
            assert_eq!(Effect::of(statement), effect, "{statement}");
        }
    }
}
