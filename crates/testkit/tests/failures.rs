//! The failure table: `docs/failures.md` is what the engine does.
#![cfg(test)]

use std::fs;
use std::sync::LazyLock;

use chunkwise_testkit::failure_table::{COMMAND, PATH, difference, file, page};

/// Made once: it takes some thousand uploads.
static MADE: LazyLock<String> =
    LazyLock::new(|| page().unwrap_or_else(|unfit| panic!("the page can't be made: {unfit}")));

#[test]
fn the_failure_table_is_what_the_engine_does() {
    let made = &*MADE;
    let kept = fs::read_to_string(file()).unwrap_or_default();
    let difference = difference(&kept, made);
    assert!(kept == *made, "{PATH} is not what the engine does:\n{difference}\nto renew it: {COMMAND}");
}

#[test]
fn every_operation_of_every_kind_of_server_has_its_table_and_the_cells_are_short() {
    let page = &*MADE;
    let operations = [
        ("Like X", &["Init", "Append", "Finalize", "Status", "Verify"][..]),
        ("Like S3", &["Init", "Append", "Probe", "Finalize", "Verify", "Abort"]),
        ("Like tus", &["Init", "Append", "Probe", "Abort"]),
    ];
    for (chapter, kinds) in operations {
        for kind in kinds {
            let heading = format!("\n### {chapter}: while {kind}\n");
            let rest = page.split_once(&heading).unwrap_or_else(|| panic!("no {heading:?}")).1;
            let section = rest.split("\n#").next().unwrap_or_default();
            let rows = section.lines().filter(|line| line.starts_with("| ")).count() - 1;
            // Each kind of fault that can strike any operation has a row of its own.
            assert!(rows >= 27, "{rows} rows in {heading:?}");
        }
    }
    let seen = page.split_once("\n### ").map_or("", |(_, seen)| seen);
    let tables = seen.lines().filter(|line| line.starts_with("| "));
    for cell in tables.flat_map(|line| line.split('|')).map(str::trim) {
        assert!(cell.chars().count() <= 76, "too long for a cell: {cell}");
    }
}

#[test]
fn every_link_leads_to_a_heading() {
    let page = &*MADE;
    let headings: Vec<String> = page
        .lines()
        .filter_map(|line| line.strip_prefix("### ").or_else(|| line.strip_prefix("## ")))
        .map(|heading| heading.to_lowercase().replace(' ', "-").replace([':', '\'', ','], ""))
        .collect();
    let links: Vec<_> = page.split("](#").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    assert!(links.len() > 12, "the questions are answered by links");
    for link in links {
        assert!(headings.iter().any(|heading| heading == link), "{link} leads nowhere");
    }
}
