//! The process dies at every single write of a checkpoint, and another goes on from what is on the disk.

use std::sync::Arc;
use std::time::Duration;

use chunkwise_driver::{CheckpointStore as _, ResumeRequest, UploadRequest};
use chunkwise_testkit::scenario::CrashPoint;
use chunkwise_testkit::simulation::START;
use chunkwise_testkit::transport::ModelTransport;
use chunkwise_testkit::{Model, Scenario};

use crate::power::{FailingPower, Write};
use crate::process::{Durable, barriers_hold, driver, name, nothing_leaks, process};
use crate::sources::PatternSource;

pub(crate) const MODELS: [Model; 4] = [Model::Parts, Model::Listed, Model::AppendPrefix, Model::AppendAtomic];

/// How far a process came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
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
pub(crate) fn first(scenario: &Scenario, store: &FailingPower) -> (Life, ModelTransport) {
    process(async {
        let transport = ModelTransport::starting_at(scenario, START);
        let life = live(scenario, store, &transport).await.unwrap();
        (life, transport)
    })
}

/// Another process, which goes on from what is on the disk, or starts anew if nothing is.
pub(crate) fn another(
    scenario: &Scenario,
    store: &FailingPower,
    before: &ModelTransport,
) -> Result<Life, String> {
    process(async { live(scenario, store, &before.another_process(Duration::from_secs(1))).await })
}

async fn live(scenario: &Scenario, store: &FailingPower, transport: &ModelTransport) -> Result<Life, String> {
    let (driver, sent) = (driver(transport, store.clone()), transport.log().len());
    store.goes_by(transport);
    let durable = Durable::of(store).await;
    let upload = async {
        let handle = match &durable {
            Some(durable) => {
                durable.is_true(transport)?;
                let source = Arc::new(PatternSource::read(scenario.total));
                let request = ResumeRequest::new(name(), Some(source), Arc::new(transport.clone()));
                let request =
                    ResumeRequest { policy: scenario.policy(), seed: Some(scenario.seed + 1), ..request };
                driver.resume(request).await.map_err(|error| error.to_string())?
            }
            None => driver.start(request(scenario, transport)).await.map_err(|error| error.to_string())?,
        };
        let end = tokio::time::timeout(scenario.longest(), handle.wait()).await;
        let completed = end.map_err(|_| "it does not end")?.map_err(|error| error.to_string())?;
        Ok::<_, String>(completed.session.ok_or("no session")?)
    };
    let ended = tokio::select! {
        biased;
        () = store.off() => None,
        ended = upload => Some(ended?),
    };
    let log = transport.log();
    durable.unwrap_or_default().is_kept(&log[sent..])?;
    barriers_hold(store, &log)?;
    let Some(session) = ended else {
        // What its clock shows is when it died.
        transport.now();
        return Ok(Life::Died);
    };
    transport.check_object(&session).map_err(|breach| breach.to_string())?;
    if let Some(listed) = store.list().await.unwrap().pop() {
        return Err(format!("a record is left of an upload that is done: {listed:?}"));
    }
    store.calm();
    nothing_leaks(&driver, transport).await?;
    Ok(Life::Finished)
}

pub(crate) fn show(transport: &ModelTransport) -> String {
    transport.log().iter().map(|exchange| format!("  {exchange}\n")).collect()
}

/// Every write that an undisturbed upload makes.
pub(crate) fn writes(scenario: &Scenario, store: &FailingPower) -> Vec<Write> {
    assert_eq!(first(scenario, store).0, Life::Finished);
    (0..store.saves()).map(Write::Save).chain([Write::Removal]).collect()
}

#[test]
fn a_crash_at_every_write_of_a_checkpoint_costs_nothing_that_was_recorded() {
    for model in MODELS {
        let scenario = Scenario { total: 93, ..Scenario::calm(model) };
        let writes = writes(&scenario, &FailingPower::in_memory(Vec::new()));
        assert!(writes.len() > 7, "{}: {writes:?}", model.name());
        for write in writes {
            for point in [CrashPoint::Before, CrashPoint::During, CrashPoint::After] {
                let store = FailingPower::in_memory(vec![(write, point)]);
                let (died, transport) = first(&scenario, &store);
                assert_eq!(died, Life::Died, "{}: {point:?} {write:?}", model.name());
                if (write, point) == (Write::Removal, CrashPoint::After) {
                    // Nothing is left to go on from, and nothing to be done.
                    continue;
                }
                let ended = another(&scenario, &store, &transport);
                let what = || format!("{}, dead {point:?} {write:?}\n{}", model.name(), show(&transport));
                assert_eq!(ended, Ok(Life::Finished), "{}", what());
            }
        }
    }
}

/// The second process dies as well, at its first write, and a third one goes on.
#[test]
fn dead_twice_in_a_row_it_still_costs_nothing_that_was_recorded() {
    for model in MODELS {
        let scenario = Scenario { total: 93, ..Scenario::calm(model) };
        let saves = writes(&scenario, &FailingPower::in_memory(Vec::new())).len() as u32 - 1;
        for (save, again) in
            (0..saves).flat_map(|save| [(save, CrashPoint::Before), (save, CrashPoint::After)])
        {
            let failures = vec![(Write::Save(save), CrashPoint::After), (Write::Save(save + 1), again)];
            let store = FailingPower::in_memory(failures);
            let (died, transport) = first(&scenario, &store);
            assert_eq!(died, Life::Died);
            // Where nothing is left to be written, there is nothing to die at.
            let mut ended = another(&scenario, &store, &transport);
            if ended == Ok(Life::Died) {
                ended = another(&scenario, &store, &transport);
            }
            let what = || {
                format!("{}, dead After {save} and {again:?} the next\n{}", model.name(), show(&transport))
            };
            assert_eq!(ended, Ok(Life::Finished), "{}", what());
        }
    }
}
