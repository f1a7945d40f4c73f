//! Binaries made to break who reads them. Each costs an error, or a child within its bounds; the process that asked goes on.

use std::time::Duration;

use coracle_engine::{CompileBounds, CompileError, LoadError, Loader, ModuleError};
use coracle_testkit::fixture;

use crate::support::{ANSWER, child, engines, load, wat};

/// A loader whose children may take little.
fn loader() -> Loader {
    let bounds = CompileBounds { wall: Duration::from_secs(2), memory_bytes: 384 << 20, ..CompileBounds::default() };
    Loader::new(engines(), None, child()).with_bounds(bounds)
}

/// What may become of a binary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It is not valid, or of no use.
    Refused,
    /// Its child met a bound.
    Bounded,
    /// It loads: it is large, and sound.
    Loaded,
}

#[track_caller]
fn check(name: &str, bytes: &[u8], fates: &[Fate]) {
    let loader = loader();
    let (fate, text) = match load(&loader, bytes) {
        Ok(_) => (Fate::Loaded, String::new()),
        Err(LoadError::Compile(error @ (CompileError::Wall { .. } | CompileError::Memory { .. }))) => (Fate::Bounded, error.to_string()),
        Err(LoadError::Compile(error @ CompileError::Crashed { .. })) => panic!("{name}: {error}"),
        Err(error) => (Fate::Refused, error.to_string()),
    };
    assert!(fates.contains(&fate), "{name}: {fate:?} {text}");
    assert!(text.len() < 2_000, "{name}: a message of {} bytes", text.len());
    load(&loader, &wat(ANSWER)).unwrap();
}

/// `count` bytes that are different each and the same in each run.
fn noise(count: usize) -> impl Iterator<Item = u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    })
    .take(count)
}

/// A section of a module or component.
fn section(id: u8, content: &[u8]) -> Vec<u8> {
    let mut length = content.len();
    let mut bytes = vec![id];
    while length >= 0x80 {
        bytes.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
    bytes.extend_from_slice(content);
    bytes
}

const MODULE: &[u8] = b"\0asm\x01\0\0\0";
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
/// The section of a component within a component.
const NESTED: u8 = 4;
const CUSTOM: u8 = 0;

#[test]
fn what_is_no_binary_is_refused() {
    use Fate::Refused;

    check("nothing", b"", &[Refused]);
    check("half a header", b"\0asm\x01", &[Refused]);
    check("a header of another version", b"\0asm\xff\0\0\0", &[Refused]);
    for start in [MODULE, COMPONENT] {
        let garbage: Vec<_> = start.iter().copied().chain(noise((64 << 20) - start.len())).collect();
        check("64 MiB of noise", &garbage, &[Refused]);
        check("more than 64 MiB", &[garbage.as_slice(), b"!"].concat(), &[Refused]);
    }
    let zeros = [MODULE, &[0; 1 << 20]].concat();
    check("a MiB of zeros", &zeros, &[Refused]);
    for (name, count) in [("types", 1), ("imports", 2), ("functions", 3), ("globals", 6), ("exports", 7), ("elements", 9), ("code", 10)] {
        let bytes = [MODULE, &section(count, &[0xff, 0xff, 0xff, 0xff, 0x0f])].concat();
        check(&format!("four billion {name}"), &bytes, &[Refused]);
    }
    check("a section that is longer than the file", &[MODULE, &[1, 0xff, 0xff, 0xff, 0xff, 0x0f]].concat(), &[Refused]);
}

#[test]
fn a_binary_that_was_cut_or_changed_does_no_harm() {
    let good = fixture("wasip2-hello").unwrap();
    for cut in (1..good.len()).step_by(good.len() / 40) {
        check(&format!("cut at {cut}"), &good[..cut], &[Fate::Refused]);
    }
    for at in (8..good.len()).step_by(good.len() / 25) {
        let mut changed = good.clone();
        changed[at] ^= 0x55;
        check(&format!("changed at {at}"), &changed, &[Fate::Refused, Fate::Bounded, Fate::Loaded]);
    }
}

#[test]
fn what_is_small_and_grows_stays_within_bounds() {
    use Fate::{Bounded, Loaded, Refused};

    let component = |fields: &str| wat(&format!("(component {fields})"));
    let module = |fields: &str| component(&format!("(core module {fields})"));
    let chain = |count: usize| (1..count).map(|number| format!("(type $t{number} (list $t{}))", number - 1)).collect::<String>();
    check("functions", &module(&"(func)".repeat(200_000)), &[Bounded, Loaded]);
    check("more functions than there may be", &module(&"(func)".repeat(1_000_001)), &[Refused]);
    check("locals", &module(&format!("(func (local {}))", "i64 ".repeat(49_999)).repeat(20)), &[Bounded, Loaded]);
    check("blocks in blocks", &module(&format!("(func {}{})", "block ".repeat(50_000), "end ".repeat(50_000))), &[Bounded, Loaded]);
    let targets = "0 ".repeat(60_000);
    check("a table of branches", &module(&format!("(func (param i32) (br_table {targets} (local.get 0)))").repeat(20)), &[Bounded, Loaded]);
    check("types in types", &component(&format!("(type $t0 (list u8)) {}", chain(10_000))), &[Refused]);
    let doubled: String = (1..40).map(|number| format!("(type $t{number} (tuple $t{0} $t{0}))", number - 1)).collect();
    check("a type that doubles", &component(&format!("(type $t0 (tuple u64 u64)) {doubled}")), &[Refused]);
    let nested = (0..10_000).fold(COMPONENT.to_vec(), |inner, _| [COMPONENT, &section(NESTED, &inner)].concat());
    check("components in components", &nested, &[Refused, Bounded, Loaded]);
    check("a memory of 4 GiB with its last byte set", &module(r#"(memory 65536) (data (i32.const 4294967295) "x")"#), &[Loaded]);
    check("a table of nine million", &module("(table 9000000 funcref) (func $f) (elem (i32.const 8999999) $f)"), &[Loaded]);
    let exports: String = (0..50_000).map(|number| format!(r#"(func (export "{number:0100}"))"#)).collect();
    let imports: String = (0..200_000).map(|number| format!(r#"(import "{number}" "f" (func))"#)).collect();
    check("imports from everywhere", &wat(&format!("(module {imports})")), &[Refused]);
    let instances: String = (0..30_000).map(|number| format!(r#"(import "a:b/i{number:0100}" (instance))"#)).collect();
    check("more names than an artifact describes", &component(&instances), &[Refused]);
    check("long names", &wat(&format!("(module {exports})")), &[Refused]);
}

#[test]
fn a_component_type_that_a_stranger_wrote_is_read_in_a_child() {
    let lie = |content: &[u8]| {
        let mut module = wat(r#"(module (memory (export "memory") 1) (func (export "run") (result i32) (i32.const 7)))"#);
        let name = b"component-type:lie";
        let custom = [&[name.len() as u8], name.as_slice(), content].concat();
        module.extend_from_slice(&section(CUSTOM, &custom));
        module
    };
    let cases: [(&str, Vec<u8>); 4] = [
        ("nothing", Vec::new()),
        ("noise", noise(1 << 16).collect()),
        ("an empty component", wat("(component)")),
        ("a component that is cut", wat(ANSWER)[..40].to_vec()),
    ];
    for (name, content) in cases {
        let error = load(&loader(), &lie(&content)).unwrap_err();
        assert!(matches!(error, LoadError::Module(ModuleError::Encode(_))), "{name}: {error:?}");
    }
}
