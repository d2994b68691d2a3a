//! The sandbox as a process of its own, and what it says about itself.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use bytes::Bytes;
use chunkwise::hyper::HyperBackend;
use chunkwise::transport::Payload;
use chunkwise::transport::http::{Backend as _, Body, RequestBody};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};

use crate::exit::Exit;
use crate::failed::Failed;

/// A running sandbox. It stops when this is dropped, or when this process ends, however it ends.
pub(crate) struct ChildSandbox {
    pub(crate) address: Address,
    child: Child,
    /// The sandbox runs until this is closed.
    stdin: ChildStdin,
    control: HyperBackend,
}

/// What the sandbox says when it starts.
#[derive(Debug, Deserialize)]
pub(crate) struct Address {
    pub(crate) base_url: String,
    pub(crate) https_url: Option<String>,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) token: String,
}

/// What the sandbox holds of a media.
#[derive(Debug, Deserialize)]
pub(crate) struct Held {
    pub(crate) size: u64,
    pub(crate) sha256: String,
}

/// What it received.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Received {
    pub(crate) requests: u64,
    pub(crate) media_bytes: u64,
    pub(crate) faults: u64,
}

fn bug(what: impl std::fmt::Display) -> Failed {
    Failed::new(Exit::Bug, format!("the sandbox of this command does not work: {what}"))
}

impl ChildSandbox {
    pub(crate) async fn start(directory: &Path, settings: &Value) -> Result<Self, Failed> {
        let file = directory.join("sandbox.json");
        std::fs::write(&file, settings.to_string()).map_err(bug)?;
        let program = std::env::current_exe().map_err(bug)?;
        let mut command = Command::new(program);
        command.args(["--json", "sandbox", "--until-stdin-ends", "--settings"]).arg(&file);
        command.arg("--directory").arg(directory);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        // Ctrl-C is for us: we stop the sandbox when we are done.
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command.spawn().map_err(bug)?;
        let (stdin, stdout) =
            child.stdin.take().zip(child.stdout.take()).ok_or_else(|| bug("it has no pipes"))?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).await.map_err(bug)?;
        let address = serde_json::from_str(&line).map_err(|_| bug("it did not say where it is"))?;
        Ok(Self { address, child, stdin, control: HyperBackend::new() })
    }

    pub(crate) async fn media(&self, media_id: &str) -> Result<Held, Failed> {
        self.get(&format!("media/{media_id}")).await
    }

    /// Adds up its log, page by page: an answer may have a megabyte.
    pub(crate) async fn received(&self) -> Result<Received, Failed> {
        #[derive(Deserialize)]
        struct Logged {
            operation: Option<String>,
            media_bytes: u64,
            faults: Vec<String>,
        }
        let log: Vec<Logged> = self.get("log").await?;
        let mut received = Received::default();
        for request in log.iter().filter(|request| request.operation.is_some()) {
            received.requests += 1;
            received.media_bytes += request.media_bytes;
            received.faults += request.faults.len() as u64;
        }
        Ok(received)
    }

    /// Has it forget sessions, media and its log.
    pub(crate) async fn forget(&self) -> Result<(), Failed> {
        self.ask(http::Method::POST, "reset").await.map(drop)
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failed> {
        serde_json::from_slice(&self.ask(http::Method::GET, path).await?).map_err(bug)
    }

    async fn ask(&self, method: http::Method, path: &str) -> Result<Bytes, Failed> {
        let request = http::Request::builder()
            .method(method.clone())
            .uri(format!("{}/_sandbox/{path}", self.address.base_url))
            .body(Body::new(RequestBody::Empty, Payload::empty()))
            .map_err(bug)?;
        let response: http::Response<Bytes> = self.control.exchange(request).await.map_err(bug)?;
        if !response.status().is_success() {
            return Err(bug(format_args!("{method} {path} is answered by {}", response.status())));
        }
        Ok(response.into_body())
    }

    /// Stops it, and waits until it has removed what it held.
    pub(crate) async fn stop(self) -> Result<(), Failed> {
        let Self { mut child, stdin, .. } = self;
        drop(stdin);
        let status = child.wait().await.map_err(bug)?;
        if status.success() { Ok(()) } else { Err(bug(format_args!("it ended with {status}"))) }
    }
}
