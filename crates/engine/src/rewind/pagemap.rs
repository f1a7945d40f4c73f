//! Which pages of a range of memory were written to, from Linux's page map (`PAGEMAP_SCAN`, since 6.7).

use std::ffi::c_void;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::OnceLock;

use rustix::ioctl::{Ioctl, IoctlOutput, Opcode, ioctl, opcode};

/// What the scan works on.
pub(super) const PAGE_BYTES: usize = 4096;

/// Ranges that one call may find; more take further calls.
const RANGES_MAX: usize = 64;

/// Categories of `linux/fs.h`.
const FILE: u64 = 1 << 2;
const PRESENT: u64 = 1 << 3;
const SWAPPED: u64 = 1 << 4;
const ZERO: u64 = 1 << 5;

/// `struct pm_scan_arg`.
#[repr(C)]
#[derive(Debug, Default)]
struct Scan {
    size: u64,
    flags: u64,
    start: u64,
    end: u64,
    walk_end: u64,
    vec: u64,
    vec_len: u64,
    pages_max: u64,
    category_inverted: u64,
    category_mask: u64,
    category_anyof_mask: u64,
    return_mask: u64,
}

/// `struct page_region`.
#[repr(C)]
#[derive(Debug, Default, Clone, Copy)]
struct Region {
    start: u64,
    end: u64,
    categories: u64,
}

/// Whether this kernel can scan.
pub(super) fn is_supported() -> bool {
    static SUPPORTED: OnceLock<bool> = OnceLock::new();
    // On x86-64 pages have one size, and asking rustix for it ends a process under valgrind, with which CI counts instructions.
    let is_page_size = || cfg!(target_arch = "x86_64") || rustix::param::page_size() == PAGE_BYTES;
    *SUPPORTED.get_or_init(|| is_page_size() && each_written(0..0, |_| {}).is_ok())
}

/// Calls `found` with each range of addresses within `addresses` whose pages are private copies: those that were written to since they
/// were mapped, also where they were swapped out meanwhile.
pub(super) fn each_written(addresses: Range<usize>, mut found: impl FnMut(Range<usize>)) -> io::Result<()> {
    let map = map()?;
    let (mut start, end) = (addresses.start as u64, addresses.end as u64);
    let mut regions = [Region::default(); RANGES_MAX];
    loop {
        let mut scan = Scan {
            size: size_of::<Scan>() as u64,
            start,
            end,
            vec: regions.as_mut_ptr().addr() as u64,
            vec_len: RANGES_MAX as u64,
            // Backed by neither the file that the memory began as nor the page of zeros…
            category_inverted: FILE | ZERO,
            category_mask: FILE | ZERO,
            // …and somewhere.
            category_anyof_mask: PRESENT | SWAPPED,
            ..Scan::default()
        };
        #[allow(unsafe_code, reason = "an ioctl is unsafe by nature")]
        // SAFETY: `Scan` is the structure that this request works on, its `vec` has room for `vec_len` regions and outlives the call, and
        // the kernel only looks at the pages.
        let count = unsafe { ioctl(map, Request(&mut scan)) }?;
        for region in regions.iter().take(count) {
            found(address(region.start)..address(region.end));
        }
        if scan.walk_end >= end || scan.walk_end <= start {
            return Ok(());
        }
        start = scan.walk_end;
    }
}

fn address(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

/// The page map of this process. It is never inherited: compilers are programs of their own.
fn map() -> io::Result<&'static File> {
    static MAP: OnceLock<Option<File>> = OnceLock::new();
    MAP.get_or_init(|| File::open("/proc/self/pagemap").ok()).as_ref().ok_or_else(|| io::ErrorKind::Unsupported.into())
}

struct Request<'a>(&'a mut Scan);

#[allow(unsafe_code, reason = "implementing a request is unsafe by nature")]
// SAFETY: the opcode is that of `PAGEMAP_SCAN`, which reads and writes one `Scan` and answers how many regions it found.
unsafe impl Ioctl for Request<'_> {
    type Output = usize;

    const IS_MUTATING: bool = true;

    fn opcode(&self) -> Opcode {
        opcode::read_write::<Scan>(b'f', 16)
    }

    fn as_ptr(&mut self) -> *mut c_void {
        std::ptr::from_mut(self.0).cast()
    }

    unsafe fn output_from_ptr(output: IoctlOutput, _: *mut c_void) -> rustix::io::Result<Self::Output> {
        usize::try_from(output).map_err(|_| rustix::io::Errno::INVAL)
    }
}
