//! Two uploads of one account: what one is told, both heed.

use std::sync::Arc;
use std::time::Duration;

use chunkwise_core::{Failure, OperationKind, Problem, ProblemKind, Timestamp};
use chunkwise_driver::{MemoryStore, UploadRequest};
use chunkwise_testkit::fault::{Fault, Said, Wait};
use chunkwise_testkit::scenario::Faults;
use chunkwise_testkit::simulation::START;
use chunkwise_testkit::transport::{Exchange, ExchangeEnd, ModelTransport};
use chunkwise_testkit::{Model, Scenario};

use crate::process::{driver, nothing_leaks, process};
use crate::sources::PatternSource;

/// Two uploads at once; every exchange there was.
fn together(scenario: &Scenario, account: Option<&str>) -> Vec<Exchange> {
    process(async {
        let transport = ModelTransport::starting_at(scenario, START);
        let transport = match account {
            Some(name) => transport.with_account(name),
            None => transport,
        };
        let driver = driver(&transport, MemoryStore::default());
        let mut handles = Vec::new();
        for seed in [1, 2] {
            let source = PatternSource::read(scenario.total);
            let request = UploadRequest::new(source, Arc::new(transport.clone()));
            let request = UploadRequest { policy: scenario.policy(), seed: Some(seed), ..request };
            handles.push(driver.start(request).await.unwrap());
        }
        let mut sessions = Vec::new();
        for handle in handles {
            let end = tokio::time::timeout(scenario.longest(), handle.wait()).await.expect("it ends");
            let session = end.unwrap().session.unwrap();
            transport.check_object(&session).unwrap();
            sessions.push(session);
        }
        assert_ne!(sessions[0], sessions[1], "each has its own object");
        nothing_leaks(&driver, &transport).await.unwrap();
        transport.log()
    })
}

/// When it was heard of a throttle, until when it lasts, and whose upload it met.
fn throttle(exchange: &Exchange) -> Option<(Timestamp, Timestamp, OperationKind)> {
    match &exchange.end {
        ExchangeEnd::Heard(at, outcome) => match &outcome.result {
            Err(Failure::Answered(Problem { kind: ProblemKind::Throttled, after: Some(after), .. })) => {
                Some((*at, after.until(*at), exchange.operation.kind()))
            }
            _ => None,
        },
        ExchangeEnd::UnderWay | ExchangeEnd::GivenUp(_) => None,
    }
}

fn throttled(model: Model, nth: u32) -> Scenario {
    let wait = Wait::For(Duration::from_secs(90));
    let faults = Faults::Scheduled(vec![(nth, Fault::Says(Said::Throttled(Some(wait))))]);
    Scenario { faults, ..Scenario::calm(model) }
}

/// Those of the kind that were sent while it was held back, by the session they belong to.
fn sent_meanwhile(log: &[Exchange]) -> Vec<&Exchange> {
    let (heard, until, kind) = log.iter().find_map(throttle).expect("the throttle strikes");
    let meanwhile = |exchange: &&Exchange| {
        exchange.operation.kind() == kind && exchange.began > heard && exchange.began < until
    };
    log.iter().filter(meanwhile).collect()
}

#[test]
fn a_throttle_to_one_upload_holds_the_other() {
    for model in [Model::Parts, Model::Listed, Model::AppendPrefix, Model::AppendAtomic] {
        for nth in 0..12 {
            let log = together(&throttled(model, nth), Some("one"));
            let sent = sent_meanwhile(&log);
            assert!(sent.is_empty(), "{} at {nth}: {}", model.name(), sent[0]);
        }
    }
}

/// What the test above would see if the pace were not shared.
#[test]
fn uploads_without_an_account_in_common_do_not_wait_for_each_other() {
    let log = together(&throttled(Model::Parts, 4), None);
    assert!(!sent_meanwhile(&log).is_empty());
}

/// Their credentials expire while both are under way.
#[test]
fn both_go_on_with_new_credentials() {
    for model in [Model::Parts, Model::AppendAtomic] {
        for nth in 0..12 {
            let faults = vec![(nth, Fault::Says(Said::Expired)), (nth + 1, Fault::Says(Said::Expired))];
            let scenario = Scenario { faults: Faults::Scheduled(faults), ..Scenario::calm(model) };
            let log = together(&scenario, Some("one"));
            assert!(log.iter().any(|exchange| exchange.fault.is_some()));
        }
    }
}
