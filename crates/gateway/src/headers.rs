//! Fields that are taken out of a head, of a request or an answer.

use http::{HeaderMap, HeaderName};

/// Whether there is a field `name`. Cheaper than a look-up, as in [`remove_all`].
pub(crate) fn has(headers: &HeaderMap, name: &HeaderName) -> bool {
    headers.keys().any(|known| known == name)
}

/// Removes every field that is called one of `names`. Most heads have none of them, and to look at the few names that are there is cheaper
/// than to look each of these up.
pub(crate) fn remove_all(headers: &mut HeaderMap, names: &[HeaderName]) {
    if headers.keys().any(|name| names.contains(name)) {
        for name in names {
            headers.remove(name);
        }
    }
}
