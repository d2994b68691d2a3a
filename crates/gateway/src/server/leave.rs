//! A socket that takes its leave so that its last words are read, and that waits for no reader for ever (threat T8).
//!
//! A server that refuses a request whose body still comes, and closes, resets the connection: what the client has not read by
//! then may be gone, the refusal among it. So it says that it has nothing more to say, and goes on listening for a while.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// How much is still listened to, in bytes.
const LISTENED: usize = 1 << 20;

/// For how long.
const LISTENING: Duration = Duration::from_secs(1);

/// A connection with manners.
pub(super) struct Leaving<S> {
    io: S,
    leave: Leave,
    /// How long the other side may take nothing of what is written.
    stall: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
}

enum Leave {
    NotYet,
    /// Everything is said; so many bytes are still read, until then.
    Listening(usize, Pin<Box<Sleep>>),
    Taken,
}

impl<S> Leaving<S> {
    pub(super) fn new(io: S, stall: Duration) -> Self {
        Self { io, leave: Leave::NotYet, stall, stalled: None }
    }

    /// What a write came to, if the reader has not been too slow for it.
    fn written<T>(&mut self, cx: &mut Context<'_>, poll: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if poll.is_ready() {
            self.stalled = None;
            return poll;
        }
        let stall = self.stall;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(stall)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Leaving<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.io).poll_write(cx, buf);
        self.written(cx, poll)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.written(cx, poll)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.io).poll_flush(cx);
        self.written(cx, poll)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let this = &mut *self;
            match &mut this.leave {
                Leave::NotYet => {
                    let poll = Pin::new(&mut this.io).poll_shutdown(cx);
                    ready!(this.written(cx, poll))?;
                    this.leave = Leave::Listening(LISTENED, Box::pin(sleep(LISTENING)));
                }
                Leave::Listening(left, until) => {
                    if until.as_mut().poll(cx).is_ready() {
                        this.leave = Leave::Taken;
                        continue;
                    }
                    if *left == 0 {
                        // Enough was heard. The other side has what is left of the time to read.
                        return Poll::Pending;
                    }
                    let mut space = [0; 8 << 10];
                    let mut heard = ReadBuf::new(&mut space);
                    let read = ready!(Pin::new(&mut this.io).poll_read(cx, &mut heard));
                    match (read, heard.filled().len()) {
                        (Err(_), _) | (Ok(()), 0) => this.leave = Leave::Taken,
                        (Ok(()), more) => *left = left.saturating_sub(more),
                    }
                }
                Leave::Taken => return Poll::Ready(Ok(())),
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Leaving<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::time::Instant;

    use super::*;

    const STALL: Duration = Duration::from_secs(20);

    #[tokio::test(start_paused = true)]
    async fn who_has_read_all_and_closes_is_not_waited_for() {
        let (near, mut far) = tokio::io::duplex(64);
        let mut near = Leaving::new(near, STALL);
        let client = async {
            let mut said = String::new();
            far.read_to_string(&mut said).await.unwrap();
            drop(far);
            said
        };
        let server = async {
            near.write_all(b"refused").await.unwrap();
            near.shutdown().await.unwrap();
        };
        let began = Instant::now();
        let ((), said) = tokio::join!(server, client);
        assert_eq!((said.as_str(), began.elapsed()), ("refused", Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn who_goes_on_talking_is_listened_to_for_a_second_and_a_mebibyte() {
        let (near, mut far) = tokio::io::duplex(64 << 10);
        let mut near = Leaving::new(near, STALL);
        let mut heard = 0;
        let talking = async {
            while far.write_all(&[0; 1 << 10]).await.is_ok() {
                heard += 1 << 10;
            }
        };
        let began = Instant::now();
        tokio::select! {
            () = talking => panic!("nobody closes"),
            left = near.shutdown() => left.unwrap(),
        }
        assert_eq!(began.elapsed(), LISTENING);
        assert!((LISTENED..=LISTENED + (128 << 10)).contains(&heard), "{heard}");
    }

    #[tokio::test(start_paused = true)]
    async fn who_never_reads_is_given_up() {
        let (near, _far) = tokio::io::duplex(64);
        let mut near = Leaving::new(near, STALL);
        let began = Instant::now();
        let error = near.write_all(&[0; 65]).await.unwrap_err();
        assert_eq!((error.kind(), began.elapsed()), (io::ErrorKind::TimedOut, STALL));
    }
}
