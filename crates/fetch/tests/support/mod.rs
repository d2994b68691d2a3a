//! An origin of a few lines that does what a test says, and the fetchers that are sent to it.
#![allow(dead_code, unreachable_pub, clippy::allow_attributes, reason = "each test file uses a part of it")]

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chunkwise_fetch::{
    AddressPolicy, FetchError, FetchLimits, FetchProblem, Fetched, Fetcher, PublicReason, Resolve,
};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// The name of every origin; [`Names`] puts it on loopback, and the policy of [`fetcher`] allows it.
pub const NAME: &str = "media.example";

pub struct Origin {
    pub address: SocketAddr,
    connections: Arc<AtomicUsize>,
    heads: Arc<Mutex<Vec<String>>>,
    accepting: JoinHandle<()>,
}

impl Origin {
    /// Runs `serve` for every connection, with its number from 0.
    pub async fn start<F, S>(serve: S) -> Self
    where
        S: Fn(TcpStream, usize) -> F + Send + Sync + 'static,
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&connections);
        let accepting = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let number = count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, number));
            }
        });
        Self { address, connections, heads: Arc::default(), accepting }
    }

    /// Reads a request, gives one answer to all of them, and closes.
    pub async fn answering(answer: impl AsRef<[u8]>) -> Self {
        let answer = Arc::new(answer.as_ref().to_vec());
        let heads = Arc::<Mutex<Vec<String>>>::default();
        let log = Arc::clone(&heads);
        let mut origin = Self::start(move |mut stream, _| {
            let (answer, log) = (Arc::clone(&answer), Arc::clone(&log));
            async move {
                let head = read_head(&mut stream).await?;
                log.lock().unwrap().push(head);
                stream.write_all(&answer).await
            }
        })
        .await;
        origin.heads = heads;
        origin
    }

    /// Redirects to `location`, where `{port}` is its own port, and answers `/end` with media.
    pub async fn redirecting(status: u16, location: &str) -> Self {
        let location = location.to_owned();
        Self::start(move |mut stream, _| {
            let location = location.clone();
            async move {
                let port = stream.local_addr()?.port();
                let head = read_head(&mut stream).await?;
                let answer = if head.starts_with("GET /end ") {
                    MEDIA.to_owned()
                } else {
                    let location = location.replace("{port}", &port.to_string());
                    format!("HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
                };
                stream.write_all(answer.as_bytes()).await
            }
        })
        .await
    }

    pub fn url(&self) -> String {
        self.at("/dir/clip.MP4?signature=query-secret")
    }

    pub fn at(&self, path: &str) -> String {
        format!("http://{NAME}:{}{path}", self.address.port())
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// The heads of all requests of an [`answering`](Self::answering) one.
    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

pub const MEDIA: &str = "HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nContent-Length: 5\r\n\r\nmedia";

pub async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8(head).unwrap())
}

/// Reads a request and answers with the head, then the filler for ever.
pub async fn endless(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    head: &str,
    filler: &[u8],
) -> io::Result<()> {
    read_head(&mut stream).await?;
    stream.write_all(head.as_bytes()).await?;
    loop {
        stream.write_all(filler).await?;
    }
}

/// Names as a test has them; all others are looked up by nobody.
#[derive(Debug, Default)]
pub struct Names {
    known: HashMap<String, Vec<IpAddr>>,
    asked: Mutex<Vec<String>>,
}

impl Names {
    pub fn with(mut self, name: &str, addresses: &[&str]) -> Self {
        let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        self.known.insert(name.to_owned(), addresses);
        self
    }

    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

#[async_trait]
impl Resolve for Names {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        self.asked.lock().unwrap().push(host.to_owned());
        self.known.get(host).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

pub fn names() -> Names {
    Names::default().with(NAME, &["127.0.0.1"])
}

/// The defaults, for origins on whatever port.
pub fn limits(origin: &Origin) -> FetchLimits {
    // What is told, and not when: `src/tests/time.rs` has that.
    let (floor, jitter) = (Duration::ZERO, Duration::ZERO);
    FetchLimits { ports: vec![80, 443, origin.address.port()], floor, jitter, ..FetchLimits::default() }
}

pub fn trusting(roots: RootCertStore) -> ClientConfig {
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// One that may reach the origin by its name, and loopback in no other way.
pub fn fetcher(limits: FetchLimits) -> Fetcher {
    let policy = AddressPolicy::public().allow_host(NAME);
    Fetcher::new(limits, policy, Arc::new(names()), trusting(RootCertStore::empty()))
}

/// Everything of a URL.
pub async fn fetch(fetcher: &Fetcher, url: &str) -> Result<Vec<u8>, FetchError> {
    read(fetcher.get(&url.to_owned().into()).await?).await
}

pub async fn read(mut fetched: Fetched) -> Result<Vec<u8>, FetchError> {
    let mut body = Vec::new();
    while let Some(chunk) = fetched.body.next_chunk().await? {
        assert!((1..=2 * 64 * 1024).contains(&chunk.len()), "{}", chunk.len());
        body.extend_from_slice(&chunk);
    }
    assert_eq!(fetched.body.received(), body.len() as u64);
    assert_eq!(fetched.body.next_chunk().await.unwrap(), None, "it stays at its end");
    Ok(body)
}

/// A failure, after a look at what it tells.
pub fn failed<T>(fetched: Result<T, FetchError>) -> (FetchError, PublicReason) {
    let Err(error) = fetched else { panic!("it was fetched") };
    let text = format!("{error} {error:?}");
    assert!(!text.contains("secret") && !text.contains("signature"), "{text}");
    assert!(!error.to_string().contains(char::is_control), "{text}");
    let public = error.public();
    (error, public)
}

/// What a stranger must not learn more of.
pub fn not_fetched<T>(fetched: Result<T, FetchError>) -> FetchError {
    let (error, public) = failed(fetched);
    assert_eq!(public, PublicReason::NotFetched, "{error}");
    assert_eq!(public.to_string(), "media_url could not be fetched");
    error
}

pub fn is_denied(error: &FetchError) -> bool {
    matches!(error.problem(), FetchProblem::Denied(_))
}
