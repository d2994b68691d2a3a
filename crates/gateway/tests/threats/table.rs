//! The table in `docs/threats.md` is only worth something while it is true.

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// All Rust code of the workspace.
fn code() -> String {
    let (mut left, mut code) = (vec![root().join("crates")], String::new());
    while let Some(folder) = left.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                left.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                code += &std::fs::read_to_string(path).unwrap();
            }
        }
    }
    code
}

#[test]
fn every_test_that_is_named_exists() {
    let page = std::fs::read_to_string(root().join("docs/threats.md")).unwrap();
    let code = code();
    let mut named = 0;
    for name in page.split('`').skip(1).step_by(2) {
        if name.matches('_').count() >= 2 && name.bytes().all(|b| b == b'_' || b.is_ascii_alphanumeric()) {
            named += 1;
            assert!(code.contains(&format!("fn {name}(")), "docs/threats.md names {name}, which is nowhere");
        }
    }
    assert!(named > 80, "only {named} tests are named");
    for number in 1..=24 {
        let row = page.lines().find(|line| line.starts_with(&format!("| T{number} |")));
        let row = row.unwrap_or_else(|| panic!("docs/threats.md has no row T{number}"));
        let shown_by = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        assert!(shown_by.starts_with('`'), "T{number} is shown by nothing: {shown_by}");
    }
}

/// Threats T18, T19: versions below these have holes that are known.
#[test]
fn what_is_built_is_new_enough() {
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let deny = std::fs::read_to_string(root().join("deny.toml")).unwrap();
    for (name, floor, must_be_there) in
        [("hyper", [1, 11, 0], true), ("h2", [0, 4, 16], false), ("tracing-subscriber", [0, 3, 20], true)]
    {
        let mut there = 0;
        for package in lock.split("[[package]]") {
            if !package.contains(&format!("\nname = \"{name}\"\n")) {
                continue;
            }
            there += 1;
            let version = package.split("version = \"").nth(1).unwrap().split('"').next().unwrap();
            let numbers: Vec<u32> =
                version.split(['.', '-', '+']).take(3).map(|n| n.parse().unwrap()).collect();
            assert!(numbers[..] >= floor[..], "{name} {version}");
        }
        assert!(there > 0 || !must_be_there, "{name} is built");
        let [major, minor, patch] = floor;
        assert!(
            deny.contains(&format!("\"{name}:<{major}.{minor}.{patch}\"")),
            "deny.toml has the floor of {name}"
        );
    }
}

/// Threat T21.
#[cfg(unix)]
#[tokio::test]
async fn nobody_else_can_look_into_the_folder() {
    use std::os::unix::fs::PermissionsExt as _;

    let world = crate::world::World::new().await;
    let state = world.state.path().join("state");
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&state), 0o700);
    assert_eq!(mode(&state.join("spool")), 0o700);
    assert_eq!(mode(&state.join("pepper")), 0o600);
}
