//! A server, or something before it, that takes no segment as large as planned.

use chunkwise::transport::http::Backend;
use chunkwise::x::Api;
use chunkwise::{Event, core::ErrorKind};
use chunkwise_sandbox::{Builder, Fault, FaultRule, Https, MediaInfo, Moment, Operation, Sandbox};
use futures::StreamExt as _;
use std::sync::Arc;

use crate::support::{CHUNK, Carrier, Ended, Kind, SEGMENTS, World, checkpoints, video, video_of};

fn capped(cap: u64) -> Builder {
    Sandbox::builder().with(|settings| {
        settings.listen.https = Https::Off;
        settings.limits.append_bytes = cap;
    })
}

fn largest(media: &MediaInfo) -> u64 {
    media.segments.iter().map(|(_, size)| *size).max().unwrap()
}

#[tokio::test]
async fn below_a_lower_cap_the_file_is_cut_smaller_and_goes_up_whole() {
    for carrier in Carrier::BOTH {
        for api in [Api::V2, Api::V1_1] {
            let backend: Arc<dyn Backend> = carrier.backend();
            let (world, file) = (World::over(capped(40_000), api, backend).await, video());
            let id = Ended::of(world.uploader().upload(file.path()).await).ready();
            world.holds_only(&id, &file).await;
            let [media] = &world.media().await[..] else { panic!("one session is enough") };
            assert!(largest(media) <= 40_000 && media.segments.len() > SEGMENTS.into(), "{media:?}");
        }
    }
}

#[tokio::test]
async fn what_is_stored_stays_when_the_cap_is_lowered_on_the_way() {
    let answer_slowly = Fault::Delay { millis: 20, moment: Moment::AfterCommit };
    let sandbox = Sandbox::builder().fault(FaultRule::always(Operation::Append, answer_slowly));
    let (world, file) = (World::new(sandbox, Carrier::Hyper).await, video_of(40 * CHUNK));
    let uploader = world.uploader();
    let handle = uploader.upload(file.path()).start().await.unwrap();
    let mut events = handle.events();
    world.until(|world| world.requests(Operation::Append).len() >= 8).await;
    world.sandbox.change_settings(|settings| settings.limits.append_bytes = 30_000);
    let id = Ended::of(handle.wait().await).ready();

    world.holds_only(&id, &file).await;
    let mut replanned = None;
    while let Some(event) = events.next().await {
        if let Event::Replanned { chunk_size } = event {
            replanned = Some(chunk_size);
        }
    }
    assert!(replanned.is_some_and(|size| size <= 30_000), "{replanned:?}");
    let media = world.media().await;
    let finished = media.iter().find(|media| media.id.to_string() == id).unwrap();
    if media.len() == 1 {
        assert!(finished.segments.iter().take(8).any(|(_, size)| *size == CHUNK), "{:?}", finished.segments);
    }
    assert!(media.len() <= 2, "{media:?}");
}

#[tokio::test]
async fn a_cap_that_a_thousand_segments_do_not_make_up_for_is_told_in_numbers() {
    let (world, file) = (World::new(capped(600), Carrier::Hyper).await, video_of(700_000));
    let uploader = world.uploader();
    let failed = Ended::of(uploader.upload(file.path()).await).failed();
    assert_eq!(failed.kind, Kind::TooLarge, "{}", failed.text);
    let ErrorKind::TooLarge { refused, smallest } = *failed.error.kind else { panic!("{failed:?}") };
    assert_eq!(smallest, 700, "{}", failed.text);
    assert!((601..2 * 700).contains(&refused), "{}", failed.text);
    assert!(failed.text.contains(&refused.to_string()) && failed.text.contains("700"), "{}", failed.text);
    assert!(world.requests(Operation::Append).len() < 40, "the size is halved, not nibbled at");
    assert!(world.finalized().await.is_empty());
    assert!(checkpoints(&uploader).await.is_empty());
}
