//! A gateway before a sandbox, an origin of media, and a client that says exactly what it is told to.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use chunkwise_gateway::credentials::OfficialApi;
use chunkwise_gateway::settings::Settings;
use chunkwise_gateway::store::{Billing, Environment, KeyLimits, NewKey, UnixMillis};
use chunkwise_gateway::{Gateway, StartError};
use chunkwise_sandbox::{Operation, Sandbox};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

pub(crate) struct World {
    pub(crate) sandbox: Arc<Sandbox>,
    pub(crate) gateway: Gateway,
    pub(crate) key: String,
    pub(crate) token: String,
    pub(crate) state: tempfile::TempDir,
    pub(crate) settings: Settings,
}

/// What was answered.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (there, value) = line.split_once(':')?;
            there.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|_| ()).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let sandbox = Arc::new(Sandbox::builder().start().await.unwrap());
        let token = sandbox.settings().access.bearer[0].token.reveal().to_owned();
        let state = tempfile::tempdir().unwrap();
        let mut settings = Settings::default();
        settings.listen.set_port(0);
        settings.admin.set_port(0);
        settings.state_dir = state.path().join("state");
        settings.x.base_url = Some(sandbox.base_url());
        settings.fetch.allow_hosts = vec!["127.0.0.1".to_owned()];
        settings.fetch.allow_networks = vec!["127.0.0.1/32".to_owned()];
        change(&mut settings);
        let gateway = start(settings.clone()).await.unwrap();
        let key = new_key(&gateway, Billing::Metered).await;
        Self { sandbox, gateway, key, token, state, settings }
    }

    /// Another gateway over a copy of this one's files as they are at this moment, before the same sandbox: what `kill -9`
    /// would leave, without the locks, which the system lets go of.
    pub(crate) async fn after_a_kill(&self) -> Self {
        self.after_a_kill_with(|_| ()).await
    }

    /// The same, with other settings.
    pub(crate) async fn after_a_kill_with(&self, change: impl FnOnce(&mut Settings)) -> Self {
        let state = tempfile::tempdir().unwrap();
        let (from, to) = (self.state.path().join("state"), state.path().join("state"));
        std::fs::create_dir(&to).unwrap();
        // The log after the file: what is written in between is not in the file yet.
        for name in ["pepper", "gateway.db", "gateway.db-wal"] {
            std::fs::copy(from.join(name), to.join(name)).unwrap();
        }
        for folder in ["checkpoints", "spool"] {
            std::fs::create_dir(to.join(folder)).unwrap();
            for file in std::fs::read_dir(from.join(folder)).into_iter().flatten() {
                let file = file.unwrap();
                if !file.file_name().to_str().unwrap().ends_with(".lock") {
                    std::fs::copy(file.path(), to.join(folder).join(file.file_name())).unwrap();
                }
            }
        }
        let mut settings = self.settings.clone();
        settings.state_dir = to;
        change(&mut settings);
        let gateway = start(settings.clone()).await.unwrap();
        let (sandbox, key) = (self.sandbox.clone(), self.key.clone());
        Self { sandbox, gateway, key, token: self.token.clone(), state, settings }
    }

    /// Stops the gateway in good order and starts another one on the same folder.
    pub(crate) async fn restarted(self) -> Self {
        let Self { sandbox, gateway, key, token, state, settings } = self;
        gateway.stop().await;
        let gateway = start(settings.clone()).await.unwrap();
        Self { sandbox, gateway, key, token, state, settings }
    }

    /// Asks for this upload until it is as wanted.
    pub(crate) async fn until(&self, place: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..1_000 {
            let seen = self.get(place).await.json();
            if wanted(&seen) {
                return seen;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("it never was: {}", self.get(place).await.body);
    }

    /// How often X was asked for this.
    pub(crate) fn calls(&self, operation: Operation) -> usize {
        self.sandbox.log().iter().filter(|request| request.operation == Some(operation)).count()
    }

    /// What is in this folder of the gateway's.
    pub(crate) fn files(&self, folder: &str) -> Vec<PathBuf> {
        let folder = std::fs::read_dir(self.state.path().join("state").join(folder)).unwrap();
        folder.map(|entry| entry.unwrap().path()).collect()
    }

    /// Says this to the gateway.
    pub(crate) async fn say(&self, head: &str, body: &[u8]) -> Answer {
        say(self.gateway.address(), head, body).await
    }

    /// `POST` of JSON with the key and these headers.
    pub(crate) async fn post(&self, path: &str, headers: &str, body: &Value) -> Answer {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n{headers}",
            self.key
        );
        self.say(&head, body.to_string().as_bytes()).await
    }

    pub(crate) async fn upload(&self, headers: &str, body: &Value) -> Answer {
        self.post("/twitter/media/upload", headers, body).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        let head = format!("GET {path} HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer {}\r\n", self.key);
        self.say(&head, b"").await
    }

    /// What the sandbox has of a media.
    pub(crate) async fn content(&self, media_id: &str) -> Vec<u8> {
        let id = media_id.parse().unwrap();
        let mut reader = self.sandbox.content(id).expect("the media is there");
        let mut content = Vec::new();
        std::io::Read::read_to_end(&mut reader, &mut content).unwrap();
        content
    }
}

pub(crate) async fn start(settings: Settings) -> Result<Gateway, StartError> {
    Gateway::start(settings, Arc::new(OfficialApi)).await
}

pub(crate) async fn new_key(gateway: &Gateway, billing: Billing) -> String {
    let limits = KeyLimits { requests_per_second: 1_000, burst: 1_000, ..KeyLimits::default() };
    made_key(gateway, limits, billing).await
}

/// A key that may so much.
pub(crate) async fn key_with(gateway: &Gateway, limits: KeyLimits) -> String {
    made_key(gateway, limits, Billing::Metered).await
}

async fn made_key(gateway: &Gateway, limits: KeyLimits, billing: Billing) -> String {
    let environment: Environment = "test".parse().unwrap();
    let new = NewKey { environment, label: "test".into(), limits, billing, expires_at: None };
    let (_, key) = gateway.store().keys().create(&new, UnixMillis::new(1)).await.unwrap();
    key.expose().clone()
}

/// One request on a connection of its own. `head` ends with its last header's line end.
pub(crate) async fn say(to: SocketAddr, head: &str, body: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(to).await.unwrap();
    let head = format!("{head}Connection: close\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

/// Serves one file at every path, to everybody, until the test ends.
pub(crate) async fn origin(content_type: &'static str, content: Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let content = content.clone();
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let head = format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n",
                    content.len()
                );
                let _ = stream.write_all(head.as_bytes()).await;
                let _ = stream.write_all(&content).await;
            });
        }
    });
    address
}

/// A PNG of one pixel, as large as wanted: X looks at no more of it, and neither do we.
pub(crate) fn png(len: usize) -> Vec<u8> {
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x02\0\0\0\x90wS\xde".to_vec();
    png.extend((png.len()..len).map(|n| (n % 251) as u8));
    png
}
