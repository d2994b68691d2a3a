//! The body as reqwest wants it.

use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use chunkwise_transport::PayloadError;
use chunkwise_transport::http::Body;
use http_body::{Frame, SizeHint};

/// reqwest wants a body that is `Sync`, and frames are not. The lock is free whenever it is taken.
pub(crate) struct Shared(Mutex<Body>);

impl Shared {
    pub(crate) fn new(body: Body) -> Self {
        Self(Mutex::new(body))
    }

    fn body(&self) -> MutexGuard<'_, Body> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl http_body::Body for Shared {
    type Data = Bytes;
    type Error = PayloadError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, PayloadError>>> {
        Pin::new(self.0.get_mut().unwrap_or_else(PoisonError::into_inner)).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body().is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body().size_hint()
    }
}
