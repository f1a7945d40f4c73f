//! Fields that are taken out of a head, of a request or an answer.

use http::{HeaderMap, HeaderName};

/// Removes every field that is called one of `names`. Most heads have none of them, and to look at the few names that are there is cheaper
/// than to look each of these up.
pub(crate) fn remove_all(headers: &mut HeaderMap, names: &[HeaderName]) {
    if headers.keys().any(|name| names.contains(name)) {
        for name in names {
            headers.remove(name);
        }
    }
}
