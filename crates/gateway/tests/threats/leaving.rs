//! What is refused while its body still comes: the refusal is read, whatever the client is doing.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::world::World;
use crate::{heard, status};

const SENT: usize = 8 << 20;

/// How a client sends what is refused.
#[derive(Clone, Copy, Debug)]
enum Client {
    /// It reads while it sends.
    ReadsAlong,
    /// It reads when all is sent, or can't be.
    ReadsAfterwards,
    /// It reads while it sends, and looks at no answer once it can't send any more, as many HTTP clients do.
    GivesUpWhenItCantSend,
}

async fn refused(world: &World, head: &str, client: Client) -> String {
    let mut stream = TcpStream::connect(world.gateway.address()).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    match client {
        Client::ReadsAlong => {
            let (mut near, mut far) = stream.into_split();
            let sending = tokio::spawn(async move {
                let _ = far.write_all(&vec![b'A'; SENT]).await;
                far
            });
            let said = heard(&mut near).await;
            sending.abort();
            said
        }
        Client::GivesUpWhenItCantSend => {
            let (mut near, mut far) = stream.into_split();
            let piece = [b'A'; 64 << 10];
            let (mut left, mut said, mut space) = (SENT, Vec::new(), [0; 4096]);
            loop {
                tokio::select! {
                    biased;
                    sent = far.write(&piece), if left > 0 => match sent {
                        Ok(sent) => left = left.saturating_sub(sent),
                        Err(error) => return format!("it gave up: {error}"),
                    },
                    read = near.read(&mut space) => match read {
                        Ok(0) => return String::from_utf8(said).unwrap(),
                        Ok(read) => said.extend(&space[..read]),
                        Err(error) => return format!("it gave up: {error}"),
                    },
                }
            }
        }
        Client::ReadsAfterwards => {
            let _ = stream.write_all(&vec![b'A'; SENT]).await;
            heard(&mut stream).await
        }
    }
}

#[tokio::test]
async fn a_refusal_is_read_whole_in_twenty_of_twenty_runs() {
    let begin = |path: &str, key: &str, length: usize| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n"
        )
    };
    for client in [Client::ReadsAlong, Client::ReadsAfterwards, Client::GivesUpWhenItCantSend] {
        let world = World::new().await;
        let key = &world.key;
        for (head, wanted, sentence) in [
            (begin("/twitter/media/upload", key, 800_000_000), 413, "The body is too large"),
            (begin("/twitter/media/upload", "wrong", SENT), 401, "Missing or invalid API key"),
            (begin("/nowhere", key, SENT), 404, "There is nothing here; /openapi.json has every path"),
        ] {
            let runs = (0..20).map(|_| refused(&world, &head, client));
            for said in futures::future::join_all(runs).await {
                assert_eq!(status(&said), wanted, "{client:?}: {said}");
                let (head, body) = said.split_once("\r\n\r\n").unwrap();
                let length = format!("content-length: {}", body.len());
                assert!(head.contains(&length) && body.contains(sentence), "{client:?}: {said}");
            }
        }
    }
}

/// Who asks before sending is told before sending.
#[tokio::test]
async fn who_expects_100_continue_is_refused_without_it() {
    let world = World::new().await;
    let mut stream = TcpStream::connect(world.gateway.address()).await.unwrap();
    let head = format!(
        "POST /twitter/media/upload HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Expect: 100-continue\r\nContent-Length: 800000000\r\n\r\n",
        world.key
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut first = [0; 12];
    stream.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 413");
}
