//! The reading of a one-pass stream: segment by segment, within the streams' share of the byte budget.

use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use chunkwise_core::{ByteRange, Growth, Plan, SourceLength};
use futures::future::BoxFuture;

use crate::budget::{Allotment, ByteBudget, Frame};
use crate::source::{Input, Kept, Source, SourceError, StreamSource};

/// Reads a stream as far ahead as there is memory for. It is polled by the upload that it belongs to, and has no task.
pub(crate) struct Reading {
    input: Input,
    kept: Arc<Kept>,
    budget: Arc<ByteBudget>,
    name: String,
    length: SourceLength,
    /// How many bytes were read, but for the one that was looked at.
    at: u64,
    step: Step,
    /// The byte behind the last segment that was read, if there is one. It has no place in the budget yet.
    peeked: Option<u8>,
}

enum Step {
    /// It needs places for the next segment.
    Allot(Option<Waiting>),
    /// It reads up to there.
    Fill { end: u64, allotment: Allotment, filling: Option<Filling> },
    /// A whole segment was read, or all that was announced: whether that is the end shows when a byte more is asked for.
    Peek,
    /// Nothing more is to be read.
    Over,
}

/// Waits for places for these bytes.
struct Waiting {
    bytes: ByteRange,
    allotment: BoxFuture<'static, Allotment>,
}

/// A frame that is not full yet.
struct Filling {
    frame: Frame,
    len: usize,
}

/// What came of it.
pub(crate) type News = Result<(u64, Growth), SourceError>;

impl Reading {
    /// Of a stream that nobody has read yet.
    pub(crate) fn begin(stream: &StreamSource, budget: Arc<ByteBudget>) -> Option<Self> {
        let (input, kept) = stream.begin()?;
        let (name, length) = (stream.name(), stream.spec().length);
        let step = Step::Allot(None);
        Some(Self { input, kept, budget, name, length, at: 0, step, peeked: None })
    }

    /// These bytes will not be asked for again.
    pub(crate) fn release(&self, range: ByteRange) {
        self.kept.release(range);
    }

    /// Reads on, in segments as they are planned now, until there is something to tell.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, plan: &Plan) -> Poll<News> {
        let news = ready!(self.read_on(cx, plan));
        if !matches!(news, Ok((_, Growth::Growing))) {
            self.step = Step::Over;
        }
        Poll::Ready(news)
    }

    fn read_on(&mut self, cx: &mut Context<'_>, plan: &Plan) -> Poll<News> {
        loop {
            match &mut self.step {
                Step::Over => return Poll::Pending,
                Step::Allot(_) if self.length == SourceLength::Known(self.at) => {
                    self.step = Step::Peek;
                }
                Step::Allot(waiting) => {
                    // Where nothing more can be planned, the upload has been told so and ends.
                    let Some(segment) = plan.planned_at(self.at) else { return Poll::Pending };
                    let end = segment.range.end();
                    let bytes = ByteRange::at(self.at, end - self.at);
                    if waiting.as_ref().is_none_or(|waiting| waiting.bytes != bytes) {
                        let budget = Arc::clone(&self.budget);
                        let allotment: BoxFuture<'static, Allotment> = if segment.range.start() == self.at {
                            Box::pin(budget.allot_stream(bytes.len()))
                        } else {
                            Box::pin(budget.allot_rest(bytes.len()))
                        };
                        *waiting = Some(Waiting { bytes, allotment });
                    }
                    let Some(waiting) = waiting else { return Poll::Pending };
                    let allotment = ready!(waiting.allotment.as_mut().poll(cx));
                    self.step = Step::Fill { end, allotment, filling: None };
                }
                Step::Fill { .. } => {
                    if let Some(news) = ready!(self.fill(cx)) {
                        return Poll::Ready(news);
                    }
                }
                Step::Peek => {
                    let mut byte = [0];
                    let news = match ready!(self.input.poll_read(cx, &mut byte)) {
                        Ok(0) => Ok((self.at, Growth::Ended)),
                        // Cut off there it would be an object that nobody meant.
                        Ok(_) if self.length == SourceLength::Known(self.at) => Err(SourceError::Broken {
                            name: self.name.clone(),
                            reason: format!("it goes on behind the {} bytes that were announced", self.at)
                                .into(),
                        }),
                        Ok(_) => {
                            self.peeked = Some(byte[0]);
                            self.step = Step::Allot(None);
                            Ok((self.at + 1, Growth::Growing))
                        }
                        Err(error) => Err(SourceError::unreadable(&*self.name, error)),
                    };
                    return Poll::Ready(news);
                }
            }
        }
    }

    /// Reads into the next frame; once the segment is read, or the stream has ended, says how far it has come.
    fn fill(&mut self, cx: &mut Context<'_>) -> Poll<Option<News>> {
        let Step::Fill { end, allotment, filling } = &mut self.step else { return Poll::Ready(None) };
        let end = *end;
        if filling.is_none() {
            let Some(frame) = allotment.take(cx) else { return Poll::Pending };
            *filling = Some(Filling { frame, len: 0 });
        }
        let Some(Filling { frame, len }) = filling else { return Poll::Ready(None) };
        let room = usize::try_from(end - self.at).unwrap_or(usize::MAX).min(self.budget.frame_size());
        if *len == 0
            && let (Some(byte), Some(first)) = (self.peeked.take(), frame.space().first_mut())
        {
            (*first, *len) = (byte, 1);
        }
        let mut ended = false;
        while *len < room && !ended {
            match ready!(self.input.poll_read(cx, &mut frame.space()[*len..room])) {
                Ok(0) => ended = true,
                Ok(n) => *len += n,
                Err(error) => {
                    return Poll::Ready(Some(Err(SourceError::unreadable(&*self.name, error))));
                }
            }
        }
        if let Some(Filling { frame, len }) = filling.take().filter(|filling| filling.len > 0) {
            self.kept.push(self.at, Bytes::from_owner(frame.holds(len)));
            self.at += len as u64;
        }
        Poll::Ready(match self.length {
            SourceLength::Known(total) if ended && self.at < total => Some(Err(SourceError::Broken {
                name: self.name.clone(),
                reason: format!("it ended after {} of {total} bytes", self.at).into(),
            })),
            SourceLength::Known(_) | SourceLength::Unknown if ended => Some(Ok((self.at, Growth::Ended))),
            SourceLength::Known(_) | SourceLength::Unknown if self.at < end => None,
            SourceLength::Known(total) if self.at < total => {
                self.step = Step::Allot(None);
                Some(Ok((self.at, Growth::Growing)))
            }
            SourceLength::Known(_) | SourceLength::Unknown => {
                self.step = Step::Peek;
                None
            }
        })
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        // Whoever still has the source must not keep the places of others.
        self.kept.clear();
    }
}

/// The news of a reading; none ever if there is none.
pub(crate) async fn news(reading: &mut Option<Reading>, plan: &Plan) -> News {
    std::future::poll_fn(|cx| match reading {
        Some(reading) => reading.poll(cx, plan),
        None => Poll::Pending,
    })
    .await
}
