//! The sender: a file in chunks, so many at once.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::future::try_join_all;
use http_body_util::BodyExt as _;
use hyper::{Method, Request, header};

use crate::body::Chunk;
use crate::connect::{Sender, connect};
use crate::{Failed, Protocol, Put, tls};

/// Sends the file on one thread, as the engine's command line does.
pub(crate) fn run(settings: &Put) -> Result<(), Failed> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(send(settings))
}

async fn send(settings: &Put) -> Result<(), Failed> {
    let file = Upload {
        file: Arc::new(File::open(&settings.file)?),
        length: settings.file.metadata()?.len(),
        next: AtomicU64::new(0),
    };
    try_join_all(senders(settings).await?.into_iter().map(|sender| file.send(settings, sender))).await?;
    Ok(())
}

/// One for each chunk in flight.
async fn senders(settings: &Put) -> Result<Vec<Sender>, Failed> {
    let in_flight = settings.in_flight;
    let connections = settings.connections.unwrap_or(match settings.protocol {
        Protocol::H1 => in_flight,
        Protocol::H2 => 1,
    });
    if settings.chunk == 0 || settings.read == 0 || connections == 0 {
        return Err("a chunk and a read have a byte at least, and there is a connection at least".into());
    }
    if !in_flight.is_multiple_of(connections) {
        return Err("every connection has as many chunks in flight as the others".into());
    }
    let each = in_flight / connections;
    if settings.protocol == Protocol::H1 && each != 1 {
        return Err("over HTTP/1.1 a connection carries one chunk at a time".into());
    }
    let config = tls::client(&settings.ca, settings.protocol, settings.record)?;
    let made = (0..connections).map(|_| connect(settings, Arc::clone(&config), each));
    Ok(try_join_all(made).await?.into_iter().flatten().collect())
}

struct Upload {
    file: Arc<File>,
    length: u64,
    /// Where the next chunk begins.
    next: AtomicU64,
}

impl Upload {
    /// Sends chunk after chunk until there are none left.
    async fn send(&self, settings: &Put, mut sender: Sender) -> Result<(), Failed> {
        loop {
            let offset = self.next.fetch_add(settings.chunk, Ordering::Relaxed);
            let Some(left) = self.length.checked_sub(offset).filter(|left| *left > 0) else {
                return Ok(());
            };
            let length = left.min(settings.chunk);
            let body = Chunk { file: Arc::clone(&self.file), offset, left: length, read: settings.read };
            // HTTP/2 wants the whole address, HTTP/1.1 the path and the host.
            let request = match settings.protocol {
                Protocol::H1 => Request::builder().uri("/put").header(header::HOST, "localhost"),
                Protocol::H2 => Request::builder().uri("https://localhost/put"),
            };
            let answer = sender.send(request.method(Method::PUT).body(body)?).await?;
            let status = answer.status();
            let counted = answer.into_body().collect().await?.to_bytes();
            if !status.is_success() || counted != length.to_string() {
                return Err(format!("{length} bytes at {offset}: the sink answered {status}").into());
            }
        }
    }
}
