//! The threats of `docs/threats.md`, row by row, as a stranger would make them: real sockets, the sandbox in X's place.
#![cfg(test)]

mod admin;
mod canary;
mod disk;
mod fetching;
mod json;
mod keys;
mod leaving;
mod media;
mod slow;
mod stopping;
mod table;
mod tenants;
mod wire;
#[path = "../service/world.rs"]
#[expect(dead_code, reason = "each of the two test targets uses a part of it")]
mod world;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chunkwise_gateway::settings::Settings;
use chunkwise_gateway::store::KeyLimits;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::world::{World, key_with};

/// How long anything may take: much longer than it does.
const PATIENCE: Duration = Duration::from_secs(60);

/// Any port may be named: the origins of these tests have ports of their own.
fn any_port(settings: &mut Settings) {
    settings.fetch.allow_ports = (1..=u16::MAX).collect();
}

/// All that comes until the other side closes, however it closes.
async fn heard(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes));
    // A reset is a close, too.
    let _ = read.await.expect("it is closed");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Says these bytes on a connection of their own, and hears all that comes.
async fn raw(world: &World, bytes: impl AsRef<[u8]>) -> String {
    let mut stream = TcpStream::connect(world.gateway.address()).await.unwrap();
    stream.write_all(bytes.as_ref()).await.unwrap();
    heard(&mut stream).await
}

/// The status of the first answer; 0 for none.
fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
}

/// The body of an upload of a PNG of so many bytes.
fn upload_of(world: &World, len: usize) -> Value {
    json!({ "auth_token": world.token, "media_data": STANDARD.encode(world::png(len)), "media_type": "image/png" })
}

/// Its key may do as much at once as a test wants.
async fn with_room(mut world: World) -> World {
    let (requests_per_second, burst, uploads_at_once) = (1_000, 1_000, 1_000);
    let limits = KeyLimits { requests_per_second, burst, uploads_at_once, ..KeyLimits::default() };
    world.key = key_with(&world.gateway, limits).await;
    world
}

/// What is in the spool's folder.
fn spooled(world: &World) -> Vec<String> {
    let entries = std::fs::read_dir(world.state.path().join("state/spool")).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Waits for a condition.
async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let waited = tokio::time::timeout(PATIENCE, async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("it never comes that {what}"));
}
