//! The model transport itself: what it says of a wire is so.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chunkwise_core::{
    Action, ByteRange, CredentialEpoch, Cut, Failure, Last, OpId, Operation, Outcome, Problem, ProblemKind,
    Reply, Segment, SegmentIndex, Session,
};
use chunkwise_driver::{BytesSource, MemoryStore, UploadRequest};
use chunkwise_testkit::fault::{Fault, Loss};
use chunkwise_testkit::scenario::{Faults, Network};
use chunkwise_testkit::simulation::START;
use chunkwise_testkit::transport::{ModelTransport, content};
use chunkwise_testkit::{Model, Scenario};
use chunkwise_transport::{Payload, Transport as _};
use tokio::time::Instant;

use crate::process::{driver, process};

/// 100 bytes a second, 10 ms each way.
fn scenario(model: Model, faults: Vec<(u32, Fault)>) -> Scenario {
    let network = Network { least: 10, most: 11, rate: 100 };
    Scenario { total: 1_000, network, faults: Faults::Scheduled(faults), ..Scenario::calm(model) }
}

fn operation(id: u64, action: Action) -> Operation {
    Operation { id: OpId::from_raw(id), attempt: 1, epoch: CredentialEpoch::default(), action }
}

fn session() -> Session {
    Session::new("s0")
}

async fn ask(transport: &ModelTransport, action: Action) -> Outcome {
    transport.perform(&operation(0, action), Payload::empty()).await
}

/// Sends this range of the source.
async fn append(transport: &ModelTransport, from: u64, to: u64) -> Outcome {
    let range = ByteRange::new(from, to).unwrap();
    let segment = Segment { index: SegmentIndex::new(0), range };
    let action = Action::Append { session: session(), segment, last: Last::More };
    let bytes = Bytes::from(content(1_000)).slice(from as usize..to as usize);
    let pieces = bytes.chunks(7).map(|piece| Ok(bytes.slice_ref(piece))).collect::<Vec<_>>();
    let frames = Box::pin(futures::stream::iter(pieces));
    transport.perform(&operation(1, action), Payload::from_frames(to - from, frames)).await
}

async fn cursor(transport: &ModelTransport) -> u64 {
    match ask(transport, Action::Probe { session: session(), page: None }).await.result {
        Ok(Reply::Advanced { cursor, .. }) => cursor,
        other => panic!("{other:?}"),
    }
}

#[test]
fn bytes_go_at_the_rate_of_the_network() {
    process(async {
        let transport = ModelTransport::starting_at(&scenario(Model::AppendPrefix, Vec::new()), START);
        let begin = Instant::now();
        ask(&transport, Action::Init { total: Some(1_000) }).await;
        assert_eq!(begin.elapsed(), Duration::from_millis(20));
        let begin = Instant::now();
        append(&transport, 0, 500).await.result.unwrap();
        let took = begin.elapsed().as_millis();
        assert!((5_020..5_030).contains(&took), "500 bytes at 100 a second took {took} ms");
        assert_eq!(cursor(&transport).await, 500);
    });
}

#[test]
fn a_connection_breaks_at_the_byte_that_it_is_told() {
    for permille in [0, 1, 10, 500, 999, 1_000] {
        process(async {
            let faults = vec![(1, Fault::Cut(permille))];
            let transport = ModelTransport::starting_at(&scenario(Model::AppendPrefix, faults), START);
            ask(&transport, Action::Init { total: Some(1_000) }).await;
            let outcome = append(&transport, 0, 400).await;
            assert!(matches!(outcome.result, Err(Failure::Unknown { cut: Cut::Reset, .. })), "{outcome:?}");
            assert_eq!(cursor(&transport).await, 400 * u64::from(permille) / 1_000);
        });
    }
}

#[test]
fn what_was_sent_of_an_exchange_that_is_given_up_reaches_the_server() {
    process(async {
        let transport = ModelTransport::starting_at(&scenario(Model::AppendPrefix, Vec::new()), START);
        ask(&transport, Action::Init { total: Some(1_000) }).await;
        // Seven bytes at a time: after two seconds, 28 frames.
        let given_up = tokio::time::timeout(Duration::from_secs(2), append(&transport, 0, 400)).await;
        assert!(given_up.is_err());
        assert!(transport.server().object(&session()).is_empty(), "it is still on its way");
        assert_eq!(cursor(&transport).await, 196);
    });
}

#[test]
fn a_stalled_wire_takes_no_more_and_says_nothing() {
    process(async {
        let faults = vec![(1, Fault::Stall(300)), (2, Fault::ReplyLost(Loss::Silence))];
        let transport = ModelTransport::starting_at(&scenario(Model::AppendPrefix, faults), START);
        ask(&transport, Action::Init { total: Some(1_000) }).await;
        let hour = Duration::from_secs(3_600);
        assert!(tokio::time::timeout(hour, append(&transport, 0, 100)).await.is_err());
        assert!(tokio::time::timeout(hour, append(&transport, 30, 100)).await.is_err());
        assert_eq!(cursor(&transport).await, 100, "30 bytes before the stall, and 70 whose answer was lost");
    });
}

#[test]
fn old_credentials_are_refused_until_they_are_refreshed() {
    process(async {
        let transport = ModelTransport::starting_at(&scenario(Model::Parts, Vec::new()), START);
        transport.rotate();
        let outcome = ask(&transport, Action::Init { total: Some(1_000) }).await;
        let expired = Problem { kind: ProblemKind::CredentialsExpired, ..problem(&outcome) };
        assert_eq!(problem(&outcome), expired);
        let epoch = transport.refresh(CredentialEpoch::new(0)).await.unwrap();
        assert_eq!(epoch, transport.refresh(CredentialEpoch::new(0)).await.unwrap(), "that was done already");
        ask(&transport, Action::Init { total: Some(1_000) }).await.result.unwrap();
    });
}

fn problem(outcome: &Outcome) -> Problem {
    match &outcome.result {
        Err(Failure::Answered(problem)) => problem.clone(),
        other => panic!("{other:?}"),
    }
}

/// One wrong bit anywhere, at the right place of the right length.
#[test]
fn a_byte_that_is_not_the_sources_is_found_out() {
    for at in [0, 9, 10, 33, 56] {
        process(async {
            let scenario = Scenario::calm(Model::Listed);
            let transport = ModelTransport::starting_at(&scenario, START);
            let mut content = content(scenario.total as usize);
            content[at] ^= 0x10;
            let request = UploadRequest::new(BytesSource::new(content), Arc::new(transport.clone()));
            let request = UploadRequest { policy: scenario.policy(), ..request };
            let driver = driver(&transport, MemoryStore::default());
            driver.start(request).await.unwrap().wait().await.unwrap_err();
            let breach = transport.check_bytes().unwrap_err();
            assert!(breach.detail.contains(&format!("byte {at} is")), "{breach}");
            assert!(transport.check_object(&session()).is_err());
        });
    }
}
