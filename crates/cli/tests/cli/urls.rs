//! `chunkwise upload URL`: what a URL leads to goes up, guarded as in the gateway.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use chunkwise_sandbox::Operation;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::support::{CANARY, CLIP, Ran, World, sha256, text, until};

/// An origin on loopback: a head, then the media, of which the second half waits until it is let go.
struct Origin {
    port: String,
    came: Arc<AtomicUsize>,
    second_half: Arc<Semaphore>,
}

impl Origin {
    async fn of(head: impl Into<String>, media: &[u8]) -> Self {
        let origin = Self::holding(head, media).await;
        origin.second_half.add_permits(1_000);
        origin
    }

    async fn holding(head: impl Into<String>, media: &[u8]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        let origin = Self { port, came: Arc::default(), second_half: Arc::new(Semaphore::new(0)) };
        let (came, second_half) = (origin.came.clone(), origin.second_half.clone());
        let (head, media) = (Arc::<str>::from(head.into()), Arc::<[u8]>::from(media));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                came.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, head.clone(), media.clone(), second_half.clone()));
            }
        });
        origin
    }

    /// With the media's length in its head.
    async fn with_length(media_type: &str, media: &[u8]) -> Self {
        Self::of(head(media_type, media.len()), media).await
    }

    fn url(&self, name: &str) -> String {
        format!("http://127.0.0.1:{}/{CANARY}-path/{name}?signature={CANARY}", self.port)
    }

    fn args<'a>(&'a self, url: &'a str) -> Vec<&'a str> {
        vec!["upload", url, "--allow-network", "127.0.0.1/32", "--allow-port", &self.port]
    }
}

fn head(media_type: &str, len: usize) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Type: {media_type}\r\nContent-Length: {len}\r\n\r\n")
}

async fn serve(
    mut stream: TcpStream,
    head: Arc<str>,
    media: Arc<[u8]>,
    second_half: Arc<Semaphore>,
) -> std::io::Result<()> {
    let mut request = [0; 4096];
    let _ = stream.read(&mut request).await?;
    stream.write_all(head.as_bytes()).await?;
    let (first, second) = media.split_at(media.len() / 2);
    stream.write_all(first).await?;
    second_half.acquire().await.unwrap().forget();
    stream.write_all(second).await
}

/// A video of this size: the clip, and padding behind it.
fn video(world: &World, size: usize) -> Vec<u8> {
    std::fs::read(world.video("made.mp4", size)).unwrap()
}

/// Nothing of a fetch is left, and no checkpoint.
async fn nothing_is_left(world: &World) {
    assert!(world.unfinished().await.is_empty());
    let left = std::fs::read_dir(world.state()).map(|entries| {
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with("fetched-")).collect::<Vec<_>>()
    });
    assert_eq!(left.unwrap_or_default(), [""; 0]);
}

async fn assert_is(world: &World, ran: &Ran, media: &[u8]) {
    let told = world.media(ran.media_id()).await;
    assert_eq!((told.size, told.sha256), (media.len() as u64, sha256(media)));
}

#[tokio::test]
async fn a_url_goes_up_and_its_media_id_is_all_of_stdout() {
    let world = World::new().await;
    let media = video(&world, 400_000);
    let origin = Origin::with_length("video/mp4", &media).await;
    let url = origin.url("clip.mp4");
    let ran = world.run(&origin.args(&url)).await;
    assert_is(&world, &ran, &media).await;
    let label = format!("http://127.0.0.1:{}/…/clip.mp4", origin.port);
    assert!(ran.stderr.contains(&format!("{label}: fetched, 390.6 KiB")), "{ran:?}");
    assert!(ran.stderr.contains("clip.mp4: 390.6 KiB of video/mp4 (tweet_video), upload "), "{ran:?}");
    assert_eq!(origin.came.load(Ordering::SeqCst), 1);
    nothing_is_left(&world).await;
}

/// The origin sends its second half only once X has stored of the first.
#[tokio::test]
async fn it_goes_to_x_while_it_still_arrives() {
    let world = World::new().await;
    let media = video(&world, 400_000);
    let origin = Origin::holding(head("video/mp4", media.len()), &media).await;
    let url = origin.url("clip.mp4");
    let mut args = origin.args(&url);
    args.extend(["--chunk-size", "32000"]);
    let child = world.command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    world.until_stored(5).await;
    origin.second_half.add_permits(1);
    let ran = Ran::of(child.wait_with_output().await.unwrap());
    assert_is(&world, &ran, &media).await;
    nothing_is_left(&world).await;
}

#[tokio::test]
async fn without_a_length_it_is_fetched_first() {
    let world = World::new().await;
    let media = video(&world, 300_000);
    let chunked = [format!("{:x}\r\n", media.len()).as_bytes(), &media, b"\r\n0\r\n\r\n"].concat();
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let origin = Origin::of(head, &chunked).await;
    let url = origin.url("unnamed");
    let ran = world.run(&origin.args(&url)).await;
    assert_is(&world, &ran, &media).await;
    assert!(
        ran.stderr.contains(&format!("http://127.0.0.1:{}/…: fetched, 293.0 KiB", origin.port)),
        "{ran:?}"
    );
    nothing_is_left(&world).await;
}

#[tokio::test]
async fn files_and_urls_go_together_and_each_line_names_its_own() {
    let world = World::new().await;
    let (file, media) = (world.video("a.mp4", 300_000), video(&world, 300_001));
    let origin = Origin::with_length("video/mp4", &media).await;
    let url = origin.url("b.mp4");
    let mut args = origin.args(&url);
    args.extend([text(&file), "--quiet"]);
    let ran = world.run(&args).await;
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{ran:?}");
    let lines: Vec<_> = ran.stdout.lines().map(|line| line.split_once('\t').unwrap()).collect();
    let id_of = |name: &str| lines.iter().find(|(_, told)| *told == name).unwrap().0;
    world.assert_same(id_of(text(&file)), &file).await;
    let told = world.media(id_of(&format!("http://127.0.0.1:{}/…/b.mp4", origin.port))).await;
    assert_eq!(told.sha256, sha256(&media));
}

#[tokio::test]
async fn json_tells_both() {
    let world = World::new().await;
    let media = video(&world, 400_000);
    let origin = Origin::with_length("video/mp4", &media).await;
    let url = origin.url("clip.mp4");
    let mut args = origin.args(&url);
    args.push("--json");
    let ran = world.run(&args).await;
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{ran:?}");
    let lines = ran.json();
    let label = format!("http://127.0.0.1:{}/…/clip.mp4", origin.port);
    let fetched = lines.iter().rfind(|line| line["type"] == "fetch").unwrap();
    assert_eq!(
        (&fetched["file"], &fetched["received"], &fetched["total"]),
        (&label.as_str().into(), &400_000.into(), &400_000.into())
    );
    let start = lines.iter().find(|line| line["type"] == "start").unwrap();
    assert_eq!((&start["file"], &start["total"]), (&label.as_str().into(), &400_000.into()));
    let result = lines.last().unwrap();
    assert_eq!(
        (&result["type"], &result["ok"], &result["file"]),
        (&"result".into(), &true.into(), &label.into())
    );
}

/// What is blocked, closed and not there is told in the same words, by the same code; and allowed only by a word of the caller.
#[tokio::test]
async fn what_may_not_or_can_not_be_fetched_is_told_in_the_same_words() {
    let world = World::new().await;
    let media = video(&world, 100_000);
    let origin = Origin::with_length("video/mp4", &media).await;
    let missing = Origin::of("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", b"").await;
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port().to_string();
    let sentence = "it could not be fetched: check the address (-v tells more); what is in a private network has to be \
        allowed with --allow-host or --allow-network";
    let blocked = origin.url("clip.mp4");
    let (not_there, nobody) = (missing.url("clip.mp4"), format!("http://127.0.0.1:{closed}/clip.mp4"));
    for (url, port, allowed) in [
        (&*blocked, &origin.port, false),
        (&not_there, &missing.port, true),
        (&nobody, &closed, true),
        ("http://no-such-name.invalid/clip.mp4", &closed, true),
        ("http://10.0.0.1/clip.mp4", &closed, true),
        ("http://localhost/clip.mp4", &closed, true),
    ] {
        let mut args = vec!["upload", url, "--allow-port", port];
        if allowed {
            args.extend(["--allow-network", "127.0.0.1/32"]);
        }
        let ran = world.run(&args).await;
        let end = ran.stderr.lines().find(|line| line.starts_with("error: ")).unwrap_or_default();
        assert_eq!(ran.code, 66, "{url}: {ran:?}");
        assert!(end.ends_with(sentence) && ran.stderr.contains("kept:     nothing"), "{url}: {ran:?}");
        nothing_is_left(&world).await;
    }
    assert_eq!(origin.came.load(Ordering::SeqCst), 0, "it was not dialled");
    let by_name = format!("http://localhost:{}/clip.mp4", origin.port);
    let ran =
        world.run(&["upload", &by_name, "--allow-host", "localhost", "--allow-port", &origin.port]).await;
    assert_is(&world, &ran, &media).await;
}

#[tokio::test]
async fn a_url_that_is_none_is_a_mistake_on_the_command_line() {
    let world = World::new().await;
    for url in [
        "http://127.0.0.1:1/clip.mp4",
        "https://user:secret@a.example/clip.mp4",
        "http://",
        "https://a.example:22/",
    ] {
        let ran = world.run(&["upload", url]).await;
        assert_eq!(ran.code, 2, "{url}: {ran:?}");
        assert!(
            ran.stderr.contains("it is no http or https URL of usual length")
                && !ran.stderr.contains("secret"),
            "{ran:?}"
        );
    }
    let ran = world.run(&["upload", "https://a.example/", "--allow-network", "10.0.0.0/99"]).await;
    assert_eq!(ran.code, 2, "{ran:?}");
}

#[tokio::test]
async fn what_x_would_not_take_is_refused_as_of_a_file() {
    let world = World::new().await;
    let page = b"<!doctype html><title>Log in</title>".to_vec();
    let cut = CLIP[..CLIP.len() / 2].to_vec();
    for (what, media_type, media) in
        [("a page", "video/mp4", page), ("a video that is cut off", "video/mp4", cut)]
    {
        let origin = Origin::with_length(media_type, &media).await;
        let url = origin.url("clip.mp4");
        let ran = world.run(&origin.args(&url)).await;
        assert_eq!((ran.code, ran.stdout.as_str()), (65, ""), "{what}: {ran:?}");
        nothing_is_left(&world).await;
    }
    assert!(world.sandbox.media_ids().is_empty());
}

/// Its index comes behind most of it, when much is at X already: nothing is made of what nobody can play.
#[tokio::test]
async fn a_video_with_a_broken_index_at_its_end_is_not_finalized() {
    let world = World::new().await;
    let first_box = u32::from_be_bytes(CLIP[..4].try_into().unwrap()) as usize;
    let mut rest = CLIP[first_box..].to_vec();
    // A table that says it has four billion samples.
    let table = rest.windows(4).rposition(|name| name == b"stsz").unwrap() + 4 + 8;
    rest[table..table + 4].fill(0xFF);
    let padding = [&300_000_u32.to_be_bytes()[..], b"free", &vec![0; 299_992]].concat();
    let media = [&CLIP[..first_box], &padding, &rest].concat();
    let origin = Origin::holding(head("video/mp4", media.len()), &media).await;
    let url = origin.url("clip.mp4");
    let mut args = origin.args(&url);
    args.extend(["--chunk-size", "32000"]);
    let child = world.command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    world.until_stored(3).await;
    origin.second_half.add_permits(1);
    let ran = Ran::of(child.wait_with_output().await.unwrap());
    assert_eq!((ran.code, ran.stdout.as_str()), (65, ""), "{ran:?}");
    let finalized = world.sandbox.log().iter().any(|request| request.operation == Some(Operation::Finalize));
    assert!(!finalized, "{ran:?}");
    nothing_is_left(&world).await;
}

/// The media's own word counts, whatever the origin calls it; the caller's word counts more.
#[tokio::test]
async fn the_content_says_what_it_is() {
    let world = World::new().await;
    let origin = Origin::with_length("application/octet-stream", CLIP).await;
    let url = origin.url("picture.png");
    let told = world.media(world.run(&origin.args(&url)).await.media_id()).await;
    assert_eq!(told.media_type.as_deref(), Some("video/mp4"));
    let mut args = origin.args(&url);
    args.extend([
        "--media-type",
        "video/quicktime",
        "--category",
        "amplify_video",
        "--alt-text",
        "A test picture",
    ]);
    let told = world.media(world.run(&args).await.media_id()).await;
    assert_eq!(
        (told.media_type.as_deref(), told.alt_text.as_deref()),
        (Some("video/quicktime"), Some("A test picture"))
    );
}

#[tokio::test]
async fn an_origin_that_breaks_off_is_told_and_leaves_nothing() {
    let world = World::new().await;
    let media = video(&world, 400_000);
    let origin = Origin::of(head("video/mp4", media.len() + 1), &media).await;
    let url = origin.url("clip.mp4");
    let ran = world.run(&origin.args(&url)).await;
    assert_eq!((ran.code, ran.stdout.as_str()), (75, ""), "{ran:?}");
    assert!(
        ran.stderr.contains("it broke off, came too slowly or had another length than announced"),
        "{ran:?}"
    );
    assert!(ran.stderr.contains("kept:     nothing"), "{ran:?}");
    nothing_is_left(&world).await;
    let finalized = world.sandbox.log().iter().any(|request| request.operation == Some(Operation::Finalize));
    assert!(!finalized, "nothing was made of it");
}

#[tokio::test]
async fn ctrl_c_leaves_nothing_behind_and_says_so() {
    let world = World::new().await;
    let media = video(&world, 400_000);
    // Once in the midst of the fetch, once when it goes up meanwhile.
    for (head, stored) in [
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n61a80\r\n".to_owned(), 0),
        (head("video/mp4", media.len()), 3),
    ] {
        let origin = Origin::holding(head, &media).await;
        let url = origin.url("clip.mp4");
        let mut args = origin.args(&url);
        args.extend(["--chunk-size", "32000"]);
        let child = world.command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        until(|| origin.came.load(Ordering::SeqCst) == 1).await;
        world.until_stored(stored).await;
        let pid = child.id().unwrap().to_string();
        assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        let ran = Ran::of(child.wait_with_output().await.unwrap());
        assert_eq!((ran.code, ran.stdout.as_str()), (130, ""), "{ran:?}");
        assert!(ran.stderr.contains("stopping: of URLs nothing is kept"), "{ran:?}");
        assert!(ran.stderr.contains("what was fetched is gone: the same command begins anew"), "{ran:?}");
        assert!(ran.stderr.contains("kept:     nothing") && !ran.stderr.contains("go on:"), "{ran:?}");
        nothing_is_left(&world).await;
    }
}

/// Killed, it leaves no media: the file has no name while it goes up.
#[cfg(unix)]
#[tokio::test]
async fn a_kill_leaves_no_media_behind() {
    let world = World::new().await;
    let media = video(&world, 400_000);
    let origin = Origin::holding(head("video/mp4", media.len()), &media).await;
    let url = origin.url("clip.mp4");
    let mut args = origin.args(&url);
    args.extend(["--chunk-size", "32000"]);
    let mut child = world.command(&args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    world.until_stored(3).await;
    child.kill().await.unwrap();
    let left = std::fs::read_dir(world.state())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(!left.into_iter().any(|name| name.starts_with("fetched-")));
    // A checkpoint stays; it is told that there is nothing to go on with, and can be given up.
    let id = world.only_unfinished().await;
    let ran = world.run(&["resume", id.as_str()]).await;
    assert_eq!(ran.code, 66, "{ran:?}");
    assert_eq!(world.run(&["uploads", "discard", id.as_str()]).await.code, 0);
    nothing_is_left(&world).await;
}

/// The URL is a secret: the most talkative logs hold neither its path nor its query.
#[tokio::test]
async fn no_log_shows_a_url() {
    let world = World::new().await;
    let media = video(&world, 100_000);
    let origin = Origin::with_length("video/mp4", &media).await;
    for name in ["clip.mp4", "clip"] {
        let url = origin.url(name);
        let mut args = origin.args(&url);
        args.push("-vv");
        // That no output has a canary in it is looked for wherever the binary is run.
        let ran = world.run(&args).await;
        assert!(ran.code == 0 && ran.stderr.contains("TRACE") || ran.stderr.contains("DEBUG"), "{ran:?}");
    }
    let url = format!("http://10.0.0.1/{CANARY}?{CANARY}");
    let ran = world.run(&["upload", &url, "-vv"]).await;
    assert!(ran.code == 66 && ran.stderr.contains("fetch failed"), "{ran:?}");
}
