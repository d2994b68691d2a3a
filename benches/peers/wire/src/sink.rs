//! The sink: it speaks HTTP/1.1 and HTTP/2 over TLS, counts the bytes and discards them.

use std::convert::Infallible;
use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::{Failed, Protocol, tls};

/// How much may come on a stream, and on a connection, before the sink has to say that it wants more: the four chunks in
/// flight fit, so that no window holds the sender up.
const WINDOW: u32 = 16 << 20;
/// The largest frame, where nothing else is said (RFC 9113 §4.2).
const USUAL_FRAME: u32 = 16 << 10;
/// The largest frame at the second address.
const LARGE_FRAME: u32 = 1 << 20;

#[derive(Debug, Default)]
struct Counters {
    connections: AtomicU64,
    requests: AtomicU64,
    bytes: AtomicU64,
}

/// Listens on loopback until its standard input ends.
pub(crate) fn run() -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (config, ca_pem) = tls::identity()?;
    let acceptor = TlsAcceptor::from(config);
    let counters = Arc::<Counters>::default();
    let usual = runtime.block_on(listen(acceptor.clone(), Arc::clone(&counters), USUAL_FRAME))?;
    let large = runtime.block_on(listen(acceptor, counters, LARGE_FRAME))?;
    println!("{}", json!({ "https": usual, "https_large_frames": large, "ca_pem": ca_pem }));
    let _ = std::io::stdin().read(&mut [0]);
    runtime.shutdown_background();
    Ok(())
}

async fn listen(acceptor: TlsAcceptor, counters: Arc<Counters>, frame: u32) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, counters) = (acceptor.clone(), Arc::clone(&counters));
            tokio::spawn(async move {
                // A sender that goes away is its own business.
                let _ = serve(stream, acceptor, counters, frame).await;
            });
        }
    });
    Ok(address)
}

async fn serve(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    counters: Arc<Counters>,
    frame: u32,
) -> Result<(), Failed> {
    stream.set_nodelay(true)?;
    let stream = acceptor.accept(stream).await?;
    counters.connections.fetch_add(1, Ordering::Relaxed);
    let second = stream.get_ref().1.alpn_protocol() == Some(tls::alpn(Protocol::H2));
    let stream = TokioIo::new(stream);
    let service = service_fn(move |request| {
        let counters = Arc::clone(&counters);
        async move { Ok::<_, Infallible>(answer(request, &counters).await) }
    });
    if second {
        http2::Builder::new(TokioExecutor::new())
            .adaptive_window(false)
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(WINDOW)
            .max_frame_size(frame)
            .serve_connection(stream, service)
            .await?;
    } else {
        http1::Builder::new().serve_connection(stream, service).await?;
    }
    Ok(())
}

/// To a PUT, how many bytes came; to a question for the counts, those.
async fn answer(request: Request<Incoming>, counters: &Counters) -> Response<Full<Bytes>> {
    if request.method() == Method::GET && request.uri().path() == "/counts" {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counts = json!({
            "connections": read(&counters.connections),
            "requests": read(&counters.requests),
            "bytes": read(&counters.bytes),
        });
        return Response::new(counts.to_string().into());
    }
    let (mut body, mut came) = (request.into_body(), 0);
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            let mut refused = Response::new(Full::default());
            *refused.status_mut() = StatusCode::BAD_REQUEST;
            return refused;
        };
        came += frame.data_ref().map_or(0, Bytes::len) as u64;
    }
    counters.requests.fetch_add(1, Ordering::Relaxed);
    counters.bytes.fetch_add(came, Ordering::Relaxed);
    Response::new(came.to_string().into())
}
