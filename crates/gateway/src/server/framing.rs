//! A request with a length and a transfer coding is two requests, to two readers (threat T18; RFC 9112 §6.1, §11.2).
//!
//! hyper reads it by the coding and closes behind it, which is allowed and safe for us; but whoever stands before us may have
//! read it by the length. So it is refused. hyper does not tell of the length any more by then, so the heads are looked at on
//! their way in; the end of one that has both is spoilt, and hyper answers 400.
//!
//! Where heads begin is told by lengths alone. Behind a request with a coding there is none: its answer closes the connection
//! ([`super::observe`]).

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Longer than any name or number that matters here.
const LONGEST: usize = 32;

/// A connection whose requests have one length.
pub(super) struct Framing<S> {
    io: S,
    at: At,
}

impl<S> Framing<S> {
    pub(super) fn new(io: S) -> Self {
        Self { io, at: At::Head(Head::default()) }
    }
}

/// Where in the requests of a connection the next byte is.
#[derive(Debug)]
enum At {
    Head(Head),
    /// So much of a body is still to come.
    Body(u64),
    /// Behind the last head that is looked for.
    Rest,
}

/// What is known of a head so far.
#[derive(Debug, Default)]
struct Head {
    /// Its first line is through.
    begun: bool,
    length: Option<u64>,
    has_coding: bool,
    line: Line,
}

/// What is known of a line so far.
#[derive(Debug, Default)]
struct Line {
    /// It has something in it, beside what may end it.
    begun: bool,
    name: Vec<u8>,
    /// Behind the colon.
    value: Option<Vec<u8>>,
}

impl Line {
    fn push(&mut self, byte: u8) {
        self.begun |= byte != b'\r';
        match &mut self.value {
            Some(value) if value.len() < LONGEST => value.push(byte),
            None if byte == b':' => self.value = Some(Vec::new()),
            None if self.name.len() < LONGEST => self.name.push(byte.to_ascii_lowercase()),
            Some(_) | None => {}
        }
    }
}

impl Head {
    /// What comes behind it, if this byte is its last; spoilt, if it has a length and a coding.
    fn take(&mut self, byte: &mut u8) -> Option<At> {
        if *byte != b'\n' {
            self.line.push(*byte);
            return None;
        }
        let line = std::mem::take(&mut self.line);
        match (line.begun, self.begun) {
            // Empty lines before a request are nobody's (RFC 9112 §2.2).
            (false, false) => None,
            (true, false) => {
                self.begun = true;
                None
            }
            (true, true) => {
                match line.name.as_slice() {
                    b"transfer-encoding" => self.has_coding = true,
                    b"content-length" => {
                        let value = line.value.unwrap_or_default();
                        let number =
                            std::str::from_utf8(&value).ok().and_then(|text| text.trim().parse().ok());
                        // What is no number is refused by hyper.
                        self.length = Some(number.unwrap_or_default());
                    }
                    _ => {}
                }
                None
            }
            (false, true) => Some(match (self.length, self.has_coding) {
                (Some(_), true) => {
                    *byte = 0;
                    At::Rest
                }
                (None, true) => At::Rest,
                (length, false) => At::Body(length.unwrap_or_default()),
            }),
        }
    }
}

impl At {
    /// Goes through what has come.
    fn pass(&mut self, mut bytes: &mut [u8]) {
        while !bytes.is_empty() {
            match self {
                Self::Rest => return,
                Self::Body(left) => {
                    let body = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                    *left -= body as u64;
                    bytes = &mut bytes[body..];
                    if *left == 0 {
                        *self = Self::Head(Head::default());
                    }
                }
                Self::Head(head) => {
                    let Some((byte, more)) = bytes.split_first_mut() else { return };
                    if let Some(next) = head.take(byte) {
                        *self = next;
                    }
                    bytes = more;
                }
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Framing<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(cx, buf))?;
        if let Some(came) = buf.filled_mut().get_mut(before..) {
            self.at.pass(came);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Framing<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes through, however it is cut.
    fn through(requests: &str) -> String {
        let whole = passed(requests, requests.len());
        for piece in 1..requests.len().min(40) {
            assert_eq!(passed(requests, piece), whole, "in pieces of {piece}");
        }
        whole
    }

    fn passed(requests: &str, piece: usize) -> String {
        let (mut at, mut bytes) = (At::Head(Head::default()), requests.as_bytes().to_vec());
        bytes.chunks_mut(piece).for_each(|piece| at.pass(piece));
        String::from_utf8(bytes).unwrap()
    }

    const BOTH: [&str; 5] = [
        "POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nTRANSFER-ENCODING:chunked\r\nX: y\r\ncontent-length:0\r\n\r\n",
        "\r\n\r\nPOST / HTTP/1.1\nContent-Length: 5\nTransfer-Encoding: x\n\n",
        "POST / HTTP/1.1\r\nContent-Length: nonsense\r\nTransfer-Encoding: identity\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    ];

    #[test]
    fn the_end_of_a_head_with_both_is_spoilt() {
        for both in BOTH {
            let spoilt = format!("{}\0", &both[..both.len() - 1]);
            assert_eq!(through(both), spoilt);
            // Behind requests that are as they should be, too.
            for before in [
                "GET / HTTP/1.1\r\nHost: g\r\n\r\n".to_owned(),
                "POST / HTTP/1.1\r\nContent-Length: 7\r\n\r\n\r\n\r\nabc".to_owned(),
                format!("POST / HTTP/1.1\r\nContent-Length: {}\r\n\r\n{both}", both.len()),
            ] {
                assert_eq!(through(&format!("{before}{both}")), format!("{before}{spoilt}"));
            }
        }
    }

    #[test]
    fn what_is_as_it_should_be_comes_through_as_it_is() {
        let [both, ..] = BOTH;
        for requests in [
            format!("POST / HTTP/1.1\r\nContent-Length: {}\r\n\r\n{both}", both.len()),
            format!("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n{both}"),
            "GET / HTTP/1.1\r\nX-Content-Length: 5\r\nX: transfer-encoding: chunked\r\n\r\n".repeat(3),
            format!("GET / HTTP/1.1\r\nContent-Length-{0}: 5\r\n{0}: y\r\nTransfer-Encoding: chunked\r\n\r\n", "x".repeat(99)),
            "GET / HTTP/1.1\r\nContent-Length: 18446744073709551615\r\n\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned(),
        ] {
            assert_eq!(through(&requests), requests);
        }
    }
}
