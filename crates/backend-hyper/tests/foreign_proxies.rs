//! Proxies that others wrote: tinyproxy, microsocks and dante, if they are installed and wanted
//! (`CHUNKWISE_FOREIGN=1`).

#![cfg(test)]

mod support;
mod support_tls;

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use chunkwise_core::NotSent;
use chunkwise_hyper::HyperBackend;
use support::server::{OK, Server, read_request, send};
use support::{answered, exchange, not_sent, post_sized};
use support_tls::Authority;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

const LENGTH: usize = 20_000_000;

fn wanted() -> bool {
    let wanted = std::env::var_os("CHUNKWISE_FOREIGN").is_some();
    if !wanted {
        eprintln!("skipped: set CHUNKWISE_FOREIGN=1 with tinyproxy, microsocks and dante-server installed");
    }
    wanted
}

/// A proxy's process; it ends with the test.
struct Proxy {
    address: SocketAddr,
    _process: Child,
    _config: tempfile::NamedTempFile,
}

impl Proxy {
    /// Starts a program whose arguments and configuration name `{port}` and `{config}`.
    async fn start(program: &str, arguments: &[&str], config: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let port = address.port().to_string();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), config.replace("{port}", &port)).unwrap();
        let path = file.path().display().to_string();
        let arguments = arguments.iter().map(|text| text.replace("{port}", &port).replace("{config}", &path));
        let process = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{program}: {error}"));
        for _ in 0..100 {
            if TcpStream::connect(address).await.is_ok() {
                return Self { address, _process: process, _config: file };
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{program} does not listen");
    }
}

struct Target {
    authority: Authority,
    plain: Server,
    tls: Server,
}

impl Target {
    async fn new() -> Self {
        let plain = Server::start(|mut stream, _| async move {
            while let Some(request) = read_request(&mut stream).await {
                assert_eq!(request.body.len(), LENGTH);
                send(&mut stream, OK).await;
            }
        })
        .await;
        let authority = Authority::new();
        let acceptor = authority.acceptor();
        let tls = Server::start(move |stream, _| {
            let acceptor = acceptor.clone();
            async move {
                let mut stream = acceptor.accept(stream).await.unwrap();
                while let Some(request) = read_request(&mut stream).await {
                    assert_eq!(request.body.len(), LENGTH);
                    send(&mut stream, OK).await;
                }
            }
        })
        .await;
        Self { authority, plain, tls }
    }

    /// Two requests of each scheme, to each of these hosts.
    async fn carries(&self, proxy: &str, hosts: &[&str]) {
        let settings = HyperBackend::builder().ca_pem(self.authority.pem()).proxy(proxy.parse().unwrap());
        let backend = settings.build().unwrap();
        for host in hosts {
            let plain = self.plain.url().replace("127.0.0.1", host);
            let tls = self.tls.url().replace("http:", "https:").replace("127.0.0.1", host);
            for url in [&plain, &plain, &tls, &tls] {
                assert_eq!(
                    answered(exchange(&backend, post_sized(url, LENGTH)).await).1,
                    "ok",
                    "{proxy} {url}"
                );
            }
        }
    }

    async fn is_refused(&self, proxy: &str, schemes: &[&str]) {
        let backend = HyperBackend::builder().proxy(proxy.parse().unwrap()).build().unwrap();
        for scheme in schemes {
            let url = self.tls.url().replace("http:", scheme);
            let (cause, text) = not_sent(exchange(&backend, post_sized(&url, LENGTH)).await);
            assert_eq!(cause, NotSent::Misconfigured, "{proxy} {url}: {text}");
            assert!(text.contains("credentials"), "{text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tinyproxy() {
    if !wanted() {
        return;
    }
    let config =
        "Port {port}\nListen 127.0.0.1\nAllow 127.0.0.1\nBasicAuth user secret\nTimeout 60\nMaxClients 20\n";
    let proxy = Proxy::start("tinyproxy", &["-d", "-c", "{config}"], config).await;
    let target = Target::new().await;
    target.carries(&format!("http://user:secret@{}", proxy.address), &["127.0.0.1", "localhost"]).await;
    target.is_refused(&format!("http://{}", proxy.address), &["http:", "https:"]).await;
    // It answers 401 to wrong credentials: for a forwarded request, nobody can tell that from the target's answer.
    target.is_refused(&format!("http://user:wrong@{}", proxy.address), &["https:"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn microsocks() {
    if !wanted() {
        return;
    }
    let arguments = ["-i", "127.0.0.1", "-p", "{port}", "-u", "user", "-P", "secret"];
    let proxy = Proxy::start("microsocks", &arguments, "").await;
    let target = Target::new().await;
    target.carries(&format!("socks5://user:secret@{}", proxy.address), &["127.0.0.1", "localhost"]).await;
    target.is_refused(&format!("socks5://user:wrong@{}", proxy.address), &["http:", "https:"]).await;
    target.is_refused(&format!("socks5://{}", proxy.address), &["http:", "https:"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dante() {
    if !wanted() {
        return;
    }
    let config = "errorlog: stderr\ninternal: 127.0.0.1 port = {port}\nexternal: lo\nclientmethod: none\n\
                  socksmethod: none\nuser.privileged: root\nuser.unprivileged: nobody\n\
                  client pass { from: 0.0.0.0/0 to: 0.0.0.0/0 }\nsocks pass { from: 0.0.0.0/0 to: 0.0.0.0/0 }\n";
    let proxy = Proxy::start("danted", &["-f", "{config}"], config).await;
    let target = Target::new().await;
    // By address only: it asks DNS for names, and there may be none.
    target.carries(&format!("socks4://somebody@{}", proxy.address), &["127.0.0.1"]).await;
    target.carries(&format!("socks5://{}", proxy.address), &["127.0.0.1"]).await;
}
