//! The commands that upload nothing, and the demo.

use std::process::Stdio;

use crate::support::{self, CLIP, World, bare, text};

#[tokio::test]
async fn plan_shows_what_would_be_done_and_sends_nothing() {
    let world = World::new().await;
    let video = world.video("v.mp4", 10_000_000);
    // No token is needed.
    let run = async |args: &[&str]| support::finish(bare(world.home.path(), args)).await;
    let ran = run(&["plan", text(&video)]).await;
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{ran:?}");
    for says in [
        "size         9.5 MiB (10000000 bytes)",
        "type         video/mp4 (by its content)",
        "category     tweet_video",
        "size limit   512.0 MiB (536870912 bytes; limits: standard)",
        "destination  https://api.x.com (v2)",
        "segments     3: 2 of 4194304 bytes, the last of 1611392",
        "requests     5: INIT, 3 APPEND, FINALIZE; then STATUS as X says",
    ] {
        assert!(ran.stdout.contains(says), "{says:?} is not in {}", ran.stdout);
    }
    let ran =
        run(&["plan", "--json", text(&video), "--chunk-size", "5MB", "--use", "dm", "--limits", "premium"])
            .await;
    let plan = &ran.json()[0];
    assert_eq!(
        (&plan["v"], &plan["type"], &plan["category"]),
        (&1.into(), &"plan".into(), &"dm_video".into())
    );
    assert_eq!(
        (&plan["segments"], &plan["chunk_size"], &plan["requests"]),
        (&2.into(), &5_000_000.into(), &4.into())
    );
    assert_eq!((&plan["limit"], &plan["limits"]), (&(1_u64 << 30).into(), &"premium".into()));
}

#[tokio::test]
async fn plan_refuses_what_upload_would_refuse() {
    let world = World::new().await;
    let large = world.file("large.mp4", CLIP);
    std::fs::File::options().write(true).open(&large).unwrap().set_len(5_000_000_001).unwrap();
    let ran =
        support::finish(bare(world.home.path(), &["plan", "large.mp4", "--limits", "long-video"])).await;
    ran.assert_error(
        65,
        "large.mp4: 5000000001 bytes need 1001 segments of the largest size, but there may be 1000; the largest source \
         possible has 5000000000 bytes",
    );
}

#[tokio::test]
async fn completions_know_every_command() {
    let home = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = support::finish(bare(home.path(), &["completions", shell])).await;
        assert_eq!(ran.code, 0, "{ran:?}");
        for word in ["upload", "resume", "uploads", "plan", "check", "sandbox", "demo", "bench", "chunk-size"]
        {
            assert!(ran.stdout.contains(word), "{shell} does not know {word}");
        }
    }
}

#[tokio::test]
async fn help_has_the_exit_codes_the_defaults_and_the_variables() {
    let home = tempfile::tempdir().unwrap();
    let help = support::finish(bare(home.path(), &["--help"])).await;
    for code in [0, 2, 65, 66, 69, 70, 74, 75, 76, 77, 78, 130] {
        assert!(help.stdout.lines().any(|line| line.trim().starts_with(&format!("{code}  "))), "{code}");
    }
    let help = support::finish(bare(home.path(), &["upload", "--help"])).await.stdout;
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for says in [
        "[default: 4.0 MiB] [env: CHUNKWISE_CHUNK_SIZE]",
        "[default: 4] [env: CHUNKWISE_WINDOW]",
        "[default: 16.0 MiB] [env: CHUNKWISE_BYTE_BUDGET]",
        "[default: 24h] [env: CHUNKWISE_DEADLINE]",
        "[default: v2] [env: CHUNKWISE_API]",
        "[env: CHUNKWISE_PROXY]",
    ] {
        assert!(help.contains(says), "{says} is not in {help}");
    }
    // The sandbox's own flags are no settings, though some have the same names.
    let help = support::finish(bare(home.path(), &["sandbox", "--help"])).await.stdout;
    assert!(help.contains("--ca-file") && !help.contains("[env: "), "{help}");
}

#[tokio::test]
async fn nothing_unfinished_is_told_as_such() {
    let home = tempfile::tempdir().unwrap();
    let ran = support::finish(bare(home.path(), &["uploads"])).await;
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (0, "", "no upload is unfinished\n"));
    let ran = support::finish(bare(home.path(), &["uploads", "--json"])).await;
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (0, "", ""));
    let ran = support::finish(bare(home.path(), &["uploads", "sweep"])).await;
    assert_eq!(
        (ran.code, ran.stderr.as_str()),
        (0, "nothing to sweep: no abort is owed and no session has expired\n")
    );
}

#[tokio::test]
async fn the_demo_uploads_compares_and_leaves_nothing_behind() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("demo");
    std::fs::create_dir(&folder).unwrap();
    for extra in [&[][..], &["--https", "--faults", "--chunk-size", "100KB"]] {
        let args = [&["demo", "--json", "--size", "1MiB", "--directory", text(&folder)], extra].concat();
        let ran = support::finish(bare(home.path(), &args)).await;
        assert_eq!(ran.code, 0, "{ran:?}");
        let lines = ran.json();
        let figures = lines.last().unwrap();
        assert_eq!(
            (&figures["type"], &figures["ok"], &figures["size"]),
            (&"demo".into(), &true.into(), &(1 << 20).into())
        );
        assert_eq!(figures["sha256"], figures["sandbox_sha256"]);
        assert!(figures["media_id"].as_str().is_some_and(|id| !id.is_empty()));
        assert_eq!(figures["faults"].as_u64().unwrap() > 0, !extra.is_empty(), "{figures}");
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0, "something is left behind");
    }
}

#[tokio::test]
async fn the_demo_keeps_its_video_if_asked_and_says_what_is_too_small() {
    let home = tempfile::tempdir().unwrap();
    let run = async |args: &[&str]| {
        let folder = text(home.path());
        support::finish(bare(home.path(), &[&["demo", "--quiet", "--directory", folder], args].concat()))
            .await
    };
    let ran = run(&["--size", "70000", "--keep"]).await;
    ran.media_id();
    let kept = std::fs::read_dir(home.path()).unwrap().find_map(|entry| {
        let video = entry.unwrap().path().join("chunkwise-demo.mp4");
        video.exists().then_some(video)
    });
    let video = std::fs::read(kept.unwrap()).unwrap();
    assert!(video.starts_with(CLIP) && video.len() == 70_000);
    run(&["--size", "1000"]).await.assert_error(
        2,
        "there is no video of 1000 bytes: the clip has 67426, and padding takes 8 more at least; give --size 67434 or \
         more",
    );
}

#[tokio::test]
async fn an_interrupted_demo_leaves_nothing_behind() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("demo");
    std::fs::create_dir(&folder).unwrap();
    let args = ["demo", "--size", "4MiB", "--limit-rate", "1MiB", "--directory", text(&folder)];
    let mut command = bare(home.path(), &args);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pid = child.id().unwrap();
    support::until(|| {
        let inside = std::fs::read_dir(&folder).unwrap().next().and_then(|entry| entry.ok());
        inside.is_some_and(|entry| entry.path().join("checkpoints").exists())
    })
    .await;
    let pid = pid.to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let ran = support::Ran::of(child.wait_with_output().await.unwrap());
    assert_eq!((ran.code, ran.stdout.as_str()), (130, ""), "{ran:?}");
    assert!(ran.stderr.ends_with("interrupted: the demo's files are removed\n"), "{ran:?}");
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0, "something is left behind");
}
