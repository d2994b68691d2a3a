//! `deploy/chunkwise.service`.

use std::path::PathBuf;
use std::process::Command;

use chunkwise_gateway::settings::Settings;

use crate::{is_there, shipped, with};

const UNIT: &str = "chunkwise.service";

/// The unit with the program that is there; `systemd-analyze` wants to see it.
fn unit() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(UNIT);
    let unit = with(&shipped(UNIT), "/usr/local/bin/chunkwise", env!("CARGO_BIN_EXE_chunkwise"));
    std::fs::write(&file, unit).unwrap();
    (folder, file)
}

/// The value of a key that is there once.
fn value(key: &str) -> String {
    let unit = shipped(UNIT);
    let mut values = unit.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    let value = values.next().unwrap_or_else(|| panic!("no {key}"));
    assert_eq!(values.next(), None, "{key} is there twice");
    value.to_owned()
}

#[test]
fn systemd_takes_the_unit_and_finds_it_well_confined() {
    if !is_there("systemd-analyze") {
        return;
    }
    let (_folder, file) = unit();
    let verified = Command::new("systemd-analyze").arg("verify").arg(&file).output().unwrap();
    let said = String::from_utf8_lossy(&verified.stderr);
    // It verifies what the unit needs as well, which is not ours.
    assert!(verified.status.success() && !said.contains(UNIT), "{said}");

    // In tenths, from 0 to 100; a service with no confinement at all has about 96.
    let judged = Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--no-pager", "--threshold=20"])
        .arg(&file)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&judged.stdout);
    assert!(judged.status.success() && said.contains("Overall exposure level"), "{said}");
}

#[test]
fn the_unit_fits_the_settings() {
    let caps = Settings::default().caps;
    let stop: u64 = value("TimeoutStopSec").parse().unwrap();
    assert!(stop >= caps.drain_seconds + 10, "killed while uploads may still end");
    let files: u64 = value("LimitNOFILE").parse().unwrap();
    assert!(files >= 4 * u64::from(caps.connections));
    assert_eq!(value("LimitCORE"), "0");
    let state = value("StateDirectory");
    assert!(value("ExecStart").contains(&format!("--gateway-dir /var/lib/{state} ")));
}

/// What the unit says on its command line is understood: the program gets as far as the settings, which are not there.
#[test]
fn the_program_understands_its_command_line() {
    let start = value("ExecStart");
    let mut words = start.split(' ').skip(1);
    let home = tempfile::tempdir().unwrap();
    let missing = home.path().join("gateway.toml");
    let words: Vec<_> = words
        .by_ref()
        .map(|word| if word == "/etc/chunkwise/gateway.toml" { missing.to_str().unwrap() } else { word })
        .collect();
    let ran = Command::new(env!("CARGO_BIN_EXE_chunkwise"))
        .args(&words)
        .env_clear()
        .env("HOME", home.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    let line: serde_json::Value = serde_json::from_str(said.trim()).unwrap();
    let prevented = value("RestartPreventExitStatus");
    assert_eq!(
        (ran.status.code(), line["exit_code"].to_string()),
        (prevented.parse().ok(), prevented),
        "{said}"
    );
    assert!(line["message"].as_str().unwrap().contains("gateway.toml can't be read"), "{said}");
}
