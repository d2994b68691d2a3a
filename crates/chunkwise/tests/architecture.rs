//! Which crate may know which, as the manifests have it. `ARCHITECTURE.md` draws the same arrows.
#![cfg(test)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

/// What a group of crates may depend on (normal dependencies; tests may know everybody).
struct Rule {
    /// The folder under the workspace, or the beginning of its name where it ends with `*`.
    folder: &'static str,
    /// Our crates that it may name, by folder.
    ours: &'static [&'static str],
    /// Others that it may name.
    others: Others,
    because: &'static str,
}

enum Others {
    /// These alone; those with a `?` only as optional ones.
    Only(&'static [&'static str]),
    /// All but these.
    AllBut(&'static [&'static str]),
}

use Others::{AllBut, Only};

const RULES: &[Rule] = &[
    Rule {
        folder: "crates/core",
        ours: &[],
        others: Only(&["bytes", "thiserror", "serde?"]),
        because: "the core is a state machine without I/O: it depends on bytes and thiserror, and on serde if asked to",
    },
    Rule {
        folder: "crates/transport",
        ours: &["crates/core"],
        others: AllBut(&["hyper", "hyper-util", "reqwest", "rustls"]),
        because: "the waist knows the core and no protocol, backend or client",
    },
    Rule {
        folder: "crates/protocol-*",
        ours: &["crates/core", "crates/transport"],
        others: AllBut(&[
            "tokio",
            "hyper",
            "hyper-util",
            "reqwest",
            "rustls",
            "getrandom",
            "reqsign-core",
            "reqsign-aws-v4",
        ]),
        because: "a protocol is a pure codec: it knows the waist and the core, and no client, runtime or randomness",
    },
    Rule {
        folder: "crates/backend-*",
        ours: &["crates/core", "crates/transport"],
        others: AllBut(&["serde_json"]),
        because: "a backend carries requests: it knows the waist and the core, and nothing of what it carries",
    },
    Rule {
        folder: "crates/driver",
        ours: &["crates/core", "crates/transport"],
        others: AllBut(&["http", "hyper", "hyper-util", "reqwest", "url"]),
        because: "the driver knows the core and the Transport trait, and no HTTP",
    },
    Rule {
        folder: "crates/media",
        ours: &[],
        others: AllBut(&["tokio", "http"]),
        because: "what a file is has nothing to do with how it is uploaded",
    },
    Rule {
        folder: "crates/fetch",
        ours: &["crates/transport"],
        others: AllBut(&["reqwest", "serde_json"]),
        because: "what is fetched is for whoever asks; it takes nothing of ours but how a secret is kept",
    },
    Rule {
        folder: "crates/sandbox",
        ours: &[],
        others: AllBut(&[]),
        because: "the sandbox depends on nothing of the engine that it is there to test",
    },
    Rule {
        folder: "crates/testkit",
        ours: &["crates/core", "crates/transport"],
        others: AllBut(&["hyper", "hyper-util", "reqwest"]),
        because: "the test kit is for every protocol and backend, so it names none",
    },
    Rule {
        folder: "crates/chunkwise",
        ours: &[
            "crates/core",
            "crates/transport",
            "crates/driver",
            "crates/media",
            "crates/protocol-*?",
            "crates/backend-*?",
        ],
        others: AllBut(&["hyper", "hyper-util", "reqwest"]),
        because: "the facade brings protocols and backends together, each behind a feature",
    },
    Rule {
        folder: "crates/gateway",
        ours: &["crates/*"],
        others: AllBut(&[]),
        because: "a program may name everybody",
    },
    Rule {
        folder: "crates/cli",
        ours: &["crates/*"],
        others: AllBut(&[]),
        because: "a program may name everybody",
    },
    Rule {
        folder: "benches*",
        ours: &["crates/*"],
        others: AllBut(&[]),
        because: "benches measure everybody",
    },
];

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_root: PathBuf,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
    optional: bool,
    path: Option<PathBuf>,
}

fn metadata() -> Metadata {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

impl Metadata {
    fn folder(&self, path: &Path) -> String {
        path.strip_prefix(&self.workspace_root).unwrap().to_str().unwrap().replace('\\', "/")
    }
}

/// `crates/protocol-*` covers `crates/protocol-x`.
fn covers(pattern: &str, folder: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => folder.starts_with(start),
        None => pattern == folder,
    }
}

/// What is wrong with a dependency under a rule.
fn objection(rule: &Rule, dependency: &Dependency, folder: Option<&str>) -> Option<&'static str> {
    let entry = |entries: &[&'static str], name: &str| {
        entries.iter().copied().find(|entry| covers(entry.trim_end_matches('?'), name))
    };
    let found = match (folder, &rule.others) {
        (Some(folder), _) => entry(rule.ours, folder),
        (None, Only(others)) => entry(others, &dependency.name),
        (None, AllBut(others)) if others.contains(&dependency.name.as_str()) => None,
        (None, AllBut(_)) => Some(""),
    };
    match found {
        None => Some("must not depend on"),
        Some(entry) if entry.ends_with('?') && !dependency.optional => Some("may only have a feature for"),
        Some(_) => None,
    }
}

#[test]
fn every_arrow_points_the_way_it_is_drawn() {
    let metadata = metadata();
    let mut wrong = Vec::new();
    for package in &metadata.packages {
        let home = metadata.folder(package.manifest_path.parent().unwrap());
        let Some(rule) = RULES.iter().find(|rule| covers(rule.folder, &home)) else {
            wrong.push(format!("{home} ({}) has no rule: write down what it may depend on", package.name));
            continue;
        };
        for dependency in &package.dependencies {
            // Dev-dependencies have a kind too; what a build script needs counts as the crate's own.
            if dependency.kind.as_deref() == Some("dev") {
                continue;
            }
            let folder = dependency.path.as_ref().map(|path| metadata.folder(path));
            if let Some(objection) = objection(rule, dependency, folder.as_deref()) {
                let name = folder.as_deref().unwrap_or(&dependency.name);
                wrong.push(format!("{home} {objection} {name}: {}", rule.because));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(metadata.packages.len() >= 10, "the workspace has more crates than that");
}

/// A rule that objects to nothing guards nothing.
#[test]
fn a_wrong_arrow_is_objected_to() {
    let rule = |folder: &str| RULES.iter().find(|rule| covers(rule.folder, folder)).unwrap();
    let on = |name: &str, optional| Dependency { name: name.into(), kind: None, optional, path: None };
    let ours = |home: &str, folder: &str, optional| {
        objection(rule(home), &on(folder, optional), Some(folder)).is_some()
    };
    let other = |home: &str, name: &str, optional| objection(rule(home), &on(name, optional), None).is_some();
    assert!(ours("crates/core", "crates/transport", false));
    assert!(ours("crates/protocol-x", "crates/driver", false));
    assert!(ours("crates/protocol-x", "crates/backend-hyper", false));
    assert!(ours("crates/protocol-tus", "crates/protocol-x", false));
    assert!(other("crates/protocol-oneshot", "tokio", false));
    assert!(other("crates/protocol-s3", "reqsign-aws-v4", true));
    assert!(ours("crates/backend-hyper", "crates/protocol-x", false));
    assert!(ours("crates/driver", "crates/protocol-x", false));
    assert!(ours("crates/sandbox", "crates/core", false));
    assert!(ours("crates/chunkwise", "crates/protocol-x", false), "without a feature");
    assert!(!ours("crates/chunkwise", "crates/protocol-x", true));
    assert!(ours("crates/fetch", "crates/backend-hyper", false));
    assert!(!ours("crates/fetch", "crates/transport", false));
    assert!(other("crates/core", "tokio", false));
    assert!(other("crates/core", "serde", false), "not optional");
    assert!(!other("crates/core", "serde", true));
    assert!(other("crates/driver", "http", false));
}

/// The Rust files below a folder of the workspace, with what is not comment.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![metadata().workspace_root.join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
                found.push((path, code.collect::<Vec<_>>().join("\n")));
            }
        }
    }
    assert!(found.len() > 10, "{folder} has more files than that");
    found
}

#[test]
fn core_and_driver_know_no_http() {
    for folder in ["crates/core/src", "crates/driver/src"] {
        for (path, code) in sources(folder) {
            for word in ["StatusCode", "http::", "HeaderMap", "status_code"] {
                assert!(
                    !code.contains(word),
                    "{}: what {word} means is a protocol's to know",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn the_driver_decides_no_retry() {
    for (path, code) in sources("crates/driver/src") {
        for word in ["backoff", "RetryPolicy", "ProblemKind", "retry_after"] {
            assert!(!code.contains(word), "{}: {word} is the engine's to decide", path.display());
        }
    }
}

#[test]
fn the_core_is_no_std_and_asks_no_clock() {
    let files = sources("crates/core/src");
    let (_, lib) = files.iter().find(|(path, _)| path.ends_with("src/lib.rs")).unwrap();
    assert!(lib.contains("#![no_std]"), "the core is for wherever there is alloc");
    for (path, code) in &files {
        for word in ["Instant::now", "SystemTime", "tokio", "async fn", "std::thread", "std::net"] {
            assert!(!code.contains(word), "{}: the core has no {word}", path.display());
        }
    }
}

/// The map is only worth something while it is true.
#[test]
fn the_map_names_tests_and_files_that_exist() {
    let root = metadata().workspace_root;
    let map = fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap();
    assert!(!map.contains("@@"), "there is a hole in ARCHITECTURE.md");
    let code: String = sources("crates").into_iter().map(|(_, code)| code).collect();
    let quoted: Vec<&str> = map.split('`').skip(1).step_by(2).collect();
    let invariants = map.split("## The invariants").nth(1).expect("the map has its invariants");
    let mut tests = 0;
    for name in invariants.split('`').skip(1).step_by(2) {
        let is_test = name.matches('_').count() >= 2 && !name.contains(['.', '/', '(', ' ', '{']);
        if is_test {
            tests += 1;
            assert!(code.contains(&format!("fn {name}(")), "ARCHITECTURE.md names {name}, which is nowhere");
        }
    }
    assert!(tests > 40, "only {tests} tests are named");
    for number in 1..=12 {
        let row = invariants.split(&format!("\n| {number} |")).nth(1);
        let row = row.unwrap_or_else(|| panic!("ARCHITECTURE.md has no row for invariant {number}"));
        let kept_by = row.split('|').nth(1).unwrap_or_default();
        let checker = kept_by.split('`').nth(1).unwrap_or_default();
        let named = format!("\"invariant {number} ({checker})\"");
        assert!(
            code.contains(&named),
            "the row of invariant {number} does not begin with its checker: {checker}"
        );
    }
    for folder in quoted.iter().filter(|name| name.starts_with("crates/") && !name.contains('{')) {
        assert!(root.join(folder).exists(), "ARCHITECTURE.md names {folder}, which is not there");
    }
}
