//! One request and its answer on one connection.

use std::error::Error as StdError;
use std::future::{Future as _, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use chunkwise_transport::PayloadError;
use chunkwise_transport::http::{BackendError, Body, MAX_RESPONSE};
use http::{Request, Response, StatusCode};
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;

use crate::connect::Connection;
use crate::error::{ConnectError, ExchangeError};

/// How long the body of a refusal is waited for. Its status says the most important; what has come by then is given.
const REFUSAL_GRACE: Duration = Duration::from_secs(5);

/// A request body that tells how much of it HTTP has not taken yet.
#[derive(Debug)]
pub(crate) struct Outgoing {
    body: Body,
    left: Arc<AtomicU64>,
}

impl Outgoing {
    fn new(body: Body) -> Self {
        let left = Arc::new(AtomicU64::new(body.len()));
        Self { body, left }
    }
}

impl http_body::Body for Outgoing {
    type Data = Bytes;
    type Error = PayloadError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, PayloadError>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        self.left.store(self.body.len(), Ordering::Relaxed);
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// An answer, and the connection if it can carry another request.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) response: Response<Bytes>,
    pub(crate) connection: Option<Connection>,
}

/// Sends the request and reads the answer.
///
/// - A refusal (any final status but 2xx) ends the sending as soon as its head is there. It counts even if its body is
///   cut off, too long ([`MAX_RESPONSE`]) or does not come: what has come of it is given.
/// - A success must be whole, and so must the request: one that came early does not end the sending, and if the
///   connection then breaks it is not believed.
pub(crate) async fn exchange(
    mut connection: Connection,
    request: Request<Body>,
) -> Result<Answer, BackendError> {
    let before = connection.meter.read();
    let (head, body) = request.into_parts();
    let end = body.sending_end();
    let body = Outgoing::new(body);
    let left = Arc::clone(&body.left);

    let mut answer = pin!(connection.sender.send_request(Request::from_parts(head, body)));
    let answer = poll_fn(|cx| {
        connection.drive(cx);
        answer.as_mut().poll(cx)
    })
    .await;
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => return Err(unanswered(error, &connection, connection.meter.moved_since(before))),
    };

    let (head, mut incoming) = answer.into_parts();
    let mut bytes = BytesMut::new();
    let collecting = collect(&mut connection, &mut incoming, &mut bytes);
    if head.status.is_success() {
        match collecting.await {
            Collected::Whole => {}
            Collected::Cut(source) => {
                let (peer, status) = (connection.peer, head.status);
                return Err(ExchangeError::CutAnswer { peer, status, source }.into());
            }
            Collected::TooLong => {
                let (peer, status, limit) = (connection.peer, head.status, MAX_RESPONSE);
                return Err(ExchangeError::LongAnswer { peer, status, limit }.into());
            }
        }
        let ready = finish_sending(&mut connection).await;
        if !ready && left.load(Ordering::Relaxed) > 0 {
            return Err(hasty(connection, head.status));
        }
    } else {
        end.hold();
        match tokio::time::timeout(REFUSAL_GRACE, collecting).await {
            Ok(Collected::Whole) => {}
            Ok(Collected::Cut(_) | Collected::TooLong) | Err(_) => {
                tracing::debug!(peer = %connection.peer, status = %head.status, "the refusal's body is cut");
                let response = Response::from_parts(head, bytes.freeze());
                return Ok(Answer { response, connection: None });
            }
        }
        poll_fn(|cx| {
            connection.settle(cx);
            Poll::Ready(())
        })
        .await;
    }
    let response = Response::from_parts(head, bytes.freeze());
    Ok(Answer { response, connection: Some(connection).filter(Connection::is_ready) })
}

fn hasty(connection: Connection, status: StatusCode) -> BackendError {
    ExchangeError::HastyAnswer { peer: connection.peer, status }.into()
}

fn unanswered(error: hyper::Error, connection: &Connection, moved: bool) -> BackendError {
    let peer = connection.peer.clone();
    if let Some(error) = find::<PayloadError>(&error) {
        ExchangeError::Source(error.clone()).into()
    } else if !moved {
        ConnectError::Dead { peer }.into()
    } else if error.is_parse() {
        ExchangeError::Garbled { peer, source: error }.into()
    } else {
        ExchangeError::Broken { peer, source: error }.into()
    }
}

/// The first error of this type in a chain of causes.
fn find<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    match error.downcast_ref() {
        Some(found) => Some(found),
        None => find(error.source()?),
    }
}

/// How the reading of an answer's body ended.
#[derive(Debug)]
enum Collected {
    Whole,
    Cut(hyper::Error),
    TooLong,
}

async fn collect(connection: &mut Connection, incoming: &mut Incoming, bytes: &mut BytesMut) -> Collected {
    loop {
        let frame = poll_fn(|cx| {
            connection.drive(cx);
            Pin::new(&mut *incoming).poll_frame(cx)
        });
        match frame.await {
            None => return Collected::Whole,
            Some(Err(error)) => return Collected::Cut(error),
            Some(Ok(frame)) => {
                let Ok(data) = frame.into_data() else { continue };
                let room = MAX_RESPONSE - bytes.len();
                bytes.extend_from_slice(data.get(..room).unwrap_or(&data));
                if data.len() > room {
                    return Collected::TooLong;
                }
            }
        }
    }
}

/// Sends what is left of the request; whether the connection can then carry another.
async fn finish_sending(connection: &mut Connection) -> bool {
    poll_fn(|cx| {
        connection.settle(cx);
        connection.sender.poll_ready(cx).map(|ready| ready.is_ok())
    })
    .await
}

#[cfg(test)]
mod tests {
    use chunkwise_core::NotSent;
    use chunkwise_transport::Payload;
    use chunkwise_transport::http::RequestBody;
    use socket2::SockRef;
    use tokio::io::AsyncReadExt as _;
    use tokio::net::TcpListener;

    use super::*;
    use crate::connect::Connector;
    use crate::origin::Origin;
    use crate::trust::Trust;

    /// The pool would have thrown such a connection away; between its look and the first write it can still die.
    #[tokio::test]
    async fn a_connection_that_died_before_the_first_byte_has_sent_nothing() {
        for resets in [false, true] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{}/", listener.local_addr().unwrap());
            let origin = Origin::of(&url.parse().unwrap()).unwrap();
            let connector = Connector::new(Trust::platform(), Duration::from_secs(5), None);
            let connection = connector.connect(&origin, None).await.unwrap();
            let (mut server, _) = listener.accept().await.unwrap();
            if resets {
                SockRef::from(&server).set_linger(Some(Duration::ZERO)).unwrap();
                drop(server);
            } else {
                SockRef::from(&server).shutdown(std::net::Shutdown::Write).unwrap();
                // Kept, to see whether a byte arrives.
                tokio::spawn(async move { assert_eq!(server.read(&mut [0]).await.unwrap(), 0) });
            }
            while connection.is_alive() {
                tokio::task::yield_now().await;
            }
            // The runtime must have heard of it as well.
            tokio::time::sleep(Duration::from_millis(20)).await;
            let body = Body::new(
                RequestBody::Payload { head: Bytes::new(), tail: Bytes::new().into() },
                Payload::from_bytes(Bytes::from_static(b"payload")),
            );
            let mut request = Request::new(body);
            *request.method_mut() = http::Method::POST;
            match exchange(connection, request).await {
                Err(BackendError::NotSent { cause: NotSent::Unreachable, source }) => {
                    assert!(source.to_string().contains("before a byte of the request was sent"), "{source}");
                }
                other => panic!("resets: {resets}: {other:?}"),
            }
        }
    }
}
