//! Every kind of proxy, with real sockets and proxies of a few lines.
#![cfg(test)]

mod support;
mod support_tls;

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chunkwise_core::NotSent;
use chunkwise_hyper::{HyperBackend, Proxies, ProxyUrl};
use support::server::{OK, Server, read_head, read_request, send};
use support::{answered, exchange, not_sent, post_sized};
use support_tls::{Authority, NAME};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::TcpStream;

type Log = Arc<Mutex<Vec<String>>>;

/// Base64 of `user:pass-secret`.
const BASIC: &str = "Basic dXNlcjpwYXNzLXNlY3JldA==";

/// What stands between a backend and its target in these tests.
struct World {
    authority: Authority,
    /// Answers requests, in the clear.
    plain: Server,
    /// Answers requests, with TLS.
    tls: Server,
}

impl World {
    async fn new() -> Self {
        let authority = Authority::new();
        let acceptor = authority.acceptor();
        let tls = Server::start(move |stream, _| {
            let acceptor = acceptor.clone();
            async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                while let Some(request) = read_request(&mut stream).await {
                    assert_eq!(request.header("host"), [NAME]);
                    assert_eq!(request.header("proxy-authorization"), [""; 0]);
                    send(&mut stream, OK).await;
                }
            }
        })
        .await;
        Self { authority, plain: Server::answering(OK).await, tls }
    }

    fn backend(&self, proxy: &str) -> HyperBackend {
        let proxy = proxy.parse().unwrap();
        HyperBackend::builder().ca_pem(self.authority.pem()).proxy(proxy).build().unwrap()
    }
}

/// An HTTP proxy that takes every name for the target, and wants `user:pass-secret`.
async fn serve_http(mut stream: impl AsyncRead + AsyncWrite + Unpin, target: SocketAddr, log: Log) {
    let Some(head) = read_head(&mut stream).await else { return };
    let line = head.lines().next().unwrap().to_owned();
    let authorized =
        head.lines().any(|line| line.eq_ignore_ascii_case(&format!("Proxy-Authorization: {BASIC}")));
    log.lock().unwrap().push(line.clone());
    if !authorized {
        let refusal = "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 4\r\n\r\nno!!";
        send(&mut stream, refusal).await;
        let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
        return;
    }
    let mut onward = TcpStream::connect(target).await.unwrap();
    if line.starts_with("CONNECT ") {
        send(&mut stream, "HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n").await;
    } else {
        let head = head.lines().filter(|line| !line.to_ascii_lowercase().starts_with("proxy-"));
        let head = head.collect::<Vec<_>>().join("\r\n") + "\r\n";
        onward.write_all(head.as_bytes()).await.unwrap();
    }
    let _ = copy_bidirectional(&mut stream, &mut onward).await;
}

async fn http_proxy(target: SocketAddr, log: &Log) -> Server {
    let log = Arc::clone(log);
    Server::start(move |stream, _| serve_http(stream, target, Arc::clone(&log))).await
}

/// A SOCKS proxy that speaks both versions, takes every name for the target, and wants `user` and, in version 5,
/// `pass-secret`.
async fn serve_socks(mut stream: TcpStream, target: SocketAddr, log: Log) -> std::io::Result<()> {
    if stream.read_u8().await? == 4 {
        assert_eq!(stream.read_u8().await?, 1);
        let port = stream.read_u16().await?;
        let address = stream.read_u32().await?;
        let user = read_text(&mut stream).await?;
        let name = if address < 256 { read_text(&mut stream).await? } else { format!("{address:x}") };
        log.lock().unwrap().push(format!("4 {user}@{name}:{port}"));
        let reply = if user == "user" { 0x5a } else { 0x5d };
        stream.write_all(&[0, reply, 0, 0, 0, 0, 0, 0]).await?;
        if reply != 0x5a {
            return Ok(());
        }
    } else {
        let count = stream.read_u8().await?;
        let mut methods = vec![0; count.into()];
        stream.read_exact(&mut methods).await?;
        if !methods.contains(&2) {
            log.lock().unwrap().push("5 without credentials".to_owned());
            return stream.write_all(&[5, 0xff]).await;
        }
        stream.write_all(&[5, 2]).await?;
        assert_eq!(stream.read_u8().await?, 1);
        let (user, password) = (read_counted(&mut stream).await?, read_counted(&mut stream).await?);
        let accepted = (user.as_str(), password.as_str()) == ("user", "pass-secret");
        stream.write_all(&[1, u8::from(!accepted)]).await?;
        if !accepted {
            return Ok(());
        }
        let mut request = [0; 4];
        stream.read_exact(&mut request).await?;
        let host = match request {
            [5, 1, 0, 1] => format!("{:x}", stream.read_u32().await?),
            [5, 1, 0, 3] => read_counted(&mut stream).await?,
            other => panic!("a strange request: {other:?}"),
        };
        let port = stream.read_u16().await?;
        log.lock().unwrap().push(format!("5 {user}@{host}:{port}"));
        if port == 9 {
            return stream.write_all(&[5, 5, 0, 1, 0, 0, 0, 0, 0, 0]).await;
        }
        // Its own address as a name, which is allowed and seldom seen.
        stream.write_all(&[5, 0, 0, 3, 2, b'm', b'e', 0, 1]).await?;
    }
    let mut onward = TcpStream::connect(target).await?;
    copy_bidirectional(&mut stream, &mut onward).await.map(drop)
}

async fn read_text(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut text = String::new();
    loop {
        match stream.read_u8().await? {
            0 => return Ok(text),
            byte => text.push(byte.into()),
        }
    }
}

async fn read_counted(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut text = vec![0; stream.read_u8().await?.into()];
    stream.read_exact(&mut text).await?;
    Ok(String::from_utf8(text).unwrap())
}

async fn socks_proxy(target: SocketAddr, log: &Log) -> Server {
    let log = Arc::clone(log);
    Server::start(move |stream, _| {
        let log = Arc::clone(&log);
        async move { drop(serve_socks(stream, target, log).await) }
    })
    .await
}

fn seen(log: &Log) -> Vec<String> {
    std::mem::take(&mut log.lock().unwrap())
}

#[tokio::test]
async fn an_http_proxy_tunnels_https_and_forwards_http() {
    let (world, log) = (World::new().await, Log::default());
    let proxy = http_proxy(world.tls.address, &log).await;
    let backend = world.backend(&format!("http://user:pass-secret@{}", proxy.address));
    for _ in 0..2 {
        let url = format!("https://{NAME}/a?b=c");
        assert_eq!(answered(exchange(&backend, post_sized(&url, 300_000)).await).1, "ok");
    }
    assert_eq!(seen(&log), [format!("CONNECT {NAME}:443 HTTP/1.1")], "one tunnel for both");

    let proxy = http_proxy(world.plain.address, &log).await;
    let backend = world.backend(&format!("user:pass-secret@{}", proxy.address));
    let url = format!("http://{NAME}:8080/a?b=c");
    assert_eq!(answered(exchange(&backend, post_sized(&url, 300_000)).await).1, "ok");
    assert_eq!(seen(&log), [format!("POST http://{NAME}:8080/a?b=c HTTP/1.1")]);
}

#[tokio::test]
async fn an_https_proxy_is_spoken_to_through_tls() {
    let (world, log) = (World::new().await, Log::default());
    let (target, acceptor, proxy_log) = (world.tls.address, world.authority.acceptor(), Arc::clone(&log));
    let proxy = Server::start(move |stream, _| {
        let (acceptor, log) = (acceptor.clone(), Arc::clone(&proxy_log));
        async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                serve_http(stream, target, log).await;
            }
        }
    })
    .await;
    let proxy = format!("https://user:pass-secret@{}", proxy.address);
    let url = format!("https://{NAME}/");
    assert_eq!(answered(exchange(&world.backend(&proxy), post_sized(&url, 300_000)).await).1, "ok");
    assert_eq!(seen(&log), [format!("CONNECT {NAME}:443 HTTP/1.1")]);

    let stranger = HyperBackend::builder().proxy(proxy.parse().unwrap()).build().unwrap();
    let (cause, text) = not_sent(exchange(&stranger, post_sized(&url, 10)).await);
    assert_eq!(cause, NotSent::Misconfigured);
    assert!(text.contains("the proxy https://[redacted]@127.0.0.1"), "{text}");
}

#[tokio::test]
async fn socks_proxies_resolve_names_themselves() {
    let (world, log) = (World::new().await, Log::default());
    let (to_tls, to_plain) =
        (socks_proxy(world.tls.address, &log).await, socks_proxy(world.plain.address, &log).await);
    for (scheme, credentials, version) in [
        ("socks5", "user:pass-secret@", 5),
        ("socks5h", "user:pass-secret@", 5),
        ("socks4", "user@", 4),
        ("socks4a", "user@", 4),
    ] {
        let backend = world.backend(&format!("{scheme}://{credentials}{}", to_tls.address));
        let url = format!("https://{NAME}/");
        assert_eq!(answered(exchange(&backend, post_sized(&url, 300_000)).await).1, "ok", "{scheme}");
        let backend = world.backend(&format!("{scheme}://{credentials}{}", to_plain.address));
        for host in [NAME, "10.1.2.3"] {
            let url = format!("http://{host}:81/");
            assert_eq!(answered(exchange(&backend, post_sized(&url, 10)).await).1, "ok", "{scheme}");
        }
        let expected = [format!("{NAME}:443"), format!("{NAME}:81"), "a010203:81".to_owned()];
        assert_eq!(seen(&log), expected.map(|peer| format!("{version} user@{peer}")), "{scheme}");
    }
}

#[tokio::test]
async fn a_proxy_that_refuses_us_is_misconfigured_and_named_without_secrets() {
    let (world, log) = (World::new().await, Log::default());
    let http = http_proxy(world.plain.address, &log).await;
    let socks = socks_proxy(world.plain.address, &log).await;
    let (https_url, http_url) =
        (format!("https://{NAME}/?k=query-secret"), format!("http://{NAME}/?k=query-secret"));
    for (proxy, url, says) in [
        (format!("http://user:wrong-secret@{}", http.address), &https_url, "refused the credentials (407)"),
        (format!("http://user:wrong-secret@{}", http.address), &http_url, "refused the credentials (407)"),
        (format!("http://{}", http.address), &https_url, "wants credentials and none were given (407)"),
        (format!("http://{}", http.address), &http_url, "wants credentials and none were given (407)"),
        (format!("socks5://user:wrong-secret@{}", socks.address), &https_url, "refused the credentials"),
        (format!("socks5://{}", socks.address), &https_url, "wants credentials and none were given"),
        (format!("socks4://wrong-secret@{}", socks.address), &https_url, "refused the credentials"),
        (format!("socks4://wrong-secret@{}", socks.address), &"https://[::1]/".to_owned(), "knows no IPv6"),
    ] {
        let backend = world.backend(&proxy);
        // Long enough that a forwarded body is refused while it is being sent.
        let (cause, text) = not_sent(exchange(&backend, post_sized(url, 8 << 20)).await);
        assert_eq!(cause, NotSent::Misconfigured, "{text}");
        assert!(text.contains(says) && text.starts_with("the proxy "), "{text}");
        assert!(!text.contains("secret"), "{text}");
    }
    assert_eq!(world.plain.connections(), 0, "a refused request went through");
}

#[tokio::test]
async fn what_a_proxy_says_tells_the_cause() {
    use NotSent::{Misconfigured, Unreachable};
    let world = World::new().await;
    for (scheme, answer, cause, says) in [
        (
            "http",
            "HTTP/1.1 403 Forbidden\r\n\r\n",
            Misconfigured,
            "refuses to connect to upload.example.test:443 (403)",
        ),
        (
            "http",
            "HTTP/1.1 502 Bad Gateway\r\n\r\n",
            Unreachable,
            "could not connect to upload.example.test:443 (502)",
        ),
        ("http", "SSH-2.0-x\r\n", Misconfigured, "does not speak HTTP"),
        ("http", "", Unreachable, "broke the connection"),
        ("http", "HTTP/1.1 200 OK\r\n\r\nhello", Misconfigured, "bytes that nobody asked for"),
        ("socks5", "HTTP/1.1 400 Bad Request\r\n\r\n", Misconfigured, "does not speak SOCKS 5"),
        ("socks5", "\x05\x00\x05\x05\x00\x01\x00\x00\x00\x00\x00\x00", Unreachable, "connection refused"),
        (
            "socks5",
            "\x05\x00\x05\x02\x00\x01\x00\x00\x00\x00\x00\x00",
            Misconfigured,
            "not allowed by its rules",
        ),
        ("socks5", "\x05\x00\x05", Unreachable, "broke the connection"),
        ("socks4", "\0\x5b\0\0\0\0\0\0", Unreachable, "rejected or failed"),
        ("socks4", "HTTP/1.1", Misconfigured, "does not speak SOCKS 4"),
    ] {
        let proxy = Server::start(move |mut stream, _| async move {
            let _ = stream.read(&mut [0; 4096]).await;
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
            let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
        })
        .await;
        let backend = world.backend(&format!("{scheme}://{}", proxy.address));
        let (was, text) = not_sent(exchange(&backend, post_sized(&format!("https://{NAME}/"), 10)).await);
        assert_eq!(was, cause, "{answer:?}: {text}");
        assert!(text.contains(says), "{answer:?}: {text}");
    }
}

#[tokio::test]
async fn a_proxy_that_is_not_there_is_unreachable() {
    let gone = Server::start(|_, _| async {}).await.address;
    for scheme in ["http", "https", "socks5", "socks4"] {
        let proxy: ProxyUrl = format!("{scheme}://user@{gone}").parse().unwrap();
        let backend = HyperBackend::builder().proxy(proxy).build().unwrap();
        // The listener of a dropped server is closed a moment later.
        tokio::time::sleep(Duration::from_millis(10)).await;
        let (cause, text) = not_sent(exchange(&backend, post_sized("https://127.0.0.1/", 10)).await);
        assert_eq!(cause, NotSent::Unreachable);
        let says = format!(
            "the proxy {scheme}://[redacted]@{gone} can't be used: could not connect to {gone}: connection refused"
        );
        assert_eq!(text, says);
    }
}

#[tokio::test]
async fn a_proxy_that_is_silent_runs_into_the_connect_timeout() {
    let silent = Server::start(|mut stream, _| async move {
        let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
    })
    .await;
    for scheme in ["http", "https", "socks5", "socks4"] {
        let proxy: ProxyUrl = format!("{scheme}://{}", silent.address).parse().unwrap();
        let settings = HyperBackend::builder().proxy(proxy).connect_timeout(Duration::from_millis(50));
        let (cause, text) =
            not_sent(exchange(&settings.build().unwrap(), post_sized("https://127.0.0.1/", 10)).await);
        assert_eq!(cause, NotSent::Unreachable);
        assert!(text.contains("no connection within 50ms"), "{text}");
    }
}

#[tokio::test]
async fn what_no_proxy_lists_is_reached_directly() {
    let (world, log) = (World::new().await, Log::default());
    let proxy = http_proxy(world.plain.address, &log).await;
    let proxies = Proxies::from_env(|name| match name {
        "http_proxy" => Some(format!("user:pass-secret@{}", proxy.address)),
        "NO_PROXY" => Some("127.0.0.0/8".to_owned()),
        _ => None,
    });
    let backend = HyperBackend::builder().proxies(proxies.unwrap()).build().unwrap();
    answered(exchange(&backend, post_sized(&world.plain.url(), 10)).await);
    assert_eq!(seen(&log), [""; 0]);
    answered(exchange(&backend, post_sized(&format!("http://{NAME}/"), 10)).await);
    assert_eq!(seen(&log), [format!("POST http://{NAME}/ HTTP/1.1")]);
}

/// A stranger's proxy may be a port of the network that this runs in.
#[tokio::test]
async fn a_proxy_is_dialled_only_where_its_guard_lets_it() {
    let (world, log) = (World::new().await, Log::default());
    let http = http_proxy(world.tls.address, &log).await;
    let socks = socks_proxy(world.tls.address, &log).await;
    let asked = Arc::<Mutex<Vec<(String, Vec<IpAddr>)>>>::default();
    let backend = |proxy: &str, permits: fn(&IpAddr) -> bool| {
        let asked = Arc::clone(&asked);
        HyperBackend::builder()
            .ca_pem(world.authority.pem())
            .proxy(proxy.parse().unwrap())
            .proxy_guard(move |host, addresses| {
                asked.lock().unwrap().push((host.to_owned(), addresses.to_vec()));
                if addresses.iter().all(permits) { Ok(()) } else { Err("it is not public".into()) }
            })
            .build()
            .unwrap()
    };
    let url = format!("https://{NAME}/?k=query-secret");
    for (scheme, server) in [("http", &http), ("https", &http), ("socks5", &socks), ("socks4a", &socks)] {
        for host in ["127.0.0.1", "localhost", "0x7f.1", "[::ffff:127.0.0.1]"] {
            let proxy = format!("{scheme}://user@{host}:{}", server.address.port());
            let guarded = backend(&proxy, |address| !address.to_canonical().is_loopback());
            let (cause, text) = not_sent(exchange(&guarded, post_sized(&url, 10)).await);
            assert_eq!(cause, NotSent::Misconfigured, "{text}");
            assert!(text.ends_with("must not be connected to: it is not public"), "{text}");
            assert!(text.starts_with(&format!("the proxy {}://[redacted]@", scheme.trim_end_matches('a'))));
            let (asked_host, addresses) = asked.lock().unwrap().pop().unwrap();
            assert!(!asked_host.contains('['), "{asked_host}");
            assert!(!addresses.is_empty() && addresses.iter().all(|ip| ip.to_canonical().is_loopback()));
        }
    }
    assert_eq!((http.connections(), socks.connections()), (0, 0), "it was dialled");
    for (scheme, server) in [("http", &http), ("socks5", &socks)] {
        let proxy = format!("{scheme}://user:pass-secret@{}", server.address);
        let allowed = backend(&proxy, IpAddr::is_loopback);
        assert_eq!(answered(exchange(&allowed, post_sized(&url, 300_000)).await).1, "ok");
    }
    assert_eq!(asked.lock().unwrap().len(), 2, "asked once for each connection");
}

#[tokio::test]
async fn without_a_proxy_its_guard_is_not_asked() {
    let server = Server::answering(OK).await;
    let backend = HyperBackend::builder().proxy_guard(|_, _| Err("asked".into())).build().unwrap();
    assert_eq!(answered(exchange(&backend, post_sized(&server.url(), 10)).await).1, "ok");
}
