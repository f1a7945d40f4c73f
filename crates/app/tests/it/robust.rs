//! Whatever text comes in, an application or a list of problems with places inside the text comes out.

use coracle_app::{Format, load};
use proptest::prelude::*;

const MANIFESTS: [&str; 5] = [
    include_str!("manifests/maximal_v1.toml"),
    include_str!("manifests/maximal_v2.toml"),
    include_str!("manifests/maximal_coracle.toml"),
    include_str!("manifests/wadm.yaml"),
    include_str!("manifests/workload.yaml"),
];

/// Text that stands where it should not.
const SCRAPS: [&str; 24] = [
    "\"",
    "'",
    "[",
    "]",
    "{",
    "}",
    "=",
    ".",
    ",",
    "\n",
    "0",
    "-1",
    "true",
    "nan",
    "{{",
    "}}",
    ":",
    "/...",
    "é",
    "\u{0}",
    "\"\"\"",
    "[[x]]\n",
    "2020-01-01",
    "99999999999999999999",
];

fn check(text: &str) -> Result<(), TestCaseError> {
    for (file, format) in [("spin.toml", None), ("coracle.toml", None), ("x", Some(Format::SpinV1)), ("x", Some(Format::Bare))] {
        for profile in [None, Some("debug")] {
            let Err(errors) = load(text, file, format, profile) else { continue };
            prop_assert!(!errors.problems.is_empty());
            for problem in &errors.problems {
                prop_assert!(problem.place.line >= 1 && problem.place.column >= 1);
                prop_assert!(problem.place.line <= text.matches('\n').count() + 1, "{problem}");
                prop_assert!(!problem.message.is_empty());
            }
        }
    }
    Ok(())
}

/// The boundary at or before an offset.
fn boundary(text: &str, offset: usize) -> usize {
    (0..=offset.min(text.len())).rev().find(|offset| text.is_char_boundary(*offset)).unwrap_or(0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC*") {
        check(&text)?;
    }

    #[test]
    fn any_scraps_are_read_or_refused(scraps in prop::collection::vec(prop::sample::select(SCRAPS.to_vec()), 0..60)) {
        check(&scraps.concat())?;
    }

    #[test]
    fn a_damaged_manifest_is_read_or_refused(
        manifest in prop::sample::select(MANIFESTS.to_vec()),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..12, prop::sample::select(SCRAPS.to_vec())), 1..4),
    ) {
        let mut text = manifest.to_owned();
        for (place, removed, scrap) in edits {
            let start = boundary(&text, place.index(text.len() + 1));
            let end = boundary(&text, start + removed);
            text.replace_range(start..end, scrap);
        }
        check(&text)?;
    }

    #[test]
    fn a_manifest_without_one_of_its_lines_is_read_or_refused(
        manifest in prop::sample::select(MANIFESTS.to_vec()),
        removed in any::<prop::sample::Index>(),
        doubled in any::<prop::sample::Index>(),
    ) {
        let mut lines: Vec<&str> = manifest.lines().collect();
        lines.remove(removed.index(lines.len()));
        lines.insert(doubled.index(lines.len()), lines[doubled.index(lines.len())]);
        check(&lines.join("\n"))?;
    }

    #[test]
    fn a_wrong_value_for_any_key_is_read_or_refused(
        manifest in prop::sample::select(MANIFESTS.to_vec()),
        line in any::<prop::sample::Index>(),
        value in prop::sample::select(vec!["7", "-1", "\"x\"", "[]", "[1]", "{}", "{ a = 1 }", "true", "1.5", "2020-01-01", "\"{{ x }}\"", "\"\""]),
    ) {
        let mut lines: Vec<String> = manifest.lines().map(str::to_owned).collect();
        let line = line.index(lines.len());
        if let Some((key, _)) = lines[line].split_once(" = ") {
            lines[line] = format!("{key} = {value}");
        }
        check(&lines.join("\n"))?;
    }
}

#[test]
fn deep_nesting_is_refused_not_followed() {
    let arrays = format!("a = {}{}", "[".repeat(100_000), "]".repeat(100_000));
    let tables = format!("a = {}1{}", "{a=".repeat(100_000), "}".repeat(100_000));
    let dotted = format!("{}a = 1", "a.".repeat(100_000));
    let header = format!("[{}a]", "a.".repeat(100_000));
    let mixed = format!("a = {}", format!("{{ {}a = [", "a.".repeat(70)).repeat(70));
    for text in [arrays, tables, dotted, header, mixed] {
        assert!(load(&text, "coracle.toml", None, None).is_err());
    }
}

#[test]
fn a_manifest_at_the_limit_is_read_in_reasonable_time() {
    let mut text = "application.name = 'big'\n".to_owned();
    for index in 0..900 {
        text.push_str(&format!("[[trigger.http]]\nroute = '/r{index}/:a/...'\ncomponent = 'c{index}'\n[component.c{index}]\nsource = 'a.wasm'\nenvironment = {{ A = '{}' }}\n", "x".repeat(900)));
    }
    let app = load(&text, "coracle.toml", None, None).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(app.components.len(), 900);
    assert_eq!(app.triggers.len(), 900);
}
