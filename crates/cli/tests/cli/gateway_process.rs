//! Who can look into a gateway's process (threat T11).
#![cfg(target_os = "linux")]

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use crate::gateway::{Gateway, PIXEL};

/// Somebody who is not root: nobody, if the tests are root's.
const NOBODY: u32 = 65_534;

/// The owner of a process's files in /proc: its user, or root if it must not be dumped or looked into (proc(5)).
fn owner(pid: u32) -> u32 {
    std::fs::metadata(format!("/proc/{pid}/mem")).unwrap().uid()
}

/// The binary in a place where everybody may read it: else that alone would keep it from being dumped.
fn readable_binary(home: &Path) -> PathBuf {
    let binary = home.join("chunkwise");
    std::fs::copy(env!("CARGO_BIN_EXE_chunkwise"), &binary).unwrap();
    for path in [home, &binary] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).unwrap();
    }
    binary
}

/// A program as a user who is not root, and who that is.
fn as_a_user(binary: &Path) -> (Command, u32) {
    let mut command = Command::new(binary);
    let ours = std::fs::metadata("/proc/self").unwrap().uid();
    if ours == 0 {
        command.uid(NOBODY).gid(NOBODY);
    }
    (command, if ours == 0 { NOBODY } else { ours })
}

#[tokio::test]
async fn the_gateway_leaves_no_core_dump_and_its_memory_is_its_own() {
    let home = tempfile::tempdir().unwrap();
    let binary = readable_binary(home.path());

    // What it looks like where nothing is done about it.
    let (mut command, user) = as_a_user(&binary);
    command.env_clear().env("HOME", home.path()).env("TMPDIR", home.path());
    command.args(["sandbox", "--json", "--no-https", "--until-stdin-ends"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut sandbox = command.spawn().unwrap();
    let mut said = BufReader::new(sandbox.stdout.take().unwrap()).lines();
    let first = said.next_line().await.unwrap().unwrap();
    assert!(first.contains("\"type\":\"sandbox\""), "{first}");
    assert_eq!(owner(sandbox.id().unwrap()), user);

    let (command, _) = as_a_user(&binary);
    let gateway = Gateway::of(home.path(), command, &["--sandbox"]).await;
    let pid = gateway.child.id().unwrap();
    assert_eq!(owner(pid), 0, "only root may look into it");
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");

    // And it works like that.
    let body =
        json!({ "auth_token": gateway.text("auth_token"), "media_data": PIXEL, "media_type": "image/png" });
    let answer = gateway.upload(gateway.text("api_key"), &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    gateway.stop().await;
}

/// What an operator copies from it works: the address as it speaks, the keys of its own folder.
#[tokio::test]
async fn what_it_prints_is_its_own_address_and_its_own_folder() {
    let home = tempfile::tempdir().unwrap();
    let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(home.path().join("certificate.pem"), signed.cert.pem()).unwrap();
    std::fs::write(home.path().join("key.pem"), signed.signing_key.serialize_pem()).unwrap();
    let settings =
        "tls.certificate = \"certificate.pem\"\ntls.key = \"key.pem\"\nstate_dir = \"its folder\"\n";
    std::fs::write(home.path().join("gateway.toml"), settings).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_chunkwise"));
    command.env_clear().env("HOME", home.path()).current_dir(home.path());
    command.args([
        "serve",
        "--settings",
        "gateway.toml",
        "--listen",
        "127.0.0.1:0",
        "--admin",
        "127.0.0.1:0",
    ]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let mut serving = command.spawn().unwrap();
    let mut said = BufReader::new(serving.stdout.take().unwrap()).lines();
    let mut lines = Vec::new();
    for _ in 0..3 {
        lines.push(said.next_line().await.unwrap().unwrap());
    }
    assert!(lines[0].starts_with("gateway  https://127.0.0.1:"), "{lines:?}");
    assert_eq!(lines[2], "keys     chunkwise keys create LABEL --gateway-dir 'its folder'");
}
