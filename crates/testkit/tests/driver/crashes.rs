//! The process dies at every single write of a checkpoint, and another goes on from what is on the disk.

use std::sync::Arc;
use std::time::Duration;

use chunkwise_driver::{CheckpointStore as _, ResumeRequest, UploadRequest};
use chunkwise_testkit::scenario::CrashPoint;
use chunkwise_testkit::simulation::START;
use chunkwise_testkit::transport::ModelTransport;
use chunkwise_testkit::{Model, Scenario};

use crate::power::{FailingPower, Write};
use crate::process::{Durable, driver, name, nothing_leaks, process};
use crate::sources::PatternSource;

pub(crate) const MODELS: [Model; 4] = [Model::Parts, Model::Listed, Model::AppendPrefix, Model::AppendAtomic];

/// How far the first process came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum First {
    Died,
    Finished,
}

pub(crate) fn request(scenario: &Scenario, transport: &ModelTransport) -> UploadRequest {
    let source = PatternSource::read(scenario.total);
    UploadRequest {
        policy: scenario.policy(),
        id: Some(name()),
        seed: Some(scenario.seed),
        ..UploadRequest::new(source, Arc::new(transport.clone()))
    }
}

/// One process that starts the upload, and dies when the power fails.
pub(crate) fn first(scenario: &Scenario, store: &FailingPower) -> (First, ModelTransport) {
    process(async {
        let transport = ModelTransport::starting_at(scenario, START);
        let driver = driver(&transport, store.clone());
        let upload = async { driver.start(request(scenario, &transport)).await.unwrap().wait().await };
        let first = tokio::select! {
            biased;
            () = store.off() => First::Died,
            end = upload => {
                transport.check_object(&end.unwrap().session.unwrap()).unwrap();
                First::Finished
            }
        };
        transport.now();
        (first, transport)
    })
}

/// Another process, which goes on from what is on the disk, or starts anew if nothing is.
pub(crate) fn second(
    scenario: &Scenario,
    store: &FailingPower,
    before: &ModelTransport,
) -> Result<(), String> {
    process(async {
        let transport = before.another_process(Duration::from_secs(1));
        let (driver, sent) = (driver(&transport, store.clone()), transport.log().len());
        let durable = Durable::of(store).await;
        let handle = match &durable {
            Some(durable) => {
                durable.is_true(&transport)?;
                let source = Arc::new(PatternSource::read(scenario.total));
                let request = ResumeRequest::new(name(), Some(source), Arc::new(transport.clone()));
                let request =
                    ResumeRequest { policy: scenario.policy(), seed: Some(scenario.seed + 1), ..request };
                driver.resume(request).await.map_err(|error| error.to_string())?
            }
            None => driver.start(request(scenario, &transport)).await.map_err(|error| error.to_string())?,
        };
        let end = tokio::time::timeout(scenario.longest(), handle.wait()).await;
        let completed = end.map_err(|_| "it does not end")?.map_err(|error| error.to_string())?;
        transport
            .check_object(&completed.session.ok_or("no session")?)
            .map_err(|breach| breach.to_string())?;
        durable.unwrap_or_default().is_kept(&transport.log()[sent..])?;
        if let Some(listed) = store.list().await.unwrap().pop() {
            return Err(format!("a record is left of an upload that is done: {listed:?}"));
        }
        nothing_leaks(&driver, &transport).await
    })
}

pub(crate) fn show(transport: &ModelTransport) -> String {
    transport.log().iter().map(|exchange| format!("  {exchange}\n")).collect()
}

/// Every write that an undisturbed upload makes.
pub(crate) fn writes(scenario: &Scenario, store: &FailingPower) -> Vec<Write> {
    assert_eq!(first(scenario, store).0, First::Finished);
    (0..store.saves()).map(Write::Save).chain([Write::Removal]).collect()
}

#[test]
fn a_crash_at_every_write_of_a_checkpoint_costs_nothing_that_was_recorded() {
    for model in MODELS {
        let scenario = Scenario::calm(model);
        let writes = writes(&scenario, &FailingPower::in_memory(Vec::new()));
        assert!(writes.len() > 5, "{}: {writes:?}", model.name());
        for write in writes {
            for point in [CrashPoint::Before, CrashPoint::During, CrashPoint::After] {
                let store = FailingPower::in_memory(vec![(write, point)]);
                let (died, transport) = first(&scenario, &store);
                assert_eq!(died, First::Died, "{}: {point:?} {write:?}", model.name());
                if (write, point) == (Write::Removal, CrashPoint::After) {
                    // Nothing is left to go on from, and nothing to be done.
                    continue;
                }
                if let Err(wrong) = second(&scenario, &store, &transport) {
                    panic!("{}, dead {point:?} {write:?}: {wrong}\n{}", model.name(), show(&transport));
                }
            }
        }
    }
}
