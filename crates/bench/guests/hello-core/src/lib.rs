//! The greeting as a core module without imports, for hosts that know no components: the host writes the path, calls, and reads the text.

use std::cell::RefCell;

thread_local! {
    static PATH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static TEXT: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Makes room for a path of `length` bytes; where it goes.
#[unsafe(no_mangle)]
pub extern "C" fn reserve(length: usize) -> *mut u8 {
    PATH.with_borrow_mut(|path| {
        path.resize(length, 0);
        path.as_mut_ptr()
    })
}

/// Greets the path that was written; the length of the text.
#[unsafe(no_mangle)]
pub extern "C" fn hello() -> usize {
    let text = PATH.with_borrow(|path| format!("hello from {}\n", String::from_utf8_lossy(path)));
    TEXT.with_borrow_mut(|place| {
        *place = text;
        place.len()
    })
}

/// Where the text is.
#[unsafe(no_mangle)]
pub extern "C" fn text() -> *const u8 {
    TEXT.with_borrow(|text| text.as_ptr())
}
