//! `chunkwise sandbox` as a process.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdin};

use crate::support::{self, CLIP, bare, text};

struct Process {
    child: Child,
    stdin: ChildStdin,
    first: String,
}

async fn start(home: &std::path::Path, args: &[&str]) -> Process {
    let mut command =
        bare(home, &[&["sandbox", "--until-stdin-ends", "--directory", text(home)], args].concat());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut lines = BufReader::new(stdout).lines();
    let first = lines.next_line().await.unwrap().unwrap();
    // What comes later must find a reader.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    Process { child, stdin, first }
}

fn count(home: &std::path::Path) -> usize {
    std::fs::read_dir(home)
        .unwrap()
        .filter(|entry| {
            entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("chunkwise-sandbox-")
        })
        .count()
}

#[tokio::test]
async fn it_says_where_it_is_serves_and_leaves_nothing_behind() {
    let home = tempfile::tempdir().unwrap();
    let Process { mut child, stdin, first } = start(home.path(), &["--json", "--processing", "0s"]).await;
    let said: serde_json::Value = serde_json::from_str(&first).unwrap();
    assert_eq!((&said["v"], &said["type"]), (&1.into(), &"sandbox".into()));
    assert_eq!(count(home.path()), 1);
    std::fs::write(home.path().join("clip.mp4"), CLIP).unwrap();
    for url in ["base_url", "https_url"] {
        let args = [
            "upload",
            "clip.mp4",
            "--base-url",
            said[url].as_str().unwrap(),
            "--ca-file",
            said["ca_file"].as_str().unwrap(),
        ];
        let mut command = bare(home.path(), &args);
        command.env("CHUNKWISE_TOKEN", said["token"].as_str().unwrap());
        support::finish(command).await.media_id();
    }
    drop(stdin);
    assert!(child.wait().await.unwrap().success());
    assert_eq!(count(home.path()), 0);
}

#[tokio::test]
async fn a_signal_ends_it_well() {
    let home = tempfile::tempdir().unwrap();
    let Process { mut child, first, stdin: _stdin } = start(home.path(), &["--no-https"]).await;
    assert!(first.starts_with("base URL  http://127.0.0.1:"), "{first}");
    let pid = child.id().unwrap().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert!(child.wait().await.unwrap().success());
    assert_eq!(count(home.path()), 0);
}

#[tokio::test]
async fn settings_come_from_a_file_and_flags_go_first() {
    let home = tempfile::tempdir().unwrap();
    let settings = home.path().join("sandbox.toml");
    std::fs::write(&settings, "[limits.media]\nvideo = 1000\n[[faults]]\noperation = 'append'\nfault = { kind = 'answer', status = 403 }\n").unwrap();
    let Process { first, stdin: _stdin, child: _child } =
        start(home.path(), &["--json", "--settings", text(&settings), "--limits", "standard", "--any-token"])
            .await;
    let said: serde_json::Value = serde_json::from_str(&first).unwrap();
    std::fs::write(home.path().join("clip.mp4"), CLIP).unwrap();
    let mut command =
        bare(home.path(), &["upload", "clip.mp4", "--base-url", said["base_url"].as_str().unwrap()]);
    command.env("CHUNKWISE_TOKEN", "whatever");
    let ran = support::finish(command).await;
    // The size passes, by the flag; the fault of the file strikes.
    assert_eq!(ran.code, 77, "{ran:?}");
    assert!(ran.stderr.contains("the server refused Append: HTTP 403"), "{ran:?}");
}

#[tokio::test]
async fn what_is_wrong_with_it_is_said() {
    let home = tempfile::tempdir().unwrap();
    let run = async |args: &[&str]| support::finish(bare(home.path(), &[&["sandbox"], args].concat())).await;
    std::fs::write(home.path().join("bad.toml"), "[limits]\nappend_bites = 5\n").unwrap();
    let ran = run(&["--settings", "bad.toml"]).await;
    assert_eq!(ran.code, 78, "{ran:?}");
    assert!(ran.stderr.contains("append_bites") && ran.stderr.contains("bad.toml"), "{ran:?}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ran = run(&["--listen", &address]).await;
    assert_eq!(ran.code, 74, "{ran:?}");
    assert!(ran.stderr.contains(&format!("can't listen on {address}: choose another address")), "{ran:?}");
}
