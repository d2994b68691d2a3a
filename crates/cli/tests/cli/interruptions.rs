//! Uploads that are interrupted: by Ctrl-C, by SIGTERM, by kill -9; and how they go on.

use std::path::PathBuf;
use std::process::Stdio;

use chunkwise_sandbox::Operation;
use tokio::process::Child;

use crate::support::{self, Ran, World, text};

const SIZE: usize = 400_000;

/// An upload that takes some seconds: 13 segments of 32,000 bytes at 150 kB/s.
fn slow(world: &World, args: &[&str]) -> (PathBuf, Child) {
    let video = world.video("v.mp4", SIZE);
    let slow = ["upload", text(&video), "--chunk-size", "32000", "--window", "2", "--limit-rate", "150KB"];
    let mut command = world.command(&[&slow, args].concat());
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    (video, child)
}

fn signal(child: &Child, name: &str) {
    let pid = child.id().unwrap().to_string();
    assert!(std::process::Command::new("kill").args([name, &pid]).status().unwrap().success());
}

async fn end(child: Child) -> Ran {
    let output = tokio::time::timeout(std::time::Duration::from_secs(30), child.wait_with_output()).await;
    Ran::of(output.expect("it ends").unwrap())
}

/// Asserts that, from this request on, nothing was sent that was held as stored.
fn assert_not_sent_again(world: &World, since: u64, held: &[u64]) {
    let appends = world.sandbox.log_since(since).into_iter();
    let sent = appends.filter(|request| request.operation == Some(Operation::Append));
    let sent: Vec<_> = sent.filter_map(|request| request.segment_index).collect();
    assert!(!sent.is_empty() && sent.iter().all(|index| !held.contains(index)), "{sent:?} against {held:?}");
}

fn requests(world: &World) -> u64 {
    world.sandbox.log().last().map_or(0, |request| request.number)
}

#[tokio::test]
async fn after_kill_9_resume_sends_nothing_again_that_was_held_as_stored() {
    let world = World::new().await;
    let (video, mut child) = slow(&world, &[]);
    world.until_stored(4).await;
    child.kill().await.unwrap();
    let (held, before) = (world.held_as_stored().await, requests(&world));
    assert!(held.len() >= 2 && held.len() < 13, "{held:?}");
    let id = world.only_unfinished().await;

    let shown = world.run(&["uploads"]).await;
    assert!(shown.stdout.contains(id.as_str()) && shown.stdout.contains("unfinished"), "{shown:?}");

    let ran = world.run(&["resume", id.as_str()]).await;
    world.assert_same(ran.media_id(), &video).await;
    assert_not_sent_again(&world, before, &held);
    assert!(ran.stderr.contains(&format!("v.mp4: going on with upload {id}, ")), "{ran:?}");
    assert!(world.unfinished().await.is_empty());
}

#[tokio::test]
async fn ctrl_c_keeps_the_checkpoint_and_what_it_prints_works_as_printed() {
    for name in ["-INT", "-TERM"] {
        let world = World::new().await;
        let state = world.path("my state");
        let base_url = world.sandbox.base_url();
        let (video, child) = slow(&world, &["--state-dir", text(&state), "--base-url", &base_url]);
        world.until_stored(3).await;
        signal(&child, name);
        let ran = end(child).await;
        assert_eq!((ran.code, ran.stdout.as_str()), (130, ""), "{ran:?}");
        assert!(
            ran.stderr.contains("stopping: what is stored is kept (once more to stop at once)"),
            "{ran:?}"
        );
        assert!(
            ran.stderr.contains("interrupted: ")
                && ran.stderr.contains("v.mp4: cancelled; the upload is kept. Resume to go on.\n"),
            "{ran:?}"
        );
        let (go_on, give_up) = (ran.printed("go on:"), ran.printed("give up:"));
        assert!(go_on.contains("--state-dir '") && give_up.contains("uploads discard "), "{ran:?}");

        // As a shell reads it, with nothing but the token to help.
        let program = PathBuf::from(env!("CARGO_BIN_EXE_chunkwise"));
        let mut shell = tokio::process::Command::new("/bin/sh");
        shell.env_clear().env("HOME", world.home.path()).env("CHUNKWISE_TOKEN", support::token());
        shell.env("PATH", program.parent().unwrap()).args(["-c", &go_on]);
        let resumed = world.finish(shell).await;
        world.assert_same(resumed.media_id(), &video).await;
    }
}

#[tokio::test]
async fn a_second_ctrl_c_stops_at_once_and_the_checkpoint_is_still_good() {
    let world = World::new().await;
    // The first Append is never answered: what is in flight can't finish by itself.
    world.sandbox.install_faults(
        serde_json::from_str(
            r#"[{"operation":"append","on":{"from":4},"fault":{"kind":"delay","millis":20000,"moment":"before_body"}}]"#,
        )
        .unwrap(),
    );
    let (video, child) = slow(&world, &[]);
    world.until_stored(3).await;
    signal(&child, "-INT");
    signal(&child, "-INT");
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    signal(&child, "-INT");
    let ran = end(child).await;
    assert_eq!(ran.code, 130, "{ran:?}");
    world.sandbox.install_faults(chunkwise_sandbox::FaultPlan::default());
    let resumed = world.run(&["resume", "--all"]).await;
    world.assert_same(resumed.media_id(), &video).await;
}

#[tokio::test]
async fn two_processes_never_drive_one_upload() {
    let world = World::new().await;
    let (_, child) = slow(&world, &[]);
    world.until_stored(1).await;
    let id = world.only_unfinished().await;
    let sentence =
        format!("upload {id} is already running in this or another process: wait for it or stop it");
    world.run(&["resume", id.as_str()]).await.assert_error(75, &sentence);
    world.run(&["uploads", "discard", id.as_str()]).await.assert_error(75, &sentence);
    let listed = world.run(&["--json", "uploads"]).await.json();
    assert_eq!((&listed[0]["upload"], &listed[0]["state"]), (&id.as_str().into(), &"running".into()));
    signal(&child, "-INT");
    assert_eq!(end(child).await.code, 130);
}

#[tokio::test]
async fn all_that_is_unfinished_is_resumed_at_once() {
    let world = World::new().await;
    let files = ["a.mp4", "b.mp4"].map(|name| world.video(name, 300_000 + name.len()));
    let args = ["upload", text(&files[0]), text(&files[1]), "--chunk-size", "32000", "--limit-rate", "100KB"];
    let mut child = world.command(&args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    world.until_stored(4).await;
    child.kill().await.unwrap();
    assert_eq!(world.unfinished().await.len(), 2);
    let ran = world.run(&["resume", "--all"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    for file in &files {
        let line =
            ran.stdout.lines().find_map(|line| line.split_once('\t').filter(|(_, name)| *name == text(file)));
        world.assert_same(line.unwrap().0, file).await;
    }
    let nothing = world.run(&["resume", "--all"]).await;
    assert_eq!((nothing.code, nothing.stderr.as_str()), (0, "nothing to resume: no upload is unfinished\n"));
}

#[tokio::test]
async fn a_discarded_upload_is_gone() {
    let world = World::new().await;
    let (_, mut child) = slow(&world, &[]);
    world.until_stored(1).await;
    child.kill().await.unwrap();
    let id = world.only_unfinished().await;
    let ran = world.run(&["uploads", "discard", id.as_str()]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stderr.starts_with(&format!("upload {id} is discarded")), "{ran:?}");
    assert!(world.unfinished().await.is_empty());
    assert_eq!(std::fs::read_dir(world.state()).unwrap().count(), 0, "nothing is left behind");
    let sentence = format!("there is no unfinished upload {id}; `chunkwise uploads` shows those there are");
    world.run(&["resume", id.as_str()]).await.assert_error(66, &sentence);
}

#[tokio::test]
async fn what_has_expired_is_swept_and_told() {
    let world = World::with(|settings| settings.lifetimes.session_secs = 3).await;
    let (_, mut child) = slow(&world, &[]);
    world.until_stored(1).await;
    child.kill().await.unwrap();
    let id = world.only_unfinished().await;
    let expired = async || world.run(&["uploads"]).await.stdout.contains("expired");
    while !expired().await {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let ran = world.run(&["uploads", "sweep"]).await;
    assert_eq!(ran.stderr, format!("upload {id} is swept away: its session had expired\n"));
    assert!(world.unfinished().await.is_empty());
}

#[tokio::test]
async fn an_upload_goes_on_only_to_where_it_was_going() {
    let world = World::new().await;
    let (_, mut child) = slow(&world, &[]);
    world.until_stored(1).await;
    child.kill().await.unwrap();
    let id = world.only_unfinished().await;
    let other = World::new().await;
    let ran = world.run(&["resume", id.as_str(), "--base-url", &other.sandbox.base_url()]).await;
    assert_eq!(ran.code, 78, "{ran:?}");
    assert!(
        ran.stderr.contains(&format!("upload {id} goes to {} (v2)", world.sandbox.base_url())),
        "{ran:?}"
    );
    assert!(other.sandbox.log().is_empty(), "the token went to another server");
}

/// Every setting of an alt text meets this fault.
fn alt_text_meets(world: &World, fault: &str) {
    let plan = format!(r#"[{{"operation":"metadata","fault":{fault}}}]"#);
    world.sandbox.install_faults(serde_json::from_str(&plan).unwrap());
}

#[tokio::test]
async fn a_finished_upload_outlives_a_kill_9_while_its_alt_text_is_set() {
    let world = World::new().await;
    alt_text_meets(&world, r#"{"kind":"delay","millis":600000,"moment":"before_body"}"#);
    let video = world.video("v.mp4", SIZE);
    let mut command = world.command(&["upload", text(&video), "--alt-text", "A test picture"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    support::until(|| world.sandbox.faults().iter().any(|fault| fault.applied > 0)).await;
    child.kill().await.unwrap();
    let id = world.only_unfinished().await;
    let [media] = world.sandbox.media_ids()[..] else { panic!("one media") };

    let shown = world.run(&["uploads"]).await;
    let row = shown.stdout.lines().find(|line| line.contains(id.as_str())).unwrap();
    assert!(row.contains(" finished "), "{shown:?}");
    let listed = world.run(&["--json", "uploads"]).await.json();
    assert_eq!(
        (&listed[0]["state"], &listed[0]["media_id"], &listed[0]["stored"]),
        (&"finished".into(), &media.to_string().into(), &SIZE.into())
    );

    world.sandbox.install_faults(chunkwise_sandbox::FaultPlan::default());
    let before = requests(&world);
    let resumed = world.run(&["resume", id.as_str()]).await;
    assert_eq!(resumed.media_id(), media.to_string());
    world.assert_same(resumed.media_id(), &video).await;
    assert_eq!(world.media(resumed.media_id()).await.alt_text.as_deref(), Some("A test picture"));
    let asked: Vec<_> =
        world.sandbox.log_since(before).into_iter().filter_map(|told| told.operation).collect();
    // What hung may have been logged since.
    assert!(asked.iter().all(|operation| *operation == Operation::Metadata), "{asked:?}");
    assert!(world.unfinished().await.is_empty());
}

#[tokio::test]
async fn an_alt_text_that_is_refused_is_told_with_its_media_id_and_set_by_what_is_printed() {
    let world = World::new().await;
    let clip = world.file("clip.mp4", support::CLIP);
    for (status, code) in [(403, 77), (400, 65), (503, 75)] {
        alt_text_meets(&world, &format!(r#"{{"kind":"answer","status":{status},"body":"{{}}"}}"#));
        let failed = world.run(&["--json", "upload", text(&clip), "--alt-text", "A test picture"]).await;
        let result = failed.json().pop().unwrap();
        assert_eq!(failed.code, code, "{failed:?}");
        assert_eq!(
            (&result["exit_code"], &result["kept"], &result["ok"]),
            (&code.into(), &"checkpoint".into(), &false.into())
        );
        let id = world.only_unfinished().await;
        let go_on = result["go_on"].as_str().unwrap();
        assert!(go_on.contains(&format!("resume {id}")), "{go_on}");

        world.sandbox.install_faults(chunkwise_sandbox::FaultPlan::default());
        let resumed = world.run(&["resume", id.as_str()]).await;
        assert_eq!(result["media_id"], resumed.media_id());
        assert_eq!(world.media(resumed.media_id()).await.alt_text.as_deref(), Some("A test picture"));
        assert!(world.unfinished().await.is_empty());
    }
}
