//! The socket under a connection, and the means to make it fail.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// What an exchange may do to its connection's socket.
#[derive(Debug, Default)]
pub(crate) struct WireControl {
    reset_on_drop: AtomicBool,
    /// 0: nothing wanted.
    receive_buffer: AtomicUsize,
}

impl WireControl {
    /// When the connection is dropped the peer sees a reset, not an orderly end.
    pub(crate) fn reset_on_drop(&self) {
        self.reset_on_drop.store(true, Ordering::Relaxed);
    }

    /// Makes the kernel hold little, so that slow reading is felt by the peer and not hidden by megabytes of buffer.
    pub(crate) fn shrink_receive_buffer(&self, bytes: usize) {
        self.receive_buffer.store(bytes.max(1), Ordering::Relaxed);
    }
}

/// A socket that obeys a [`WireControl`].
#[derive(Debug)]
pub(crate) struct Wire {
    stream: TcpStream,
    control: Arc<WireControl>,
}

impl Wire {
    pub(crate) fn new(stream: TcpStream) -> (Self, Arc<WireControl>) {
        let control = Arc::new(WireControl::default());
        (Self { stream, control: Arc::clone(&control) }, control)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if self.control.reset_on_drop.load(Ordering::Relaxed) {
            // Lingering for no time means RST. If it can't be set, unread data has the same effect, mostly.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let wanted = self.control.receive_buffer.swap(0, Ordering::Relaxed);
        if wanted > 0 {
            SockRef::from(&self.stream).set_recv_buffer_size(wanted)?;
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
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
