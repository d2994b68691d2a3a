//! The `proxy` of a request, with proxies that others wrote: each one's own log shows that the traffic to X went through it.
//!
//! X's place is taken by a sandbox that speaks TLS, so that an HTTP proxy is asked for a tunnel, as it would be for X.

use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chunkwise_sandbox::{ProcessingScript, Sandbox};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::Child;

use crate::world::{Authority, Serving, program, sha256, until, video, wanted};

/// Several segments, of no round size.
const SIZE: usize = 12_345_678;

/// What a client is told, whatever is wrong with its proxy.
const NOT_AS_SET: &str = "X can't be reached as things are set";

/// What is answered where nothing lets itself be connected to.
const NOT_REACHED: &str = "X, or the proxy if one was given, could not be reached or failed again and again";

/// A sandbox in X's place, and a gateway that may (or may not) reach this machine by a proxy.
struct World {
    sandbox: Sandbox,
    serving: Serving,
}

impl World {
    async fn new(proxy_authority: Option<&Authority>, fetch: &str) -> Self {
        let sandbox = Sandbox::builder()
            .with(|settings| settings.processing.video = ProcessingScript::already_succeeded())
            .start()
            .await
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut believed = std::fs::read_to_string(sandbox.ca_file().unwrap()).unwrap();
        believed.extend(proxy_authority.map(Authority::pem));
        let file = folder.path().join("ca.pem");
        std::fs::write(&file, believed).unwrap();
        let settings = format!(
            "x.base_url = {:?}\nx.ca_file = {file:?}\n[fetch]\n{fetch}",
            sandbox.https_url().unwrap()
        );
        Self { serving: Serving::with(&settings).await, sandbox }
    }

    async fn may(proxy_authority: Option<&Authority>) -> Self {
        Self::new(proxy_authority, "allow_networks = [\"127.0.0.1/32\"]\n").await
    }

    async fn upload(&self, content: &[u8], proxy: &str) -> Value {
        let token = self.sandbox.settings().access.bearer[0].token.reveal().to_owned();
        let body = json!({
            "auth_token": token, "media_data": STANDARD.encode(content), "media_type": "video/mp4", "proxy": proxy,
        });
        self.serving.post("/twitter/media/upload", &[], &body).await
    }

    /// Asserts that an upload by this proxy succeeds and is whole.
    async fn carries(&self, proxy: &str) {
        let content = video(SIZE, 1);
        let answer = self.upload(&content, proxy).await;
        let media_id = answer["data"]["media_id"].as_str().unwrap_or_else(|| panic!("{proxy}: {answer}"));
        let media = self.sandbox.media(media_id.parse().unwrap()).await.unwrap().unwrap();
        assert_eq!((media.size, media.sha256), (SIZE as u64, sha256(&content)));
    }

    /// Where the sandbox speaks TLS, as proxies write it.
    fn target(&self) -> String {
        self.sandbox.https_address().unwrap().to_string()
    }
}

/// A proxy's process with its log; it ends with the test.
struct Proxy {
    port: u16,
    _process: Child,
    folder: TempDir,
}

impl Proxy {
    /// Starts a program whose arguments and configuration name `{port}`, `{config}` and `{log}`.
    async fn start(name: &str, arguments: &[&str], config: &str) -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let folder = tempfile::tempdir().unwrap();
        let (file, log) = (folder.path().join("config"), folder.path().join("log"));
        let put_in = |text: &str| {
            let text = text.replace("{port}", &port.to_string()).replace("{log}", log.to_str().unwrap());
            text.replace("{config}", file.to_str().unwrap())
        };
        std::fs::write(&file, put_in(config)).unwrap();
        let said = std::fs::File::options().create(true).append(true).open(&log).unwrap();
        let mut command = program(name);
        command.args(arguments.iter().map(|text| put_in(text))).stdin(Stdio::null());
        command.stdout(said.try_clone().unwrap()).stderr(said);
        let process = command.spawn().unwrap_or_else(|error| panic!("{name}: {error}"));
        for _ in 0..200 {
            if TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                return Self { port, _process: process, folder };
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{name} does not listen: {}", std::fs::read_to_string(&log).unwrap());
    }

    async fn tinyproxy() -> Self {
        let config = "Port {port}\nListen 127.0.0.1\nAllow 127.0.0.1\nBasicAuth user secret\nTimeout 60\n\
                      MaxClients 20\nLogFile \"{log}\"\nLogLevel Connect\n";
        Self::start("tinyproxy", &["-d", "-c", "{config}"], config).await
    }

    fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.folder.path().join("log")).unwrap()).into_owned()
    }

    /// What a number in its lines comes to.
    fn sum(&self, number: impl Fn(&str) -> Option<u64>) -> u64 {
        self.log().lines().filter_map(number).sum()
    }

    /// Waits until the proxy's log has a line with all of this.
    async fn tells(&self, words: &[&str]) {
        let told = || self.log().lines().any(|line| words.iter().all(|word| line.contains(word)));
        until(&format!("{words:?} in a proxy's log"), told).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tinyproxy_opens_a_tunnel_for_who_has_its_credentials() {
    if !wanted(&["curl", "tinyproxy"]) {
        return;
    }
    let (world, proxy) = (World::may(None).await, Proxy::tinyproxy().await);
    world.carries(&format!("http://user:secret@127.0.0.1:{}", proxy.port)).await;
    proxy.tells(&["CONNECT", &world.target()]).await;
    let refused = world.upload(&video(100_000, 1), &format!("http://127.0.0.1:{}", proxy.port)).await;
    assert_eq!(refused["error"], NOT_AS_SET, "{refused}");
    assert_eq!(world.serving.get("/usage").await["calls"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn microsocks_carries_it_by_socks5_with_credentials() {
    if !wanted(&["curl", "microsocks"]) {
        return;
    }
    let world = World::may(None).await;
    let arguments = ["-i", "127.0.0.1", "-p", "{port}", "-u", "user", "-P", "secret"];
    let proxy = Proxy::start("microsocks", &arguments, "").await;
    world.carries(&format!("socks5://user:secret@127.0.0.1:{}", proxy.port)).await;
    proxy.tells(&["connected to", &world.target()]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dante_carries_it_by_socks4_and_counts_every_byte() {
    if !wanted(&["curl", "danted"]) {
        return;
    }
    let world = World::may(None).await;
    let config = "errorlog: stderr\nlogoutput: {log}\ninternal: 127.0.0.1 port = {port}\nexternal: lo\n\
                  clientmethod: none\nsocksmethod: none\nuser.privileged: root\nuser.unprivileged: nobody\n\
                  client pass { from: 0.0.0.0/0 to: 0.0.0.0/0 }\n\
                  socks pass { from: 0.0.0.0/0 to: 0.0.0.0/0 log: connect disconnect }\n";
    let proxy = Proxy::start("danted", &["-f", "{config}"], config).await;
    world.carries(&format!("socks4://somebody@127.0.0.1:{}", proxy.port)).await;
    // As in "tcp/connect ]: 1701 -> 127.0.0.1.44988 127.0.0.1.37985 -> 4201223, …": what the client has sent.
    let carried = |line: &str| {
        let (_, counts) = line.split_once("tcp/connect ]: ")?;
        counts.split(" -> ").nth(2)?.split(',').next()?.parse().ok()
    };
    until("all bytes in dante's log", || proxy.sum(carried) >= SIZE as u64).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_is_spoken_to_by_tls() {
    if !wanted(&["curl", "tinyproxy", "stunnel"]) {
        return;
    }
    let authority = Authority::new();
    let certificates = tempfile::tempdir().unwrap();
    let (certificate, key) = authority.vouch(&["127.0.0.1"], certificates.path());
    let (world, behind) = (World::may(Some(&authority)).await, Proxy::tinyproxy().await);
    let config = format!(
        "foreground = yes\npid =\nsyslog = no\ndebug = 6\n[proxy]\naccept = 127.0.0.1:{{port}}\n\
         connect = 127.0.0.1:{}\ncert = {}\nkey = {}\n",
        behind.port,
        certificate.display(),
        key.display()
    );
    let proxy = Proxy::start("stunnel", &["{config}"], &config).await;
    world.carries(&format!("https://user:secret@127.0.0.1:{}", proxy.port)).await;
    behind.tells(&["CONNECT", &world.target()]).await;
    // As in "Connection closed: 1747 byte(s) sent to TLS, 4201632 byte(s) sent to socket".
    let carried = |line: &str| {
        let (_, counts) = line.split_once("sent to TLS, ")?;
        counts.split(' ').next()?.parse().ok()
    };
    until("all bytes in stunnel's log", || proxy.sum(carried) >= SIZE as u64).await;

    // Nobody believed vouches for it.
    let stranger = World::may(None).await;
    let refused =
        stranger.upload(&video(100_000, 1), &format!("https://user:secret@127.0.0.1:{}", proxy.port)).await;
    assert_eq!(refused["error"], NOT_AS_SET, "{refused}");
    assert!(stranger.sandbox.log().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_on_this_machine_is_refused_if_nobody_has_allowed_it() {
    if !wanted(&["curl", "tinyproxy"]) {
        return;
    }
    let (world, proxy) = (World::new(None, "").await, Proxy::tinyproxy().await);
    // What has looked whether it listens.
    proxy.tells(&["Connect (file descriptor"]).await;
    // In the words, and after the tries, of one that is not there: what is forbidden is not told (threat T17).
    let refused = ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"].map(async |host| {
        let refused =
            world.upload(&video(100_000, 1), &format!("http://user:secret@{host}:{}", proxy.port)).await;
        assert_eq!(refused["error"], NOT_REACHED, "{host}: {refused}");
    });
    futures::future::join_all(refused).await;
    let log = proxy.log();
    assert_eq!(log.matches("Connect (file descriptor").count(), 1, "it was not even spoken to: {log}");
    assert!(world.sandbox.log().is_empty());
    let usage = world.serving.get("/usage").await;
    assert_eq!((&usage["calls"], &usage["reserved_micro_dollars"]), (&0.into(), &0.into()));
}
