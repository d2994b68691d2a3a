//! Starts a sandbox, says where it is as one line of JSON, and serves until its standard input ends.
//!
//! `cargo run -p chunkwise-sandbox --example serve -- [SETTINGS.json]`

#![expect(clippy::print_stdout, reason = "the line is its output")]

use std::error::Error;
use std::io::Read;

use chunkwise_sandbox::{Sandbox, Settings, credentials};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let settings: Settings = match std::env::args_os().nth(1) {
        Some(path) => serde_json::from_slice(&std::fs::read(path)?)?,
        None => Settings::default(),
    };
    let sandbox = Sandbox::builder().settings(settings).start().await?;
    println!(
        "{}",
        serde_json::json!({
            "base_url": sandbox.base_url(),
            "https_url": sandbox.https_url(),
            "ca_file": sandbox.ca_file(),
            "token": credentials::USER_TOKEN,
            "consumer_key": credentials::CONSUMER_KEY,
            "consumer_secret": credentials::CONSUMER_SECRET,
            "access_token": credentials::ACCESS_TOKEN,
            "access_secret": credentials::ACCESS_SECRET,
        })
    );
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await??;
    sandbox.shutdown().await;
    Ok(())
}
