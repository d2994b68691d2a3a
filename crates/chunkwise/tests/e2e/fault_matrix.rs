//! Runs every cell of the [`fault_table`](crate::fault_table) over real sockets.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chunkwise::Timeouts;
use chunkwise::transport::http::Backend;
use chunkwise::x::{Api, XUploader};
use chunkwise_sandbox::{
    Fault, FaultPlan, FaultRule, Https, Moment, Operation, ProcessingScript, RateLimit, RateLimits, Sandbox,
    Selector,
};
use futures::stream::{self, StreamExt as _};

use crate::fault_table::{ALWAYS_STRUCK, Cell, ONCE_STRUCK, Place, Row, Setting};
use crate::support::{
    Carrier, Ended, Failed, File, Kind, PATIENCE, SEGMENTS, World, checkpoints, picture, stored_in, video,
};

/// So many uploads at a time; most of their time they wait.
const AT_A_TIME: usize = 40;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_at_every_operation_v2_over_hyper() {
    run_matrix(Carrier::Hyper, Api::V2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_at_every_operation_v2_over_reqwest() {
    run_matrix(Carrier::Reqwest, Api::V2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_at_every_operation_v1_1_over_hyper() {
    run_matrix(Carrier::Hyper, Api::V1_1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_at_every_operation_v1_1_over_reqwest() {
    run_matrix(Carrier::Reqwest, Api::V1_1).await;
}

async fn run_matrix(carrier: Carrier, api: Api) {
    let ground = Arc::new(Ground { api, backend: carrier.backend(), video: video(), picture: picture() });
    let mut cases: Vec<Case> = cases(carrier, api).collect();
    // Those that wait longest go first.
    cases.sort_by_key(|case| (case.row.setting != Setting::Impatient, case.strikes != Strikes::Always));
    let count = cases.len();
    let outcomes = stream::iter(cases)
        .map(|case| {
            let task = tokio::spawn(tokio::time::timeout(PATIENCE, check(Arc::clone(&ground), case)));
            async move {
                match task.await {
                    Ok(Ok(())) => None,
                    Ok(Err(_)) => Some(format!("{case}: no end in sight")),
                    Err(panicked) => {
                        let why = panicked.into_panic();
                        let text = why.downcast_ref::<String>().map(String::as_str);
                        let text = text.or_else(|| why.downcast_ref::<&str>().copied()).unwrap_or("?");
                        Some(format!("{case}: {text}"))
                    }
                }
            }
        })
        .buffer_unordered(AT_A_TIME);
    let wrong: Vec<String> = outcomes.filter_map(|wrong| async { wrong }).collect().await;
    assert!(wrong.is_empty(), "{} of {count} cells are not as written:\n{}", wrong.len(), wrong.join("\n"));
    assert!(count > 200, "{count} cells");
}

/// What all cells of a matrix share.
struct Ground {
    api: Api,
    backend: Arc<dyn Backend>,
    video: File,
    picture: File,
}

/// How often a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Strikes {
    Once,
    Always,
}

#[derive(Clone, Copy)]
struct Case {
    row: &'static Row,
    strikes: Strikes,
    place: Place,
    /// Which segment, at an Append.
    segment: u16,
    expected: Cell,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {:?}, {:?}", self.row.name, self.strikes, self.place)?;
        if self.place == Place::Append {
            write!(f, " {}", self.segment)?;
        }
        write!(f, "] is to be {:?}", self.expected)
    }
}

fn cases(carrier: Carrier, api: Api) -> impl Iterator<Item = Case> {
    let tables = [(Strikes::Once, ONCE_STRUCK), (Strikes::Always, ALWAYS_STRUCK)];
    tables.into_iter().flat_map(move |(strikes, rows)| {
        let rows = rows.iter().filter(move |row| api == Api::V2 || row.setting != Setting::Refresh);
        rows.flat_map(move |row| {
            let cells = Place::ALL.into_iter().zip(row.cells).filter(|(_, cell)| *cell != Cell::No);
            cells.flat_map(move |(place, cell)| {
                let segments: &[u16] = match (place, strikes) {
                    (Place::Append, Strikes::Once) => &[0, SEGMENTS / 2, SEGMENTS - 1],
                    (Place::Append, Strikes::Always) => &[SEGMENTS / 2],
                    _ => &[0],
                };
                segments.iter().map(move |segment| {
                    let expected = crate::fault_table::expected(row.name, place, cell, carrier, api);
                    Case { row, strikes, place, segment: *segment, expected }
                })
            })
        })
    })
}

impl Case {
    fn operation(&self) -> Operation {
        match self.place {
            Place::Init => Operation::Initialize,
            Place::Append => Operation::Append,
            Place::Finalize | Place::FinalizeOfImage => Operation::Finalize,
            Place::Status | Place::Verify => Operation::Status,
        }
    }

    fn plan(&self) -> FaultPlan {
        let on = match self.place {
            Place::Append => Selector::Segment(self.segment),
            _ => Selector::Every,
        };
        let times = (self.strikes == Strikes::Once).then_some(1);
        let fault = (self.row.fault)();
        let operation = Some(self.operation());
        // The second rule does nothing but count; the log has only requests that have ended.
        let count = Fault::Delay { millis: 0, moment: Moment::BeforeBody };
        let mut rules = vec![
            FaultRule { operation, on: on.clone(), times, fault },
            FaultRule { operation, on, times: None, fault: count },
        ];
        if self.place == Place::Verify {
            rules.push(FaultRule::at_call(Operation::Finalize, 1, Fault::lost_reply()));
        }
        rules.into_iter().collect()
    }

    fn file<'a>(&self, ground: &'a Ground) -> &'a File {
        match self.place {
            Place::FinalizeOfImage => &ground.picture,
            _ => &ground.video,
        }
    }
}

async fn check(ground: Arc<Ground>, case: Case) {
    let sandbox = Sandbox::builder().with(|settings| {
        settings.listen.https = Https::Off;
        settings.faults = case.plan();
        let mut script = ProcessingScript::succeeds();
        script.steps.truncate(1);
        script.steps.extend(ProcessingScript::already_succeeded().steps);
        settings.processing.video = script;
        shorten_windows(&mut settings.rates);
    });
    let mut world = World::over(sandbox, ground.api, Arc::clone(&ground.backend)).await;
    if case.row.setting == Setting::Impatient {
        let limit = Duration::from_secs(2);
        world.policy.timeouts = Timeouts { stall: limit, response: limit };
    }
    let uploader = uploader(&world, case.row.setting);
    let file = case.file(&ground);

    let ended = Ended::of(uploader.upload(file.path()).await);

    let [struck, sent, ..] = &world.sandbox.faults()[..] else { panic!("no rules") };
    assert!(struck.applied > 0, "the fault never struck");
    let sent = sent.applied;
    match (case.expected, ended) {
        (Cell::Ready { sent: wanted }, Ended::Ready(id)) => {
            assert_eq!(sent, wanted, "so often it was sent");
            world.holds_only(&id, file).await;
            assert!(checkpoints(&uploader).await.is_empty(), "a checkpoint is left over");
        }
        (Cell::Smaller, Ended::Ready(id)) => {
            world.holds_only(&id, file).await;
            let media = world.sandbox.media(id.parse().unwrap()).await.unwrap().unwrap();
            assert!(media.segments.len() > SEGMENTS.into(), "{:?}", media.segments);
            assert!(checkpoints(&uploader).await.is_empty(), "a checkpoint is left over");
        }
        (Cell::Over(kind), Ended::Failed(failed)) => {
            well_told(&failed, kind);
            assert!(failed.left.is_none() && checkpoints(&uploader).await.is_empty(), "{failed:?}");
            bounded(&world, case, sent);
        }
        (Cell::Resumable(kind) | Cell::Stuck(kind), Ended::Failed(failed)) => {
            well_told(&failed, kind);
            bounded(&world, case, sent);
            resume(&world, case, failed, file).await;
        }
        (_, ended) => panic!("it ended {ended:?}"),
    }
    let used = uploader.driver().budget();
    assert_eq!(used.in_use, 0, "{used:?}");
    for media in world.finalized().await {
        assert_eq!(media.sha256, file.sha256(), "what is finalized is the file, or nothing");
    }
}

/// Rate-limit windows of a second instead of a quarter of an hour: a 429 that names no other time lasts until the
/// window's reset.
fn shorten_windows(rates: &mut RateLimits) {
    let limit = RateLimit { requests: 1000, window_secs: 1 };
    let (v2, v1) = (&mut rates.v2, &mut rates.v1);
    for rate in [&mut v2.initialize, &mut v2.append, &mut v2.finalize, &mut v2.status] {
        *rate = limit;
    }
    for rate in [&mut v1.initialize, &mut v1.append, &mut v1.finalize, &mut v1.status] {
        *rate = limit;
    }
}

fn uploader(world: &World, setting: Setting) -> XUploader {
    match setting {
        Setting::Plain | Setting::Impatient => world.uploader(),
        Setting::Refresh => world.uploader_of_an_account(),
    }
}

fn well_told(failed: &Failed, kind: Kind) {
    assert_eq!(failed.kind, kind, "{}", failed.text);
    assert!(!failed.text.contains("sandbox-"), "a secret: {}", failed.text);
}

/// No operation (and no segment) is tried more often than three times in each of two sessions.
fn bounded(world: &World, case: Case, sent: u32) {
    let sessions = world.requests(Operation::Initialize).len();
    assert!(
        sent <= 6 && (case.place == Place::Init || sessions <= 2),
        "sent {sent} times in {sessions} sessions"
    );
}

/// What a checkpoint is worth: without the fault the upload ends ready, and nothing that the checkpoint holds as stored
/// is sent again.
async fn resume(world: &World, case: Case, failed: Failed, file: &File) {
    let id = failed.left.unwrap();
    world.sandbox.install_faults(FaultPlan::default());
    // A rate limit that was scripted is over as well.
    world.sandbox.advance(Duration::from_secs(3 * 3600));
    let before = world.sandbox.log().last().unwrap().number;
    let uploader = world.uploader();
    let [listed] = &checkpoints(&uploader).await[..] else { panic!("not one checkpoint") };
    assert_eq!(listed.id, id);
    let stored = stored_in(&uploader, &id).await;

    let ended = Ended::of(uploader.resume(&id).await.unwrap().wait().await);

    let sent: Vec<u64> =
        world.sandbox.log_since(before).iter().filter_map(|request| request.segment_index).collect();
    assert!(sent.iter().all(|index| !stored.contains(index)), "stored {stored:?}, sent again {sent:?}");
    match (case.expected, ended) {
        (Cell::Stuck(kind), Ended::Failed(again)) => {
            assert_eq!(again.kind, kind, "{}", again.text);
            // The media id is what a person can try.
            let session = again.error.session.unwrap();
            let known = world.media().await;
            assert!(known.iter().any(|media| media.id.to_string() == session.as_str()));
        }
        (Cell::Resumable(_), Ended::Ready(id)) => {
            world.holds_only(&id, file).await;
            assert!(checkpoints(&uploader).await.is_empty(), "a checkpoint is left over");
        }
        (_, ended) => panic!("after the resume it ended {ended:?}"),
    }
}
