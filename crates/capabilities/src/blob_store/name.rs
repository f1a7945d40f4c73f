//! Names that every backend can keep: what may stand in a path of a folder and in a key of S3, and means one object only.

use super::Error;

/// The longest name of an object, as in S3.
const OBJECT_BYTES_MAX: usize = 1_024;
/// The longest name of a container, and part of an object's name, which is one name in a folder.
const PART_BYTES_MAX: usize = 200;
/// How deep an object lies at most.
const PARTS_MAX: usize = 32;

/// Checks the name of a container.
pub(super) fn check_container(name: &str) -> Result<(), Error> {
    let reason = match name {
        _ if name.starts_with('.') => Some("a container begins with another sign than `.`"),
        _ if name.contains('/') => Some("a container has no `/` in its name"),
        _ => refused_part(name),
    };
    reason.map_or(Ok(()), |reason| Err(Error::Name { name: shown(name), reason }))
}

/// Checks the name of an object; `/` makes folders of it where a store has folders.
pub(super) fn check_object(name: &str) -> Result<(), Error> {
    let reason = match name {
        _ if name.len() > OBJECT_BYTES_MAX => Some("it is longer than 1024 bytes"),
        _ if name.split('/').count() > PARTS_MAX => Some("it has more than 32 parts"),
        _ => name.split('/').find_map(refused_part),
    };
    reason.map_or(Ok(()), |reason| Err(Error::Name { name: shown(name), reason }))
}

fn refused_part(part: &str) -> Option<&'static str> {
    match part {
        "" => Some("a part of it is empty"),
        "." | ".." => Some("`.` and `..` have no meaning in it"),
        _ if part.len() > PART_BYTES_MAX => Some("a part of it is longer than 200 bytes"),
        _ if part.chars().any(char::is_control) => Some("it has a control character"),
        _ => None,
    }
}

/// As much of a name as a message needs.
fn shown(name: &str) -> String {
    const CHARACTERS_MAX: usize = 64;
    name.chars().take(CHARACTERS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_lead_elsewhere_is_no_name() {
        let long = "x".repeat(PART_BYTES_MAX + 1);
        let deep = vec!["x"; PARTS_MAX + 1].join("/");
        for name in ["", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "../a", "a/.", "a\0b", "a\nb", &long, &deep, &"x/".repeat(600)] {
            assert!(check_object(name).is_err(), "{name:?}");
        }
        for name in ["a", "a/b.c", "...", "a b", "é", "%2e%2e/x", "a\\..\\b", "~", "*", ".hidden"] {
            assert_eq!(check_object(name), Ok(()), "{name:?}");
        }
        for name in ["", ".", "..", ".x", "a/b", "a\0", &long] {
            assert!(check_container(name).is_err(), "{name:?}");
        }
        assert_eq!(check_container("photos.2024"), Ok(()));
    }
}
