//! What an instance is rewound to, and how.

use std::collections::HashMap;
use std::ops::Range;
use std::ptr;
use std::sync::Arc;

use parking_lot::Mutex;
use wasmtime::Store;
use wasmtime::component::{ComponentExportIndex, Instance, TypedFunc, WasmList};

use super::faults::Faults;
use super::pagemap::{self, PAGE_BYTES};
use super::{BASE, RESTORE, SAVE, numbered};
use crate::{Component, Engines, InstanceState, Meter};

/// Pages of an instance whose first contents are kept, so that they are copied back instead of being mapped anew. A page that is not
/// kept costs a fault at its next use.
const KEPT_PAGES_MAX: usize = 512;

/// Pages that an instance may have written before its first invocation. They all have to be kept: the kernel maps a page anew as it was
/// before that.
const BEGUN_PAGES_MAX: usize = 4096;

/// Kept pages up to which all of them are copied back, written or not, where no other page can have been written: that takes less time
/// than to ask the kernel which were.
const COPIED_PAGES_MAX: usize = 16;

type Page = [u8; PAGE_BYTES];

/// How the instances of one component are rewound.
pub struct Rewind {
    base: ComponentExportIndex,
    saves: Vec<ComponentExportIndex>,
    restores: Vec<ComponentExportIndex>,
    /// First contents of pages, which are the same in nearly all instances.
    pages: Mutex<HashMap<usize, Arc<Page>>>,
}

/// The state of one instance right after its instantiation.
pub struct Snapshot {
    /// Where the memory begins; it does not move while it does not grow.
    base: usize,
    memory_bytes: usize,
    restores: Vec<TypedFunc<(), ()>>,
    /// First contents by number of page, in ascending order.
    kept: Vec<(usize, Arc<Page>)>,
    /// When it was last put back. Every page that was private then is among the kept ones.
    since: Option<Faults>,
    rewind: Arc<Rewind>,
}

impl std::fmt::Debug for Rewind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rewind").finish_non_exhaustive()
    }
}

impl Rewind {
    /// How to rewind instances of `component`; `None` where that cannot be done.
    #[must_use]
    pub fn of(component: &Component, engines: &Engines) -> Option<Arc<Self>> {
        let marks = component.marks()?;
        // A memory outside the pool may be moved.
        if !engines.is_pooled() || !pagemap::is_supported() {
            return None;
        }
        let compiled = component.compiled()?;
        let index = |name: &str| compiled.get_export_index(None, name);
        let all = |name: &str| (0..marks.modules).map(|number| index(&numbered(name, number))).collect::<Option<Vec<_>>>();
        Some(Arc::new(Self { base: index(BASE)?, saves: all(SAVE)?, restores: all(RESTORE)?, pages: Mutex::default() }))
    }

    /// Notes the state of `instance`, which has not been called yet. `None` when it has written too much to be put back.
    ///
    /// # Errors
    /// wasmtime's, when a function that was added does not run. The instance must then not be used again.
    pub async fn snapshot(self: &Arc<Self>, store: &mut Store<InstanceState>, instance: &Instance) -> wasmtime::Result<Option<Snapshot>> {
        let base: TypedFunc<(), (WasmList<u8>,)> = instance.get_typed_func(&mut *store, self.base)?;
        let (first,) = base.call_async(&mut *store, ()).await?;
        let shared: &Store<InstanceState> = store;
        let base = first.as_le_slice(shared).as_ptr().expose_provenance();
        for save in &self.saves {
            let save: TypedFunc<(), ()> = instance.get_typed_func(&mut *store, save)?;
            save.call_async(&mut *store, ()).await?;
        }
        let restores =
            self.restores.iter().map(|restore| instance.get_typed_func(&mut *store, restore)).collect::<wasmtime::Result<_>>()?;
        let memory_bytes = store.data().memory_bytes();
        let mut snapshot = Snapshot { base, memory_bytes, restores, kept: Vec::new(), since: None, rewind: Arc::clone(self) };
        let mut written = Vec::new();
        pagemap::each_written(snapshot.addresses(), |range| written.extend(range.step_by(PAGE_BYTES)))?;
        if written.len() > BEGUN_PAGES_MAX {
            return Ok(None);
        }
        for address in written {
            snapshot.keep(address);
        }
        Ok(Some(snapshot))
    }

    /// One copy of `contents` for all instances in which page `number` begins like this.
    fn share(&self, number: usize, contents: Page) -> Arc<Page> {
        let mut pages = self.pages.lock();
        let shared = pages.entry(number).or_insert_with(|| Arc::new(contents));
        if **shared == contents { Arc::clone(shared) } else { Arc::new(contents) }
    }
}

impl Snapshot {
    /// Puts the instance in `store` back to its beginning. False when something of its last invocation would stay: it grew, or left
    /// resources behind. The instance must then not be used again.
    ///
    /// # Errors
    /// wasmtime's or the kernel's. The instance must then not be used again.
    pub async fn rewind(&mut self, store: &mut Store<InstanceState>) -> wasmtime::Result<bool> {
        if store.data().memory_bytes() != self.memory_bytes || !store.data_mut().table().is_empty() {
            return Ok(false);
        }
        for restore in &self.restores {
            restore.call_async(&mut *store, ()).await?;
        }
        self.put_back(store.data().meter())?;
        store.data_mut().renew();
        store.set_epoch_deadline(1);
        Ok(true)
    }

    fn addresses(&self) -> Range<usize> {
        self.base..self.base.saturating_add(self.memory_bytes)
    }

    fn number(&self, address: usize) -> usize {
        address.saturating_sub(self.base) / PAGE_BYTES
    }

    fn address(&self, number: usize) -> usize {
        self.base.saturating_add(number.saturating_mul(PAGE_BYTES))
    }

    /// Puts the memory back after the invocation that `meter` measured.
    fn put_back(&mut self, meter: &Meter) -> std::io::Result<()> {
        if self.kept.len() <= COPIED_PAGES_MAX && self.since.is_some_and(|since| since.are_none_since(meter)) {
            for (number, page) in &self.kept {
                write(self.address(*number), page);
            }
            return Ok(());
        }
        self.put_back_written()?;
        self.since = Faults::here();
        Ok(())
    }

    /// Puts back the pages that the kernel says were written to.
    fn put_back_written(&mut self) -> std::io::Result<()> {
        let mut unknown = Vec::new();
        let mut kept = self.kept.iter().peekable();
        pagemap::each_written(self.addresses(), |range| {
            for address in range.step_by(PAGE_BYTES) {
                let number = self.number(address);
                while kept.next_if(|(known, _)| *known < number).is_some() {}
                match kept.next_if(|(known, _)| *known == number) {
                    Some((_, page)) => write(address, page),
                    None => unknown.push(address),
                }
            }
        })?;
        for run in unknown.chunk_by(|one, next| *one + PAGE_BYTES == *next) {
            if let Some(first) = run.first() {
                discard(*first, run.len() * PAGE_BYTES)?;
            }
        }
        let free = KEPT_PAGES_MAX.saturating_sub(self.kept.len());
        for address in unknown.into_iter().take(free) {
            self.keep(address);
        }
        Ok(())
    }

    /// Keeps the page at `address`, which is as it was at the beginning.
    fn keep(&mut self, address: usize) {
        let number = self.number(address);
        if let Err(place) = self.kept.binary_search_by_key(&number, |(known, _)| *known) {
            let page = self.rewind.share(number, read(address));
            self.kept.insert(place, (number, page));
        }
    }
}

// The addresses below were found by the kernel within the memory of an instance whose store is borrowed for as long as they are used;
// the memory has not shrunk since, as none does. No guest runs then, and Rust holds no reference into that memory; its provenance was exposed when the snapshot was taken.

fn read(address: usize) -> Page {
    let mut page = [0; PAGE_BYTES];
    #[expect(unsafe_code, reason = "guest memory is reached by address")]
    // SAFETY: see above; a whole page of the memory begins at `address`.
    unsafe {
        ptr::copy_nonoverlapping(ptr::with_exposed_provenance::<u8>(address), page.as_mut_ptr(), PAGE_BYTES);
    }
    page
}

fn write(address: usize, page: &Page) {
    #[expect(unsafe_code, reason = "guest memory is reached by address")]
    // SAFETY: see above; a whole page of the memory begins at `address`, which was written to at some time, so it is writable.
    unsafe {
        ptr::copy_nonoverlapping(page.as_ptr(), ptr::with_exposed_provenance_mut::<u8>(address), PAGE_BYTES);
    }
}

/// Lets the kernel map the pages anew: from the file of the component's memory, or as zeros.
fn discard(address: usize, bytes: usize) -> std::io::Result<()> {
    #[expect(unsafe_code, reason = "guest memory is reached by address")]
    // SAFETY: see above; the range lies within the memory, which is a private mapping whose pages read as at its beginning afterwards.
    unsafe {
        rustix::mm::madvise(ptr::with_exposed_provenance_mut(address), bytes, rustix::mm::Advice::LinuxDontNeed)?;
    }
    Ok(())
}
