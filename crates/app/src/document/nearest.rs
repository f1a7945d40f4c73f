//! Finds the name that a mistyped one was probably meant to be.

/// Names longer than this are not compared: the table below grows with the square of their length.
const NAME_BYTES_MAX: usize = 64;

/// Among more names than this, the rest are not compared.
const CANDIDATES_MAX: usize = 256;

/// The known name that differs least from `name`, if it differs by little enough to be a slip.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() > NAME_BYTES_MAX {
        return None;
    }
    let slips_max = (name.len() / 3).clamp(1, 3);
    known
        .into_iter()
        .take(CANDIDATES_MAX)
        .filter(|candidate| candidate.len() <= NAME_BYTES_MAX)
        .map(|candidate| (distance(name.as_bytes(), candidate.as_bytes()), candidate))
        .filter(|(slips, _)| *slips <= slips_max)
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, candidate)| candidate)
}

/// How many bytes must be added, removed, replaced or swapped with their neighbour to make one name of the other.
fn distance(one: &[u8], other: &[u8]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    let at = |row: &[usize], column: usize| row.get(column).copied().unwrap_or(usize::MAX);
    for (index, byte) in one.iter().enumerate() {
        let last = index.checked_sub(1).and_then(|last| one.get(last));
        let mut next = vec![index + 1];
        let mut other_last = None;
        for (column, other_byte) in other.iter().enumerate() {
            let replaced = at(&row, column) + usize::from(byte != other_byte);
            let removed = at(&row, column + 1) + 1;
            let added = at(&next, column) + 1;
            let mut fewest = replaced.min(removed).min(added);
            if last == Some(other_byte) && other_last == Some(byte) {
                fewest = fewest.min(at(&before, column - 1) + 1);
            }
            other_last = Some(other_byte);
            next.push(fewest);
        }
        before = std::mem::replace(&mut row, next);
    }
    at(&row, other.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_edits() {
        assert_eq!(distance(b"kitten", b"sitting"), 3);
        assert_eq!(distance(b"", b"abc"), 3);
        assert_eq!(distance(b"abc", b""), 3);
        assert_eq!(distance(b"host", b"hots"), 1);
        assert_eq!(distance(b"ab", b"ba"), 1);
        assert_eq!(distance(b"abc", b"abc"), 0);
    }

    #[test]
    fn suggests_only_what_is_close() {
        assert_eq!(nearest("enviroment", ["environment", "files"]), Some("environment"));
        assert_eq!(nearest("zzz", ["environment", "files"]), None);
    }
}
