//! Listings of backends that do not keep their keys in order. One pass over all keys finds the next ones in order, many pages at once;
//! what a page leaves over is kept for the next. Pages are then the same as those of backends with an order, and a cursor is good for
//! ever: when what was kept for it is gone, another pass starts after its key.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use parking_lot::Mutex;

use super::{Cursor, Error, Page};

/// Marks our own cursors, so that one that a guest made up is an error and not a place.
const MARK: &str = "listed:";

/// What one pass finds at most; a store with more keys is passed over again for each of these.
const WINDOW_KEYS_MAX: usize = 50_000;
const WINDOW_BYTES_MAX: usize = 4 << 20;

/// Windows that are kept for listings that may go on.
const WINDOWS_KEPT: usize = 8;

/// Longer keys are not listed: guests cannot name them, and only other programs make them.
const KEY_BYTES_MAX: usize = 16 << 10;

/// The listings of one store.
#[derive(Default)]
pub(super) struct Listings {
    last: AtomicU64,
    kept: Mutex<VecDeque<(u64, Window)>>,
}

/// The keys that come next in a listing.
pub(super) struct Window {
    prefix: String,
    after: Option<String>,
    keys: BTreeSet<String>,
    bytes: usize,
    is_read: bool,
    /// Whether keys were found that had no room.
    is_cut: bool,
}

impl Listings {
    /// What begins with `prefix` and comes after `from`. A window that [`Window::is_unread`] has to be offered every key of the store.
    pub(super) fn resume(&self, prefix: &str, from: Option<&Cursor>) -> Result<Window, Error> {
        let Some(cursor) = from else { return Ok(Window::after(prefix, None)) };
        let (number, after) = cursor.0.strip_prefix(MARK).and_then(|rest| rest.split_once(':')).ok_or(Error::Cursor)?;
        let number: u64 = number.parse().map_err(|_| Error::Cursor)?;
        let mut kept = self.kept.lock();
        let goes_on = |window: &Window| window.after.as_deref() == Some(after) && window.prefix == prefix;
        let index = kept.iter().position(|(known, window)| *known == number && goes_on(window));
        let window = index.and_then(|index| kept.remove(index)).map(|(_, window)| window);
        Ok(window.unwrap_or_else(|| Window::after(prefix, Some(after))))
    }

    /// The first page of `window`.
    pub(super) fn page(&self, mut window: Window, keys_max: usize) -> Page {
        let mut keys = Vec::with_capacity(keys_max.min(window.keys.len()));
        while keys.len() < keys_max
            && let Some(key) = window.keys.pop_first()
        {
            keys.push(key);
        }
        let has_more = window.is_cut || !window.keys.is_empty();
        let Some(last) = keys.last().filter(|_| has_more).cloned() else { return Page { keys, next: None } };
        let number = self.last.fetch_add(1, Relaxed);
        let next = Some(Cursor(format!("{MARK}{number}:{last}")));
        if !window.keys.is_empty() {
            window.after = Some(last);
            let mut kept = self.kept.lock();
            if kept.len() >= WINDOWS_KEPT {
                kept.pop_front();
            }
            kept.push_back((number, window));
        }
        Page { keys, next }
    }
}

impl Window {
    fn after(prefix: &str, after: Option<&str>) -> Self {
        Self { prefix: prefix.to_owned(), after: after.map(str::to_owned), keys: BTreeSet::new(), bytes: 0, is_read: false, is_cut: false }
    }

    /// Whether a pass has to fill it.
    pub(super) fn is_unread(&self) -> bool {
        !self.is_read
    }

    /// Marks that the pass met every key.
    pub(super) fn finish(&mut self) {
        self.is_read = true;
    }

    /// Takes `key` if it is among the next ones. May be called more than once for a key.
    pub(super) fn offer(&mut self, key: String) {
        let is_behind = self.after.as_ref().is_some_and(|after| *after >= key);
        let is_beyond = self.is_cut && self.keys.last().is_none_or(|last| *last < key);
        if is_behind || is_beyond || !key.starts_with(&self.prefix) || key.len() > KEY_BYTES_MAX {
            return;
        }
        let bytes = key.len();
        if self.keys.insert(key) {
            self.bytes += bytes;
        }
        while self.keys.len() > WINDOW_KEYS_MAX || self.bytes > WINDOW_BYTES_MAX {
            self.bytes -= self.keys.pop_last().map_or(0, |key| key.len());
            self.is_cut = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lists `keys` to the end, and counts the passes.
    fn list(listings: &Listings, keys: &[String], keys_max: usize, forget: bool) -> (Vec<String>, usize) {
        let (mut listed, mut passes, mut from) = (Vec::new(), 0, None);
        loop {
            let mut window = listings.resume("", from.as_ref()).unwrap();
            if window.is_unread() {
                passes += 1;
                keys.iter().for_each(|key| window.offer(key.clone()));
                window.finish();
            }
            let page = listings.page(window, keys_max);
            listed.extend(page.keys);
            from = page.next;
            if from.is_none() {
                return (listed, passes);
            }
            if forget {
                listings.kept.lock().clear();
            }
        }
    }

    #[test]
    fn keys_in_any_order_are_listed_in_order_with_few_passes() {
        let listings = Listings::default();
        let mut keys: Vec<_> = (0..WINDOW_KEYS_MAX * 2 + 7).map(|number| format!("{:08x}", (number * 7_919) % 1_000_003)).collect();
        let (listed, passes) = list(&listings, &keys, 1_000, false);
        keys.sort();
        assert!(listed == keys, "{} of {} keys", listed.len(), keys.len());
        assert_eq!(passes, 3);
        assert!(listings.kept.lock().is_empty(), "nothing is kept of a listing that ended");
    }

    #[test]
    fn a_cursor_is_good_when_nothing_is_kept_for_it() {
        let keys: Vec<_> = (0..10).map(|number| format!("a:{number}")).collect();
        assert_eq!(list(&Listings::default(), &keys, 3, true), (keys.clone(), 4));
        assert_eq!(list(&Listings::default(), &keys, 3, false), (keys, 1));
    }

    #[test]
    fn windows_are_bounded() {
        let listings = Listings::default();
        let mut window = Window::after("", None);
        let long = |number: usize| format!("{number:04}{}", "x".repeat(KEY_BYTES_MAX - 4));
        (0..500).rev().for_each(|number| window.offer(long(number)));
        window.offer("y".repeat(KEY_BYTES_MAX + 1));
        assert!(window.bytes <= WINDOW_BYTES_MAX && window.is_cut);
        assert!(window.keys.contains(&long(0)));
        for _ in 0..WINDOWS_KEPT * 2 {
            let mut window = Window::after("", None);
            window.offer("a".to_owned());
            window.offer("b".to_owned());
            listings.page(window, 1);
        }
        assert_eq!(listings.kept.lock().len(), WINDOWS_KEPT);
        for made_up in ["", "0", "listed:", "listed:x:y", "after:a"] {
            assert_eq!(listings.resume("", Some(&Cursor(made_up.to_owned()))).err(), Some(Error::Cursor), "{made_up}");
        }
    }
}
