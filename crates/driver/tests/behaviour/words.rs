//! What this crate must not know.

use std::fs;
use std::path::Path;

fn sources(directory: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else {
            found.push((path.display().to_string(), fs::read_to_string(&path).unwrap()));
        }
    }
}

/// The driver holds no retry rule and no status code: both are somebody else's.
#[test]
fn no_retry_rule_and_no_status_code() {
    let mut found = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    assert!(found.len() > 10);
    for (file, text) in found {
        for word in ["backoff", "RetryPolicy", "ProblemKind", "StatusCode", "reqwest", "hyper::", "http::"] {
            assert!(!text.contains(word), "{file} speaks of {word}");
        }
        let numbers = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        for number in numbers.filter(|token| token.len() == 3) {
            let status = number.parse::<u16>().is_ok_and(|n| matches!(n, 400..=431 | 500..=504));
            assert!(
                !status || text.contains(&format!("failed: {number}")),
                "{file} has a status code: {number}"
            );
        }
    }
}
