//! Tables that can be read as they are: Markdown, with their columns aligned.

use std::fmt;

/// The head of a column of cells that say what the engine does, and behind the arrow what the caller sees: of a fault that
/// strikes once.
pub(super) const ONCE: &str = "once: does → caller sees";
/// The same, of a fault that strikes always.
pub(super) const ALWAYS: &str = "always: does → caller sees";
/// The same, of what happens as it does.
pub(super) const DOES: &str = "does → caller sees";
/// The head of a column of what was sent a second time.
pub(super) const AGAIN: &str = "bytes again";

/// A table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Table {
    pub head: &'static [&'static str],
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// Without a row.
    pub(super) const fn new(head: &'static [&'static str]) -> Self {
        Self { head, rows: Vec::new() }
    }

    /// With the rows as one that differ in this column only, and have the same first cell.
    #[must_use]
    pub(super) fn merged(&self, column: usize) -> Self {
        let mut rows: Vec<Vec<String>> = Vec::new();
        for row in &self.rows {
            let same =
                |there: &&mut Vec<String>| (0..row.len()).all(|n| n == column || there.get(n) == row.get(n));
            match (rows.iter_mut().find(same), row.get(column)) {
                (Some(there), Some(cell)) => there[column] = format!("{}, {cell}", there[column]),
                (Some(_) | None, _) => rows.push(row.clone()),
            }
        }
        Self { head: self.head, rows }
    }

    /// The rows that the other table does not have.
    #[must_use]
    pub(super) fn beyond(&self, other: &Self) -> Self {
        let rows = self.rows.iter().filter(|row| !other.rows.contains(row)).cloned().collect();
        Self { head: self.head, rows }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
            cells.chain([self.head[column].chars().count()]).max().unwrap_or_default()
        };
        let widths: Vec<_> = (0..self.head.len()).map(width).collect();
        let line = |f: &mut fmt::Formatter<'_>, cells: &mut dyn Iterator<Item = &str>| {
            for (cell, width) in cells.zip(&widths) {
                write!(f, "| {cell:<width$} ")?;
            }
            writeln!(f, "|")
        };
        line(f, &mut self.head.iter().copied())?;
        for width in &widths {
            write!(f, "|{}", "-".repeat(width + 2))?;
        }
        writeln!(f, "|")?;
        for row in &self.rows {
            line(f, &mut row.iter().map(String::as_str))?;
        }
        Ok(())
    }
}

/// Joins names to lines of at most so many characters.
pub(super) fn lines<'a>(names: impl IntoIterator<Item = &'a str>, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for name in names {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 2 + name.chars().count() <= most => {
                line.push_str(", ");
                line.push_str(name);
            }
            _ => lines.push(name.into()),
        }
    }
    lines
}
