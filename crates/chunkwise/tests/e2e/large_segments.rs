//! Segments that fit no socket buffer: an answer can come, and the reading can cease, while most is still unsent.

use std::collections::BTreeMap;
use std::time::Duration;

use chunkwise::{ChunkSize, Timeouts};
use chunkwise_sandbox::{Fault, FaultRule, Moment, Rest, Sandbox};
use futures::future::join_all;

use crate::support::{Carrier, Ended, File, World, video_of};

const MIB: u64 = 1 << 20;
const SEGMENT: u64 = 4 * MIB;

async fn world(carrier: Carrier, fault: Fault) -> (World, File) {
    let count = Fault::Delay { millis: 0, moment: Moment::BeforeBody };
    let sandbox = Sandbox::builder()
        .fault(FaultRule::at_segment(1, fault))
        .fault(FaultRule { times: None, ..FaultRule::at_segment(1, count) });
    let mut world = World::new(sandbox, carrier).await;
    world.policy.chunk_size = ChunkSize::new(SEGMENT).unwrap();
    (world, video_of(3 * SEGMENT - 1))
}

fn early(status: u16, rest: Rest) -> Fault {
    let moment = Moment::DuringBody { after_bytes: 100_000 };
    Fault::Answer { status, headers: BTreeMap::new(), body: String::new(), moment, rest }
}

/// A 413 while the body is coming ends the sending, and must not look like a broken pipe.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_early_413_is_heard_and_the_rest_is_cut_smaller() {
    for (carrier, rest) in [
        (Carrier::Hyper, Rest::default()),
        (Carrier::Hyper, Rest::Close),
        // After a close reqwest may not read what was said before it; its documentation says so.
        (Carrier::Reqwest, Rest::default()),
    ] {
        let (world, file) = world(carrier, early(413, rest)).await;
        let id = Ended::of(world.uploader().upload(file.path()).await).ready();
        world.holds_only(&id, &file).await;
        let media = world.sandbox.media(id.parse().unwrap()).await.unwrap().unwrap();
        assert!(media.segments.len() > 3, "{carrier} {rest:?}: {:?}", media.segments);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_early_503_ends_the_sending_and_the_segment_goes_again() {
    for carrier in Carrier::BOTH {
        for rest in [Rest::default(), Rest::Close] {
            let (world, file) = world(carrier, early(503, rest)).await;
            let id = Ended::of(world.uploader().upload(file.path()).await).ready();
            world.holds_only(&id, &file).await;
            assert_eq!(world.sandbox.faults()[1].applied, 2, "{carrier} {rest:?}");
        }
    }
}

/// What a server hardly reads is given up when it stalls (or, if all of it went into buffers on the way, when no answer
/// comes), and goes again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_ceases_to_read_is_given_up() {
    join_all(Carrier::BOTH.map(|carrier| async move {
        let (mut world, file) = world(carrier, Fault::SlowBody { bytes_per_sec: 2_000 }).await;
        world.policy.timeouts =
            Timeouts { stall: Duration::from_millis(1500), response: Duration::from_secs(4) };
        let id = Ended::of(world.uploader().upload(file.path()).await).ready();
        world.holds_only(&id, &file).await;
        assert_eq!(world.sandbox.faults()[1].applied, 2, "{carrier}");
    }))
    .await;
}
