//! Subjects, and patterns of them: names with dots in between, where `*` stands for one name and `>` for one or more at the end.

use super::Error;

const ONE: &str = "*";
const REST: &str = ">";

/// The subjects that a component may write to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern(String);

impl Pattern {
    /// Every subject.
    pub(super) fn all() -> Self {
        Self(REST.to_owned())
    }

    /// Reads a pattern; `None` where it is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let names: Vec<_> = text.split('.').collect();
        let is_name = |(index, name): (usize, &&str)| match *name {
            ONE => true,
            REST => index + 1 == names.len(),
            name => is_name(name),
        };
        names.iter().enumerate().all(is_name).then(|| Self(text.to_owned()))
    }

    /// Whether `subject` is one of these.
    pub(super) fn matches(&self, subject: &str) -> bool {
        let (mut wanted, mut found) = (self.0.split('.'), subject.split('.'));
        loop {
            match (wanted.next(), found.next()) {
                (Some(REST), Some(_)) | (None, None) => return true,
                (Some(name), Some(found)) if name == ONE || name == found => {}
                _ => return false,
            }
        }
    }
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Checks a subject that a guest publishes to.
pub(super) fn check(subject: &str, bytes_max: usize) -> Result<(), Error> {
    if subject.len() > bytes_max {
        return Err(Error::Subject("it is too long"));
    }
    if subject.split('.').any(|name| matches!(name, ONE | REST)) {
        return Err(Error::Subject("`*` and `>` stand for subjects and are none"));
    }
    if subject.split('.').all(is_name) { Ok(()) } else { Err(Error::Subject("write names without spaces, with dots in between")) }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|letter: char| letter.is_whitespace() || letter.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_includes_what_it_says() {
        for (pattern, included, excluded) in [
            ("a.b", &["a.b"][..], &["a", "a.b.c", "a.c", "A.b"][..]),
            ("a.*", &["a.b", "a.*"], &["a", "a.b.c"]),
            ("*.b", &["a.b"], &["b", "a.b.c"]),
            ("a.>", &["a.b", "a.b.c"], &["a", "b.a"]),
            (">", &["a", "a.b"], &[]),
        ] {
            let pattern = Pattern::parse(pattern).unwrap();
            assert!(included.iter().all(|subject| pattern.matches(subject)), "{pattern}");
            assert!(!excluded.iter().any(|subject| pattern.matches(subject)), "{pattern}");
        }
        for text in ["", ".", "a.", ".a", "a..b", "a b", ">.a", "a.>.b", "a\n"] {
            assert_eq!(Pattern::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn what_would_mean_something_else_to_a_broker_is_no_subject() {
        for subject in ["", " ", "a b", "a\r\nPUB x 0", "a\tb", ".", "a.", "a..b", "*", "a.*", "a.>", "a\0", "a\u{2028}b", &"a".repeat(101)]
        {
            assert!(check(subject, 100).is_err(), "{subject:?}");
        }
        for subject in ["a", "a.b-c_d", "a/b", "_INBOX.x.1", "é", "a*b"] {
            assert_eq!(check(subject, 100), Ok(()), "{subject:?}");
        }
    }
}
