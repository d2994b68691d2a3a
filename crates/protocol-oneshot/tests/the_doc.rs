//! `docs/adapter.md` shows this crate's own code: every block of Rust in it stands in a file here, letter for letter.

use std::fs;
use std::path::Path;

#[test]
fn every_block_of_the_doc_is_code_of_this_crate() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let doc = fs::read_to_string(home.join("../../docs/adapter.md")).unwrap().replace("\r\n", "\n");
    let mut code = String::new();
    for folder in ["src", "tests"] {
        for entry in fs::read_dir(home.join(folder)).unwrap() {
            code += &fs::read_to_string(entry.unwrap().path()).unwrap().replace("\r\n", "\n");
        }
    }
    let blocks: Vec<&str> =
        doc.split("```rust\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(blocks.len() >= 8, "the doc shows less than it did");
    for block in blocks {
        assert!(code.contains(block), "this is not in the crate:\n{block}");
    }
}

/// What it names must be there.
#[test]
fn every_file_that_the_doc_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let doc = fs::read_to_string(root.join("docs/adapter.md")).unwrap();
    let named: Vec<&str> =
        doc.split('`').skip(1).step_by(2).filter(|name| name.starts_with("crates/")).collect();
    assert!(named.len() > 5);
    for name in named {
        assert!(root.join(name).exists(), "{name}");
    }
}
