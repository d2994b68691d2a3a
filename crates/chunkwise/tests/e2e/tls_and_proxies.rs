//! HTTPS with an authority of one's own, and a proxy on the way.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use chunkwise::hyper::HyperBackend;
use chunkwise::transport::http::Backend;
use chunkwise::x::Api;
use chunkwise_sandbox::{Sandbox, credentials};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{Carrier, Credentials, Ended, Kind, World, checkpoints, trusting, video};

async fn upload_over(world: &World, url: &str) -> Ended {
    let driver = world.driver().build().unwrap();
    let uploader = world.uploader_at(url, Credentials::Token(credentials::USER_TOKEN), driver);
    let file = video();
    let ended = Ended::of(uploader.upload(file.path()).await);
    match &ended {
        Ended::Ready(id) => world.holds_only(id, &file).await,
        Ended::Failed(_) => assert!(checkpoints(&uploader).await.is_empty()),
    }
    ended
}

#[tokio::test]
async fn https_with_the_sandboxs_authority() {
    for carrier in Carrier::BOTH {
        let mut world = World::over(Sandbox::builder(), Api::V2, carrier.backend()).await;
        world.backend = trusting(carrier, world.sandbox.ca_pem().unwrap());
        let url = world.sandbox.https_url().unwrap();
        upload_over(&world, &url).await.ready();
    }
}

#[tokio::test]
async fn an_authority_that_nobody_trusts_is_named_and_nothing_is_sent() {
    for carrier in Carrier::BOTH {
        let stranger = Sandbox::builder().start().await.unwrap();
        let backend = trusting(carrier, stranger.ca_pem().unwrap());
        let world = World::over(Sandbox::builder(), Api::V2, backend).await;
        let url = world.sandbox.https_url().unwrap();
        let failed = upload_over(&world, &url).await.failed();
        assert_eq!(failed.kind, Kind::Misconfigured, "{carrier}: {}", failed.text);
        assert!(failed.text.to_lowercase().contains("certificate"), "{carrier}: {}", failed.text);
        assert!(world.sandbox.log().is_empty(), "{carrier}: no request left");
    }
}

/// A proxy that opens tunnels, and keeps the first lines it was sent.
async fn proxy() -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, seen) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(Vec::new())));
    let log = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(tunnel(stream, Arc::clone(&log)));
        }
    });
    (address, seen)
}

async fn tunnel(mut stream: TcpStream, log: Arc<Mutex<Vec<String>>>) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8(head).unwrap();
    log.lock().unwrap().push(head.clone());
    let target = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next()).unwrap();
    let mut onward = TcpStream::connect(target).await?;
    stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
    copy_bidirectional(&mut stream, &mut onward).await.map(drop)
}

#[tokio::test]
async fn a_whole_upload_goes_through_a_proxy_with_credentials() {
    for carrier in Carrier::BOTH {
        let (address, seen) = proxy().await;
        let url = format!("http://ann:opensesame@{address}");
        let mut world = World::over(Sandbox::builder(), Api::V2, carrier.backend()).await;
        let pem = world.sandbox.ca_pem().unwrap();
        world.backend = match carrier {
            Carrier::Hyper => {
                let builder = HyperBackend::builder().ca_pem(pem).proxy(url.parse().unwrap());
                Arc::new(builder.build().unwrap()) as Arc<dyn Backend>
            }
            Carrier::Reqwest => crate::support::trusting_through(pem, &url),
        };
        upload_over(&world, &world.sandbox.https_url().unwrap()).await.ready();
        let seen = seen.lock().unwrap();
        assert!(!seen.is_empty(), "{carrier}: the proxy was asked");
        // Base64 of `ann:opensesame`.
        let authorized =
            |head: &String| head.to_lowercase().contains("proxy-authorization: basic yw5uom9wzw5zzxnhbwu=");
        assert!(seen.iter().all(authorized), "{carrier}: {seen:?}");
        assert!(!format!("{seen:?}").contains(credentials::USER_TOKEN), "{carrier}");
    }
}

#[tokio::test]
async fn a_proxy_that_is_not_there_ends_within_bounds() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let backend = HyperBackend::builder().proxy(format!("http://{gone}").parse().unwrap()).build().unwrap();
    let world = World::over(Sandbox::builder(), Api::V2, Arc::new(backend)).await;
    let failed = upload_over(&world, &world.sandbox.base_url()).await.failed();
    assert_eq!(failed.kind, Kind::Exhausted, "{}", failed.text);
    assert!(failed.text.contains(&gone.to_string()), "{}", failed.text);
}
