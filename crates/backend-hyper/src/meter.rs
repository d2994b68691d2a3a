//! How many bytes have left, counted at both ends of the TLS layer.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::{fmt, io};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A byte stream: a socket, or TLS over one.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A byte stream of whatever layers.
pub(crate) type BoxStream = Box<dyn Stream>;

/// The bytes written so far: by HTTP, and to the socket. Under TLS the second number also holds what is not of a
/// request (handshakes, alerts), the first what may still lie in a buffer: a request's bytes are on their way only
/// if both have grown.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    http: AtomicU64,
    socket: AtomicU64,
}

/// A reading of a [`Meter`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    http: u64,
    socket: u64,
}

impl Meter {
    pub(crate) fn count_socket(&self, bytes: usize) {
        self.socket.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Reading {
        Reading { http: self.http.load(Ordering::Relaxed), socket: self.socket.load(Ordering::Relaxed) }
    }

    /// Whether a byte of a request may have left since then.
    pub(crate) fn moved_since(&self, then: Reading) -> bool {
        let now = self.read();
        now.http > then.http && now.socket > then.socket
    }
}

/// The stream that HTTP is spoken over; it counts what HTTP writes.
pub(crate) struct Wire {
    stream: BoxStream,
    meter: Arc<Meter>,
}

impl Wire {
    pub(crate) fn new(stream: BoxStream, meter: Arc<Meter>) -> Self {
        Self { stream, meter }
    }

    fn counted(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = written {
            self.meter.http.fetch_add(bytes as u64, Ordering::Relaxed);
        }
        written
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").field("meter", &self.meter).finish_non_exhaustive()
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.counted(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.counted(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
