//! The files of `deploy/`, as they are shipped, with the programs that they are for.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../cli/gateway.rs"]
#[expect(dead_code, reason = "the tests of the command line say more to it")]
mod gateway;
mod proxies;
mod systemd;

use std::path::{Path, PathBuf};

/// A file of `deploy/`.
fn shipped(name: &str) -> String {
    std::fs::read_to_string(path(name)).unwrap()
}

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(name)
}

/// With this instead of that, which must be there.
fn with(text: &str, that: &str, this: &str) -> String {
    assert!(text.contains(that), "{that:?} is not in\n{text}");
    text.replace(that, this)
}

/// Whether a program is there; says so if not.
fn is_there(program: &str) -> bool {
    let found = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).is_file()));
    if !found {
        eprintln!("skipped: {program} is not installed");
    }
    found
}
