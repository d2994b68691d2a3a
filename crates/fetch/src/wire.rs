//! One request and its answer over one connection, without a task of its own: who waits also drives, and who stops
//! waiting closes.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body as _;
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, Connection};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};

use crate::connect::BoxStream;
use crate::error::FetchProblem;
use crate::limits::FetchLimits;

/// The least buffer that hyper takes.
const MIN_BUFFER: usize = 8192;

/// A connection on which a request was made.
pub(crate) struct Wire {
    state: State,
    body: Incoming,
}

type Driver = Connection<TokioIo<Metered>, Empty<Bytes>>;

enum State {
    Running(Box<Driver>),
    /// HTTP is done with it; what it has read and not used is still in it.
    Done(Box<Driver>),
    /// It broke.
    Broken,
}

/// Makes a request and waits for the head of its answer.
pub(crate) async fn exchange(
    stream: BoxStream,
    request: Request<Empty<Bytes>>,
    limits: &FetchLimits,
) -> Result<(http::response::Parts, Wire), FetchProblem> {
    let head_bytes = limits.head_bytes.max(MIN_BUFFER);
    // One share is for the head, one for all interim answers, and one may be of the body, read along with the head.
    let allowance = Arc::new(AtomicU64::new(3 * head_bytes as u64));
    let stream = Metered { stream, allowance: Arc::clone(&allowance) };
    let (mut sender, driver) = http1::Builder::new()
        .max_buf_size(head_bytes)
        .max_header_size(head_bytes)
        .max_headers(limits.headers.max(1))
        .handshake(TokioIo::new(stream))
        .await
        .map_err(FetchProblem::NoAnswer)?;
    let mut state = State::Running(Box::new(driver));
    let mut answer = pin!(sender.send_request(request));
    let answered: hyper::Result<Response<Incoming>> = poll_fn(|cx| {
        state.drive(cx);
        answer.as_mut().poll(cx)
    })
    .await;
    let (head, body) = answered.map_err(no_answer)?.into_parts();
    allowance.store(u64::MAX, Ordering::Relaxed);
    Ok((head, Wire { state, body }))
}

fn no_answer(error: hyper::Error) -> FetchProblem {
    let source = std::error::Error::source(&error);
    let is_flood = source
        .and_then(|source| source.downcast_ref::<io::Error>())
        .is_some_and(|error| error.get_ref().is_some_and(|inner| inner.is::<Flood>()));
    if is_flood || error.is_parse_too_large() {
        FetchProblem::LongHead
    } else {
        FetchProblem::NoAnswer(error)
    }
}

impl State {
    fn drive(&mut self, cx: &mut Context<'_>) {
        let Self::Running(driver) = self else { return };
        let Poll::Ready(end) = driver.poll_without_shutdown(cx) else { return };
        *self = match (std::mem::replace(self, Self::Broken), end) {
            (Self::Running(driver), Ok(())) => Self::Done(driver),
            _ => Self::Broken,
        };
    }
}

impl Wire {
    /// How long the body is, as its head says.
    pub(crate) fn announced(&self) -> Option<u64> {
        self.body.size_hint().exact()
    }

    /// The next bytes of the body, at least one; `None` at its end.
    pub(crate) async fn chunk(&mut self) -> hyper::Result<Option<Bytes>> {
        poll_fn(|cx| self.poll_chunk(cx)).await
    }

    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<hyper::Result<Option<Bytes>>> {
        loop {
            self.state.drive(cx);
            let Some(frame) = ready!(Pin::new(&mut self.body).poll_frame(cx)?) else {
                return Poll::Ready(Ok(None));
            };
            match frame.into_data() {
                Ok(data) if !data.is_empty() => return Poll::Ready(Ok(Some(data))),
                // Trailers say nothing that is of use here.
                Ok(_) | Err(_) => {}
            }
        }
    }

    /// Listens behind the end of the body, until the connection is closed; whether there is something.
    pub(crate) async fn goes_on(&mut self) -> bool {
        poll_fn(|cx| {
            self.state.drive(cx);
            if matches!(self.state, State::Running(_)) { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
        let State::Done(driver) = std::mem::replace(&mut self.state, State::Broken) else { return false };
        let parts = driver.into_parts();
        if !parts.read_buf.is_empty() {
            return true;
        }
        matches!(parts.io.into_inner().read(&mut [0]).await, Ok(1..))
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").field("body", &self.body).finish_non_exhaustive()
    }
}

/// A stream of which only so much can be read until it is known what for.
struct Metered {
    stream: BoxStream,
    allowance: Arc<AtomicU64>,
}

/// Too much was sent before there was a head.
#[derive(Debug, thiserror::Error)]
#[error("too many bytes before the end of the head")]
struct Flood;

impl AsyncRead for Metered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let left = self.allowance.load(Ordering::Relaxed);
        if left == 0 {
            return Poll::Ready(Err(io::Error::other(Flood)));
        }
        if left == u64::MAX {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(buf.remaining());
        let mut within = ReadBuf::new(buf.initialize_unfilled_to(most));
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut within))?;
        let read = within.filled().len();
        buf.advance(read);
        self.allowance.store(left - read as u64, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Metered {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
