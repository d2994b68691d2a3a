//! A chunk of a file as the body of a request.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

/// Reads its piece of the file when HTTP asks for more, so much at a time.
///
/// It reads where it is asked, not on a thread made for blocking: the engine does the same with what is in the page
/// cache, and so the file is.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub(crate) file: Arc<File>,
    pub(crate) offset: u64,
    pub(crate) left: u64,
    pub(crate) read: usize,
}

impl Body for Chunk {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let length = usize::try_from(self.left).unwrap_or(usize::MAX).min(self.read);
        if length == 0 {
            return Poll::Ready(None);
        }
        let mut buffer = vec![0; length];
        if let Err(error) = self.file.read_exact_at(&mut buffer, self.offset) {
            return Poll::Ready(Some(Err(error)));
        }
        self.offset += length as u64;
        self.left -= length as u64;
        Poll::Ready(Some(Ok(Frame::data(buffer.into()))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
