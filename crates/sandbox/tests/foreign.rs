//! Clients that others wrote, unmodified, against the sandbox: see `tests/clients/README.md`.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use chunkwise_sandbox::{Effect, Ending, MediaId, MediaInfo, Operation, Sandbox, credentials};
use sha2::{Digest, Sha256};
use tokio::task::spawn_blocking;

/// A size that is no multiple of any client's chunk.
const SIZE: usize = 7 * 1024 * 1024 + 123;

fn is_wanted() -> bool {
    let wanted = std::env::var_os("CHUNKWISE_FOREIGN").is_some_and(|value| value == "1");
    if !wanted {
        eprintln!(
            "skipped: set CHUNKWISE_FOREIGN=1 to run clients that others wrote (tests/clients/README.md)"
        );
    }
    wanted
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Runs a script on a file; what it uploaded, in the order it says.
async fn run(sandbox: &Sandbox, program: OsString, script: &str, bytes: &[u8]) -> Vec<MediaInfo> {
    let mut file = tempfile::Builder::new().suffix(".mp4").tempfile().unwrap();
    file.write_all(bytes).unwrap();
    let mut command = Command::new(program);
    command
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(script))
        .arg(file.path())
        .env("SANDBOX_PORT", sandbox.https_address().unwrap().port().to_string())
        .env("SANDBOX_CA", sandbox.ca_file().unwrap())
        .env("SANDBOX_TOKEN", credentials::USER_TOKEN)
        .env("SANDBOX_CONSUMER_KEY", credentials::CONSUMER_KEY)
        .env("SANDBOX_CONSUMER_SECRET", credentials::CONSUMER_SECRET)
        .env("SANDBOX_ACCESS_TOKEN", credentials::ACCESS_TOKEN)
        .env("SANDBOX_ACCESS_SECRET", credentials::ACCESS_SECRET);
    for proxy in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        command.env_remove(proxy);
    }
    let output = spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let refused: Vec<_> = sandbox
        .log()
        .into_iter()
        .filter(|entry| !matches!(entry.ending, Ending::Answered { status: 200..300 }))
        .collect();
    assert!(output.status.success(), "{out}\n{error}\n{refused:#?}");
    let mut media = Vec::new();
    for line in out.lines() {
        let id: MediaId = line.parse().unwrap();
        media.push(sandbox.media(id).await.unwrap().unwrap());
    }
    media
}

#[tokio::test(flavor = "multi_thread")]
async fn tweepy() {
    if !is_wanted() {
        return;
    }
    let python = std::env::var_os("CHUNKWISE_PYTHON").unwrap_or_else(|| "python3".into());
    let sandbox = Sandbox::builder().start().await.unwrap();
    let bytes: Vec<u8> = (0..SIZE).map(|at| (at * 31 % 251) as u8).collect();
    let media = run(&sandbox, python, "tweepy_upload.py", &bytes).await;
    let digests: Vec<&str> = media.iter().map(|media| media.sha256.as_str()).collect();
    assert_eq!(digests, [hex(&bytes), hex(&bytes[..1000])]);
    assert_eq!(media[0].segments.len(), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn twitter_api_v2() {
    if !is_wanted() {
        return;
    }
    let sandbox = Sandbox::builder().start().await.unwrap();
    let bytes: Vec<u8> = (0..SIZE).map(|at| (at * 37 % 253) as u8).collect();
    let media = run(&sandbox, "node".into(), "twitter_api_v2_upload.cjs", &bytes).await;
    let digests: Vec<&str> = media.iter().map(|media| media.sha256.as_str()).collect();
    assert_eq!(digests, vec![hex(&bytes); 3]);
    let posts = sandbox
        .log()
        .into_iter()
        .filter(|entry| entry.operation == Some(Operation::Tweet) && entry.effect == Effect::Committed);
    assert_eq!(posts.count(), 2);
}
