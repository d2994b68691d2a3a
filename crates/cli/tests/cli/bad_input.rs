//! Bad input: one clear sentence that names what and says what to do, and the right exit code.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Stdio;

use chunkwise_sandbox::credentials;

use crate::support::{self, CLIP, Ran, World, bare, text};

async fn upload(world: &World, file: &str) -> Ran {
    world.run(&["upload", file]).await
}

#[tokio::test]
async fn files_that_cannot_be_uploaded() {
    let world = World::new().await;
    world.file("empty.mp4", b"");
    std::fs::create_dir(world.path("folder.mp4")).unwrap();
    symlink("nowhere.mp4", world.path("link.mp4")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(world.path("pipe.mp4")).status().unwrap().success());
    world.file("notes.mp4", b"%PDF-1.7\n");
    world.file("picture.png", CLIP);
    world.file("cut.mp4", &CLIP[..3000]);
    let (_, large) = (world.file("clip.mp4", CLIP), world.file("large.mp4", CLIP));
    std::fs::File::options().write(true).open(&large).unwrap().set_len(536_870_913).unwrap();
    for (file, code, sentence) in [
        ("gone.mp4", 66, "there is no such file: check the path"),
        ("clip.mp4/x", 66, "there is no such file: check the path"),
        ("folder.mp4", 66, "this is a directory: give a file in it"),
        (
            "link.mp4",
            66,
            "this link points to a file that does not exist: mend the link or give the file itself",
        ),
        (
            "pipe.mp4",
            66,
            "this is not a regular file (a pipe, socket or device): save its content to a file first",
        ),
        ("empty.mp4", 65, "it is empty (0 bytes): choose a file with content"),
        (
            "notes.mp4",
            65,
            "this is a PDF document (although its name says video/mp4), which X does not take: check that this is the \
             right file",
        ),
        (
            "picture.png",
            65,
            "the content is video/mp4 but its name says image/png: correct that, or give the media type yourself",
        ),
        (
            "large.mp4",
            65,
            "536870913 bytes are 1 more than the 536870912 that tweet_video may have; encode the video smaller, or \
             raise the limit if the account may send more (--limits long-video, premium or none)",
        ),
    ] {
        upload(&world, file).await.assert_error(code, &format!("{file}: {sentence}"));
    }
    let ran = upload(&world, "cut.mp4").await;
    assert_eq!(ran.code, 65, "{ran:?}");
    assert!(ran.stderr.contains("cut.mp4: it is cut off: this video/mp4 needs at least "), "{ran:?}");
    assert!(world.sandbox.log().is_empty(), "nothing was sent");
    assert!(world.unfinished().await.is_empty(), "nothing is left behind");
}

/// Whether permissions mean nothing to whoever runs the tests: root reads everything.
fn permissions_mean_nothing(path: &Path) -> bool {
    std::fs::File::open(path).is_ok()
}

#[tokio::test]
async fn a_file_that_may_not_be_read() {
    let world = World::new().await;
    let file = world.file("secret.mp4", CLIP);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o000)).unwrap();
    if permissions_mean_nothing(&file) {
        eprintln!("skipped: whoever runs this reads every file");
        return;
    }
    let sentence = "secret.mp4: it may not be read: give yourself permission to read it";
    upload(&world, "secret.mp4").await.assert_error(66, sentence);
}

#[tokio::test]
async fn a_file_that_changes_while_it_is_uploaded() {
    type Change = fn(&Path);
    let changes: [(&str, Change); 3] = [
        ("it had 400000 bytes and now has 400001", |path| append(path, b"x")),
        ("it had 400000 bytes and now has 200000", |path| {
            std::fs::File::options().write(true).open(path).unwrap().set_len(200_000).unwrap();
        }),
        ("it was written to meanwhile", |path| {
            let content = std::fs::read(path).unwrap();
            let mut file = std::fs::File::options().write(true).open(path).unwrap();
            std::io::Write::write_all(&mut file, &content).unwrap();
        }),
    ];
    for (what, change) in changes {
        let world = World::new().await;
        let video = world.video("v.mp4", 400_000);
        let args = ["upload", text(&video), "--chunk-size", "32000", "--limit-rate", "150KB"];
        let mut command = world.command(&args);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        world.until_stored(2).await;
        change(&video);
        let ran = Ran::of(child.wait_with_output().await.unwrap());
        let name = text(&video);
        let sentence = format!(
            "{name} changed: {what}; start the upload anew with a file that does not change meanwhile"
        );
        assert_eq!(ran.code, 65, "{ran:?}");
        assert!(ran.stderr.contains(&format!("error: {sentence}")), "{ran:?}");
        assert!(
            !world
                .sandbox
                .log()
                .iter()
                .any(|request| { request.operation == Some(chunkwise_sandbox::Operation::Finalize) })
        );
    }
}

fn append(path: &Path, bytes: &[u8]) {
    let mut file = std::fs::File::options().append(true).open(path).unwrap();
    std::io::Write::write_all(&mut file, bytes).unwrap();
}

/// An upload of `v.mp4` that was killed on its way.
async fn killed(world: &World) -> String {
    let video = world.video("v.mp4", 400_000);
    let args = ["upload", text(&video), "--chunk-size", "32000", "--limit-rate", "150KB"];
    let mut child = world.command(&args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    world.until_stored(2).await;
    child.kill().await.unwrap();
    world.only_unfinished().await.to_string()
}

#[tokio::test]
async fn a_file_that_changed_between_crash_and_resume() {
    let world = World::new().await;
    let id = killed(&world).await;
    let video = world.path("v.mp4");
    append(&video, b"x");
    let ran = world.run(&["resume", &id]).await;
    let sentence = format!(
        "{} is not what upload {id} was started with: it had 400000 bytes and now has 400001; discard that upload and \
         start anew, or give the file as it was",
        text(&video)
    );
    ran.assert_error(65, &sentence);
    assert_eq!(ran.printed("kept:"), format!("the checkpoint of upload {id}, as it was"));
    assert!(!ran.stderr.contains("go on:"), "{ran:?}");
    assert_eq!(ran.printed("give up:"), format!("chunkwise uploads discard {id}"));

    std::fs::remove_file(&video).unwrap();
    let ran = world.run(&["resume", &id]).await;
    assert_eq!(ran.code, 66, "{ran:?}");
    assert!(
        ran.stderr.contains(&format!("the file {} of upload {id} can't be opened", text(&video))),
        "{ran:?}"
    );
    assert!(ran.stderr.contains("; put it back, or discard the upload\n"), "{ran:?}");
    assert!(!ran.stderr.contains("go on:"), "{ran:?}");
    assert_eq!(world.only_unfinished().await.as_str(), id);
}

#[tokio::test]
async fn a_resume_to_another_server_is_told_the_right_one() {
    let world = World::new().await;
    let id = killed(&world).await;
    let ran = world.run(&["resume", &id, "--base-url", "http://127.0.0.1:1"]).await;
    assert_eq!(ran.code, 78, "{ran:?}");
    let base_url = world.sandbox.base_url();
    let go_on = format!("chunkwise resume {id} --api v2 --base-url {}", base_url.trim_end_matches('/'));
    assert_eq!(ran.printed("go on:"), go_on);
    let args: Vec<_> = go_on.split(' ').skip(1).collect();
    world.run(&args).await.media_id();
}

#[tokio::test]
async fn a_terminal_does_not_act_on_file_names() {
    let world = World::new().await;
    let name = "no\u{1b}[31mpe.mp4";
    let shown = r"no\u{1b}[31mpe.mp4";
    let ran = upload(&world, name).await;
    ran.assert_error(66, &format!("{shown}: there is no such file: check the path"));
    world.file(name, CLIP);
    world.file("clip.mp4", CLIP);
    let ran = world.run(&["upload", name, "clip.mp4"]).await;
    assert!(ran.code == 0 && ran.stdout.contains(&format!("\t{shown}\n")), "{ran:?}");
    let plan = world.run(&["plan", name]).await;
    assert!(plan.code == 0 && plan.stdout.contains(shown), "{plan:?}");
    for text in [ran.stdout, ran.stderr, plan.stdout] {
        assert!(!text.contains('\u{1b}'), "{text:?}");
    }
}

#[tokio::test]
async fn checkpoints_that_are_damaged_or_newer() {
    let world = World::new().await;
    let id = killed(&world).await;
    let path = world.state().join(format!("{id}.json"));
    let content = std::fs::read_to_string(&path).unwrap();

    std::fs::write(&path, content.replacen("\"version\":1", "\"version\":999", 1)).unwrap();
    let sentence = format!(
        "upload {id}: the checkpoint {} was made by a newer chunkwise (format 999, this one reads up to 1): resume with that, or \
         discard it",
        path.display()
    );
    world.run(&["resume", &id]).await.assert_error(78, &sentence);

    std::fs::write(&path, &content[..content.len() / 2]).unwrap();
    let ran = world.run(&["resume", &id]).await;
    assert_eq!(ran.code, 74, "{ran:?}");
    let begins = format!("error: upload {id}: the checkpoint {} is damaged (", path.display());
    assert!(ran.stderr.contains(&begins), "{ran:?}");
    assert!(ran.stderr.contains("): discard it and start the upload anew\n"), "{ran:?}");
    assert!(!ran.stderr.contains("go on:"), "{ran:?}");
    assert_eq!(ran.printed("give up:"), format!("chunkwise uploads discard {id}"));
    let listed = world.run(&["uploads"]).await;
    assert!(listed.code == 74 && listed.stdout.contains("unreadable"), "{listed:?}");

    assert_eq!(world.run(&["uploads", "discard", &id]).await.code, 0);
    assert!(world.unfinished().await.is_empty());
}

#[tokio::test]
async fn a_checkpoint_folder_that_takes_nothing() {
    let world = World::new().await;
    let clip = world.file("clip.mp4", CLIP);
    let blocked = world.file("not-a-folder", b"");
    let mut places = vec![blocked.join("state")];
    // /dev/full and /proc take no files, whoever asks.
    places.push("/proc/chunkwise".into());
    for place in places {
        let ran = world.run(&["upload", text(&clip), "--state-dir", text(&place)]).await;
        assert_eq!(ran.code, 74, "{ran:?}");
        let begins = format!("checkpoints can't be written to {}", place.display());
        assert!(ran.stderr.contains(&begins), "{ran:?}");
        assert!(ran.stderr.contains("; make room or permissions, or choose another place"), "{ran:?}");
    }
    assert!(world.sandbox.log().is_empty(), "nothing was sent");
}

/// A file system of so few bytes, gone with the value.
struct Tiny(std::path::PathBuf);

impl Tiny {
    /// `None` where mounting is not allowed.
    fn mount(place: std::path::PathBuf, size: &str) -> Option<Self> {
        std::fs::create_dir(&place).unwrap();
        let size = format!("size={size}");
        let mut command = std::process::Command::new("mount");
        command.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&place).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success()).then_some(Self(place))
    }
}

impl Drop for Tiny {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test]
async fn a_checkpoint_folder_that_is_full() {
    let world = World::new().await;
    world.file("clip.mp4", CLIP);
    let Some(full) = Tiny::mount(world.path("full"), "4k") else {
        eprintln!("skipped: whoever runs this may not mount a file system");
        return;
    };
    std::fs::write(full.0.join("stuffing"), [1; 4096]).unwrap();
    let ran = world.run(&["upload", "clip.mp4", "--state-dir", text(&full.0)]).await;
    assert_eq!(ran.code, 74, "{ran:?}");
    let begins = format!("checkpoints can't be written to {}", full.0.display());
    assert!(ran.stderr.contains(&begins) && ran.stderr.contains("No space left on device"), "{ran:?}");
    assert!(world.sandbox.log().is_empty(), "nothing was sent");
    let left: Vec<_> = std::fs::read_dir(&full.0).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["stuffing"], "something is left behind");
}

#[tokio::test]
async fn tokens_that_are_missing_expired_or_lack_the_scope() {
    let world = World::new().await;
    world.file("clip.mp4", CLIP);
    let with_token = async |token: Option<&str>| {
        let mut command = world.command(&["upload", "clip.mp4"]);
        command.env_remove("CHUNKWISE_TOKEN");
        command.envs(token.map(|token| ("CHUNKWISE_TOKEN", token)));
        world.finish(command).await
    };
    with_token(None).await.assert_error(
        77,
        "there is no token: set CHUNKWISE_TOKEN to an OAuth 2.0 user token with the scope media.write, or give \
         --token-file FILE or --token-stdin (OAuth 1.0a: CHUNKWISE_CONSUMER_KEY and its like, or --credentials-file \
         FILE)",
    );
    let wrong = format!("wrong-{}", support::CANARY);
    for (token, says) in [
        (wrong.as_str(), "the credentials were refused"),
        (credentials::NO_MEDIA_TOKEN, "Get a user token with the scope media.write"),
        (credentials::APP_ONLY_TOKEN, "Get a user token with the scope media.write"),
    ] {
        let ran = with_token(Some(token)).await;
        assert_eq!((ran.code, ran.stdout.as_str()), (77, ""), "{ran:?}");
        assert!(ran.stderr.contains(says), "{ran:?}");
    }
    let ran = world.run(&["upload", "clip.mp4", "--token-file", "gone"]).await;
    assert_eq!(ran.code, 77, "{ran:?}");
    assert!(ran.stderr.contains("error: the token file gone can't be read: "), "{ran:?}");
    world.file("empty-token", b"\n");
    let sentence = "the token file empty-token holds no token: put it into the first line";
    world.run(&["upload", "clip.mp4", "--token-file", "empty-token"]).await.assert_error(77, sentence);
}

#[tokio::test]
async fn addresses_and_proxies_that_cannot_work() {
    let world = World::new().await;
    world.file("clip.mp4", CLIP);
    // A port that nobody listens on, and a proxy that refuses everything.
    let refusing = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = format!("http://user:{}@{}", support::CANARY, refusing.local_addr().unwrap());
    tokio::spawn(async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        loop {
            let (mut stream, _) = refusing.accept().await.unwrap();
            let mut head = [0; 4096];
            let _ = stream.read(&mut head).await;
            let _ = stream
                .write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                .await;
        }
    });
    let bad_url = format!("https://user:{}@x.com", support::CANARY);
    let bad_proxy = format!("ftp://user:{}@proxy", support::CANARY);
    for (args, code, says) in [
        (
            ["--base-url", "notaurl"],
            2,
            "--base-url (or CHUNKWISE_BASE_URL, or base-url in the settings file) can't be used: the base URL ",
        ),
        (["--base-url", &bad_url], 2, "the base URL must not hold a user or a password"),
        (["--api", "v3"], 2, "--api \"v3\": no such API of X; there are v2 and v1.1"),
        (["--proxy", &bad_proxy], 78, "--proxy can't be used: ftp:// is no kind of proxy"),
        (["--proxy", &proxy], 78, "the proxy http://"),
        (["--proxy", "nonsense"], 78, "--proxy can't be used: a proxy is scheme://host:port, as in http://"),
        (["--ca-file", "gone.pem"], 78, "--ca-file: the certificate file gone.pem can't be read"),
        (["--ca-file", "gone.pem"], 78, "; give a PEM file that can be read\n"),
        (
            ["--state-dir", "clip.mp4"],
            78,
            "clip.mp4 is a file, not a folder: give a folder for the checkpoints",
        ),
        (
            ["--api", "v1.1"],
            77,
            "API v1.1 needs OAuth 1.0a credentials, and this is an OAuth 2.0 token: set ",
        ),
        (
            ["--category", "dm_image"],
            65,
            "clip.mp4: video/mp4 can't be dm_image, which is for images: leave the category out or give one for videos",
        ),
        (["--category", "tweet_opera"], 2, "\"tweet_opera\" is no media category of X"),
        (["--media-type", "video/opera"], 2, "video/opera"),
        (["--use", "fun"], 2, "\"fun\" is no use of media; give one of post, dm, amplify"),
        (["--alt-text", ""], 2, "an alternative text has 1 to 1000 characters"),
        (
            ["--chunk-size", "6MB"],
            78,
            "a chunk size of 6000000 bytes is too large; the largest possible is 5000000",
        ),
    ] {
        let ran = world.run(&[&["upload", "clip.mp4"], &args[..]].concat()).await;
        assert_eq!((ran.code, ran.stdout.as_str()), (code, ""), "{ran:?}");
        assert!(ran.stderr.starts_with("error: ") || ran.stderr.contains("\nerror: "), "{ran:?}");
        assert!(ran.stderr.contains(says), "{says:?} is not in {ran:?}");
    }
    let ran = world.run(&["uploads", "--state-dir", "clip.mp4"]).await;
    ran.assert_error(78, "clip.mp4 is a file, not a folder: give a folder for the checkpoints");
    let ran = world.run(&["plan", "clip.mp4", "--category", "dm_image"]).await;
    assert!(ran.code == 65 && ran.stderr.contains("video/mp4 can't be dm_image"), "{ran:?}");
    let mut command = world.command(&["upload", "clip.mp4"]);
    command.env("HTTP_PROXY", &bad_proxy);
    let ran = world.finish(command).await;
    assert_eq!(ran.code, 78, "{ran:?}");
    assert!(
        ran.stderr.contains("the variable HTTP_PROXY") && ran.stderr.contains("--no-proxy-env"),
        "{ran:?}"
    );
    let mut command = world.command(&["upload", "clip.mp4", "--no-proxy-env"]);
    command.env("HTTP_PROXY", &bad_proxy);
    world.finish(command).await.media_id();
}

#[tokio::test]
async fn a_server_that_is_not_there() {
    let world = World::new().await;
    world.file("clip.mp4", CLIP);
    let nowhere = ["upload", "clip.mp4", "--base-url", "http://127.0.0.1:1", "--deadline", "1s"];
    // Nothing had begun, so there is nothing to go on with.
    let ran = world.run(&nowhere).await;
    ran.assert_error_ending(
        75,
        "clip.mp4: the upload took longer than its deadline of 1 s. Upload again when the server can be reached again.",
    );
    assert_eq!(ran.printed("kept:"), "nothing");
    assert!(!ran.stderr.contains("go on:"), "{ran:?}");
    assert!(world.unfinished().await.is_empty());
}

#[tokio::test]
async fn a_server_that_goes_away_leaves_an_upload_to_go_on_with() {
    let world = World::new().await;
    world.file("clip.mp4", CLIP);
    world.sandbox.install_faults(
        serde_json::from_str(
            r#"[{"operation":"append","on":{"from":3},"fault":{"kind":"answer","status":503}}]"#,
        )
        .unwrap(),
    );
    let ran = world.run(&["upload", "clip.mp4", "--chunk-size", "10000", "--deadline", "2s"]).await;
    assert_eq!((ran.code, ran.stdout.as_str()), (75, ""), "{ran:?}");
    let id = world.only_unfinished().await;
    assert_eq!(ran.printed("kept:"), format!("what the server has of it, as upload {id}"));
    assert_eq!(ran.printed("go on:"), format!("chunkwise resume {id}"));
    world.sandbox.install_faults(chunkwise_sandbox::FaultPlan::default());
    let ran = world.run(&["resume", id.as_str()]).await;
    world.assert_same(ran.media_id(), &world.path("clip.mp4")).await;
}

#[tokio::test]
async fn x_that_cannot_process_a_video_says_why() {
    let script = chunkwise_sandbox::ProcessingScript::already_failed(
        chunkwise_sandbox::ProcessingError::invalid_media(),
    );
    let world = World::with(|settings| settings.processing.video = script).await;
    world.file("clip.mp4", CLIP);
    let ran = upload(&world, "clip.mp4").await;
    assert_eq!((ran.code, ran.stdout.as_str()), (65, ""), "{ran:?}");
    assert!(ran.stderr.contains("the server could not process the media"), "{ran:?}");
    assert!(
        ran.stderr.contains("InvalidMedia") && ran.stderr.contains("Unsupported video format"),
        "{ran:?}"
    );
}

#[tokio::test]
async fn processing_that_does_not_end_leaves_the_media_id() {
    let script = chunkwise_sandbox::ProcessingScript::endless();
    let world = World::with(|settings| settings.processing.video = script).await;
    world.file("clip.mp4", CLIP);
    let ran = world.run(&["upload", "clip.mp4", "--processing-deadline", "1500ms"]).await;
    assert_eq!(ran.code, 75, "{ran:?}");
    let media_id = ran.printed("media_id:");
    assert_eq!(world.media(&media_id).await.size, CLIP.len() as u64);
    // It becomes ready; resume waits for it and sends nothing.
    world.sandbox.change_settings(|settings| {
        settings.processing.video = chunkwise_sandbox::ProcessingScript::already_succeeded();
    });
    let appends = world.appends().len();
    let id = world.only_unfinished().await;
    let ran = world.run(&["resume", id.as_str(), "--processing-deadline", "1500ms"]).await;
    assert_eq!((world.appends().len(), ran.code), (appends, 75), "{ran:?}");
}

#[tokio::test]
async fn settings_that_cannot_be_used() {
    let world = World::new().await;
    world.file("clip.mp4", CLIP);
    let config = world.file("bad.toml", b"chunk-sise = '4MiB'\n");
    let ran = world.run(&["upload", "clip.mp4", "--config", text(&config)]).await;
    assert_eq!(ran.code, 78, "{ran:?}");
    assert!(ran.stderr.contains("has an unknown key \"chunk-sise\"; the keys are "), "{ran:?}");
    let ran = world.run(&["upload", "clip.mp4", "--config", "gone.toml"]).await;
    assert_eq!(ran.code, 78, "{ran:?}");
    assert!(ran.stderr.contains("error: the settings file gone.toml can't be read: "), "{ran:?}");
    let mut command = world.command(&["upload", "clip.mp4"]);
    command.env("CHUNKWISE_WINDOW", "many");
    world.finish(command).await.assert_error(
        78,
        "the variable CHUNKWISE_WINDOW can't be used: a window is a positive number, adaptive, or adaptive:MAX",
    );
}

#[tokio::test]
async fn usage_that_is_wrong() {
    let home = tempfile::tempdir().unwrap();
    for (args, says) in [
        (&["upload"][..], "<FILE|URL|->"),
        (&["upload", "a.mp4", "--unknown"], "unexpected argument '--unknown' found"),
        (&["upload", "a.mp4", "--chunk-size", "lots"], "a size is a positive number of bytes"),
        (&["upload", "a.mp4", "--window", "0"], "a window is a positive number"),
        (&["upload", "a.mp4", "--deadline", "5"], "a duration has units"),
        (&["resume"], "<ID>"),
        (&["resume", "../../etc/passwd"], "\"../../etc/passwd\" is no upload"),
        (&["frobnicate"], "unrecognized subcommand 'frobnicate'"),
        (&["completions", "cobol"], "invalid value 'cobol'"),
    ] {
        let ran = support::finish(bare(home.path(), args)).await;
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{ran:?}");
        assert!(ran.stderr.contains(says), "{says:?} is not in {ran:?}");
    }
}
