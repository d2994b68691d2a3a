//! A media's content as an answer's body, read off the runtime's threads.

use std::io::{self, Read};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use crate::exchange::AnswerBody;
use crate::segment_file::MediaReader;

const PIECE: usize = 256 * 1024;

/// `size` bytes of `reader`.
pub(crate) fn media_body(reader: MediaReader, size: u64) -> AnswerBody {
    let (sender, pieces) = mpsc::channel(2);
    spawn_blocking(move || send_pieces(reader, &sender));
    MediaBody { pieces, left: size }.boxed_unsync()
}

fn send_pieces(mut reader: MediaReader, sender: &mpsc::Sender<io::Result<Bytes>>) {
    loop {
        let mut piece = vec![0; PIECE];
        let piece = match reader.read(&mut piece) {
            Ok(0) => return,
            Ok(read) => {
                piece.truncate(read);
                Ok(Bytes::from(piece))
            }
            Err(error) => Err(error),
        };
        let failed = piece.is_err();
        // Nobody listens any more: the client has gone.
        if sender.blocking_send(piece).is_err() || failed {
            return;
        }
    }
}

struct MediaBody {
    pieces: mpsc::Receiver<io::Result<Bytes>>,
    left: u64,
}

impl Body for MediaBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        self.pieces.poll_recv(cx).map(|piece| {
            piece.map(|piece| {
                piece.map(|piece| {
                    self.left = self.left.saturating_sub(piece.len() as u64);
                    Frame::data(piece)
                })
            })
        })
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
