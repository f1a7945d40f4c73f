//! Horizontal bars as SVG, readable on light and dark pages. Each bar has a line from the least to the greatest run.

use std::fmt::Write as _;

use crate::stats::show;

/// One bar.
#[derive(Debug)]
pub(super) struct Bar {
    pub(super) label: String,
    pub(super) value: f64,
    pub(super) least: f64,
    pub(super) greatest: f64,
    pub(super) is_ours: bool,
}

const WIDTH: f64 = 760.0;
const LABELS_WIDTH: f64 = 270.0;
/// Room for the figure behind the longest bar.
const FIGURES_WIDTH: f64 = 70.0;
const HEAD_HEIGHT: f64 = 56.0;
const ROW_HEIGHT: f64 = 26.0;
const BAR_HEIGHT: f64 = 16.0;
const FOOT_HEIGHT: f64 = 12.0;

const STYLE: &str = "\
text{font:13px system-ui,sans-serif;fill:#1f2328}\
.title{font-weight:600;font-size:15px}\
.unit,.label{fill:#59636e}\
.ours{fill:#0a7c70}.others{fill:#9aa4b2}\
.range{stroke:#1f2328;stroke-width:1.2}\
@media (prefers-color-scheme:dark){\
text{fill:#f0f6fc}.unit,.label{fill:#9198a1}.ours{fill:#2dd4bf}.others{fill:#656e7b}.range{stroke:#f0f6fc}}";

/// A plot of `bars` under `title`; `unit` says what is measured.
pub(super) fn bars(title: &str, unit: &str, bars: &[Bar]) -> String {
    let height = HEAD_HEIGHT + ROW_HEIGHT * bars.len() as f64 + FOOT_HEIGHT;
    let longest = bars.iter().map(|bar| bar.greatest.max(bar.value)).fold(f64::MIN_POSITIVE, f64::max);
    let scale = (WIDTH - LABELS_WIDTH - FIGURES_WIDTH) / longest;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH:.0} {height:.0}\" width=\"{WIDTH:.0}\" height=\"{height:.0}\" \
         role=\"img\" aria-label=\"{0}\">\n<style>{STYLE}</style>\n\
         <text class=\"title\" x=\"0\" y=\"18\">{0}</text>\n<text class=\"unit\" x=\"0\" y=\"38\">{1}</text>\n",
        escaped(title),
        escaped(unit)
    );
    for (index, bar) in bars.iter().enumerate() {
        row(&mut svg, bar, HEAD_HEIGHT + ROW_HEIGHT * index as f64, scale);
    }
    svg.push_str("</svg>\n");
    svg
}

fn row(svg: &mut String, bar: &Bar, top: f64, scale: f64) {
    let (middle, text) = (top + BAR_HEIGHT / 2.0, top + BAR_HEIGHT - 3.5);
    let class = if bar.is_ours { "ours" } else { "others" };
    let (from, to) = (LABELS_WIDTH + bar.least * scale, LABELS_WIDTH + bar.greatest * scale);
    let end = (LABELS_WIDTH + bar.value * scale).max(to);
    // Writing to a string cannot fail.
    let _ = writeln!(
        svg,
        "<text class=\"label\" x=\"{:.0}\" y=\"{text:.1}\" text-anchor=\"end\">{}</text>",
        LABELS_WIDTH - 8.0,
        escaped(&bar.label)
    );
    let _ = writeln!(
        svg,
        "<rect class=\"{class}\" x=\"{LABELS_WIDTH:.0}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{BAR_HEIGHT:.0}\" rx=\"2\"/>",
        (bar.value * scale).max(1.0)
    );
    let _ = writeln!(svg, "<line class=\"range\" x1=\"{from:.1}\" x2=\"{to:.1}\" y1=\"{middle:.1}\" y2=\"{middle:.1}\"/>");
    let _ = writeln!(svg, "<text x=\"{:.1}\" y=\"{text:.1}\">{}</text>", end + 6.0, show(bar.value));
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_bar_fills_the_room_and_text_is_escaped() {
        let bar = |label: &str, value| Bar { label: label.to_owned(), value, least: value, greatest: value, is_ours: false };
        let svg = bars("a < b", "ms", &[bar("one & two", 5.0), bar("three", 10.0)]);
        assert!(svg.contains("a &lt; b") && svg.contains("one &amp; two"), "{svg}");
        assert!(svg.contains("width=\"210.0\"") && svg.contains("width=\"420.0\""), "{svg}");
        assert!(svg.ends_with("</svg>\n"));
    }
}
