//! Rate limits: the pace is kept before the server has to say so, and its waits are honoured.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::{Duration, SystemTime};

use chunkwise::ChunkSize;
use chunkwise_sandbox::{
    Ending, Fault, FaultRule, LoggedRequest, Moment, Operation, RateLimit, Rest, Sandbox,
};
use futures::future::join_all;

use crate::support::{CHUNK, Carrier, Ended, World, video_of};

fn throttled(log: &[LoggedRequest]) -> usize {
    log.iter().filter(|request| request.ending == Ending::Answered { status: 429 }).count()
}

async fn limited(requests: u32, window_secs: u64) -> World {
    let limit = RateLimit { requests, window_secs };
    let sandbox = Sandbox::builder().with(|settings| settings.rates.v2.append = limit);
    let mut world = World::new(sandbox, Carrier::Hyper).await;
    world.policy.retry.throttles = NonZeroU32::new(20).unwrap();
    world
}

#[tokio::test]
async fn one_uploader_is_never_throttled() {
    let world = limited(6, 1).await;
    let file = video_of(15 * CHUNK);
    let id = Ended::of(world.uploader().upload(file.path()).await).ready();
    let appends = world.requests(Operation::Append);
    assert_eq!(throttled(&appends), 0, "{appends:?}");
    assert_eq!(appends.len(), 15, "nothing is sent twice");
    let took = appends[14].at_ms - appends[0].at_ms;
    assert!(took >= 1000, "15 requests at 6 in a window took {took} ms");
    world.holds_only(&id, &file).await;
}

/// Each knows what the answers to the others said: a limit that is above what all may have under way is never hit.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_of_one_account_keep_the_pace_together() {
    assert_eq!(refused_of_four_uploads(20).await, 0);
}

/// The first requests of a period go out without knowing how many there are: what is too many of them is refused, and
/// no more than that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_limit_below_what_is_under_way_few_are_refused() {
    // Four uploads with a window of four each, in four periods or a few more.
    let refused = refused_of_four_uploads(12).await;
    assert!(refused <= 6 * (16 - 12), "{refused}");
}

async fn refused_of_four_uploads(limit: u32) -> usize {
    const SEGMENTS: u64 = 12;
    let mut world = limited(limit, 1).await;
    world.policy.chunk_size = ChunkSize::new(CHUNK / 4).unwrap();
    let (uploader, file) = (world.uploader_of_an_account(), video_of(SEGMENTS * CHUNK / 4));
    let uploads = (0..4).map(|_| async { Ended::of(uploader.upload(file.path()).await).ready() });
    let ids = join_all(uploads).await;

    assert_eq!(world.finalized().await.len(), ids.len());
    let appends = world.requests(Operation::Append);
    let refused = throttled(&appends);
    assert_eq!(appends.len() as u64, 4 * SEGMENTS + refused as u64, "only what was refused is sent again");
    refused
}

#[tokio::test]
async fn nothing_is_sent_before_retry_after_has_passed() {
    let seconds = || Fault::Throttle { reset_after_secs: 0, retry_after_secs: Some(2), body: None };
    let date = || Fault::Answer {
        status: 429,
        headers: BTreeMap::from([("retry-after".to_owned(), httpdate_in(Duration::from_secs(3)))]),
        body: String::new(),
        moment: Moment::AfterBody,
        rest: Rest::default(),
    };
    let faults: [(&str, &dyn Fn() -> Fault); 2] = [("seconds", &seconds), ("a date", &date)];
    join_all(faults.map(|(name, fault)| async move {
        let rule = FaultRule::at_call(Operation::Append, 3, fault());
        let world = World::new(Sandbox::builder().fault(rule), Carrier::Hyper).await;
        let file = video_of(12 * CHUNK);
        let id = Ended::of(world.uploader().upload(file.path()).await).ready();
        let appends = world.requests(Operation::Append);
        let refused = appends.iter().find(|request| request.ending == Ending::Answered { status: 429 });
        let refused_at = refused.unwrap().at_ms;
        // What was under way already arrives a moment later.
        let later = appends.iter().map(|request| request.at_ms - appends[0].at_ms);
        let later: Vec<u64> = later.filter(|at| *at > refused_at - appends[0].at_ms + 500).collect();
        assert!(later.len() >= 5, "{name}: {appends:?}");
        let waited = later[0] + appends[0].at_ms - refused_at;
        assert!((1900..4500).contains(&waited), "{name}: {waited} ms after the 429");
        world.holds_only(&id, &file).await;
    }))
    .await;
}

/// As `Retry-After` has it, on a whole second not before then.
fn httpdate_in(wait: Duration) -> String {
    httpdate::fmt_http_date(SystemTime::now() + wait)
}
