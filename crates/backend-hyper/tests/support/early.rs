//! Refusals that come while the body is still being sent, many times over: they are races.

use std::time::Duration;

use chunkwise_transport::http::Backend;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::server::{Received, Server, read_head, reset};
use super::{exchange, post_sized};

const REFUSAL: &str = "HTTP/1.1 413 Payload Too Large\r\nContent-Length: 9\r\n\r\ntoo large";

pub const ROUNDS: usize = 50;

/// What the server does after its refusal.
#[derive(Clone, Copy, Debug)]
pub enum Then {
    /// It reads on to the end of the body, and then waits for another request.
    Drain,
    /// It closes with the body unread, which makes the kernel send a reset.
    Close,
    /// It resets at once.
    Reset,
    /// It closes its sending side, reads nothing, and resets a moment later.
    LingerThenReset,
}

/// In how many of [`ROUNDS`] the refusal was seen, whole.
pub async fn refusals_seen(backend: &dyn Backend, then: Then) -> usize {
    let server = Server::start(move |mut stream, _| async move {
        while let Some(head) = read_head(&mut stream).await {
            let received = Received { head, body: Vec::new() };
            let length = received.header("content-length")[0].parse::<u64>().unwrap();
            stream.write_all(REFUSAL.as_bytes()).await.unwrap();
            match then {
                Then::Drain => {
                    let mut body = (&mut stream).take(length);
                    if tokio::io::copy(&mut body, &mut tokio::io::sink()).await.is_err() {
                        return;
                    }
                }
                Then::Close => return drop(stream),
                Then::Reset => return reset(stream),
                Then::LingerThenReset => {
                    stream.shutdown().await.unwrap();
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    return reset(stream);
                }
            }
        }
    })
    .await;
    let mut seen = 0;
    for round in 0..ROUNDS {
        match exchange(backend, post_sized(&server.url(), 8 << 20)).await {
            Ok(response) => {
                assert_eq!(response.status(), 413);
                assert_eq!(response.body(), "too large");
                seen += 1;
            }
            Err(error) if seen == round => eprintln!("the first that was not seen: {error}"),
            Err(_) => {}
        }
    }
    eprintln!("{then:?}: {seen} of {ROUNDS} refusals seen");
    seen
}
