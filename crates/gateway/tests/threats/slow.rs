//! T8: who says nothing, says it slowly, or takes nothing. Nothing here is measured by the clock; it is only waited for, much
//! longer than the caps allow.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;

use crate::world::World;
use crate::{PATIENCE, heard, raw, status, until};

/// The name of the gateway's certificate.
const NAME: &str = "gateway.example";

async fn hasty() -> World {
    World::with(|settings| {
        settings.caps.head_seconds = 1;
        settings.caps.idle_seconds = 1;
    })
    .await
}

/// A gateway that speaks TLS, and a client's side of it.
async fn hasty_with_tls() -> (World, TlsConnector) {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed([NAME.to_owned()]).unwrap();
    let files = ["certificate", "key"].map(|name| folder.path().join(name));
    std::fs::write(&files[0], made.cert.pem()).unwrap();
    std::fs::write(&files[1], made.signing_key.serialize_pem()).unwrap();
    let world = World::with(|settings| {
        settings.caps.head_seconds = 1;
        settings.caps.idle_seconds = 1;
        let [certificate, key] = &files;
        settings.tls =
            Some(toml::from_str(&format!("certificate = {certificate:?}\nkey = {key:?}")).unwrap());
    })
    .await;
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    (world, TlsConnector::from(Arc::new(config)))
}

async fn handshake(world: &World, connector: &TlsConnector) -> impl AsyncRead + AsyncWrite + Unpin + use<> {
    let tcp = TcpStream::connect(world.gateway.address()).await.unwrap();
    connector.connect(ServerName::try_from(NAME).unwrap(), tcp).await.unwrap()
}

/// What a client can begin with and not end.
const BEGINNINGS: [&str; 6] = [
    "",
    "G",
    "PRI * HT",
    "PRI * HTTP/2.0\r\n\r\nSM",
    "POST /twitter/media/upload HTTP/1.1\r\nHost: g\r\n",
    "POST /twitter/media/upload HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer",
];

#[tokio::test]
async fn a_silent_socket_a_partial_head_and_a_partial_preface_are_closed() {
    let world = hasty().await;
    futures::future::join_all(BEGINNINGS.map(|beginning| raw(&world, beginning))).await;
    assert_eq!(world.get("/usage").await.status, 200, "others are answered");
}

#[tokio::test]
async fn the_same_within_tls_and_before_it() {
    let (world, connector) = hasty_with_tls().await;
    let within = BEGINNINGS.map(|beginning| {
        let (world, connector) = (&world, &connector);
        async move {
            let mut stream = handshake(world, connector).await;
            stream.write_all(beginning.as_bytes()).await.unwrap();
            stream.flush().await.unwrap();
            heard(&mut stream).await;
        }
    });
    // Nothing, half of the head of a record, and a record that is announced and does not come.
    let before = [&b""[..], b"\x16\x03", b"\x16\x03\x01\x02\x00\x01"].map(|beginning| raw(&world, beginning));
    futures::join!(futures::future::join_all(within), futures::future::join_all(before));
    let mut good = handshake(&world, &connector).await;
    good.write_all(b"GET /usage HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n").await.unwrap();
    assert_eq!(status(&heard(&mut good).await), 401, "others are answered");
}

/// Says the first, then one byte of the second now and then, and hears what comes until it is closed.
async fn trickled(world: &World, first: &str, filler: u8) -> String {
    let stream = TcpStream::connect(world.gateway.address()).await.unwrap();
    let (mut near, mut far) = stream.into_split();
    far.write_all(first.as_bytes()).await.unwrap();
    let dripping = tokio::spawn(async move {
        while far.write_all(&[filler]).await.is_ok() {
            sleep(Duration::from_millis(100)).await;
        }
    });
    let said = heard(&mut near).await;
    timeout(PATIENCE, dripping).await.expect("nobody takes it any more").unwrap();
    said
}

#[tokio::test]
async fn a_head_that_trickles_is_not_waited_for() {
    let world = hasty().await;
    for beginning in ["GET /", "GET / HTTP/1.1\r\nHost: g\r\nX: "] {
        trickled(&world, beginning, b'a').await;
    }
}

fn upload_head(world: &World) -> String {
    format!(
        "POST /twitter/media/upload HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Content-Length: 100000\r\n\r\n{{\"auth_token\": \"t\", \"media_data\": \"",
        world.key
    )
}

#[tokio::test]
async fn a_body_that_falls_silent_is_not_waited_for() {
    let world = hasty().await;
    let said = raw(&world, upload_head(&world)).await;
    assert_eq!(status(&said), 408, "{said}");
    assert!(said.contains("The body came too slowly"), "{said}");
}

/// A byte now and then is not silence; it is too little all the same, or takes too long as a whole.
#[tokio::test]
async fn a_body_that_trickles_is_not_waited_for() {
    let world = World::with(|settings| settings.caps.upload_seconds = 2).await;
    let said = trickled(&world, &upload_head(&world), b'A').await;
    assert_eq!(status(&said), 408, "{said}");
}

#[tokio::test]
async fn who_was_answered_and_falls_silent_is_closed() {
    let world = hasty().await;
    let said = raw(&world, "GET /usage HTTP/1.1\r\nHost: g\r\n\r\n").await;
    assert_eq!(status(&said), 401, "{said}");
}

/// Answers that nobody takes fill the socket; the place among the connections is given back.
#[tokio::test]
async fn who_reads_no_answer_is_closed() {
    let world = World::with(|settings| {
        settings.caps.idle_seconds = 1;
        settings.caps.connections = 1;
    })
    .await;
    let stream = TcpStream::connect(world.gateway.address()).await.unwrap();
    let (near, mut far) = stream.into_split();
    let asking = tokio::spawn(async move {
        let many = "GET /openapi.json HTTP/1.1\r\nHost: g\r\n\r\n".repeat(100);
        while far.write_all(many.as_bytes()).await.is_ok() {}
    });
    timeout(PATIENCE, asking).await.expect("it is closed").unwrap();
    until("another connection is taken", async || {
        !raw(&world, "GET /x HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n").await.is_empty()
    })
    .await;
    drop(near);
}

#[tokio::test]
async fn a_crowd_from_one_address_gets_no_more_than_its_places() {
    let world = World::with(|settings| settings.caps.connections_per_address = 3).await;
    let mut taken = Vec::new();
    for _ in 0..3 {
        let mut stream = TcpStream::connect(world.gateway.address()).await.unwrap();
        stream.write_all(b"GET /usage HTTP/1.1\r\nHost: g\r\n\r\n").await.unwrap();
        let mut first = [0; 12];
        stream.read_exact(&mut first).await.unwrap();
        assert_eq!(&first, b"HTTP/1.1 401");
        taken.push(stream);
    }
    let mut fourth = TcpStream::connect(world.gateway.address()).await.unwrap();
    assert_eq!(heard(&mut fourth).await, "", "it is closed unanswered");
    taken.clear();
    let request = "GET /usage HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n";
    until("a place is free again", async || status(&raw(&world, request).await) == 401).await;
}
