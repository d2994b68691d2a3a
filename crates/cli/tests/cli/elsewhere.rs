//! Uploads to other places than X: a store that others wrote, and the strict tus server of `chunkwise-tus`.

use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::s3_store::{ACCESS_KEY, BUCKET, Fault, SECRET_KEY, Store};
use crate::support::{CANARY, Ran, bare, finish, text, until};
use crate::tus_server::{Fault as TusFault, Server, Settings, Stored};

const MIB: usize = 1 << 20;

const DENIED: &str = "<Error><Code>AccessDenied</Code><Message>not now</Message></Error>";

const NO_BUCKET: &str = "<Error><Code>NoSuchBucket</Code><Message>no such bucket</Message></Error>";

/// A store, a home for the binary, and a file of 12 MiB: three parts of 5 MiB, the last one short.
struct World {
    home: TempDir,
    root: TempDir,
    store: Store,
    content: Vec<u8>,
}

impl World {
    async fn new() -> Self {
        let (home, root) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let store = Store::start(root.path()).await;
        let content: Vec<u8> = (0..12 * MIB).map(|at| (at * 31 % 251) as u8 ^ (at >> 16) as u8).collect();
        std::fs::write(home.path().join("clip.mp4"), &content).unwrap();
        Self { home, root, store, content }
    }

    /// The binary, with credentials of the store's, and a token for X that must go nowhere.
    fn command(&self, args: &[&str]) -> Command {
        let mut command = bare(self.home.path(), args);
        command.env("CHUNKWISE_TOKEN", CANARY).current_dir(self.home.path());
        command.env("AWS_ACCESS_KEY_ID", ACCESS_KEY).env("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
        command.env("AWS_ENDPOINT_URL_S3", self.store.url());
        command
    }

    async fn run(&self, args: &[&str]) -> Ran {
        finish(self.command(args)).await
    }

    fn object(&self, key: &str) -> Option<Vec<u8>> {
        std::fs::read(self.root.path().join(BUCKET).join(key)).ok()
    }

    async fn piped(&self, args: &[&str], input: &[u8]) -> Ran {
        let mut command = self.command(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        let writing = tokio::spawn(async move {
            let _ = stdin.write_all(&input).await;
        });
        let ran = Ran::of(child.wait_with_output().await.unwrap());
        writing.await.unwrap();
        ran
    }
}

#[tokio::test]
async fn a_file_goes_to_a_bucket_under_the_key_or_under_its_own_name() {
    let world = World::new().await;
    for (to, key) in [("s3://media/a/b.mp4", "a/b.mp4"), ("s3://media/folder/", "folder/clip.mp4")] {
        let ran = world.run(&["upload", "clip.mp4", "--to", to]).await;
        assert_eq!((ran.code, ran.stdout.trim()), (0, format!("s3://media/{key}").as_str()), "{ran:?}");
        assert!(world.object(key) == Some(world.content.clone()), "{key} is another object");
        assert!(ran.stderr.contains("clip.mp4: 12.0 MiB to s3://media, upload "), "{ran:?}");
    }
    let ran = world.run(&["uploads"]).await;
    assert!(ran.stderr.contains("no upload is unfinished"), "{ran:?}");
}

#[tokio::test]
async fn what_is_said_of_a_store_is_kept_with_its_upload() {
    let world = World::new().await;
    world.store.fault("POST /media/k?uploadId", Fault::Instead(403, DENIED));
    let flags = ["--s3-store", "r2", "--s3-checksum", "crc32c"];
    let args = [&["upload", "clip.mp4", "--to", "s3://media/k"], &flags[..]].concat();
    let ran = world.run(&args).await;
    assert_eq!(ran.code, 77, "{ran:?}");
    let listed = world.run(&["--json", "uploads"]).await;
    let line = listed.json().remove(0);
    let known = &line["destination"]["store"];
    assert_eq!((&known["parts"], &known["checksum"]), (&"Uniform".into(), &"crc32c".into()), "{line}");
    let ran = world.run(&["resume", "--all"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(world.object("k") == Some(world.content.clone()), "it is another object");
}

#[tokio::test]
async fn standard_input_goes_to_a_bucket() {
    let world = World::new().await;
    let ran = world.piped(&["--json", "upload", "-", "--to", "s3://media/stream"], &world.content).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(world.object("stream") == Some(world.content.clone()), "it is another object");
    let lines = ran.json();
    let of = |kind: &str| lines.iter().find(|line| line["type"] == kind).unwrap();
    assert_eq!((&of("start")["to"], &of("start")["total"]), (&"s3://media".into(), &Value::Null));
    let result = of("result");
    assert_eq!((&result["object"], &result["size"]), (&"s3://media/stream".into(), &(12 * MIB).into()));
    assert_eq!(result["media_id"], Value::Null);

    let ran = world.piped(&["upload", "-", "--to", "s3://media/folder/"], b"x").await;
    ran.assert_error_ending(2, "standard input: --to: what has no name needs a key: s3://bucket/key");
}

#[tokio::test]
async fn what_is_cut_off_at_a_bucket_is_gone_on_with_from_what_the_store_has() {
    let world = World::new().await;
    world.store.fault("POST /media/k?uploadId", Fault::Instead(403, DENIED));
    let ran = world.run(&["upload", "clip.mp4", "--to", "s3://media/k"]).await;
    assert_eq!(ran.code, 77, "{ran:?}");
    let id = ran.printed("kept:").rsplit_once(' ').unwrap().1.to_owned();
    let listed = world.run(&["uploads"]).await;
    assert!(listed.stdout.contains(&id), "{listed:?}");
    let parts = world.store.count("partNumber=");
    let ran = world.run(&["resume", &id]).await;
    assert_eq!((ran.code, ran.stdout.trim()), (0, "s3://media/k"), "{ran:?}");
    assert_eq!(
        world.store.count("PUT /media/k?partNumber="),
        parts,
        "no part goes twice: {:?}",
        world.store.log()
    );
    assert!(world.object("k") == Some(world.content.clone()), "it is another object");
}

#[tokio::test]
async fn what_is_discarded_at_a_bucket_leaves_no_part_there() {
    let world = World::new().await;
    world.store.fault("POST /media/k?uploadId", Fault::Instead(403, DENIED));
    let ran = world.run(&["upload", "clip.mp4", "--to", "s3://media/k"]).await;
    let id = ran.printed("kept:").rsplit_once(' ').unwrap().1.to_owned();
    let ran = world.run(&["uploads", "discard", &id]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stderr.contains("is discarded, and the server has forgotten it"), "{ran:?}");
    assert!(world.store.count("DELETE /media/k?uploadId") > 0, "{:?}", world.store.log());
    let left: Vec<_> =
        std::fs::read_dir(world.root.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(left.iter().all(|path| !text(path).contains(".part-")), "{left:?}");
    assert_eq!(world.store.unfinished(), 0);
}

#[tokio::test]
async fn wrong_keys_and_buckets_are_told_apart() {
    let world = World::new().await;
    let mut command = world.command(&["upload", "clip.mp4", "--to", "s3://media/k"]);
    command.env("AWS_SECRET_ACCESS_KEY", CANARY);
    let ran = finish(command).await;
    assert_eq!(ran.code, 77, "{ran:?}");
    assert!(ran.stderr.contains("SignatureDoesNotMatch"), "{ran:?}");
    assert!(!ran.stderr.contains("media.write"), "that is X's: {ran:?}");

    // The store of this test makes its buckets as they are asked for.
    world.store.fault("POST /elsewhere/k?uploads", Fault::Instead(404, NO_BUCKET));
    let ran = world.run(&["upload", "clip.mp4", "--to", "s3://elsewhere/k"]).await;
    assert!(ran.code != 0 && ran.stderr.contains("NoSuchBucket"), "{ran:?}");

    let mut command = world.command(&["upload", "clip.mp4", "--to", "s3://media/k"]);
    command
        .env_remove("AWS_ACCESS_KEY_ID")
        .env_remove("AWS_SECRET_ACCESS_KEY")
        .env("AWS_EC2_METADATA_DISABLED", "true");
    let ran = finish(command).await;
    assert_eq!(ran.code, 77, "{ran:?}");
    assert!(ran.stderr.contains("AWS_ACCESS_KEY_ID"), "{ran:?}");
}

#[tokio::test]
async fn a_file_and_standard_input_go_to_a_tus_server_without_the_token_of_x() {
    let world = World::new().await;
    let server = Server::with(Settings { token: Some("t7"), ..Settings::default() }).await;
    let to = format!("tus+{}", server.endpoint());
    let refused = world.run(&["upload", "clip.mp4", "--to", &to]).await;
    assert_eq!(refused.code, 77, "{refused:?}");

    let with_token = |args: &[&str]| {
        let mut command = world.command(args);
        command.env("CHUNKWISE_TUS_TOKEN", "t7");
        command
    };
    let ran = finish(with_token(&["upload", "clip.mp4", "--to", &to])).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(server.bytes(ran.stdout.trim()) == world.content, "it is another upload");

    let mut command = with_token(&["upload", "-", "--to", &to]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&world.content).await.unwrap();
    drop(stdin);
    let ran = Ran::of(child.wait_with_output().await.unwrap());
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(server.bytes(ran.stdout.trim()) == world.content, "it is another upload");
}

#[tokio::test]
async fn the_query_of_a_tus_server_is_shown_nowhere_and_can_be_given_again() {
    let world = World::new().await;
    let server = Server::start().await;
    let to = format!("tus+{}", server.endpoint());
    let keyed = format!("{to}?key=hunter2");
    server.next("POST", TusFault::Answer("201 Created\r\nLocation: /files/7"));
    let stored = Stored { length: Some(12 * MIB as u64), ..Stored::default() };
    server.state().uploads.insert("/files/7".to_owned(), stored);
    server.next("PATCH", TusFault::Answer("403 Forbidden"));
    let ran = world.run(&["--json", "upload", "clip.mp4", "--to", &keyed]).await;
    assert_eq!(ran.code, 77, "{ran:?}");
    assert!(!format!("{ran:?}").contains("hunter2"), "{ran:?}");
    let start = ran.json().into_iter().find(|line| line["type"] == "start").unwrap();
    assert_eq!(start["to"], server.endpoint());
    let id = start["upload"].as_str().unwrap().to_owned();

    server.next("HEAD", TusFault::Answer("403 Forbidden"));
    let ran = world.run(&["resume", &id]).await;
    assert_eq!(ran.code, 77, "{ran:?}");
    assert!(ran.stderr.contains("resume with --to and the whole address"), "{ran:?}");
    let elsewhere = world.run(&["resume", &id, "--to", "tus+http://127.0.0.1:1/files/"]).await;
    assert_eq!(elsewhere.code, 78, "{elsewhere:?}");
    let ran = world.run(&["resume", &id, "--to", &keyed]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(!format!("{ran:?}").contains("hunter2"), "{ran:?}");
    assert!(server.bytes(ran.stdout.trim()) == world.content, "it is another upload");
}

#[tokio::test]
async fn a_kill_on_the_way_to_a_tus_server_costs_nothing_that_was_stored() {
    let world = World::new().await;
    let server = Server::start().await;
    let to = format!("tus+{}", server.endpoint());
    let args = ["upload", "clip.mp4", "--to", &to, "--chunk-size", "1MiB", "--limit-rate", "4MiB"];
    let mut child = world.command(&args).spawn().unwrap();
    until(|| server.count("PATCH 204") >= 3).await;
    child.kill().await.unwrap();
    let ran = world.run(&["resume", "--all"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(server.bytes(ran.stdout.trim()) == world.content, "it is another upload");
    // Twelve chunks, and no more than the one again that the kill cut off.
    assert!(server.count("PATCH 204") <= 13, "{:?}", server.log());
}

#[tokio::test]
async fn a_place_that_is_none_and_a_pipe_to_x_are_refused_before_anything_goes_out() {
    let world = World::new().await;
    let ran = world.run(&["upload", "clip.mp4", "--to", "ftp://somewhere"]).await;
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.stderr.contains("tus+https://"), "{ran:?}");
    let ran = world.run(&["upload", "a.mp4", "b.mp4", "--to", "s3://media/one"]).await;
    ran.assert_error_ending(2, "several files can't have one key: let --to end with a slash");
    let ran = world.run(&["upload", "a/clip.mp4", "b/clip.mp4", "--to", "s3://media/x/"]).await;
    assert_eq!(ran.code, 2, "{ran:?}");
    let both = "a/clip.mp4 and b/clip.mp4 would both be s3://media/x/clip.mp4";
    assert!(ran.stderr.contains(both), "{ran:?}");
    let ran = world.piped(&["upload", "-"], b"x").await;
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.stderr.contains("X wants to know a file's size beforehand"), "{ran:?}");
    assert_eq!(world.store.log(), Vec::<String>::new());
}

/// What a program before it in the pipe leaves off is no object that is cut off; nor is what is more than was said.
#[tokio::test]
async fn standard_input_of_another_length_than_was_said_leaves_nothing() {
    let world = World::new().await;
    let server = Server::start().await;
    let tus = format!("tus+{}", server.endpoint());
    let size = world.content.len().to_string();
    for to in ["s3://media/k", &tus] {
        let args = ["upload", "-", "--expected-size", &size, "--to", to];
        for cut in [7 * MIB, world.content.len() - 1] {
            let ran = world.piped(&args, &world.content[..cut]).await;
            assert_eq!(ran.code, 65, "{to}, {cut} bytes: {ran:?}");
            let ended = format!("standard input will not be complete: it ended after {cut} of {size} bytes");
            assert!(ran.stdout.is_empty() && ran.stderr.contains(&ended), "{ran:?}");
        }
        let longer = [&world.content[..], b"!"].concat();
        let ran = world.piped(&args, &longer).await;
        assert_eq!(ran.code, 65, "{to}, one byte more: {ran:?}");
        let ran = world.piped(&args, &world.content).await;
        assert_eq!(ran.code, 0, "{to}: {ran:?}");
        if to == tus {
            assert!(server.bytes(ran.stdout.trim()) == world.content, "it is another upload");
        }
    }
    assert!(world.object("k").as_ref() == Some(&world.content), "it is another object");
    assert_eq!(world.store.unfinished(), 0, "{:#?}", world.store.log());
    assert_eq!(server.state().uploads.len(), 1, "{:?}", server.log());
    let ran = world.run(&["upload", "clip.mp4", "--expected-size", "12MiB", "--to", &tus]).await;
    assert_eq!(ran.code, 2, "{ran:?}");
    let ran = world.run(&["upload", "clip.mp4", "--expected-size", "12MiB"]).await;
    ran.assert_error(
        2,
        "--expected-size is for standard input, which can't say how long it is: give - too, or leave it out",
    );
}

#[tokio::test]
async fn of_standard_input_that_a_kill_cuts_off_nothing_is_left_once_it_is_discarded() {
    let world = World::new().await;
    let mut command = world.command(&["upload", "-", "--to", "s3://media/k"]);
    command.stdin(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&world.content).await.unwrap();
    until(|| world.store.count("PUT /media/k?partNumber=") >= 2).await;
    child.kill().await.unwrap();

    let listed = world.run(&["--json", "uploads"]).await;
    let line = listed.json().remove(0);
    assert_eq!(line["media_id"], Value::Null, "the session's name is the server's: {listed:?}");
    let id = line["upload"].as_str().unwrap().to_owned();
    let ran = world.run(&["resume", &id]).await;
    assert_eq!(ran.code, 66, "{ran:?}");
    assert!(ran.stderr.contains("can only be discarded, and started anew"), "{ran:?}");
    let ran = world.run(&["uploads", "discard", &id]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stderr.contains("the server has forgotten it"), "{ran:?}");
    assert_eq!(world.store.unfinished(), 0);
    let listed = world.run(&["uploads"]).await;
    assert!(listed.stderr.contains("no upload is unfinished"), "{listed:?}");
}

#[tokio::test]
async fn what_the_file_of_is_gone_can_be_discarded_all_the_same() {
    let world = World::new().await;
    world.store.fault("POST /media/k?uploadId", Fault::Instead(403, DENIED));
    let ran = world.run(&["upload", "clip.mp4", "--to", "s3://media/k"]).await;
    let id = ran.printed("kept:").rsplit_once(' ').unwrap().1.to_owned();
    std::fs::remove_file(world.home.path().join("clip.mp4")).unwrap();
    let ran = world.run(&["uploads", "discard", &id]).await;
    assert_eq!((ran.code, world.store.unfinished()), (0, 0), "{ran:?}");
}

#[tokio::test]
async fn what_is_printed_to_go_on_with_names_the_region_and_not_what_is_of_x() {
    let world = World::new().await;
    world.store.fault("POST /media/k?uploadId", Fault::Instead(403, DENIED));
    let args = ["upload", "clip.mp4", "--to", "s3://media/k", "--s3-region", "eu-central-1"];
    let ran = world.run(&args).await;
    let id = ran.printed("kept:").rsplit_once(' ').unwrap().1.to_owned();
    assert!(!ran.stderr.contains("media_id"), "{ran:?}");
    for word in ["go on:", "give up:"] {
        assert!(ran.printed(word).ends_with(" --s3-region eu-central-1"), "{ran:?}");
    }
    assert!(ran.printed("go on:").contains(&id), "{ran:?}");

    // So it does when it was gone on with in vain. The region it began with is the upload's own where none is given.
    let listed = world.run(&["--json", "uploads"]).await;
    assert_eq!(listed.json()[0]["destination"]["region"], "eu-central-1", "{listed:?}");
    world.store.fault("POST /media/k?uploadId", Fault::Instead(403, DENIED));
    let ran = world.run(&["resume", &id, "--s3-region", "eu-north-1"]).await;
    assert_eq!(ran.code, 77, "{ran:?}");
    assert!(ran.printed("go on:").ends_with(" --s3-region eu-north-1"), "{ran:?}");
    let mut command = world.command(&["resume", &id]);
    command.env("AWS_ENDPOINT_URL_S3", "").env("AWS_REGION", "");
    let ran = finish(command).await;
    assert_eq!((ran.code, ran.stdout.trim()), (0, "s3://media/k"), "{ran:?}");
}

#[tokio::test]
async fn what_is_of_x_alone_is_refused_elsewhere_and_a_chunk_that_no_stream_can_keep_is_too() {
    let world = World::new().await;
    let ran = world.run(&["upload", "clip.mp4", "--to", "s3://media/k", "--alt-text", "a cat"]).await;
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.stderr.contains("is for X alone"), "{ran:?}");
    let args = ["upload", "-", "--to", "s3://media/k", "--chunk-size", "12MiB"];
    let ran = world.piped(&args, &world.content).await;
    assert_eq!(ran.code, 78, "{ran:?}");
    assert_eq!(world.store.log(), Vec::<String>::new());
}
