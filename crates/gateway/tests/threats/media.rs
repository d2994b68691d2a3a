//! T10: media that is made to break whoever looks into it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::world::World;
use crate::{upload_of, with_room};

/// A box: size, kind, content.
fn boxed(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let size = u32::try_from(content.len() + 8).unwrap();
    [&size.to_be_bytes(), &kind[..], content].concat()
}

fn words(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
}

/// A video of a few hundred bytes whose tables are these.
fn video(tables: &[Vec<u8>]) -> Vec<u8> {
    let header = boxed(b"mdhd", &words(&[0, 0, 0, 12_800, 25_600, 0]));
    let handler = boxed(b"hdlr", &[&words(&[0, 0])[..], b"vide", &[0; 13]].concat());
    let information = boxed(b"minf", &boxed(b"stbl", &tables.concat()));
    let media = boxed(b"mdia", &[header, handler, information].concat());
    let track = boxed(b"trak", &[boxed(b"tkhd", &[0; 84]), media].concat());
    let index = boxed(b"moov", &[boxed(b"mvhd", &[0; 100]), track].concat());
    [boxed(b"ftyp", b"isom\0\0\x02\0isomiso2avc1mp41"), index, boxed(b"mdat", &[0; 64])].concat()
}

/// A GIF of so many frames of one pixel that say they have 65,535 x 65,535.
fn gif(frames: usize) -> Vec<u8> {
    let mut gif = b"GIF89a\xff\xff\xff\xff\0\0\0".to_vec();
    for _ in 0..frames {
        gif.extend(b",\0\0\0\0\xff\xff\xff\xff\0\x02\x01\0\0");
    }
    gif.push(b';');
    gif
}

/// The most memory that this process ever had, in bytes.
fn most_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0 kB");
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

#[tokio::test]
async fn bombs_cost_no_memory_and_stop_nothing() {
    let world = with_room(World::new().await).await;
    let all = u32::MAX;
    let table = |kind: &[u8; 4], content: &[u32]| boxed(kind, &words(content));
    let endless_boxes: Vec<u8> = (0..50_000).flat_map(|_| boxed(b"free", &[])).collect();
    let nested = (0..2_000).fold(Vec::new(), |inner, _| boxed(b"moov", &inner));
    let ftyp = boxed(b"ftyp", b"isom\0\0\x02\0isomiso2avc1mp41");
    let bombs = [
        ("a table of four billion sizes", "video/mp4", video(&[table(b"stsz", &[0, 0, all])])),
        ("a table of four billion times", "video/mp4", video(&[table(b"stts", &[0, all])])),
        ("four billion samples of one time", "video/mp4", video(&[table(b"stts", &[0, 1, all, all])])),
        (
            "a table of four billion places",
            "video/mp4",
            video(&[table(b"stco", &[0, all]), table(b"stsc", &[0, all])]),
        ),
        ("four billion descriptions", "video/mp4", video(&[table(b"stsd", &[0, all])])),
        (
            "an index that says it has 16 EiB",
            "video/mp4",
            [&ftyp[..], b"\0\0\0\x01moov\xff\xff\xff\xff\xff\xff\xff\xff"].concat(),
        ),
        ("fifty thousand boxes", "video/mp4", [ftyp.clone(), endless_boxes].concat()),
        ("two thousand boxes within each other", "video/mp4", [ftyp.clone(), nested].concat()),
        ("a video that is cut off", "video/mp4", ftyp.clone()),
        ("a GIF of 300,000 giant frames", "image/gif", gif(300_000)),
        ("a GIF that never ends", "image/gif", gif(10)[..30].to_vec()),
        (
            "a PNG of 2^31 by 2^31",
            "image/png",
            b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\x7f\xff\xff\xff\x7f\xff\xff\xff\x08\x02\0\0\0".to_vec(),
        ),
    ];
    let told = bombs.map(async |(what, media_type, media)| {
        let body = json!({
            "auth_token": world.token, "media_data": STANDARD.encode(&media), "media_type": media_type,
        });
        let answer = world.upload("", &body).await;
        // X may take what is only odd; nobody breaks over it.
        assert!(matches!(answer.status, 200 | 400 | 413), "{what}: {answer:?}");
    });
    futures::future::join_all(told).await;
    assert_eq!(world.upload("", &upload_of(&world, 100)).await.status, 200, "it goes on");
    let most = most_memory();
    assert!(most < 1 << 30, "{most} bytes");
}

/// The content says what it is, whatever the client says.
#[tokio::test]
async fn what_is_not_what_it_is_called_is_refused() {
    let world = World::new().await;
    for (what, media_type, media) in [
        ("a page", "image/png", &b"<!doctype html><script>alert(1)</script>"[..]),
        ("a page that begins with a space", "image/gif", b"  \n<html>"),
        ("a program", "video/mp4", b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0"),
        ("an archive", "image/jpeg", b"PK\x03\x04\x14\0\0\0"),
        ("a document", "image/webp", b"%PDF-1.7\n"),
        (
            "a vector picture",
            "image/png",
            b"<?xml version=\"1.0\"?><svg xmlns=\"http://www.w3.org/2000/svg\"/>",
        ),
        ("another picture", "image/png", b"\xff\xd8\xff\xe0\0\x10JFIF\0"),
        ("nothing", "image/png", b""),
    ] {
        let body = json!({
            "auth_token": world.token, "media_data": STANDARD.encode(media), "media_type": media_type,
        });
        let answer = world.upload("", &body).await;
        assert_eq!(answer.status, 400, "{what}: {answer:?}");
    }
    assert_eq!(world.sandbox.media_ids().len(), 0);
}
