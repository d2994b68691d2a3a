//! `deploy/nginx.conf` and `deploy/Caddyfile`, with nginx and Caddy (`CHUNKWISE_FOREIGN=1`) and curl through them.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use chunkwise_sandbox::Sandbox;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

use crate::gateway::{Gateway, PIXEL};
use crate::{is_there, shipped, with};

/// The name in the samples.
const NAME: &str = "media.example.com";

/// How long anything may take: much longer than it does.
const PATIENCE: Duration = Duration::from_secs(120);

/// The largest body that the gateway takes (`IngestLimits::body`), and one byte.
const TOO_LARGE: u64 = 787_476_209;

const CLIP: &[u8] = include_bytes!("../../assets/clip.mp4");

fn is_wanted(program: &str) -> bool {
    if std::env::var_os("CHUNKWISE_FOREIGN").is_none_or(|value| value != "1") {
        eprintln!("skipped: set CHUNKWISE_FOREIGN=1 to run against nginx and caddy");
        return false;
    }
    is_there(program) && is_there("curl")
}

/// Which proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Nginx,
    Caddy,
}

/// A proxy with the sample that is shipped; it ends with the test.
struct Front {
    kind: Kind,
    port: u16,
    folder: TempDir,
    _process: Child,
}

impl Front {
    /// Before this address.
    async fn start(kind: Kind, upstream: SocketAddr) -> Self {
        Self::with(kind, upstream, |sample| sample).await
    }

    async fn with(kind: Kind, upstream: SocketAddr, change: impl FnOnce(String) -> String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let made = rcgen::generate_simple_self_signed([NAME.to_owned()]).unwrap();
        std::fs::write(file("certificate.pem"), made.cert.pem()).unwrap();
        std::fs::write(file("key.pem"), made.signing_key.serialize_pem()).unwrap();
        let port = free_port().await;

        let sample = shipped(match kind {
            Kind::Nginx => "nginx.conf",
            Kind::Caddy => "Caddyfile",
        });
        let sample = with(&sample, "/etc/chunkwise/certificate.pem", &file("certificate.pem"));
        let sample = with(&sample, "/etc/chunkwise/key.pem", &file("key.pem"));
        let (upstream_is, upstream) = match kind {
            Kind::Nginx => ("server 127.0.0.1:8787;", format!("server {upstream};")),
            Kind::Caddy => ("reverse_proxy 127.0.0.1:8787 {", format!("reverse_proxy {upstream} {{")),
        };
        let sample = with(&sample, upstream_is, &upstream);
        let sample = match kind {
            Kind::Nginx => with(&sample, "listen 443 ssl;", &format!("listen 127.0.0.1:{port} ssl;")),
            Kind::Caddy => with(&sample, &format!("{NAME} {{"), &format!("{NAME}:{port} {{")),
        };
        std::fs::write(file("sample"), change(sample)).unwrap();

        // What a distribution has around it.
        let around = match kind {
            Kind::Nginx => format!(
                "daemon off; pid {0}/pid; error_log {0}/error.log info; events {{}} http {{ access_log off; \
                 client_body_temp_path {0}/temp-body; proxy_temp_path {0}/temp-proxy; \
                 fastcgi_temp_path {0}/f; uwsgi_temp_path {0}/u; scgi_temp_path {0}/s; include {0}/sample; }}",
                folder.path().display()
            ),
            Kind::Caddy => format!(
                "{{\n admin off\n auto_https disable_redirects\n default_bind 127.0.0.1\n}}\nimport {}\n",
                file("sample")
            ),
        };
        std::fs::write(file("config"), around).unwrap();
        let mut command = match kind {
            Kind::Nginx => Command::new("nginx"),
            Kind::Caddy => Command::new("caddy"),
        };
        match kind {
            Kind::Nginx => command.args(["-e", "stderr", "-c", &file("config")]),
            Kind::Caddy => command.args(["run", "--adapter", "caddyfile", "--config", &file("config")]),
        };
        command
            .env("HOME", folder.path())
            .env("XDG_DATA_HOME", folder.path())
            .env("XDG_CONFIG_HOME", folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(std::fs::File::create(file("said")).unwrap()).kill_on_drop(true);
        let process = command.spawn().unwrap();
        let front = Self { kind, port, folder, _process: process };
        until(async || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_ok(), || front.log()).await;
        if kind == Kind::Nginx {
            // Where it would spool: whatever it can't send on at once fails now.
            for temp in ["temp-body", "temp-proxy"] {
                std::fs::remove_dir(front.folder.path().join(temp)).unwrap();
            }
        }
        front
    }

    fn log(&self) -> String {
        let read = |name: &str| std::fs::read_to_string(self.folder.path().join(name)).unwrap_or_default();
        format!("{:?}: {}{}", self.kind, read("said"), read("error.log"))
    }

    fn curl(&self, path: &str) -> Command {
        let mut command = Command::new("curl");
        command.args([
            "--silent",
            "--show-error",
            "--noproxy",
            "*",
            "--max-time",
            "120",
            "--write-out",
            "\n%{http_code}",
        ]);
        command.arg("--cacert").arg(self.folder.path().join("certificate.pem"));
        command.args(["--resolve", &format!("{NAME}:{}:127.0.0.1", self.port)]);
        command.arg(format!("https://{NAME}:{}{path}", self.port));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    /// `POST /twitter/media/upload` of a file, as it is read.
    fn post(&self, key: &str, body: &Path) -> Command {
        let mut command = self.curl("/twitter/media/upload");
        command.args(["--request", "POST", "--upload-file", body.to_str().unwrap()]);
        command.args(["--header", &format!("Authorization: Bearer {key}")]);
        command.args(["--header", "Content-Type: application/json"]);
        command
    }

    /// The status and the body of what was answered.
    fn answered(&self, output: &Output) -> (u16, Value) {
        let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let (body, status) = out.rsplit_once('\n').unwrap_or_default();
        let body = serde_json::from_str(body).unwrap_or_else(|_| panic!("{out}\n{error}\n{}", self.log()));
        (status.parse().unwrap(), body)
    }
}

async fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

/// Waits for a condition.
async fn until(condition: impl AsyncFn() -> bool, log: impl Fn() -> String) {
    let waited = tokio::time::timeout(PATIENCE, async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    assert!(waited.await.is_ok(), "it does not happen: {}", log());
}

/// A gateway before a sandbox, and behind a proxy.
struct World {
    sandbox: Sandbox,
    token: String,
    home: TempDir,
    gateway: Gateway,
    key: String,
    front: Front,
}

impl World {
    async fn new(kind: Kind) -> Self {
        Self::with(kind, |sample| sample).await
    }

    async fn with(kind: Kind, change: impl FnOnce(String) -> String) -> Self {
        let sandbox = Sandbox::builder()
            .with(|settings| {
                settings.processing.video = chunkwise_sandbox::ProcessingScript::already_succeeded()
            })
            .start()
            .await
            .unwrap();
        let token = sandbox.settings().access.bearer[0].token.reveal().to_owned();
        let home = tempfile::tempdir().unwrap();
        let settings = home.path().join("gateway.toml");
        std::fs::write(&settings, format!("[x]\nbase_url = '{}'\n", sandbox.base_url())).unwrap();
        let made = Command::new(env!("CARGO_BIN_EXE_chunkwise"))
            .args(["keys", "create", "mine"])
            .current_dir(home.path())
            .env("HOME", home.path())
            .output()
            .await
            .unwrap();
        let key = String::from_utf8(made.stdout).unwrap().trim().to_owned();
        let gateway = Gateway::start(home.path(), &["--settings", settings.to_str().unwrap()]).await;
        let front = Front::with(kind, gateway.address, change).await;
        Self { sandbox, token, home, gateway, key, front }
    }

    fn body(&self, media: &[u8], media_type: &str) -> String {
        use base64::Engine as _;
        let data = base64::engine::general_purpose::STANDARD.encode(media);
        json!({ "auth_token": self.token, "media_data": data, "media_type": media_type }).to_string()
    }

    fn file(&self, content: &str) -> PathBuf {
        let file = self.home.path().join("body.json");
        std::fs::write(&file, content).unwrap();
        file
    }

    async fn post(&self, body: &str) -> (u16, Value) {
        let output = self.front.post(&self.key, &self.file(body)).output().await.unwrap();
        self.front.answered(&output)
    }

    /// How many bytes of media the gateway has got.
    fn spooled(&self) -> u64 {
        let spool = self.home.path().join("chunkwise-gateway/spool");
        let files = std::fs::read_dir(spool).into_iter().flatten().flatten();
        files.filter_map(|file| file.metadata().ok()).map(|file| file.len()).sum()
    }

    /// The gateway's answers arrive as they are: good ones, and those that come before the body has gone.
    async fn carries_answers(&self) {
        let body = json!({ "auth_token": self.token, "media_data": PIXEL, "media_type": "image/png" });
        let (status, answer) = self.post(&body.to_string()).await;
        assert_eq!((status, answer["data"]["media_type"].as_str()), (200, Some("image/png")), "{answer}");
        assert!(answer["data"]["media_id"].is_string(), "{answer}");

        let output = self.front.curl("/usage").output().await.unwrap();
        assert_eq!(self.front.answered(&output).0, 401);

        // A picture that is too large by half, refused in its midst.
        let mut picture = CLIP.to_vec();
        picture.splice(..0, *b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR");
        picture.resize(24 << 20, 7);
        let (status, answer) = self.post(&self.body(&picture, "image/png")).await;
        assert!((400..500).contains(&status) && answer["error"].is_string(), "{status} {answer}");

        // A body that is announced as too large, refused before it comes.
        let huge = self.home.path().join("huge");
        std::fs::File::create(&huge).unwrap().set_len(TOO_LARGE).unwrap();
        let output = self.front.post(&self.key, &huge).output().await.unwrap();
        let (status, answer) = self.front.answered(&output);
        assert_eq!(
            (status, answer["error"].as_str()),
            (413, Some("The body is too large")),
            "{}",
            self.front.log()
        );
    }

    /// The first half arrives while the second is not even there.
    async fn streams(&self) {
        let mut video = CLIP.to_vec();
        let padding = (50 << 20) - video.len();
        video.extend_from_slice(&u32::try_from(padding).unwrap().to_be_bytes());
        video.extend_from_slice(b"free");
        video.extend((8..padding).map(|i| (i * 7 + i / 251) as u8));
        let body = self.body(&video, "video/mp4");
        assert!(body.len() > 64 << 20);

        let mut command = self.front.post(&self.key, Path::new("-"));
        // curl would say both, and nginx refuses that.
        command.args(["--header", "Transfer-Encoding:"]);
        command.args(["--header", &format!("Content-Length: {}", body.len())]).stdin(Stdio::piped());
        let mut curl = command.spawn().unwrap();
        let mut stdin = curl.stdin.take().unwrap();
        let (first, second) = body.as_bytes().split_at(body.len() / 2);
        if stdin.write_all(first).await.is_err() {
            panic!("{:?} {}", curl.wait_with_output().await, self.front.log());
        }
        until(async || self.spooled() > 16 << 20, || self.front.log()).await;
        stdin.write_all(second).await.unwrap();
        drop(stdin);
        let (status, answer) = self.front.answered(&curl.wait_with_output().await.unwrap());
        assert_eq!((status, answer["data"]["size"].as_u64()), (200, Some(50 << 20)), "{answer}");
        let id = answer["data"]["media_id"].as_str().unwrap().parse().unwrap();
        let media = self.sandbox.media(id).await.unwrap().unwrap();
        let digest: String = Sha256::digest(&video).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(media.sha256, digest);
    }
}

/// Every event arrives when it happens: the second is not sent before the first was read.
async fn passes_events_on_at_once(kind: Kind) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let front = Front::start(kind, listener.local_addr().unwrap()).await;
    let mut command = front.curl("/uploads/0/events");
    let mut curl = command.arg("--no-buffer").spawn().unwrap();
    let mut lines = BufReader::new(curl.stdout.take().unwrap()).lines();
    let (mut stream, _) = tokio::time::timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
    let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
    stream.write_all(head).await.unwrap();
    for event in ["data: 1", "data: 2"] {
        stream.write_all(format!("{:x}\r\n{event}\n\n\r\n", event.len() + 2).as_bytes()).await.unwrap();
        let line = tokio::time::timeout(PATIENCE, lines.next_line()).await;
        assert_eq!(line.unwrap_or_else(|_| panic!("{}", front.log())).unwrap().as_deref(), Some(event));
        assert_eq!(lines.next_line().await.unwrap().as_deref(), Some(""));
    }
    stream.write_all(b"0\r\n\r\n").await.unwrap();
    assert!(curl.wait().await.unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx() {
    if !is_wanted("nginx") {
        return;
    }
    let world = World::new(Kind::Nginx).await;
    world.carries_answers().await;
    world.streams().await;
    passes_events_on_at_once(Kind::Nginx).await;
    world.gateway.stop().await;
}

/// What the sample says of it is what makes nginx stream: without it, it would have to spool.
#[tokio::test(flavor = "multi_thread")]
async fn nginx_spools_where_it_is_not_told_otherwise() {
    if !is_wanted("nginx") {
        return;
    }
    let spooling =
        |sample: String| with(&sample, "proxy_request_buffering off;", "proxy_request_buffering on;");
    let world = World::with(Kind::Nginx, spooling).await;
    let body = world.body(&vec![7; 1 << 20], "video/mp4");
    let output = world.front.post(&world.key, &world.file(&body)).output().await.unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).ends_with("\n500"), "{output:?} {}", world.front.log());
    assert!(world.front.log().contains("temp-body"), "{}", world.front.log());
    world.gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn caddy() {
    if !is_wanted("caddy") {
        return;
    }
    let world = World::new(Kind::Caddy).await;
    world.carries_answers().await;
    world.streams().await;
    passes_events_on_at_once(Kind::Caddy).await;
    world.gateway.stop().await;
}
