//! Files go up, media ids come out.

use std::process::Stdio;

use crate::support::{self, CANARY, CLIP, World, bare, text, token};
use chunkwise_sandbox::{ProcessingScript, credentials};
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;

#[tokio::test]
async fn a_video_goes_up_and_its_media_id_is_all_of_stdout() {
    let world = World::new().await;
    let clip = world.file("clip.mp4", CLIP);
    let ran = world.run(&["upload", text(&clip)]).await;
    world.assert_same(ran.media_id(), &clip).await;
    assert!(ran.stderr.contains("clip.mp4: 65.8 KiB of video/mp4 (tweet_video), upload "), "{ran:?}");
    assert!(ran.stderr.contains("clip.mp4: 65.8 KiB sent in "), "{ran:?}");
    assert!(world.unfinished().await.is_empty());
}

#[tokio::test]
async fn several_files_go_up_at_once_and_each_line_names_its_file() {
    let world = World::new().await;
    let files =
        ["a.mp4", "b.mp4", "c.mp4", "d.mp4", "e.mp4"].map(|name| world.video(name, 300_000 + name.len()));
    let mut args = vec!["upload", "--quiet", "--chunk-size", "64KiB", "--byte-budget", "512KiB"];
    args.extend(files.iter().map(|file| text(file)));
    let ran = world.run(&args).await;
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{ran:?}");
    let lines: Vec<_> = ran.stdout.lines().map(|line| line.split_once('\t').unwrap()).collect();
    assert_eq!(lines.len(), files.len());
    for file in &files {
        let (media_id, _) = lines.iter().find(|(_, name)| *name == text(file)).unwrap();
        world.assert_same(media_id, file).await;
    }
}

#[tokio::test]
async fn a_bad_file_among_good_ones_is_told_and_stops_nothing() {
    let world = World::new().await;
    let good = world.file("good.mp4", CLIP);
    let ran = world.run(&["upload", "missing.mp4", text(&good)]).await;
    assert_eq!(ran.code, 66, "{ran:?}");
    assert!(ran.stderr.contains("error: missing.mp4: there is no such file: check the path\n"), "{ran:?}");
    let (media_id, file) = ran.stdout.trim().split_once('\t').unwrap();
    assert_eq!(file, text(&good));
    world.assert_same(media_id, &good).await;
}

#[tokio::test]
async fn json_is_one_object_a_line_by_schema_one() {
    let world =
        World::with(|settings| settings.processing.video = ProcessingScript::succeeds_after(10)).await;
    let video = world.video("v.mp4", 400_000);
    let ran = world.run(&["--json", "upload", text(&video), "--chunk-size", "64KiB"]).await;
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{ran:?}");
    let lines = ran.json();
    assert!(lines.iter().all(|line| line["v"] == 1), "{ran:?}");
    let of = |kind: &str| -> Vec<&Value> { lines.iter().filter(|line| line["type"] == kind).collect() };

    let start = &lines[0];
    assert_eq!(
        (&start["type"], &start["total"], &start["stored"]),
        (&"start".into(), &400_000.into(), &0.into())
    );
    assert_eq!((&start["media_type"], &start["resumed"]), (&"video/mp4".into(), &false.into()));
    let upload = &start["upload"];

    let last_progress = *of("progress").last().unwrap();
    for (name, number) in [("total", 400_000), ("sent", 400_000), ("stored", 400_000), ("committed", 400_000)]
    {
        assert_eq!(last_progress[name], number, "{last_progress}");
    }
    assert_eq!((&last_progress["processed"], &last_progress["session"]), (&100.into(), &1.into()));
    let phases: Vec<_> = of("event").iter().filter_map(|event| event["phase"].as_str()).collect();
    assert_eq!(phases, ["opening", "transferring", "finalizing", "processing", "closed"]);
    assert!(of("event").iter().chain(&of("progress")).all(|line| line["upload"] == *upload));

    let [result] = of("result")[..] else { panic!("{ran:?}") };
    assert_eq!(result, lines.last().unwrap());
    assert_eq!(
        (&result["ok"], &result["exit_code"], &result["size"]),
        (&true.into(), &0.into(), &400_000.into())
    );
    assert!(result["seconds"].as_f64() >= result["transfer_seconds"].as_f64());
    world.assert_same(result["media_id"].as_str().unwrap(), &video).await;
}

#[tokio::test]
async fn json_tells_failures_too() {
    let world = World::new().await;
    let ran = world.run(&["upload", "--json", "missing.mp4"]).await;
    let [result] = &ran.json()[..] else { panic!("{ran:?}") };
    assert_eq!((ran.code, ran.stderr.as_str()), (66, ""));
    assert_eq!(
        (&result["ok"], &result["exit_code"], &result["file"]),
        (&false.into(), &66.into(), &"missing.mp4".into())
    );
    assert_eq!((&result["kept"], &result["upload"]), (&"nothing".into(), &Value::Null));
}

#[tokio::test]
async fn type_category_use_and_alt_text_are_what_x_is_told() {
    let world = World::new().await;
    let clip = world.file("clip.bin", CLIP);
    let file = text(&clip);
    let args = ["upload", file, "--use", "dm", "--alt-text", "A test picture"];
    let told = world.media(world.run(&args).await.media_id()).await;
    let category = |media: &chunkwise_sandbox::MediaInfo| serde_json::to_value(media.category).unwrap();
    assert_eq!((category(&told), told.alt_text.as_deref()), ("dm_video".into(), Some("A test picture")));
    let args = ["upload", file, "--category", "amplify_video", "--media-type", "video/quicktime"];
    let told = world.media(world.run(&args).await.media_id()).await;
    assert_eq!(
        (category(&told), told.media_type.as_deref()),
        ("amplify_video".into(), Some("video/quicktime"))
    );
}

#[tokio::test]
async fn https_goes_with_the_authority_of_a_file() {
    let world = World::new().await;
    let clip = world.file("clip.mp4", CLIP);
    let https = world.sandbox.https_url().unwrap();
    let ca_file = world.sandbox.ca_file().unwrap();
    let ran = world.run(&["upload", text(&clip), "--base-url", &https, "--ca-file", text(ca_file)]).await;
    world.assert_same(ran.media_id(), &clip).await;
}

#[tokio::test]
async fn v1_1_goes_with_oauth1_credentials_of_a_file_and_of_the_environment() {
    let world = World::new().await;
    let clip = world.file("clip.mp4", CLIP);
    let parts = [
        ("consumer-key", credentials::CONSUMER_KEY),
        ("consumer-secret", CANARY),
        ("access-token", credentials::ACCESS_TOKEN),
        ("access-secret", credentials::ACCESS_SECRET),
    ];
    let toml: String = parts.iter().map(|(name, value)| format!("{name} = '{value}'\n")).collect();
    let file = world.file("x.toml", toml.as_bytes());
    let args = ["upload", text(&clip), "--api", "v1.1", "--credentials-file", text(&file)];
    world.assert_same(world.run(&args).await.media_id(), &clip).await;

    let mut command = world.command(&["upload", text(&clip), "--api", "v1.1", "-vvv"]);
    command.env_remove("CHUNKWISE_TOKEN");
    for (name, value) in parts {
        command.env(format!("CHUNKWISE_{}", name.to_uppercase().replace('-', "_")), value);
    }
    world.assert_same(world.finish(command).await.media_id(), &clip).await;
}

#[tokio::test]
async fn a_token_comes_from_a_file_or_stdin() {
    let world = World::new().await;
    let clip = world.file("clip.mp4", CLIP);
    let file = world.file("token", format!("{}\n", token()).as_bytes());
    let base_url = world.sandbox.base_url();
    let args = ["upload", text(&clip), "--base-url", &base_url, "--token-file", text(&file), "-vv"];
    let ran = support::finish(bare(world.home.path(), &args)).await;
    world.assert_same(ran.media_id(), &clip).await;

    let mut command =
        bare(world.home.path(), &["upload", text(&clip), "--base-url", &base_url, "--token-stdin"]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(format!("{}\n", token()).as_bytes()).await.unwrap();
    let ran = support::Ran::of(child.wait_with_output().await.unwrap());
    world.assert_same(ran.media_id(), &clip).await;
}

#[tokio::test]
async fn a_token_file_is_read_again_when_the_token_expires_on_the_way() {
    let world = World::new().await;
    let video = world.video("v.mp4", 400_000);
    let file = world.file("token", token().as_bytes());
    let base_url = world.sandbox.base_url();
    let args = [
        "upload",
        text(&video),
        "--base-url",
        &base_url,
        "--token-file",
        text(&file),
        "--chunk-size",
        "32KiB",
        "--limit-rate",
        "200KB",
    ];
    let running = tokio::spawn(support::finish(bare(world.home.path(), &args)));
    world.until_stored(2).await;
    std::fs::write(&file, credentials::USER_TOKEN).unwrap();
    assert!(world.sandbox.revoke_token(&token()));
    let ran = running.await.unwrap();
    world.assert_same(ran.media_id(), &video).await;
    let unauthorized = world
        .sandbox
        .log()
        .into_iter()
        .any(|request| request.ending == chunkwise_sandbox::Ending::Answered { status: 401 });
    assert!(unauthorized, "nothing was refused on the way");
}

#[tokio::test]
async fn settings_come_from_a_file_and_flags_go_first() {
    let world = World::new().await;
    let clip = world.file("clip.mp4", CLIP);
    let token_file = world.file("token", token().as_bytes());
    let config = world.path(".config/chunkwise");
    std::fs::create_dir_all(&config).unwrap();
    let content = format!(
        "base-url = '{}'\ntoken-file = '{}'\nchunk-size = 10000\nuse = 'dm'\n",
        world.sandbox.base_url(),
        token_file.display()
    );
    std::fs::write(config.join("config.toml"), content).unwrap();
    let mut command = bare(world.home.path(), &["upload", text(&clip), "--use", "post"]);
    command.env("CHUNKWISE_CHUNK_SIZE", "20000");
    let ran = world.finish(command).await;
    world.assert_same(ran.media_id(), &clip).await;
    // The environment's chunk size, the flag's use.
    assert_eq!(world.appends().len(), CLIP.len().div_ceil(20_000));
    assert!(ran.stderr.contains("(tweet_video)"), "{ran:?}");
}

#[tokio::test]
async fn faults_on_the_way_are_survived_and_told() {
    let world = World::new().await;
    world.sandbox.install_faults(
        serde_json::from_str(
            r#"[{"operation":"append","on":{"call":2},"fault":{"kind":"answer","status":503}},
                {"operation":"append","on":{"call":4},"fault":{"kind":"reset","moment":"after_commit"}},
                {"operation":"finalize","on":{"call":1},"fault":{"kind":"reset","moment":"after_commit"}}]"#,
        )
        .unwrap(),
    );
    let video = world.video("v.mp4", 400_000);
    let ran = world.run(&["upload", text(&video), "--chunk-size", "64KiB"]).await;
    world.assert_same(ran.media_id(), &video).await;
    for told in ["APPEND failed (1), trying again: ", "FINALIZE failed (1), trying again: "] {
        assert!(ran.stderr.contains(told), "{ran:?}");
    }
}
