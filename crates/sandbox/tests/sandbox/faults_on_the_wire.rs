//! How cut connections look from the other end of the socket, byte by byte.

use std::io;
use std::time::{Duration, Instant};

use chunkwise_sandbox::{Ending, Fault, FaultRule, Moment, Operation, Rest, Sandbox};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{Request, append_request, init, pattern, read_answer, start};

async fn with(fault: Fault) -> Sandbox {
    let rule = FaultRule::at_call(Operation::Append, 1, fault);
    Sandbox::builder().fault(rule).start().await.unwrap()
}

/// Sends the head and so much of the body, then waits for how it ends.
async fn ending_after(sandbox: &Sandbox, request: &Request, body: usize) -> io::Result<usize> {
    let mut stream = TcpStream::connect(sandbox.http_address()).await.unwrap();
    stream.write_all(&request.head_bytes()).await.unwrap();
    // The sandbox may be gone before all of it is out.
    let _ = stream.write_all(&request.body[..body]).await;
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await
}

#[tokio::test]
async fn a_reset_is_a_reset_at_every_moment() {
    let bytes = pattern(1, 200_000);
    for (moment, sent) in [
        (Moment::BeforeBody, 0),
        (Moment::DuringBody { after_bytes: 50_000 }, 100_000),
        (Moment::AfterBody, usize::MAX),
        (Moment::AfterCommit, usize::MAX),
    ] {
        let sandbox = with(Fault::Reset { moment }).await;
        let id = init(&sandbox, bytes.len()).await;
        let request = append_request(&id, 0, &bytes);
        let error = ending_after(&sandbox, &request, sent.min(request.body.len())).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{moment:?}");
    }
}

#[tokio::test]
async fn a_close_after_the_body_is_an_orderly_end() {
    let sandbox = with(Fault::Close { moment: Moment::AfterBody }).await;
    let id = init(&sandbox, 5).await;
    let request = append_request(&id, 0, b"bytes");
    assert_eq!(ending_after(&sandbox, &request, request.body.len()).await.unwrap(), 0);
    assert_eq!(sandbox.log().pop().unwrap().ending, Ending::Closed);
}

#[tokio::test]
async fn a_reset_in_the_body_comes_after_the_bytes_it_says() {
    let sandbox = with(Fault::Reset { moment: Moment::DuringBody { after_bytes: 50_000 } }).await;
    let bytes = pattern(1, 200_000);
    let id = init(&sandbox, bytes.len()).await;
    let request = append_request(&id, 0, &bytes);
    let mut stream = TcpStream::connect(sandbox.http_address()).await.unwrap();
    stream.write_all(&request.head_bytes()).await.unwrap();
    stream.write_all(&request.body[..49_999]).await.unwrap();
    // Nothing happens yet: the connection is there, and silent.
    let mut byte = [0];
    let silent = tokio::time::timeout(Duration::from_millis(100), stream.read(&mut byte)).await;
    assert!(silent.is_err(), "{silent:?}");
    stream.write_all(&request.body[49_999..50_000]).await.unwrap();
    let error = stream.read(&mut byte).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    assert_eq!(sandbox.log().pop().unwrap().body_bytes, 50_000);
}

fn early(rest: Rest) -> Fault {
    Fault::Answer {
        status: 413,
        headers: Default::default(),
        body: String::new(),
        moment: Moment::BeforeBody,
        rest,
    }
}

#[tokio::test]
async fn an_early_answer_comes_while_the_body_is_still_to_come() {
    let sandbox = with(early(Rest::Drain { up_to: 10_000_000 })).await;
    let bytes = pattern(1, 1_000_000);
    let id = init(&sandbox, bytes.len()).await;
    let request = append_request(&id, 0, &bytes);
    let mut stream = TcpStream::connect(sandbox.http_address()).await.unwrap();
    stream.write_all(&request.head_bytes()).await.unwrap();
    assert_eq!(read_answer(&mut stream).await.unwrap().status, 413);
    // The rest is drained, and the connection good for the next request.
    stream.write_all(&request.body).await.unwrap();
    stream.write_all(&request.head_bytes()).await.unwrap();
    stream.write_all(&request.body).await.unwrap();
    assert_eq!(read_answer(&mut stream).await.unwrap().status, 200);
    let connections: Vec<u64> = sandbox.log().iter().map(|entry| entry.connection).collect();
    assert_eq!(connections, [1, 2, 2]);
}

#[tokio::test]
async fn an_early_answer_can_end_the_connection() {
    for rest in [Rest::Close, Rest::Drain { up_to: 1000 }] {
        let sandbox = with(early(rest)).await;
        let bytes = pattern(1, 1_000_000);
        let id = init(&sandbox, bytes.len()).await;
        let request = append_request(&id, 0, &bytes);
        let mut stream = TcpStream::connect(sandbox.http_address()).await.unwrap();
        stream.write_all(&request.head_bytes()).await.unwrap();
        let answer = read_answer(&mut stream).await.unwrap();
        assert_eq!(answer.status, 413);
        assert_eq!(answer.header("connection").is_some(), rest == Rest::Close);
        // Sooner or later sending is of no use any more.
        let ended = async {
            loop {
                if stream.write_all(&request.body).await.is_err() {
                    return;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(10), ended).await.unwrap();
    }
}

#[tokio::test]
async fn who_waits_for_leave_to_send_gets_it_or_the_answer() {
    let sandbox = start().await;
    let bytes = pattern(1, 1000);
    let id = init(&sandbox, bytes.len()).await;
    let request = append_request(&id, 0, &bytes).header("expect", "100-continue");
    let mut stream = TcpStream::connect(sandbox.http_address()).await.unwrap();
    stream.write_all(&request.head_bytes()).await.unwrap();
    let mut leave = [0; 25];
    stream.read_exact(&mut leave).await.unwrap();
    assert_eq!(&leave, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(&request.body).await.unwrap();
    assert_eq!(read_answer(&mut stream).await.unwrap().status, 200);

    let refused = append_request("42", 0, &bytes).header("expect", "100-continue");
    let mut stream = TcpStream::connect(sandbox.http_address()).await.unwrap();
    stream.write_all(&refused.head_bytes()).await.unwrap();
    assert_eq!(read_answer(&mut stream).await.unwrap().status, 404);
    assert_eq!(stream.read(&mut leave).await.unwrap(), 0);
}

#[tokio::test]
async fn slow_reading_is_felt_by_the_sender() {
    let sandbox = with(Fault::SlowBody { bytes_per_sec: 100_000 }).await;
    let bytes = pattern(1, 5_000_000);
    let id = init(&sandbox, bytes.len()).await;
    let request = append_request(&id, 0, &bytes);
    let mut stream = TcpStream::connect(sandbox.http_address()).await.unwrap();
    stream.write_all(&request.head_bytes()).await.unwrap();
    let begun = Instant::now();
    // Whatever the buffers on the way hold, five megabytes are not gone in a moment.
    let sent = tokio::time::timeout(Duration::from_millis(500), stream.write_all(&request.body)).await;
    assert!(sent.is_err(), "all was taken after {:?}", begun.elapsed());
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_an_entry_and_no_segment() {
    let sandbox = start().await;
    let bytes = pattern(1, 100_000);
    let id = init(&sandbox, bytes.len()).await;
    let request = append_request(&id, 0, &bytes);
    let mut stream = TcpStream::connect(sandbox.http_address()).await.unwrap();
    stream.write_all(&request.head_bytes()).await.unwrap();
    stream.write_all(&request.body[..60_000]).await.unwrap();
    drop(stream);
    let entry = loop {
        if let Some(entry) = sandbox.log_since(1).pop() {
            break entry;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert_eq!(entry.ending, Ending::ClientGone);
    assert_eq!(crate::client::info(&sandbox, &id).await.segments, []);
}
