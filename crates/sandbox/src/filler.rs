//! A JSON body of any size, made as it is sent.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;

use crate::exchange::AnswerBody;

const PIECE: usize = 64 * 1024;
const OPENING: &[u8] = b"{\"data\":\"";
const CLOSING: &[u8] = b"\"}";

/// A JSON object of exactly so many bytes (at least eleven).
pub(crate) fn filler(bytes: u64) -> AnswerBody {
    let left = bytes.saturating_sub((OPENING.len() + CLOSING.len()) as u64);
    Filler { piece: Bytes::from(vec![b'x'; PIECE]), left, part: Part::Opening }.boxed_unsync()
}

enum Part {
    Opening,
    Middle,
    End,
}

struct Filler {
    piece: Bytes,
    left: u64,
    part: Part,
}

impl Body for Filler {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let data = match self.part {
            Part::Opening => {
                self.part = Part::Middle;
                Bytes::from_static(OPENING)
            }
            Part::Middle if self.left > 0 => {
                let length = usize::try_from(self.left).map_or(PIECE, |left| left.min(PIECE));
                self.left -= length as u64;
                self.piece.slice(..length)
            }
            Part::Middle => {
                self.part = Part::End;
                Bytes::from_static(CLOSING)
            }
            Part::End => return Poll::Ready(None),
        };
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.part, Part::End)
    }

    fn size_hint(&self) -> SizeHint {
        let fixed = match self.part {
            Part::Opening => OPENING.len() + CLOSING.len(),
            Part::Middle => CLOSING.len(),
            Part::End => 0,
        };
        SizeHint::with_exact(self.left + fixed as u64)
    }
}
