//! A request's body as it is read: counted, slowed down, cut short where a script says so.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::time::sleep;

/// Reading has ended in a way that is no end of the body.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// So many bytes as a fault waits for have come.
    Trip,
    /// The client has gone, or does not speak HTTP.
    Broken,
}

#[derive(Debug)]
pub(crate) struct RequestBody {
    /// `None` once it has been given away.
    incoming: Option<Incoming>,
    read: u64,
    complete: bool,
    bytes_per_sec: Option<u64>,
    /// The nearest byte count at which a fault strikes.
    trip_at: Option<u64>,
}

impl RequestBody {
    pub(crate) fn new(incoming: Incoming) -> Self {
        let complete = incoming.is_end_stream();
        Self { incoming: Some(incoming), read: 0, complete, bytes_per_sec: None, trip_at: None }
    }

    /// Bytes read so far.
    pub(crate) fn read(&self) -> u64 {
        self.read
    }

    /// Whether all of it has been read.
    pub(crate) fn is_complete(&self) -> bool {
        self.complete
    }

    pub(crate) fn slow_down(&mut self, bytes_per_sec: u64) {
        self.bytes_per_sec = Some(bytes_per_sec.max(1));
    }

    /// Reading stops with [`ReadError::Trip`] once so many bytes have come. `None`: no more.
    pub(crate) fn trip_at(&mut self, bytes: Option<u64>) {
        self.trip_at = bytes;
    }

    /// The next piece.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, ReadError> {
        loop {
            if self.trip_at.is_some_and(|at| self.read >= at) {
                return Err(ReadError::Trip);
            }
            let Some(incoming) = &mut self.incoming else { return Ok(None) };
            let frame = match incoming.frame().await {
                None => {
                    self.complete = true;
                    return Ok(None);
                }
                Some(Err(_)) => return Err(ReadError::Broken),
                Some(Ok(frame)) => frame,
            };
            // Trailers say nothing here.
            let Ok(data) = frame.into_data() else { continue };
            self.read += data.len() as u64;
            self.complete = incoming.is_end_stream();
            if let Some(rate) = self.bytes_per_sec {
                sleep(Duration::from_secs_f64(data.len() as f64 / rate as f64)).await;
            }
            return Ok(Some(data));
        }
    }

    /// What is left is read and thrown away in the background, up to so many bytes; then the connection closes.
    pub(crate) fn drain(&mut self, up_to: u64) {
        let Some(mut incoming) = self.incoming.take() else { return };
        tokio::spawn(async move {
            let mut left = up_to;
            while let Some(Ok(frame)) = incoming.frame().await {
                let length = frame.data_ref().map_or(0, |data| data.len() as u64);
                if length > left {
                    return;
                }
                left -= length;
            }
        });
    }

    /// What is left is not read: the connection closes.
    pub(crate) fn abandon(&mut self) {
        self.incoming = None;
    }
}
