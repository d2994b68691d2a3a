//! `chunkwise serve` as a process, and a client that says exactly what it is told to.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// A gateway that runs, and ends with the test.
pub(crate) struct Gateway {
    pub(crate) child: Child,
    pub(crate) address: SocketAddr,
    /// What it said first, on stdout.
    pub(crate) said: Value,
    /// Where its stderr goes.
    log: PathBuf,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn request_id(&self) -> &str {
        let header = self.head.lines().find_map(|line| line.strip_prefix("x-request-id: "));
        header.unwrap_or_else(|| panic!("no request id: {self:?}"))
    }
}

impl Gateway {
    /// `chunkwise serve` with these arguments, on ports of its own.
    pub(crate) async fn start(home: &Path, args: &[&str]) -> Self {
        Self::of(home, Command::new(env!("CARGO_BIN_EXE_chunkwise")), args).await
    }

    /// The same with the binary, or whatever starts it, as the test wants it.
    pub(crate) async fn of(home: &Path, mut command: Command, args: &[&str]) -> Self {
        let log = home.join("gateway.log");
        command.env_clear().env("HOME", home).env("TMPDIR", home).current_dir(home);
        command.args(["serve", "--json", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]).args(args);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(File::create(&log).unwrap());
        let mut child = command.kill_on_drop(true).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let Some(first) = lines.next_line().await.unwrap() else {
            panic!("it does not start: {}", std::fs::read_to_string(&log).unwrap())
        };
        let said: Value = serde_json::from_str(&first).unwrap();
        let address = said["url"].as_str().unwrap().strip_prefix("http://").unwrap().parse().unwrap();
        Self { child, address, said, log }
    }

    pub(crate) fn text(&self, what: &str) -> &str {
        self.said[what].as_str().unwrap_or_else(|| panic!("no {what} in {}", self.said))
    }

    /// Tells it to stop, and gives all that it logged.
    pub(crate) async fn stop(mut self) -> String {
        let pid = self.child.id().unwrap().to_string();
        assert!(std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        assert!(self.child.wait().await.unwrap().success());
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// One request on a connection of its own; `head` has its lines' ends, but for the empty one.
    pub(crate) async fn say(&self, head: &[u8], body: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(head).await.unwrap();
        let rest =
            format!("Host: gateway\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        stream.write_all(rest.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
        Answer { status, head: head.to_owned(), body: body.to_owned() }
    }

    pub(crate) async fn get(&self, key: &str, path: &str) -> Answer {
        let head = format!("GET {path} HTTP/1.1\r\nAuthorization: Bearer {key}\r\n");
        self.say(head.as_bytes(), "").await
    }

    /// `POST /twitter/media/upload`.
    pub(crate) async fn upload(&self, key: &str, body: &Value) -> Answer {
        let head = format!(
            "POST /twitter/media/upload HTTP/1.1\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n"
        );
        self.say(head.as_bytes(), &body.to_string()).await
    }
}

/// A PNG of one pixel, as base64.
pub(crate) const PIXEL: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
