//! The figures of the large: memory at 512 MiB and 4 GiB, and twenty kills of one upload. They take minutes, so they
//! run with `CHUNKWISE_BIG=1` only, and best with `--release`.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use chunkwise_sandbox::Operation;
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;

use crate::support::{self, World, text};

const MIB: u64 = 1 << 20;
/// What the uploading process may hold at most: the byte budget and 24 MiB.
const MOST_MEMORY: u64 = (16 + 24) * MIB;
const KILLS: usize = 20;

fn wanted(test: &str) -> bool {
    let wanted = std::env::var("CHUNKWISE_BIG").is_ok_and(|value| value == "1");
    if !wanted {
        eprintln!("skipped: {test} moves gigabytes; set CHUNKWISE_BIG=1 to run it");
    }
    wanted
}

#[tokio::test]
async fn memory_is_the_byte_budget_and_little_more_whatever_the_size() {
    if !wanted("memory_is_the_byte_budget_and_little_more_whatever_the_size") {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    for size in [512 * MIB, 4096 * MIB] {
        let mut command =
            support::bare(home.path(), &["demo", "--json", "--window", "4", "--size", &size.to_string()]);
        let output = command.stderr(Stdio::inherit()).output().await.unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        let figures: serde_json::Value = serde_json::from_str(stdout.lines().last().unwrap()).unwrap();
        eprintln!("{figures}");
        assert!(
            output.status.success()
                && figures["ok"] == true
                && figures["sha256"] == figures["sandbox_sha256"]
        );
        let peak = figures["peak_memory"].as_u64().unwrap();
        assert!(peak <= MOST_MEMORY, "{size} bytes took {peak} bytes of memory");
    }
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        (z ^ (z >> 31)) % end
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_kills_lose_nothing_and_send_nothing_again_that_was_held_as_stored() {
    if !wanted("twenty_kills_lose_nothing_and_send_nothing_again_that_was_held_as_stored") {
        return;
    }
    let seed = std::env::var("SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or_else(|| u64::from(std::process::id()));
    eprintln!("SEED={seed}");
    let mut random = Random(seed);
    let world = World::new().await;
    let video: PathBuf = world.video("big.mp4", 512 << 20);
    let started = std::time::Instant::now();

    let slow = ["--limit-rate", "60MiB"];
    let mut command = world.command(&[&["upload", text(&video)], &slow[..]].concat());
    let (mut id, mut sent, mut peak) = (None, Vec::new(), 0);
    let (mut held, mut since) = (Vec::new(), 0);
    for kill in 0..KILLS {
        // At any moment, from before the session is open on.
        let after = Duration::from_millis(random.below(600));
        run_and_kill(&mut command, after, &mut peak).await;
        check(&world, since, &held, &mut sent);
        since = world.sandbox.log().last().map_or(0, |request| request.number);
        let unfinished = world.unfinished().await;
        assert!(unfinished.len() <= 1, "{} uploads", unfinished.len());
        match unfinished.first() {
            Some(listed) => {
                held = world.held_as_stored().await;
                id = Some(listed.id.to_string());
            }
            // Killed before there was a checkpoint: it is begun anew.
            None => held.clear(),
        }
        eprintln!("kill {}: after {after:?}, {} of 128 segments held as stored", kill + 1, held.len());
        command = match &id {
            Some(id) => world.command(&[&["resume", id], &slow[..]].concat()),
            None => world.command(&[&["upload", text(&video)], &slow[..]].concat()),
        };
    }
    let id = id.unwrap();
    let ran = world.run(&["resume", &id]).await;
    check(&world, since, &held, &mut sent);
    world.assert_same(ran.media_id(), &video).await;
    sent.sort_unstable();
    let all = sent.len();
    sent.dedup();
    eprintln!(
        "{KILLS} kills, {} segments, {} sent again (none held as stored), peak memory {} MiB, {:.0} s",
        sent.len(),
        all - sent.len(),
        peak / MIB,
        started.elapsed().as_secs_f64()
    );
    assert_eq!(sent.len(), 128);
    assert!(peak <= MOST_MEMORY, "{peak} bytes of memory");
}

/// Asserts that nothing was sent since then that was held as stored, and notes what was.
fn check(world: &World, since: u64, held: &[u64], sent: &mut Vec<u64>) {
    let log = world.sandbox.log_since(since);
    let appends = log.iter().filter(|request| request.operation == Some(Operation::Append));
    for index in appends.filter_map(|request| request.segment_index) {
        assert!(!held.contains(&index), "segment {index} was held as stored and sent again");
        sent.push(index);
    }
}

async fn run_and_kill(command: &mut Command, after: Duration, peak: &mut u64) {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    tokio::time::sleep(after).await;
    if let Ok(status) = std::fs::read_to_string(format!("/proc/{}/status", child.id().unwrap())) {
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib: u64 = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse().ok()).unwrap_or(0);
        *peak = (*peak).max(kib * 1024);
    }
    child.kill().await.unwrap();
    let mut said = String::new();
    child.stdout.take().unwrap().read_to_string(&mut said).await.unwrap();
    assert_eq!(said, "", "it was done before it was killed");
    // What was on its way to the sandbox arrives, or breaks off.
    tokio::time::sleep(Duration::from_millis(100)).await;
}
