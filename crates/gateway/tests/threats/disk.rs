//! T7: media fills the disk, as far as it may.

use std::path::Path;
use std::process::Command;

use chunkwise_gateway::store::Billing;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::world::{World, new_key};
use crate::{spooled, until, upload_of};

#[tokio::test]
async fn what_is_over_the_cap_is_told_to_come_again_and_leaves_nothing() {
    let world = World::with(|settings| {
        settings.caps.disk = 300_000;
        settings.caps.memory = 2 << 20;
    })
    .await;
    let large = upload_of(&world, 3_000_000);
    let refused = world.upload("", &large).await;
    assert_eq!(refused.status, 503, "{refused:?}");
    assert!(refused.header("retry-after").is_some(), "{refused:?}");
    until("nothing is left of it", async || spooled(&world).is_empty()).await;
    let small = world.upload("", &upload_of(&world, 1_000)).await;
    assert_eq!(small.status, 200, "what fits is taken: {small:?}");
    let usage = world.get("/usage").await.json();
    assert_eq!((usage["calls"].as_u64(), usage["reserved_micro_dollars"].as_u64()), (Some(1), Some(0)));
}

/// A file system, until it is dropped.
struct Mounted<'a>(&'a Path);

impl<'a> Mounted<'a> {
    fn new(at: &'a Path, size: &str) -> Option<Self> {
        let size = format!("size={size}");
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(at).output();
        mount.is_ok_and(|output| output.status.success()).then_some(Self(at))
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        // Lazily: the gateway's files may still be open.
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

/// The disk is full before the cap is reached: somebody else has filled it.
#[tokio::test]
async fn a_disk_that_is_really_full_is_told_the_same_way() {
    let folder = tempfile::tempdir().unwrap();
    let Some(_mounted) = Mounted::new(folder.path(), "4m") else {
        eprintln!("skipped: no tmpfs can be mounted here");
        return;
    };
    // Only the spool is there: where the database is must not be full.
    let world = World::with(|settings| {
        settings.caps.memory = 2 << 20;
        std::fs::create_dir_all(&settings.state_dir).unwrap();
        std::os::unix::fs::symlink(folder.path(), settings.state_dir.join("spool")).unwrap();
    })
    .await;
    let refused = world.upload("", &upload_of(&world, 4_900_000)).await;
    assert_eq!(refused.status, 503, "{refused:?}");
    assert!(refused.header("retry-after").is_some(), "{refused:?}");
    until("nothing is left of it", async || spooled(&world).is_empty()).await;
    let fits = world.upload("", &upload_of(&world, 2_500_000)).await;
    assert_eq!(fits.status, 200, "what fits is taken: {fits:?}");
}

/// One key's uploads are bounded: it does not take all the room there is for all keys.
#[tokio::test]
async fn a_key_has_no_more_uploads_at_once_than_it_may() {
    let world = World::with(crate::any_port).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stuck = format!("http://{}/photo.png", listener.local_addr().unwrap());
    let mut body: Value = upload_of(&world, 10);
    body["media_data"] = Value::Null;
    body["media_type"] = Value::Null;
    body["media_url"] = stuck.into();
    for _ in 0..4 {
        assert_eq!(world.upload("Prefer: respond-async\r\n", &body).await.status, 202);
    }
    let fifth = world.upload("Prefer: respond-async\r\n", &body).await;
    assert_eq!(fifth.status, 429, "{fifth:?}");
    drop(listener);
    let mut other = world;
    other.key = new_key(&other.gateway, Billing::Metered).await;
    let good = other.upload("", &upload_of(&other, 1_000)).await;
    assert_eq!(good.status, 200, "another key has its own: {good:?}");
}

/// Bodies that are on their way count too: one key's slow ones leave room for the others.
#[tokio::test]
async fn slow_bodies_of_one_key_do_not_take_the_places_of_others() {
    let mut world = World::with(|settings| settings.caps.uploads = 5).await;
    let text = upload_of(&world, 5_000).to_string();
    let head = format!(
        "POST /twitter/media/upload HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        world.key,
        text.len()
    );
    let mut slow = Vec::new();
    for _ in 0..4 {
        let mut stream = TcpStream::connect(world.gateway.address()).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        // It is said when the body is waited for.
        let mut go_on = [0; 25];
        stream.read_exact(&mut go_on).await.unwrap();
        assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
        stream.write_all(&text.as_bytes()[..1_000]).await.unwrap();
        slow.push(stream);
    }
    assert_eq!(world.upload("", &upload_of(&world, 100)).await.status, 429, "all four are under way");
    let first = world.key.clone();
    world.key = new_key(&world.gateway, Billing::Metered).await;
    assert_eq!(world.upload("", &upload_of(&world, 100)).await.status, 200, "another key has its own");
    for stream in &mut slow {
        stream.write_all(&text.as_bytes()[1_000..]).await.unwrap();
        let mut status = [0; 12];
        stream.read_exact(&mut status).await.unwrap();
        assert_eq!(&status, b"HTTP/1.1 200");
    }
    world.key = first;
    until("the places are given back", async || {
        world.upload("", &upload_of(&world, 100)).await.status == 200
    })
    .await;
}
