//! How soon the caller knows that the server is ready: the engine on a virtual clock, a server that processes for a random
//! time and hints when to ask again.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use chunkwise_core::{
    Action, Delay, Final, Input, Operation, Outcome, Output, Policy, Processing, Reply, Session, Timestamp,
    Upload, UploadSpec,
};
use chunkwise_testkit::smooth;

/// Numbers that follow from a seed (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % n
    }

    fn between(&mut self, least: Duration, most: Duration) -> Duration {
        let micros = |duration: Duration| u64::try_from(duration.as_micros()).unwrap();
        least + Duration::from_micros(self.below(micros(most - least) + 1))
    }
}

/// What was seen of one upload.
struct Seen {
    /// From the server's being ready to the caller's knowing it.
    late: Duration,
    /// The longest wait that the server hinted at.
    hint: Duration,
    polls: u32,
}

/// One upload over a way that takes so long out, and so long back.
fn upload(seed: u64, out: Duration, back: Duration) -> Seen {
    let mut random = Random(seed);
    let start = Timestamp::from_secs(1_700_000_000);
    let (spec, profile) = (UploadSpec::whole(smooth::CHUNK), smooth::profile());
    let mut upload = Upload::new(start, spec, profile, Policy::default(), seed).unwrap();
    let takes = random.between(Duration::ZERO, Duration::from_secs(120));
    // Within the policy's floor and ceiling: beyond them the hint is not what is waited.
    let longest = random.between(Duration::from_secs(1), Duration::from_secs(30));
    let (mut now, mut ready) = (start, Timestamp::MAX);
    let mut seen = Seen { late: Duration::ZERO, hint: Duration::ZERO, polls: 0 };
    let mut coming = BTreeMap::new();
    loop {
        let wake = loop {
            match upload.poll(now) {
                Output::Perform(operation) => {
                    upload.handle(now, Input::Started(operation.id));
                    let arrives = now.after(out);
                    let mut hint = || {
                        let hint = random.between(Duration::from_secs(1), longest);
                        seen.hint = seen.hint.max(hint);
                        hint
                    };
                    if matches!(operation.action, Action::Finalize { .. }) {
                        ready = arrives.after(takes);
                    }
                    seen.polls += u32::from(matches!(operation.action, Action::Status { .. }));
                    let reply = answer(&operation, arrives >= ready, &mut hint);
                    coming.insert((arrives.after(back), operation.id), reply);
                }
                Output::Persist { seq } => upload.handle(now, Input::Persisted(seq)),
                Output::Notify(_) | Output::Cancel(_) | Output::Release(_) | Output::Refresh { .. } => {}
                Output::Idle { wake_at } => break wake_at,
                Output::Closed(end) => {
                    end.unwrap();
                    return Seen { late: now.since(ready), ..seen };
                }
            }
        };
        now = coming.keys().map(|(at, _)| *at).chain(wake).min().unwrap().max(now);
        if let Some(entry) = coming.first_entry().filter(|entry| entry.key().0 <= now) {
            let ((_, op), reply) = entry.remove_entry();
            upload.handle(now, Input::Outcome { op, outcome: Outcome::reply(reply) });
        }
    }
}

fn answer(operation: &Operation, is_ready: bool, hint: &mut dyn FnMut() -> Duration) -> Reply {
    match operation.action {
        Action::Init { .. } => Reply::Opened { session: Session::new("7"), expires: None },
        Action::Append { .. } => Reply::Stored { receipt: None, expires: None },
        Action::Finalize { .. } | Action::Status { .. } if is_ready => {
            Reply::Completed(Final { id: "7".into(), size: None, expires_at: None, body: Bytes::new() })
        }
        Action::Finalize { .. } | Action::Status { .. } => {
            Reply::Processing(Processing::Running { after: Some(Delay::After(hint())), percent: None })
        }
        Action::Probe { .. } | Action::Verify { .. } | Action::Abort { .. } => unreachable!("{operation:?}"),
    }
}

/// The engine adds no jitter to a hint: what it waits is the hint, so the bound on its jitter is zero.
const JITTER: Duration = Duration::ZERO;

/// The worst case: the server says "not yet" and is ready a moment later. That answer takes its way back, the hinted
/// interval passes, and the next question takes a round trip. So it is one hinted interval and one round trip after the
/// engine has heard of the hint; counted from the server's clock, that answer's way back comes on top.
#[test]
fn the_caller_knows_within_one_hinted_interval_and_one_round_trip_that_the_server_is_ready() {
    let (mut polled, mut tightest) = (0, Duration::MAX);
    for seed in 0..3_000 {
        let round_trip = Duration::from_millis([1, 40, 150, 900][seed as usize % 4]);
        let back = round_trip * [0, 1, 2][seed as usize % 3] / 4;
        let seen = upload(seed, round_trip - back, back);
        let bound = seen.hint + JITTER + round_trip + back;
        assert!(seen.late <= bound, "seed {seed}: {:?} late, the bound is {bound:?}", seen.late);
        polled += seen.polls;
        tightest = tightest.min(bound - seen.late);
    }
    assert!(polled > 6_000, "{polled} times asked");
    assert!(tightest < Duration::from_millis(100), "the bound is met, but never nearly: {tightest:?}");
}
