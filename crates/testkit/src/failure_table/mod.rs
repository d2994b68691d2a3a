//! The failure table: what goes wrong, and where → what the engine does → what the caller sees → what is sent again.
//!
//! [`page`] makes `docs/failures.md`. Nothing in its tables is written by hand: each cell is what was seen of simulated
//! uploads with one kind of fault at one place, once or always. So it says what the engine does, and not what somebody
//! believed that it would; a test compares the page with the file, so that a change of the engine's is seen there.
//!
//! Every run is checked by the [invariants](crate::invariants) and by the [simulation]'s own judgement of the end: an end of which
//! the page says "kept" was resumed, with all well again, and came to a good end.
//!
//! [simulation]: crate::simulation

mod deed;
mod family;
mod prose;
mod reading;
mod scene;
mod strike;
mod table;
mod words;

use std::fmt::Write as _;

use self::family::{Ends, Family, family};
use self::table::Table;
use crate::invariants::Breach;
use crate::model::Model;
use crate::scenario::Scenario;

/// Why the page can't be made.
#[derive(Clone, Debug)]
pub enum Unfit {
    /// A run was not as it must be.
    Breach {
        /// What did not hold.
        breach: Breach,
        /// The run.
        scenario: Box<Scenario>,
    },
    /// The prose speaks of a row that is not there.
    NoSuchRow(String),
}

impl std::fmt::Display for Unfit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Breach { breach, scenario } => write!(f, "{breach}, in {scenario:#?}"),
            Self::NoSuchRow(row) => write!(f, "there is no row {row:?}"),
        }
    }
}

impl std::error::Error for Unfit {}

/// Where the page is kept, from the workspace's root.
pub const PATH: &str = "docs/failures.md";

/// The command that renews it.
pub const COMMAND: &str = "cargo run -p chunkwise-testkit --bin failures > docs/failures.md";

/// A part of the page: a kind of server, and those that are like it but for a few rows.
struct Chapter {
    /// How its headings begin.
    name: &'static str,
    model: Model,
    about: &'static str,
    variants: &'static [(&'static str, Model, &'static str)],
}

/// The page, as it must be.
///
/// # Errors
///
/// [`Unfit`] if a run breaks an invariant, or a cell can't be told.
pub fn page() -> Result<String, Unfit> {
    let mut ends = Ends::default();
    let mut chapters = Vec::new();
    for chapter in &prose::CHAPTERS {
        chapters.push((chapter, family(chapter.model, &mut ends)?));
    }
    let mut page = prose::beginning();
    page += &prose::questions(&chapters)?;
    for (chapter, made) in &chapters {
        page += &told(chapter, made);
        for (name, model, about) in chapter.variants {
            page += &differing(name, about, made, &family(*model, &mut ends)?);
        }
    }
    page += &prose::ends(&ends);
    Ok(page)
}

/// Where the file is, for whoever runs this from a checkout.
pub fn file() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(PATH)
}

/// The lines in which two pages differ, `-` for those of the first and `+` for those of the second.
pub fn difference(kept: &str, made: &str) -> String {
    let (kept, made): (Vec<_>, Vec<_>) = (kept.lines().collect(), made.lines().collect());
    let gone = kept.iter().filter(|line| !made.contains(line)).map(|line| format!("- {line}"));
    let new = made.iter().filter(|line| !kept.contains(line)).map(|line| format!("+ {line}"));
    let lines: Vec<_> = gone.chain(new).collect();
    match lines.is_empty() && kept != made {
        true => "the same lines, in another order or number".into(),
        false => lines.join("\n"),
    }
}

/// The heading of a section.
fn heading(name: &str, section: &str) -> String {
    format!("{name}: {section}")
}

/// A chapter with its tables.
type Made<'a> = (&'a Chapter, Family);

/// A section of a chapter.
struct Section<'a> {
    name: String,
    note: Option<&'static str>,
    table: &'a Table,
    /// The column whose cells are told together where all others are the same.
    together: Option<usize>,
}

impl Section<'_> {
    fn tell(&self, chapter: &str, table: &Table) -> String {
        let mut text = format!("### {}\n\n", heading(chapter, &self.name));
        if let Some(note) = self.note {
            let _ = write!(text, "{note}\n\n");
        }
        let _ = match self.together {
            Some(column) => writeln!(text, "{}", table.merged(column)),
            None => writeln!(text, "{table}"),
        };
        text
    }
}

/// The sections of a family.
fn sections(family: &Family) -> Vec<Section<'_>> {
    let plain = |name: &str, table| Section { name: name.into(), note: None, table, together: None };
    let mut sections = Vec::new();
    for (kind, table) in &family.operations {
        let note = scene::Scene::of(*kind).told();
        sections.push(Section { note, ..plain(&format!("while {kind}"), table) });
    }
    sections.push(Section { together: Some(1), ..plain("the machine and the caller", &family.deeds) });
    sections.push(plain("the disk", &family.disk));
    sections.push(plain("the server's own ways", &family.ways));
    sections
}

fn told(chapter: &Chapter, family: &Family) -> String {
    let mut text = format!("## {}\n\n{}\n\n", chapter.name, chapter.about);
    for section in sections(family) {
        text += &section.tell(chapter.name, section.table);
    }
    text
}

/// The rows of a variant that its family does not have.
fn differing(name: &str, about: &str, family: &Family, variant: &Family) -> String {
    let mut text = format!("## {name}\n\n{about}\n\n");
    let known = sections(family);
    for section in sections(variant) {
        let base = known.iter().find(|there| there.name == section.name);
        let rows = base.map_or_else(|| section.table.clone(), |base| section.table.beyond(base.table));
        if !rows.rows.is_empty() {
            text += &section.tell(name, &rows);
        }
    }
    text
}
