//! The accept loop: sockets that say nothing, say it slowly or come in crowds cost little and go away (threat T8).

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::framing::Framing;
use super::guesses::network;
use super::leave::Leaving;
use crate::settings::Caps;

/// The largest head of a request, in bytes.
const HEAD: usize = 64 << 10;

/// A listener with all that it serves by.
pub(crate) struct Accept {
    pub(crate) listener: TcpListener,
    pub(crate) tls: Option<TlsAcceptor>,
    pub(crate) router: Router,
    pub(crate) caps: Caps,
    /// No further connections; those that are open end after the request under way.
    pub(crate) stop: CancellationToken,
    pub(crate) connections: TaskTracker,
}

/// The open connections, by address; of IPv6 by network, since one machine often has a whole one.
#[derive(Debug, Default)]
struct Open(Mutex<HashMap<IpAddr, u32>>);

/// A place among the open connections; it is given back when it is dropped.
struct Place {
    open: Arc<Open>,
    peer: IpAddr,
}

impl Open {
    fn take(self: &Arc<Self>, peer: IpAddr, caps: &Caps) -> Option<Place> {
        let peer = network(peer);
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all: u32 = open.values().sum();
        let of_peer = open.get(&peer).copied().unwrap_or_default();
        if all >= caps.connections || of_peer >= caps.connections_per_address {
            return None;
        }
        open.insert(peer, of_peer + 1);
        Some(Place { open: self.clone(), peer })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.open.0.lock().unwrap_or_else(PoisonError::into_inner);
        match open.get_mut(&self.peer) {
            Some(count) if *count > 1 => *count -= 1,
            Some(_) | None => drop(open.remove(&self.peer)),
        }
    }
}

impl Accept {
    pub(crate) async fn run(self) {
        let open = Arc::<Open>::default();
        loop {
            let accepted = tokio::select! {
                () = self.stop.cancelled() => return,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                // A crowd is not even answered: a socket that is closed costs nothing.
                Ok((stream, peer)) => {
                    if let Some(place) = open.take(peer.ip(), &self.caps) {
                        self.connections.spawn(self.connection(stream, peer, place));
                    }
                }
                Err(error) => {
                    // Too many open files, mostly: that passes.
                    tracing::warn!(%error, "can't accept a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }

    fn connection(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        place: Place,
    ) -> impl Future<Output = ()> + Send + use<> {
        let (tls, caps, stop) = (self.tls.clone(), self.caps, self.stop.clone());
        let router = self.router.clone().layer(axum::Extension(ConnectInfo(peer)));
        async move {
            let _place = place;
            // Answers are small and waited for.
            let _ = stream.set_nodelay(true);
            match tls {
                None => serve(stream, router, caps, stop).await,
                Some(acceptor) => {
                    if let Ok(Ok(stream)) = tokio::time::timeout(caps.head(), acceptor.accept(stream)).await {
                        serve(stream, router, caps, stop).await;
                    }
                }
            }
        }
    }
}

async fn serve<S>(stream: S, router: Router, caps: Caps, stop: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    // HTTP/1.1 only: of a version that is found out by its first bytes the timer does not run until they are there.
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(caps.head())
        .max_header_size(HEAD)
        .max_buf_size(HEAD)
        .serve_connection(
            TokioIo::new(Framing::new(Leaving::new(stream, caps.idle()))),
            TowerToHyperService::new(router),
        );
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_network_share_their_places() {
        let open = Arc::<Open>::default();
        let caps = Caps { connections: 4, connections_per_address: 2, ..Caps::default() };
        let take = |address: &str| open.take(address.parse().unwrap(), &caps);
        let taken = [take("2600::1"), take("2600::ffff:0:0:2")];
        assert!(taken.iter().all(Option::is_some) && take("2600::3").is_none());
        let others = [take("2600:0:0:1::1"), take("192.0.2.1")];
        assert!(others.iter().all(Option::is_some));
        assert!(take("192.0.2.2").is_none(), "that is all there are");
        drop(taken);
        assert!(take("2600::3").is_some());
        drop(others);
        assert!(open.0.lock().unwrap().is_empty(), "who has none is forgotten");
    }
}
