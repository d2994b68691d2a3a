//! `chunkwise bench --to`: a store that others wrote, and the strict tus server of `chunkwise-tus`. Whatever comes of it,
//! nothing of it stays there.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;

use crate::bench::{assert_nobody_connected, listener};
use crate::s3_store::{ACCESS_KEY, BUCKET, Fault, SECRET_KEY, Store};
use crate::support::{CANARY, Ran, bare, finish, until};
use crate::tus_server::{Server, Settings};

const DENIED: &str = "<Error><Code>AccessDenied</Code><Message>not now</Message></Error>";

/// A store and a home for the binary.
struct World {
    home: TempDir,
    root: TempDir,
    store: Store,
}

impl World {
    async fn new() -> Self {
        let (home, root) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let store = Store::start(root.path()).await;
        Self { home, root, store }
    }

    /// A bench with credentials of the store's, and a token for X that must go nowhere.
    fn command(&self, args: &[&str]) -> Command {
        let mut command = bare(self.home.path(), &[&["bench"], args].concat());
        with_keys(&mut command).env("AWS_ENDPOINT_URL_S3", self.store.url());
        command
    }

    async fn bench(&self, args: &[&str]) -> Ran {
        finish(self.command(args)).await
    }

    /// The files in the bucket, and uploads that are under way.
    fn left(&self) -> (Vec<PathBuf>, usize) {
        (files(&self.root.path().join(BUCKET)), self.store.unfinished())
    }
}

fn with_keys(command: &mut Command) -> &mut Command {
    command.env("CHUNKWISE_TOKEN", CANARY).env("AWS_EC2_METADATA_DISABLED", "true");
    command.env("AWS_ACCESS_KEY_ID", ACCESS_KEY).env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn interrupt(child: &tokio::process::Child) {
    let pid = child.id().unwrap().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
}

/// What is told to be typed.
fn typed(ran: &Ran) -> &str {
    let line = ran.stdout.lines().find_map(|line| line.trim().strip_prefix("type: "));
    line.unwrap_or_else(|| panic!("{ran:?}"))
}

const S3: [&str; 7] = ["--to", "s3://media/bench/", "--size", "12MiB", "--rounds", "1", "--in-flight=1,2"];

#[tokio::test]
async fn a_sweep_to_a_bucket_says_what_to_type_and_leaves_what_was_there() {
    let world = World::new().await;
    let mine = world.root.path().join(BUCKET).join("bench/mine.mp4");
    std::fs::create_dir(mine.parent().unwrap()).unwrap();
    std::fs::write(&mine, "mine").unwrap();
    let ran = world.bench(&[&S3[..], &["--chunk-sizes=1MiB,5MiB,8MiB", "--out", "figures"]].concat()).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let rows = |start: &str, says: &str| {
        let mine = ran.stdout.lines().filter(|line| line.trim_start().starts_with(start));
        mine.filter(|line| line.contains(says)).count()
    };
    assert_eq!(rows("1MiB ", "–  S3 takes no segment below 5MiB but the last"), 3, "{ran:?}");
    // Create, parts, complete.
    assert_eq!((rows("5MiB ", "         5"), rows("8MiB ", "         4")), (3, 3), "{ran:?}");
    for told in [
        format!(
            "measuring s3://media/bench/ at {}: 6 settings, 1 rounds, 12MiB each time",
            world.store.url()
        ),
        "every upload is deleted as soon as it is measured: s3://media/bench/chunkwise-bench-".to_owned(),
    ] {
        assert!(ran.stderr.contains(&told), "{ran:?}");
    }
    for (file, says) in [("bench.json", "\"bench_cell\""), ("heat.svg", "too small"), ("lines.svg", "8MiB")] {
        let content = std::fs::read_to_string(world.home.path().join("figures").join(file)).unwrap();
        assert!(content.contains(says), "{file}: {content}");
    }
    // One to warm up, and six; each is gone before the next.
    assert_eq!(
        (world.store.count("DELETE"), world.store.count("?uploads")),
        (7, 7),
        "{:?}",
        world.store.log()
    );
    assert_eq!(world.left(), (vec![mine], 0));

    let typed = typed(&ran);
    let place = format!("chunkwise upload --to s3://media/bench/ --s3-endpoint {} ", world.store.url());
    assert!(typed.starts_with(&(place + "--chunk-size ")) && typed.ends_with(" FILE"), "{typed}");
    std::fs::write(world.home.path().join("clip.mp4"), vec![7; 6 << 20]).unwrap();
    let words: Vec<_> = typed.split(' ').skip(1).map(|word| word.replace("FILE", "clip.mp4")).collect();
    let mut command = bare(world.home.path(), &words.iter().map(String::as_str).collect::<Vec<_>>());
    let ran = finish(std::mem::replace(with_keys(&mut command), Command::new("true"))).await;
    assert_eq!((ran.code, ran.stdout.trim()), (0, "s3://media/bench/clip.mp4"), "{ran:?}");
}

#[tokio::test]
async fn a_sweep_to_a_tus_server_is_of_chunk_sizes_alone_and_terminated() {
    let home = tempfile::tempdir().unwrap();
    let server = Server::with(Settings { token: Some("t7"), ..Settings::default() }).await;
    let to = format!("tus+{}", server.endpoint());
    let args =
        ["bench", "--to", &to, "--size", "2MiB", "--rounds=2", "--chunk-sizes=512KiB,1MiB", "--out", "f"];
    let mut command = bare(home.path(), &args);
    command.env("CHUNKWISE_TOKEN", CANARY).env("CHUNKWISE_TUS_TOKEN", "t7");
    let ran = finish(command).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stdout.starts_with("chunk size  in flight "), "{ran:?}");
    assert!(!ran.stdout.contains("adaptive"), "{ran:?}");
    let typed = typed(&ran);
    assert!(typed.starts_with(&format!("chunkwise upload --to {to} --chunk-size ")), "{typed}");
    assert!(typed.ends_with(" --window 1 FILE"), "{typed}");
    let json = std::fs::read_to_string(home.path().join("f/bench.json")).unwrap();
    let json: Value = serde_json::from_str(&json).unwrap();
    let requests: Vec<_> = json["cells"].as_array().unwrap().iter().map(|cell| &cell["requests"]).collect();
    assert_eq!((requests, &json["left"]), (vec![&5.into(), &3.into()], &Value::Array(vec![])));
    assert!(json["recommended"]["command"].as_str().unwrap() == typed, "{json}");
    assert!(server.state().uploads.is_empty());
    assert_eq!((server.count("DELETE 204"), server.most_at_once()), (5, 1), "{:?}", server.log());
    assert!(server.state().seen.iter().all(|seen| !format!("{seen:?}").contains(CANARY)));
}

#[tokio::test]
async fn where_a_server_forgets_nothing_what_stays_is_told() {
    let home = tempfile::tempdir().unwrap();
    let server = Server::with(Settings { extensions: "creation", ..Settings::default() }).await;
    let to = format!("tus+{}", server.endpoint());
    let args = ["bench", "--to", &to, "--size", "1MiB", "--rounds", "1", "--chunk-sizes", "1MiB"];
    let ran = finish(bare(home.path(), &args)).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stderr.contains("this server has no way to forget an upload: what is sent stays there"));
    let stays = |n: u32| format!("stays there: http://{}/files/{n}\n", server.address);
    assert!(ran.stderr.contains(&stays(1)) && ran.stderr.contains(&stays(2)), "{ran:?}");
    let ran = finish(bare(home.path(), &[&args[..], &["--json"]].concat())).await;
    let json = ran.json().pop().unwrap();
    let left: Vec<_> = json["left"].as_array().unwrap().iter().map(|left| &left["message"]).collect();
    assert_eq!((left, &json["ok"]), (vec![&Value::Null, &Value::Null], &true.into()), "{json}");
}

#[tokio::test]
async fn an_interruption_in_the_middle_of_an_upload_leaves_nothing() {
    let world = World::new().await;
    let mut command = world.command(&[&S3[..], &["--chunk-sizes", "5MiB"]].concat());
    command.env("CHUNKWISE_LIMIT_RATE", "4MiB").stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    until(|| world.store.count("partNumber=") >= 1).await;
    interrupt(&child);
    let ran = Ran::of(child.wait_with_output().await.unwrap());
    assert_eq!(ran.code, 130, "{ran:?}");
    assert!(ran.stderr.contains("stopping: what was uploaded is removed"), "{ran:?}");
    assert_eq!(world.left(), (vec![], 0), "{:?}", world.store.log());

    let server = Server::start().await;
    let to = format!("tus+{}", server.endpoint());
    let mut command = world.command(&["--to", &to, "--size", "4MiB", "--chunk-sizes", "512KiB"]);
    command.env("CHUNKWISE_LIMIT_RATE", "2MiB").stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    until(|| server.count("PATCH 204") >= 1).await;
    interrupt(&child);
    let ran = Ran::of(child.wait_with_output().await.unwrap());
    assert_eq!(ran.code, 130, "{ran:?}");
    assert!(server.state().uploads.is_empty(), "{:?}", server.log());
}

#[tokio::test]
async fn an_upload_that_fails_leaves_nothing_and_one_that_cannot_be_removed_ends_it() {
    let world = World::new().await;
    let args = [&S3[..], &["--chunk-sizes", "5MiB"]].concat();
    world.store.fault("POST /media/bench/chunkwise-bench-", Fault::Instead(403, DENIED));
    let ran = world.bench(&args).await;
    assert_eq!((ran.code, world.left()), (77, (vec![], 0)), "{ran:?}");
    // The complete of the upload that warms up.
    world.store.fault("uploadId=", Fault::Instead(403, DENIED));
    let ran = world.bench(&args).await;
    assert_eq!((ran.code, world.left()), (77, (vec![], 0)), "{ran:?}");
    assert!(!ran.stderr.contains("kept:"), "{ran:?}");

    // Refused once, it is asked for again at the end.
    let denied = || world.store.fault("DELETE /media/bench/", Fault::Instead(403, DENIED));
    denied();
    let ran = world.bench(&args).await;
    assert_eq!((ran.code, world.left()), (77, (vec![], 0)), "{ran:?}");
    assert!(ran.stderr.contains(" could not be deleted: ") && !ran.stderr.contains("left there"), "{ran:?}");
    denied();
    denied();
    let ran = world.bench(&args).await;
    assert_eq!(ran.code, 77, "{ran:?}");
    let (files, unfinished) = world.left();
    assert_eq!((files.len(), unfinished), (1, 0), "one and no more: {files:?}");
    let key = files[0].file_name().unwrap().to_str().unwrap();
    assert!(ran.stderr.contains(&format!("left there: s3://media/bench/{key} (")), "{ran:?}");
    std::fs::remove_file(&files[0]).unwrap();
}

#[tokio::test]
async fn a_bucket_with_versions_is_not_filled() {
    let world = World::new().await;
    world.store.fault("DELETE /media/bench/", Fault::Marker);
    let ran = world.bench(&S3).await;
    assert_eq!(ran.code, 78, "{ran:?}");
    assert!(ran.stderr.contains("the bucket keeps versions of what is deleted"), "{ran:?}");
    assert!(ran.stderr.contains("left there: the versions of s3://media/bench/chunkwise-bench-"), "{ran:?}");
    assert_eq!(world.store.count("?uploads"), 1, "{:?}", world.store.log());
}

/// All that would go to Amazon goes to a proxy here, of ours: to it nobody connects who did not say that they pay.
#[tokio::test]
async fn amazon_is_measured_by_none_who_did_not_say_that_they_pay() {
    let home = tempfile::tempdir().unwrap();
    let (listener, proxy) = listener();
    let command = |words: &[&str]| {
        let args = ["bench", "--to", "s3://media", "--proxy", &proxy, "--size", "12MiB", "--rounds", "1"];
        let mut command = bare(home.path(), &[&args[..], words].concat());
        with_keys(&mut command);
        command
    };
    for words in [
        &["--chunk-sizes=5MiB", "--in-flight=1"][..],
        &["--chunk-sizes=5MiB", "--in-flight=1", "--s3-endpoint", "http://S3.eu-west-1.amazonaws.com.:80"],
    ] {
        let ran = finish(command(words)).await;
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{ran:?}");
        for told in [
            "Amazon's: this would be 3 real uploads of 12MiB (36.0 MiB in all) in 18 requests",
            "--i-pay-for-the",
        ] {
            assert!(ran.stderr.contains(told), "{ran:?}");
        }
    }
    assert_nobody_connected(&listener);
    let mut pays = command(&["--i-pay-for-the-uploads"]);
    let pays = pays.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut head = [0; 4096];
    let got = stream.read(&mut head).await.unwrap();
    let head = String::from_utf8_lossy(&head[..got]).into_owned();
    assert!(head.starts_with("CONNECT s3.us-east-1.amazonaws.com:443 "), "{head}");
    drop(pays);
}

#[tokio::test]
async fn what_is_no_place_for_a_bench_is_refused_before_anything_goes_out() {
    let world = World::new().await;
    let tus = "tus+http://127.0.0.1:1/files/";
    for (args, says) in [
        (&["--to", "s3://media/clip.mp4"][..], "overwrites and deletes no object of yours"),
        (&["--to", "x"], "X's protocol is measured with --url"),
        (&["--to", "s3://media", "--url", "http://127.0.0.1"], "cannot be used with"),
        (&["--to", "s3://media", "--link", "1ms-10mb"], "cannot be used with"),
        (&["--to", "s3://media", "--api", "v2"], "cannot be used with"),
        (&["--to", "s3://media", "--real-x"], "cannot be used with"),
        (&["--i-pay-for-the-uploads"], "<--url <URL>|--to <DESTINATION>>"),
        (&["--to", tus, "--in-flight", "1,2"], "a tus server takes one segment at a time"),
        (&["--to", "s3://media", "--token-file", "t"], "--token-file is not for S3"),
        (&["--to", tus, "--credentials-file", "t"], "--credentials-file is for X"),
    ] {
        let ran = world.bench(args).await;
        assert!(ran.code == 2 && ran.stdout.is_empty() && ran.stderr.contains(says), "{says}: {ran:?}");
    }
    world.bench(&["--to", "s3://media", "--chunk-sizes", "1MiB"]).await.assert_error(
        78,
        "there is nothing to measure: S3 takes no segment below 5MiB but the last; give larger --chunk-sizes",
    );
    assert_eq!(world.store.log(), Vec::<String>::new());
}
