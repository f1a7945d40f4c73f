//! Everything that the program prints. Results go to standard output, notes and errors to standard error; colours and progress only
//! to a terminal, and not where `NO_COLOR` is set. A reader that went away is no error.

use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::time::Duration;

use coracle_base::clock;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::environment::Environment;
use crate::logs::timestamp;

/// How often a spinner turns.
const SPIN: Duration = Duration::from_millis(100);

/// Where a command prints.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Output {
    colored_out: bool,
    colored_err: bool,
    shows_progress: bool,
    /// Whether standard error has an object in each line.
    json: bool,
}

/// The colours and weights that are used.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Style {
    /// What matters.
    Bold,
    /// What can be passed over.
    Dim,
    /// Errors.
    Red,
    /// Warnings.
    Yellow,
    /// What can be typed, names.
    Cyan,
}

/// Rows in columns of equal width.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

/// Something that takes a while; its line vanishes when dropped.
#[derive(Debug)]
pub(crate) struct Progress(Option<ProgressBar>);

impl Output {
    /// Finds out what standard output and error are.
    pub(crate) fn new(environment: &Environment) -> Self {
        let colors = environment.get("NO_COLOR").is_none() && environment.get("TERM") != Some("dumb");
        let (out, err) = (std::io::stdout().is_terminal(), std::io::stderr().is_terminal());
        Self {
            colored_out: colors && out,
            colored_err: colors && err,
            shows_progress: err && environment.get("TERM") != Some("dumb"),
            json: false,
        }
    }

    /// The same place, where everything on standard error is an object in each line.
    #[must_use]
    pub(crate) fn with_json_lines(self) -> Self {
        Self { colored_err: false, shows_progress: false, json: true, ..self }
    }

    /// Whether log lines on standard error may have colours.
    pub(crate) fn colors_logs(self) -> bool {
        self.colored_err
    }

    /// A line of the result.
    pub(crate) fn line(self, text: impl Display) {
        print(&mut std::io::stdout().lock(), format_args!("{text}\n"));
    }

    /// The result as it is, without a line's end.
    pub(crate) fn text(self, text: impl Display) {
        print(&mut std::io::stdout().lock(), format_args!("{text}"));
    }

    /// A result for programs.
    pub(crate) fn json(self, value: &serde_json::Value) {
        self.line(format_args!("{value:#}"));
    }

    /// A table as the result.
    pub(crate) fn table(self, table: &Table) {
        self.text(table.render(|text, style| paint(self.colored_out, text, style)));
    }

    /// `text` in a style, where standard output can show it.
    pub(crate) fn style(self, text: impl Display, style: Style) -> String {
        paint(self.colored_out, &text.to_string(), style)
    }

    /// Something that is good to know.
    pub(crate) fn note(self, text: impl Display) {
        self.tell("INFO", "message", &text, |text| paint(self.colored_err, text, Style::Dim));
    }

    /// Something that is allowed and probably not meant.
    pub(crate) fn warning(self, text: impl Display) {
        self.tell("WARN", "message", &text, |text| format!("{} {text}", paint(self.colored_err, "warning:", Style::Yellow)));
    }

    /// Why it does not go on.
    pub(crate) fn error(self, text: impl Display) {
        self.tell("ERROR", "message", &text, |text| format!("{} {text}", paint(self.colored_err, "error:", Style::Red)));
    }

    /// The way out of an error.
    pub(crate) fn help(self, text: impl Display) {
        self.tell("ERROR", "help", &text, |text| format!("  {} {text}", paint(self.colored_err, "help:", Style::Cyan)));
    }

    /// A line on standard error, as `plain` shows it or as an object.
    fn tell(self, level: &str, field: &str, text: &dyn Display, plain: impl FnOnce(&str) -> String) {
        let text = text.to_string();
        let line = if self.json {
            json!({ "timestamp": timestamp(clock::unix_ms()), "level": level, field: text }).to_string()
        } else {
            plain(&text)
        };
        print(&mut std::io::stderr().lock(), format_args!("{line}\n"));
    }

    /// Empties the terminal.
    pub(crate) fn clear(self) {
        if self.colored_err {
            print(&mut std::io::stderr().lock(), format_args!("\x1b[2J\x1b[3J\x1b[H"));
        }
    }

    /// Shows that `what` is being done.
    pub(crate) fn progress(self, what: impl Display) -> Progress {
        if !self.shows_progress {
            return Progress(None);
        }
        let bar = ProgressBar::new_spinner().with_message(what.to_string());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(SPIN);
        Progress(Some(bar))
    }
}

impl Progress {
    /// Shows what is being done now.
    pub(crate) fn set(&self, what: impl Display) {
        if let Some(bar) = &self.0 {
            bar.set_message(what.to_string());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

impl Table {
    /// A table whose first row names its columns.
    pub(crate) fn new(heads: &[&str]) -> Self {
        Self { rows: vec![heads.iter().map(|head| (*head).to_owned()).collect()] }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = impl Into<String>>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// Whether there is nothing below the heads.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.len() <= 1
    }

    fn render(&self, paint: impl Fn(&str, Style) -> String) -> String {
        let mut widths: Vec<usize> = Vec::new();
        for row in &self.rows {
            for (index, cell) in row.iter().enumerate() {
                let width = cell.chars().count();
                match widths.get_mut(index) {
                    Some(known) => *known = width.max(*known),
                    None => widths.push(width),
                }
            }
        }
        let mut text = String::new();
        for (number, row) in self.rows.iter().enumerate() {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                line.push_str(&format!("{cell:<width$}  "));
            }
            let line = line.trim_end();
            text.push_str(&if number == 0 { paint(line, Style::Bold) } else { line.to_owned() });
            text.push('\n');
        }
        text
    }
}

fn paint(colored: bool, text: &str, style: Style) -> String {
    if !colored {
        return text.to_owned();
    }
    let code = match style {
        Style::Bold => "1",
        Style::Dim => "2",
        Style::Red => "1;31",
        Style::Yellow => "1;33",
        Style::Cyan => "36",
    };
    format!("\x1b[{code}m{text}\x1b[0m")
}

/// A pipe whose reader has gone away ends what is printed, not the program: it may be serving.
fn print(to: &mut impl Write, text: std::fmt::Arguments<'_>) {
    if to.write_fmt(text).is_ok() {
        let _ = to.flush();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(&["name", "what"]);
        table.row(["a", "first"]);
        table.row(["longer", ""]);
        assert_eq!(table.render(|text, _| text.to_owned()), "name    what\na       first\nlonger\n");
    }

    #[test]
    fn nothing_is_coloured_unless_asked_for() {
        assert_eq!(paint(false, "x", Style::Red), "x");
        assert_eq!(paint(true, "x", Style::Red), "\x1b[1;31mx\x1b[0m");
    }
}
