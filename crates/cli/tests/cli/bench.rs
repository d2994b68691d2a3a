//! `chunkwise bench`: links with known answers, a sandbox of its own, endpoints, and X itself only for who said so twice.

use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use chunkwise_sandbox::{Fault, FaultPlan, FaultRule, Operation, Selector};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};

use crate::support::{self, Ran, World, bare, text};

async fn bench(home: &Path, args: &[&str]) -> Ran {
    support::finish(bare(home, &[&["bench"], args].concat())).await
}

/// Objects of a type.
fn of_type<'a>(lines: &'a [Value], kind: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["type"] == kind).collect()
}

/// On the first link one lane fills it, so that only the requests count; on the second a lane gets a tenth of it, so
/// that of 1, 4 and 16 only the last comes near it.
#[tokio::test]
async fn on_a_link_with_a_known_answer_that_is_recommended() {
    let home = tempfile::tempdir().unwrap();
    for (link, extra, flags) in [
        ("rtt=1ms,rate=10MB", &[][..], "--chunk-size 4MiB --window 1"),
        (
            "rtt=100ms,rate=100MB,per-connection=10MB",
            &["--chunk-sizes", "1MiB", "--in-flight", "1,4,16"],
            "--chunk-size 1MiB --window 16",
        ),
        ("1ms-10mb", &["--chunk-sizes=512KiB,5MB", "--in-flight=2,3"], "--chunk-size 5MB --window 2"),
    ] {
        let ran = bench(home.path(), &[&["--link", link, "--json"], extra].concat()).await;
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{ran:?}");
        let lines = ran.json();
        let result = lines.last().unwrap();
        assert_eq!((&result["type"], &result["ok"]), (&"bench".into(), &true.into()), "{result}");
        assert_eq!(result["recommended"]["flags"], flags, "{result}");
        // What is recommended is one of the cells, and as good as the fastest of them.
        let cells = of_type(&lines, "bench_cell");
        let rate = |cell: &Value| cell["bytes_per_second"].as_u64().unwrap();
        let same = |cell: &&&Value| {
            ["chunk_size", "window"].iter().all(|key| cell[key] == result["recommended"][key])
        };
        let chosen = cells.iter().find(same).unwrap();
        let fixed = cells.iter().filter(|cell| !cell["window"].as_str().unwrap().starts_with("adaptive"));
        // What has too many segments for X was not measured.
        let fastest = fixed.filter_map(|cell| cell["bytes_per_second"].as_u64()).max().unwrap();
        assert!(rate(chosen) as f64 >= 0.97 * fastest as f64, "{chosen} is no {fastest}");
        let planned =
            |cell: &&&Value| 512_000_000_u64.div_ceil(cell["chunk_size"].as_u64().unwrap()) <= 1_000;
        assert_eq!(of_type(&lines, "bench_run").len(), cells.iter().filter(planned).count() * 5);
    }
}

/// Far away, with a tenth of the link to a connection: what is recommended with nothing said has nine tenths of the link.
#[tokio::test]
async fn what_is_recommended_fills_a_long_link_that_bounds_every_connection() {
    let home = tempfile::tempdir().unwrap();
    let ran = bench(home.path(), &["--link", "150ms-100mb-limited", "--rounds", "1", "--json"]).await;
    let lines = ran.json();
    let recommended = &lines.last().unwrap()["recommended"];
    let same = |cell: &&&Value| ["chunk_size", "window"].iter().all(|key| cell[key] == recommended[key]);
    let cells = of_type(&lines, "bench_cell");
    let rate = cells.iter().find(same).unwrap()["bytes_per_second"].as_u64().unwrap();
    assert!(rate >= 90_000_000, "{rate} bytes a second with {recommended}");
}

/// The same link gives the same figures, to the byte.
#[tokio::test]
async fn it_writes_json_and_two_plots_and_the_same_ones_again() {
    let home = tempfile::tempdir().unwrap();
    let files = ["bench.json", "heat.svg", "lines.svg"];
    let args = ["--link", "150ms-100mb-limited", "--size", "64MiB", "--rounds", "3", "--out"];
    let written = async |folder: &str| {
        let ran = bench(home.path(), &[&args[..], &[folder]].concat()).await;
        assert_eq!(ran.code, 0, "{ran:?}");
        assert!(
            ran.stdout.contains("\nrecommended: --chunk-size ") && ran.stdout.contains("  why:  "),
            "{ran:?}"
        );
        let folder = home.path().join(folder);
        files.map(|file| std::fs::read_to_string(folder.join(file)).unwrap())
    };
    let [json, heat, lines] = written("one/deep").await;
    assert_eq!(written("two").await, [json.clone(), heat.clone(), lines.clone()]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((json["size"].as_u64(), json["rounds"].as_u64()), (Some(64 << 20), Some(3)));
    // Five chunk sizes; six numbers at once, and the adaptive window.
    let cells = json["cells"].as_array().unwrap();
    assert_eq!(cells.len(), 5 * 7);
    for (svg, texts) in [
        (&heat, ["Transfer rate in MB/s", "chunk size", "segments in flight", "256KiB", "adaptive"]),
        (&lines, ["MB/s", "chunk size", "segments in flight", "4MiB", "recommended"]),
    ] {
        let parsed = roxmltree::Document::parse(svg).unwrap();
        assert_eq!(parsed.root_element().tag_name().name(), "svg");
        let told: Vec<_> = parsed.descendants().filter_map(|node| node.text()).map(str::trim).collect();
        for text in texts {
            assert!(told.contains(&text), "{text:?} is not in {told:?}");
        }
        // Nothing lies beyond the picture.
        let number = |node: &roxmltree::Node<'_, '_>, name: &str| node.attribute(name)?.parse::<f64>().ok();
        let root = parsed.root_element();
        let size = [number(&root, "width").unwrap(), number(&root, "height").unwrap()];
        for node in parsed.descendants().filter(|node| node.has_tag_name("text")) {
            for (at, most) in ["x", "y"].into_iter().filter_map(|name| number(&node, name)).zip(size) {
                assert!((0.0..=most).contains(&at), "{node:?} of {size:?}");
            }
        }
    }
}

#[tokio::test]
async fn with_nothing_it_measures_a_sandbox_of_its_own_and_leaves_nothing() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("here");
    std::fs::create_dir(&folder).unwrap();
    let args =
        ["--json", "--size", "1MiB", "--rounds", "2", "--chunk-sizes", "256KiB,1MiB", "--in-flight", "1,2"];
    let ran = bench(home.path(), &[&args[..], &["--directory", text(&folder)]].concat()).await;
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{ran:?}");
    let lines = ran.json();
    let cells = of_type(&lines, "bench_cell");
    assert_eq!((cells.len(), of_type(&lines, "bench_run").len()), (6, 12));
    for cell in cells {
        assert_eq!((&cell["state"], &cell["rounds"]), (&"measured".into(), &2.into()), "{cell}");
        let [rate, whole] =
            ["bytes_per_second", "whole_bytes_per_second"].map(|key| cell[key].as_u64().unwrap());
        assert!(rate >= whole && whole > 0, "{cell}");
        assert_eq!(cell["retries"], 0);
    }
    let result = lines.last().unwrap();
    assert_eq!((&result["type"], &result["interrupted"]), (&"bench".into(), &false.into()));
    assert!(result["recommended"]["flags"].as_str().unwrap().starts_with("--chunk-size "), "{result}");
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0, "something is left behind");
}

/// The sandbox refuses the sixth segment of every upload: those of larger segments have none.
#[tokio::test]
async fn a_setting_that_fails_is_told_and_the_rest_goes_on() {
    let world = World::with(|settings| {
        let fault = Fault::answer(403, r#"{"title":"Forbidden","status":403,"detail":"not this one"}"#);
        let rule = FaultRule { on: Selector::Segment(5), ..FaultRule::always(Operation::Append, fault) };
        settings.faults = FaultPlan::from_iter([rule]);
    })
    .await;
    let url = world.sandbox.base_url();
    let args = ["bench", "--url", &url, "--size", "2MiB", "--rounds", "2", "--chunk-sizes", "256KiB,1MiB"];
    let ran = world.run(&[&args[..], &["--in-flight", "1,2"]].concat()).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let rows = |start: &str| {
        ran.stdout.lines().filter(|line| line.trim_start().starts_with(start)).collect::<Vec<_>>()
    };
    let failed = rows("256KiB ");
    assert!(failed.len() == 3 && failed.iter().all(|row| row.contains("failed: ")), "{ran:?}");
    let good = rows("1MiB ");
    assert!(good.len() == 3 && good.iter().all(|row| !row.contains("failed")), "{ran:?}");
    assert!(ran.stdout.contains("recommended: --chunk-size 1MiB --window "), "{ran:?}");
    assert!(ran.stderr.contains("round 1: 1 × 256KiB failed and is left out: "), "{ran:?}");
    // With nothing but what fails, its code is the command's.
    let args = ["bench", "--url", &url, "--size", "2MiB", "--chunk-sizes", "256KiB", "--in-flight", "1"];
    let ran = world.run(&args).await;
    assert_eq!(ran.code, 77, "{ran:?}");
    assert!(world.unfinished().await.is_empty(), "a bench keeps no checkpoints");
}

#[tokio::test]
async fn over_real_sockets_a_link_is_as_slow_as_its_connections() {
    let home = tempfile::tempdir().unwrap();
    let args =
        ["--json", "--link", "rtt=20ms,rate=100MB,per-connection=4MB", "--over-sockets", "--size", "1MiB"];
    let sweep = ["--rounds", "1", "--chunk-sizes", "256KiB", "--in-flight", "1,4"];
    let ran = bench(home.path(), &[&args[..], &sweep].concat()).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let lines = ran.json();
    let cells = of_type(&lines, "bench_cell");
    let rate = |n: usize| cells[n]["bytes_per_second"].as_u64().unwrap();
    // A link only ever makes it slower, however busy the machine is.
    assert!(rate(0) <= 4_000_000 && rate(1) <= 16_000_000, "{cells:?}");
    let args = ["--link", "rtt=20ms,rate=1MB,failing=1%", "--over-sockets"];
    bench(home.path(), &args).await.assert_error(
        2,
        "over real sockets a sandbox emulates rtt and per-connection, and not requests that fail by chance: leave out \
         --over-sockets",
    );
}

/// Somebody to connect to, who answers nothing.
pub(crate) fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
}

/// Whoever had connected would wait here, also after having gone.
pub(crate) fn assert_nobody_connected(listener: &TcpListener) {
    let nobody = listener.accept().unwrap_err();
    assert_eq!(nobody.kind(), std::io::ErrorKind::WouldBlock);
}

/// All that would go to X goes to a proxy here, of ours: told never or once, nobody connects to it. Told twice, somebody
/// does, so that the silence before means something.
#[tokio::test]
async fn x_itself_is_measured_by_none_who_did_not_say_so_twice() {
    let home = tempfile::tempdir().unwrap();
    let (listener, proxy) = listener();
    let command = |url: &str, words: &[&str]| {
        let args = ["bench", "--url", url, "--proxy", &proxy, "--size", "1MiB", "--rounds", "1"];
        let mut command = bare(home.path(), &[&args[..], words].concat());
        command.env("CHUNKWISE_TOKEN", support::token());
        command
    };
    for url in ["https://api.x.com", "http://upload.twitter.com/1.1", "https://API.X.COM.:443"] {
        for (words, missing) in [
            (&[][..], "give both --real-x and --i-pay-for-the-uploads;"),
            (&["--real-x"], "give --i-pay-for-the-uploads too;"),
            (&["--i-pay-for-the-uploads"], "give --real-x too;"),
        ] {
            let ran = support::finish(command(url, words)).await;
            assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{ran:?}");
            assert!(
                ran.stderr.contains(" is X itself: this would be 26 real uploads of 1MiB in "),
                "{ran:?}"
            );
            assert!(ran.stderr.contains(missing), "{ran:?}");
        }
    }
    assert_nobody_connected(&listener);
    let told_twice = command("https://api.x.com", &["--real-x", "--i-pay-for-the-uploads"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut head = [0; 4096];
    let got = stream.read(&mut head).await.unwrap();
    let head = String::from_utf8_lossy(&head[..got]).into_owned();
    assert!(head.starts_with("CONNECT api.x.com:443 "), "{head}");
    drop(told_twice);
}

/// The environment's base URL is where uploads go, and nothing that a bench takes for its own.
#[tokio::test]
async fn a_base_url_of_the_environment_is_not_measured() {
    let home = tempfile::tempdir().unwrap();
    let (listener, url) = listener();
    let mut command = bare(home.path(), &["bench", "--link", "1ms-10mb", "--size", "4MiB", "--rounds", "1"]);
    command.env("CHUNKWISE_BASE_URL", &url);
    assert_eq!(support::finish(command).await.code, 0);
    let sandbox = ["bench", "--size", "1MiB", "--rounds", "1", "--chunk-sizes", "1MiB", "--in-flight", "1"];
    let mut command = bare(home.path(), &sandbox);
    command.env("CHUNKWISE_BASE_URL", &url).env("HTTP_PROXY", &url);
    assert_eq!(support::finish(command).await.code, 0);
    assert_nobody_connected(&listener);
}

#[tokio::test]
async fn what_cannot_be_measured_is_said_before_anything_is() {
    let home = tempfile::tempdir().unwrap();
    for (args, code, sentence) in [
        (
            &["--chunk-sizes", "1MiB,8MiB"][..],
            78,
            "a chunk size of 8388608 bytes is too large; the largest possible is 5000000",
        ),
        (
            &["--link", "1ms-10mb", "--for", "6GB"],
            65,
            "6000000000 bytes need 1200 segments of the largest size, but there may be 1000; the largest source possible \
             has 5000000000 bytes",
        ),
        (
            &["--size", "1GiB", "--chunk-sizes", "256KiB"],
            78,
            "there is nothing to measure: a file of 1GiB would have too many segments in every chunk size; give larger \
             --chunk-sizes or a smaller --size",
        ),
        (
            &["--link", "1ms-10mb", "--size", "64MiB", "--chunk-sizes", "256KiB", "--for", "1GiB"],
            78,
            "there is nothing to recommend: a file of 1GiB would have too many segments in every chunk size; give larger \
             --chunk-sizes or a smaller --for",
        ),
        (
            &["--size", "10KB"],
            2,
            "there is no video of 10000 bytes: the clip has 67426, and padding takes 8 more at least; give --size 67434 \
             or more",
        ),
        (
            &["--ca-file", "ca.pem"],
            2,
            "--ca-file is for an endpoint: give --url or --to too, or leave it out",
        ),
        (
            &["--url", "http://user@127.0.0.1"],
            2,
            "--url can't be used: the base URL must not hold a user or a password",
        ),
    ] {
        bench(home.path(), args).await.assert_error(code, sentence);
    }
    for (args, says) in [
        (&["--link", "3ms"][..], "there is no link \"3ms\"; a name is as 150ms-100mb-limited"),
        (&["--link", "rtt=1ms,rate=1MB,loss=1%"], "a link has no property \"loss\""),
        (&["--in-flight", "0"], "so many segments at once is a number from 1 to 256"),
        (&["--link", "1ms-10mb", "--url", "http://127.0.0.1"], "cannot be used with"),
        (&["--real-x"], "--url <URL>"),
    ] {
        let ran = bench(home.path(), args).await;
        assert!(ran.code == 2 && ran.stdout.is_empty() && ran.stderr.contains(says), "{says}: {ran:?}");
    }
    // Nobody listens: the first upload, which is to warm up, is the last.
    let (listener, url) = listener();
    drop(listener);
    let mut command = bare(home.path(), &["bench", "--url", &url, "--size", "1MiB"]);
    command.env("CHUNKWISE_TOKEN", support::token()).env("CHUNKWISE_DEADLINE", "500ms");
    let ran = support::finish(command).await;
    assert_eq!((ran.code, ran.stdout.as_str()), (75, ""), "{ran:?}");
    assert!(ran.stderr.contains("trying again: could not reach the server"), "{ran:?}");
    assert!(ran.stderr.contains("\nerror: the upload took longer than its deadline"), "{ran:?}");
}

#[tokio::test]
async fn an_interrupted_bench_shows_what_it_has_and_leaves_nothing_behind() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("here");
    std::fs::create_dir(&folder).unwrap();
    let args =
        ["bench", "--link", "rtt=50ms,rate=2MB", "--over-sockets", "--size", "1MiB", "--rounds", "1000"];
    let sweep = ["--chunk-sizes", "256KiB,1MiB", "--in-flight", "1", "--directory", text(&folder)];
    let mut command = bare(home.path(), &[&args[..], &sweep].concat());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let wait = tokio::time::timeout(Duration::from_secs(60), async {
        while let Some(line) = lines.next_line().await.unwrap() {
            if line.starts_with("round 1: ") {
                return;
            }
        }
        panic!("it ended");
    });
    wait.await.expect("it measures");
    let pid = child.id().unwrap().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let told = tokio::spawn(async move {
        let mut told = String::new();
        while let Some(line) = lines.next_line().await.unwrap() {
            told.push_str(&line);
            told.push('\n');
        }
        told
    });
    let ran = Ran::of(child.wait_with_output().await.unwrap());
    let told = told.await.unwrap();
    assert_eq!(ran.code, 130, "{ran:?}");
    assert!(told.ends_with("interrupted: this is what was measured until then\n"), "{told}");
    assert!(ran.stdout.starts_with("chunk size  in flight  MB/s "), "{ran:?}");
    assert!(ran.stdout.contains("\nrecommended: --chunk-size "), "{ran:?}");
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0, "something is left behind");
}
