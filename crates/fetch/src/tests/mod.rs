//! What depends on time, or on addresses that no test can have: on virtual time, over connections in memory.

mod dialling;
mod time;

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures::future::BoxFuture;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

use crate::address::AddressPolicy;
use crate::connect::{BoxStream, Dial};
use crate::error::{FetchError, FetchProblem};
use crate::fetcher::Fetcher;
use crate::limits::FetchLimits;
use crate::resolve::Resolve;

const MEDIA: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nmedia";

type Serve =
    Box<dyn Fn(SocketAddr, DuplexStream) -> Option<BoxFuture<'static, io::Result<()>>> + Send + Sync>;

/// Addresses of the public internet, as a script has them.
struct Internet {
    serve: Serve,
    dialled: Mutex<Vec<SocketAddr>>,
    /// Where connections lead instead.
    elsewhere: Option<SocketAddr>,
}

impl Internet {
    /// What happens at an address; `None` refuses the connection.
    fn new<F, S>(serve: S) -> Self
    where
        S: Fn(SocketAddr, DuplexStream) -> Option<F> + Send + Sync + 'static,
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        let serve: Serve = Box::new(move |address, stream| {
            serve(address, stream).map(|served| -> BoxFuture<'static, _> { Box::pin(served) })
        });
        Self { serve, dialled: Mutex::default(), elsewhere: None }
    }

    /// The same answer everywhere.
    fn answering(answer: &'static str) -> Self {
        Self::new(move |_, mut stream| {
            Some(async move {
                read_head(&mut stream).await?;
                stream.write_all(answer.as_bytes()).await
            })
        })
    }

    fn dialled(&self) -> Vec<String> {
        self.dialled.lock().unwrap().iter().map(ToString::to_string).collect()
    }
}

#[async_trait]
impl Dial for Internet {
    async fn dial(&self, address: SocketAddr) -> io::Result<(BoxStream, SocketAddr)> {
        self.dialled.lock().unwrap().push(address);
        let (near, far) = tokio::io::duplex(64 * 1024);
        let served = (self.serve)(address, far).ok_or(io::ErrorKind::ConnectionRefused)?;
        tokio::spawn(served);
        Ok((Box::new(near), self.elsewhere.unwrap_or(address)))
    }
}

impl fmt::Debug for Internet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Internet")
    }
}

/// Answers in their order, whatever the name; the last for ever.
#[derive(Debug)]
struct Answers(Mutex<(VecDeque<Vec<IpAddr>>, usize)>);

impl Answers {
    fn new(answers: &[&[&str]]) -> Arc<Self> {
        let parse = |addresses: &&[&str]| addresses.iter().map(|ip| ip.parse().unwrap()).collect();
        Arc::new(Self(Mutex::new((answers.iter().map(parse).collect(), 0))))
    }

    fn asked(&self) -> usize {
        self.0.lock().unwrap().1
    }
}

#[async_trait]
impl Resolve for Answers {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        let (answers, asked) = &mut *self.0.lock().unwrap();
        *asked += 1;
        if answers.len() > 1 { Ok(answers.pop_front().unwrap()) } else { Ok(answers[0].clone()) }
    }
}

fn tls() -> ClientConfig {
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth()
}

fn fetcher(limits: FetchLimits, resolver: Arc<dyn Resolve>, internet: &Arc<Internet>) -> Fetcher {
    let dial = Arc::<Internet>::clone(internet);
    Fetcher::dialling(limits, AddressPolicy::public(), resolver, tls(), dial)
}

/// With the defaults, and one public address for every name.
fn public_fetcher(internet: &Arc<Internet>) -> Fetcher {
    fetcher(FetchLimits::default(), Answers::new(&[&["93.184.216.34"]]), internet)
}

async fn fetch(fetcher: &Fetcher, url: &str) -> Result<Vec<u8>, FetchError> {
    let mut fetched = fetcher.get(&url.to_owned().into()).await?;
    let mut body = Vec::new();
    while let Some(chunk) = fetched.body.next_chunk().await? {
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

async fn problem(fetcher: &Fetcher, url: &str) -> FetchProblem {
    let error = fetch(fetcher, url).await.unwrap_err();
    assert!(!error.to_string().contains("secret"), "{error}");
    error.into_problem()
}

async fn read_head(stream: &mut DuplexStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8(head).unwrap())
}
