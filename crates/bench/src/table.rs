//! Rows of text under a head, as Markdown has them: for the terminal and for the page.

use std::fmt;

/// A table; all columns but the first `left` are set to the right.
#[derive(Debug)]
pub(crate) struct Table {
    left: usize,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(left: usize, head: Vec<String>) -> Self {
        Self { left, rows: vec![head] }
    }

    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0);
        let widths: Vec<_> = (0..columns).map(|column| width(column).max(3)).collect();
        for (index, row) in self.rows.iter().enumerate() {
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                if column < self.left { write!(f, "| {cell:<width$} ")? } else { write!(f, "| {cell:>width$} ")? }
            }
            writeln!(f, "|")?;
            if index == 0 {
                for (column, width) in widths.iter().enumerate() {
                    if column < self.left { write!(f, "|{:-<1$}", "", width + 2)? } else { write!(f, "|{:-<1$}:", "", width + 1)? }
                }
                writeln!(f, "|")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(1, vec!["server".to_owned(), "req/s".to_owned()]);
        table.row(vec!["coracle".to_owned(), "1".to_owned()]);
        assert_eq!(table.to_string(), "| server  | req/s |\n|---------|------:|\n| coracle |     1 |\n");
    }
}
