//! Streams: sources that can be read once, from start to end. Standard input, a socket, the body of a request.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use chunkwise_core::{ByteRange, Rewind, SourceLength, UploadSpec};
use futures::{Stream, StreamExt as _};
use tokio::io::{AsyncRead, ReadBuf};

use super::{Fingerprint, Source, SourceError};

/// A source that can be read once, from start to end, of known or unknown length.
///
/// What was read is kept, within the driver's byte budget, until the server has it: so every segment can be sent again,
/// but an upload whose process dies can only be aborted ([`Driver::discard`](crate::Driver::discard)). Streams hold half
/// of the budget at most; when that is used up, no more is read. A stream takes the places of a whole segment before it
/// reads it, first come first served: a segment larger than that half can't be planned, and several streams in a small
/// budget take turns, segment by segment.
///
/// It is read by the upload that it was given to, and by no other; reading stops when that ends or its handle is dropped.
///
/// ```
/// # use std::sync::Arc;
/// # use chunkwise_driver::{Driver, StreamSource, UploadRequest};
/// # use chunkwise_transport::Transport;
/// # async fn example(input: impl tokio::io::AsyncRead + Send + 'static, transport: Arc<dyn Transport>)
/// # -> Result<(), Box<dyn std::error::Error>> {
/// let driver = Driver::default();
/// // For instance `tokio::io::stdin()`. Where its length is known: `.with_length(bytes)`.
/// let source = StreamSource::new(input).named("standard input");
/// let upload = driver.start(UploadRequest::new(source, transport)).await?;
/// println!("{}", upload.wait().await?.result.id);
/// # Ok(())
/// # }
/// ```
pub struct StreamSource {
    name: String,
    length: SourceLength,
    input: Mutex<Option<Input>>,
    kept: Arc<Kept>,
}

impl StreamSource {
    /// Of what this reader gives, until it gives no more.
    pub fn new(reader: impl AsyncRead + Send + 'static) -> Self {
        Self::of(Input::Reader(Box::pin(reader)))
    }

    /// Of what this stream gives, until it ends. One of its items at a time is held beside the byte budget.
    pub fn from_stream(stream: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Self {
        Self::of(Input::Pieces { stream: Box::pin(stream), piece: Bytes::new() })
    }

    fn of(input: Input) -> Self {
        let (length, kept) = (SourceLength::Unknown, Arc::default());
        Self { name: "the stream".into(), length, input: Mutex::new(Some(input)), kept }
    }

    /// The same, of which so many bytes will come, and then its end. Fewer are an error, and so is a byte more
    /// ([`SourceError::Broken`]), since an object that is cut off is not what was meant: so the last segment waits until the
    /// stream has ended. For the first bytes of a longer one give its `take(bytes)`. Default: the length is unknown.
    #[must_use]
    pub const fn with_length(mut self, bytes: u64) -> Self {
        self.length = SourceLength::Known(bytes);
        self
    }

    /// The same, called so in messages. Default: "the stream".
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// What is to be read, and where it is to be kept. There is nothing to be read a second time.
    pub(crate) fn begin(&self) -> Option<(Input, Arc<Kept>)> {
        let input = self.input.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        Some((input, Arc::clone(&self.kept)))
    }
}

impl fmt::Debug for StreamSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamSource")
            .field("name", &self.name)
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}

impl Source for StreamSource {
    fn spec(&self) -> UploadSpec {
        UploadSpec { length: self.length, rewind: Rewind::UntilReleased, available: Some(0) }
    }

    /// Only what is kept can be read.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.kept.copy(offset, buffer);
        if n == 0 && !buffer.is_empty() {
            return Err(io::Error::other("a stream can be read once only"));
        }
        Ok(n)
    }

    fn pieces(&self, range: ByteRange) -> Option<Vec<Bytes>> {
        self.kept.pieces(range)
    }

    /// Nothing that it could be recognised by.
    fn fingerprint(&self) -> Result<Fingerprint, SourceError> {
        let size = match self.length {
            SourceLength::Known(size) => Some(size),
            SourceLength::Unknown => None,
        };
        Ok(Fingerprint { size, ..Fingerprint::default() })
    }

    fn one_pass(&self) -> Option<&StreamSource> {
        Some(self)
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}

/// What a stream is read from.
pub(crate) enum Input {
    /// It reads into a buffer of ours.
    Reader(Pin<Box<dyn AsyncRead + Send>>),
    /// It gives pieces of its own; what is left of the last one.
    Pieces { stream: Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>, piece: Bytes },
}

impl Input {
    /// Reads some bytes into the buffer, which has room; zero at the end.
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Reader(reader) => loop {
                let mut into = ReadBuf::new(buffer);
                match ready!(reader.as_mut().poll_read(cx, &mut into)) {
                    Ok(()) => return Poll::Ready(Ok(into.filled().len())),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Poll::Ready(Err(error)),
                }
            },
            Self::Pieces { stream, piece } => {
                while piece.is_empty() {
                    match ready!(stream.poll_next_unpin(cx)) {
                        Some(Ok(next)) => *piece = next,
                        Some(Err(error)) => return Poll::Ready(Err(error)),
                        None => return Poll::Ready(Ok(0)),
                    }
                }
                let n = piece.len().min(buffer.len());
                piece.copy_to_slice(&mut buffer[..n]);
                Poll::Ready(Ok(n))
            }
        }
    }
}

/// What was read of a stream and may be asked for again, in order.
#[derive(Debug, Default)]
pub(crate) struct Kept(Mutex<VecDeque<Piece>>);

#[derive(Debug)]
struct Piece {
    start: u64,
    bytes: Bytes,
    /// How many of its bytes are not released.
    held: u64,
}

impl Piece {
    const fn range(&self) -> ByteRange {
        ByteRange::at(self.start, self.bytes.len() as u64)
    }

    /// What of it is in the range.
    fn within(&self, range: ByteRange) -> Bytes {
        let (start, end) = (range.start().max(self.start), range.end().min(self.range().end()));
        if end <= start {
            return Bytes::new();
        }
        // It lies within a frame.
        self.bytes.slice((start - self.start) as usize..(end - self.start) as usize)
    }
}

impl Kept {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Piece>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps what comes next.
    pub(crate) fn push(&self, start: u64, bytes: Bytes) {
        let held = bytes.len() as u64;
        self.lock().push_back(Piece { start, bytes, held });
    }

    /// The range in pieces, if all of it is there.
    fn pieces(&self, range: ByteRange) -> Option<Vec<Bytes>> {
        let pieces = self.lock();
        let of_range: Vec<_> =
            pieces.iter().map(|piece| piece.within(range)).filter(|bytes| !bytes.is_empty()).collect();
        let len: u64 = of_range.iter().map(|bytes| bytes.len() as u64).sum();
        (len == range.len()).then_some(of_range)
    }

    fn copy(&self, offset: u64, buffer: &mut [u8]) -> usize {
        let range = ByteRange::at(offset, buffer.len() as u64);
        let found = self.lock().iter().map(|piece| piece.within(range)).find(|bytes| !bytes.is_empty());
        let bytes = found.unwrap_or_default();
        buffer[..bytes.len()].copy_from_slice(&bytes);
        bytes.len()
    }

    /// These bytes will not be asked for again.
    pub(crate) fn release(&self, range: ByteRange) {
        let mut gone = Vec::new();
        let mut pieces = self.lock();
        for piece in pieces.iter_mut() {
            piece.held = piece.held.saturating_sub(piece.within(range).len() as u64);
            if piece.held == 0 {
                gone.push(std::mem::take(&mut piece.bytes));
            }
        }
        pieces.retain(|piece| piece.held > 0);
        drop(pieces);
        // Their places go to others, whom nothing should wake under the lock.
        drop(gone);
    }

    /// Nothing of it will be asked for again.
    pub(crate) fn clear(&self) {
        let pieces = std::mem::take(&mut *self.lock());
        drop(pieces);
    }
}
