//! `chunkwise check`, and what an upload makes of the same findings.

use crate::support::{self, CLIP, Ran, World, bare};

/// Where these bytes stand last in the clip.
fn place(name: &[u8]) -> usize {
    CLIP.windows(name.len()).rposition(|window| window == name).unwrap()
}

/// The clip with a picture that claims 1300x1100: X may object.
fn wide() -> Vec<u8> {
    let mut clip = CLIP.to_vec();
    let at = place(b"avc1") + 4 + 24;
    clip[at..at + 4].copy_from_slice(&[0x05, 0x14, 0x04, 0x4C]);
    clip
}

/// The clip with a table that claims four billion samples: nobody can play it.
fn damaged() -> Vec<u8> {
    let mut clip = CLIP.to_vec();
    let at = place(b"stsz") + 4 + 8;
    clip[at..at + 4].fill(0xFF);
    clip
}

async fn run(world: &World, args: &[&str]) -> Ran {
    // No token and no server are needed.
    support::finish(bare(world.home.path(), args)).await
}

#[tokio::test]
async fn a_good_file_is_shown_in_columns() {
    let world = World::new().await;
    world.file("clip.mp4", CLIP);
    let ran = run(&world, &["check", "clip.mp4"]).await;
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{ran:?}");
    assert_eq!(
        ran.stdout,
        "file       clip.mp4\n\
         size       65.8 KiB (67426 bytes)\n\
         type       video/mp4 (by its content)\n\
         category   tweet_video\n\
         container  brand isom, index first\n\
         duration   4.00 s\n\
         video      H.264 High, 320x180, 25.00 frames/s, 4:2:0, 8 bits, progressive\n\
         audio      AAC-LC, mono, 44100 Hz\n\
         findings   none\n"
    );
    let ran = run(&world, &["check", "clip.mp4", "--strict", "--json"]).await;
    let check = &ran.json()[0];
    assert_eq!((ran.code, &check["type"], &check["ok"]), (0, &"check".into(), &true.into()));
    assert_eq!((&check["index"], &check["container"]), (&"first".into(), &"isom".into()));
    assert_eq!((&check["video"]["width"], &check["video"]["frame_rate"]), (&320.into(), &25.0.into()));
    assert_eq!(check["findings"].as_array().map(Vec::len), Some(0));
}

const WIDE: &str =
    "its picture is 1300x1100, larger than X's 1280x1024: make it smaller, unless the account may send more";

#[tokio::test]
async fn a_warning_fails_only_if_asked() {
    let world = World::new().await;
    world.file("wide.mp4", &wide());
    let ran = run(&world, &["check", "wide.mp4"]).await;
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{ran:?}");
    assert!(ran.stdout.contains(&format!("warning    {WIDE}\n")), "{ran:?}");
    let ran = run(&world, &["check", "wide.mp4", "--limits", "none"]).await;
    assert!(ran.code == 0 && ran.stdout.contains("findings   none"), "{ran:?}");

    let ran = run(&world, &["check", "wide.mp4", "--strict"]).await;
    assert_eq!((ran.code, ran.stderr), (65, format!("error: wide.mp4: {WIDE}\n")));
    let ran = run(&world, &["check", "wide.mp4", "--strict", "--json"]).await;
    let check = &ran.json()[0];
    assert_eq!((ran.code, &check["ok"], &check["exit_code"]), (65, &false.into(), &65.into()));
    let finding = &check["findings"][0];
    assert_eq!((&finding["severity"], &finding["code"]), (&"warning".into(), &"picture_too_large".into()));
    assert_eq!(finding["message"], WIDE);
}

#[tokio::test]
async fn what_is_certain_to_fail_is_refused_with_the_reason() {
    let world = World::new().await;
    world.file("damaged.mp4", &damaged());
    world.file("unfinished.mp4", &[&CLIP[..32], &b"\0\0\0\x0Cmdat1234"[..]].concat());
    world.file("notes.mp4", b"%PDF-1.7\n");
    for (file, sentence) in [
        ("damaged.mp4", "its index is damaged: the table stsz claims 4294967295 entries and has room for "),
        ("unfinished.mp4", "it has no index (moov box), without which nothing in it can be played"),
        ("notes.mp4", "this is a PDF document"),
    ] {
        let ran = run(&world, &["check", file]).await;
        assert!(ran.code == 65 && ran.stderr.starts_with(&format!("error: {file}: {sentence}")), "{ran:?}");
        assert_eq!(ran.stderr.lines().count(), 1, "{ran:?}");
        let ran = run(&world, &["check", file, "--json"]).await;
        let last = ran.json().pop().unwrap();
        assert_eq!((ran.code, &last["ok"], &last["exit_code"]), (65, &false.into(), &65.into()), "{last}");
    }
    let ran = run(&world, &["check", "gone.mp4"]).await;
    ran.assert_error(66, "gone.mp4: there is no such file: check the path");
}

#[tokio::test]
async fn an_upload_tells_warnings_first_and_refuses_what_is_certain() {
    let world = World::new().await;
    let file = world.file("wide.mp4", &wide());
    let ran = world.run(&["upload", "wide.mp4"]).await;
    world.assert_same(ran.media_id(), &file).await;
    assert_eq!(ran.stderr.lines().next(), Some(&*format!("warning: wide.mp4: {WIDE}")), "{ran:?}");
    let ran = world.run(&["upload", "wide.mp4", "--quiet"]).await;
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{ran:?}");
    let ran = world.run(&["upload", "wide.mp4", "--json"]).await;
    let lines = ran.json();
    assert_eq!((&lines[0]["type"], &lines[0]["code"]), (&"warning".into(), &"picture_too_large".into()));
    assert_eq!(lines[1]["type"], "start");

    let before = world.sandbox.log().len();
    world.file("damaged.mp4", &damaged());
    let ran = world.run(&["upload", "damaged.mp4"]).await;
    assert!(ran.code == 65 && ran.stdout.is_empty(), "{ran:?}");
    assert!(ran.stderr.starts_with("error: damaged.mp4: its index is damaged"), "{ran:?}");
    assert_eq!(world.sandbox.log().len(), before, "nothing was sent");
    assert!(world.unfinished().await.is_empty(), "nothing is left behind");
    // Who gives the type knows better.
    let ran = world.run(&["upload", "damaged.mp4", "--media-type", "video/mp4"]).await;
    assert!(ran.code == 0 && ran.stderr.starts_with("warning: damaged.mp4: its index is damaged"), "{ran:?}");
}
