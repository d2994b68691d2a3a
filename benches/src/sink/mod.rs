//! A server that speaks just enough of X's upload protocols to take uploads, and of HTTP to take a bare PUT. It counts
//! and discards: it neither hashes nor stores, so that what is measured against it is the sender.
//!
//! It blocks, with a thread for each connection. It is to run in a process of its own ([`Sink`]), so that its CPU
//! seconds are not the sender's.

mod http;
mod process;
mod tls;

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

pub use process::Sink;

/// How much is read at once, in bytes.
const READ: usize = 256 << 10;

/// Where a sink listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addresses {
    /// HTTP/1.1.
    pub http: SocketAddr,
    /// HTTP/1.1 over TLS 1.3 with AES-256-GCM: one version and one cipher, so that every client has the same.
    pub https: SocketAddr,
    /// Bytes without a protocol: they are read until the sender has ended, then one byte says that all have come.
    pub raw: SocketAddr,
    /// The authority of the certificate, as PEM.
    pub ca_pem: String,
}

/// What has come in since the sink began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Connections taken.
    pub connections: u64,
    /// Requests answered.
    pub requests: u64,
    /// Bytes of request bodies, and of what came without a protocol.
    pub bytes: u64,
}

#[derive(Debug, Default)]
struct Counters {
    connections: AtomicU64,
    requests: AtomicU64,
    bytes: AtomicU64,
    sessions: AtomicU64,
}

impl Counters {
    fn read(&self) -> Counts {
        Counts {
            connections: self.connections.load(Ordering::Relaxed),
            requests: self.requests.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }
}

/// Listens on loopback, on ports of its own, for as long as the process lives.
///
/// # Errors
///
/// If there is no port, or no certificate can be made.
pub fn listen() -> Result<Addresses, Box<dyn std::error::Error>> {
    let counters = Arc::<Counters>::default();
    let (tls, ca_pem) = tls::identity()?;
    let http = accept(&counters, http::serve::<TcpStream>)?;
    let https = accept(&counters, move |stream, counters| {
        http::serve(tls::accept(Arc::clone(&tls), stream)?, counters)
    })?;
    let raw = accept(&counters, discard)?;
    Ok(Addresses { http, https, raw, ca_pem })
}

fn accept(
    counters: &Arc<Counters>,
    serve: impl Fn(TcpStream, &Counters) -> io::Result<()> + Send + Sync + 'static,
) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let (counters, serve) = (Arc::clone(counters), Arc::new(serve));
    std::thread::Builder::new().name("accept".to_owned()).spawn(move || {
        for stream in listener.incoming().flatten() {
            counters.connections.fetch_add(1, Ordering::Relaxed);
            let (counters, serve) = (Arc::clone(&counters), Arc::clone(&serve));
            let connection = std::thread::Builder::new().name("connection".to_owned()).spawn(move || {
                let _ = stream.set_nodelay(true);
                // A sender that goes away is its own business.
                let _ = serve(stream, &counters);
            });
            drop(connection);
        }
    })?;
    Ok(address)
}

fn discard(mut stream: TcpStream, counters: &Counters) -> io::Result<()> {
    let mut buffer = vec![0; READ];
    loop {
        match stream.read(&mut buffer)? {
            0 => return stream.write_all(b"."),
            n => counters.bytes.fetch_add(n as u64, Ordering::Relaxed),
        };
    }
}
