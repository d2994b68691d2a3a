//! What is certain to fail is refused before X has made anything of it; the rest is told.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chunkwise_sandbox::{Operation, ProcessingScript};
use serde_json::json;

use crate::mp4::{Mp4, boxed};
use crate::world::{World, origin, png};

/// A movie as X wants it, of about this size; with its index at the beginning or at the end.
pub(crate) fn video(len: usize, index_last: bool) -> Vec<u8> {
    made(&Mp4 { index_last, ..Mp4::default() }, len)
}

fn made(movie: &Mp4, len: usize) -> Vec<u8> {
    let filling: Vec<u8> = (0..len).map(|n| (n ^ (n >> 8) ^ (n >> 16)) as u8).collect();
    let (data, free) = (boxed(b"mdat", &[0xAB; 400]), boxed(b"free", &filling));
    if movie.index_last {
        let at = movie.ftyp.len() + 8;
        return [movie.ftyp.clone(), data, free, movie.index(at)].concat();
    }
    let at = movie.ftyp.len() + movie.index(0).len() + 8;
    [movie.ftyp.clone(), movie.index(at), data, free].concat()
}

/// A quarter of a second: X takes none shorter than half a second.
fn too_short(len: usize, index_last: bool) -> Vec<u8> {
    let mut movie = Mp4 { frames: 6, audio: None, index_last, ..Mp4::default() };
    movie.delta = 512;
    let mut made = made(&movie, len);
    // The movie's own length, as the header says it: 240 of 1000.
    let at = made.windows(4).position(|four| four == b"mvhd").unwrap() + 4 + 16;
    made[at..at + 4].copy_from_slice(&240_u32.to_be_bytes());
    made
}

#[tokio::test]
async fn a_movie_that_is_too_short_is_refused_before_x_hears_of_it() {
    let world = World::new().await;
    let body = json!({
        "auth_token": world.token, "media_data": STANDARD.encode(too_short(10_000, true)), "media_type": "video/mp4",
    });
    let answer = world.upload("", &body).await;
    let error = answer.json()["error"].as_str().unwrap().to_owned();
    assert_eq!(answer.status, 400, "{answer:?}");
    assert!(error.starts_with("The media can't be used: it lasts 0.24 s"), "{error}");
    assert_eq!(world.sandbox.log().len(), 0);
    assert_eq!(world.get("/usage").await.json()["reserved_micro_dollars"], 0);
}

#[tokio::test]
async fn a_picture_that_is_too_large_is_too_large() {
    let world = World::new().await;
    let body = json!({
        "auth_token": world.token, "media_data": STANDARD.encode(png(5_500_000)), "media_type": "image/png",
    });
    let answer = world.upload("", &body).await;
    let error = answer.json()["error"].as_str().unwrap().to_owned();
    assert_eq!((answer.status, error.starts_with("The media can't be used: ")), (413, true), "{error}");
    assert_eq!(world.sandbox.log().len(), 0);
}

/// The index is at the end: by then all but the last byte may be at X. It never becomes an object.
#[tokio::test]
async fn what_is_seen_at_the_end_only_is_refused_before_finalize() {
    let world = World::with(|settings| settings.fetch.allow_ports = (1..=u16::MAX).collect()).await;
    let address = origin("video/mp4", too_short(9 << 20, true)).await;
    let body = json!({ "auth_token": world.token, "media_url": format!("http://{address}/a.mp4") });
    let answer = world.upload("", &body).await;
    assert_eq!(answer.status, 400, "{answer:?}");
    assert!(answer.json()["error"].as_str().unwrap().contains("it lasts 0.24 s"), "{answer:?}");
    assert_eq!(world.calls(Operation::Finalize), 0);
    assert_eq!(world.get("/usage").await.json()["calls"], 0);
    assert!(world.files("spool").is_empty());
    // With its index at the beginning nothing of it is sent at all.
    let before = world.calls(Operation::Initialize);
    let address = origin("video/mp4", too_short(9 << 20, false)).await;
    let body = json!({ "auth_token": world.token, "media_url": format!("http://{address}/a.mp4") });
    assert_eq!(world.upload("", &body).await.status, 400);
    assert_eq!(world.calls(Operation::Initialize), before);
}

#[tokio::test]
async fn a_good_movie_from_a_url_arrives_and_what_x_may_object_to_is_told() {
    let world = World::with(|settings| settings.fetch.allow_ports = (1..=u16::MAX).collect()).await;
    world.sandbox.change_settings(|settings| {
        settings.processing.video = ProcessingScript::already_succeeded();
    });
    let movie = Mp4 { size: (4_000, 100), index_last: true, ..Mp4::default() };
    let content = made(&movie, 5 << 20);
    let address = origin("application/octet-stream", content.clone()).await;
    let body = json!({ "auth_token": world.token, "media_url": format!("http://{address}/movie") });
    let answer = world.upload("", &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(world.content(answer.json()["data"]["media_id"].as_str().unwrap()).await == content);
    let seen = &world.get("/uploads").await.json()["uploads"][0];
    assert!(seen["warnings"].as_array().unwrap().len() > 1, "{seen}");
    let total = content.len() as u64;
    assert_eq!(
        (seen["progress"]["stored"].as_u64(), seen["progress"]["committed"].as_u64()),
        (Some(total), Some(total)),
        "{seen}"
    );
}

/// It is called a video, and nobody could play any of it.
#[tokio::test]
async fn bytes_that_are_no_video_are_refused_whatever_they_are_called() {
    let world = World::new().await;
    let noise: Vec<u8> = (0..5_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let nothing = STANDARD.encode(noise);
    let body = json!({ "auth_token": world.token, "media_data": nothing, "media_type": "video/mp4" });
    let answer = world.upload("", &body).await;
    let error = answer.json()["error"].as_str().unwrap().to_owned();
    assert_eq!((answer.status, error.contains("it has no index")), (400, true), "{error}");
    assert_eq!((world.sandbox.log().len(), world.get("/usage").await.json()["calls"].as_u64()), (0, Some(0)));
}
