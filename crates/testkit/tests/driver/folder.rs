//! The same crashes over a real folder, with what a kill leaves in it.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chunkwise_driver::{ResumeRequest, StartError, StoreError};
use chunkwise_testkit::scenario::CrashPoint;
use chunkwise_testkit::{Model, Scenario};

use crate::crashes::{Life, MODELS, another, first, request, show, writes};
use crate::power::{FailingPower, Write};
use crate::process::{driver, name, process};
use crate::sources::PatternSource;

fn files(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// A process that is killed does not tidy up: its lock file stays, though nobody holds the lock.
fn leave_lock(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join(format!("{}.lock", name())), b"").unwrap();
}

#[test]
fn a_kill_at_every_write_to_a_folder_costs_nothing_that_was_recorded() {
    for model in MODELS {
        let scenario = Scenario { total: 57, ..Scenario::calm(model) };
        let folder = tempfile::tempdir().unwrap();
        let (mut torn, folder) = (0, folder.path());
        for write in writes(&scenario, &FailingPower::in_folder(folder, Vec::new())) {
            assert_eq!(files(folder), [""; 0], "an upload that is done leaves no file");
            for point in [CrashPoint::Before, CrashPoint::During, CrashPoint::After] {
                let store = FailingPower::in_folder(folder, vec![(write, point)]);
                let (died, transport) = first(&scenario, &store);
                assert_eq!(died, Life::Died, "{}: {point:?} {write:?}", model.name());
                torn += u32::from(files(folder).contains(&format!("{}.tmp", name())));
                leave_lock(folder);
                if (write, point) == (Write::Removal, CrashPoint::After) {
                    fs::remove_file(folder.join(format!("{}.lock", name()))).unwrap();
                } else {
                    let ended = another(&scenario, &store, &transport);
                    let what = || format!("{}, dead {point:?} {write:?}\n{}", model.name(), show(&transport));
                    assert_eq!(ended, Ok(Life::Finished), "{}", what());
                }
                assert_eq!(files(folder), [""; 0], "{}, dead {point:?} {write:?}", model.name());
            }
        }
        assert!(torn > 3, "{}: only {torn} torn files", model.name());
    }
}

/// A record that is torn though it was flushed and renamed is the disk's doing. It is told, nothing is sent, nothing is
/// overwritten; whoever forgets it may start anew.
#[test]
fn a_record_that_the_disk_tore_is_told_and_kept_until_it_is_forgotten() {
    for model in MODELS {
        let scenario = Scenario::calm(model);
        let folder = tempfile::tempdir().unwrap();
        let record = folder.path().join(format!("{}.json", name()));
        let store = FailingPower::in_folder(folder.path(), vec![(Write::Save(3), CrashPoint::After)]);
        let (died, before) = first(&scenario, &store);
        assert_eq!(died, Life::Died);
        let json = fs::read(&record).unwrap();
        for len in [0, 1, json.len() / 2, json.len() - 2] {
            fs::write(&record, &json[..len]).unwrap();
            process(async {
                let transport = before.another_process(Duration::from_secs(1));
                let (driver, sent) = (driver(&transport, store.clone()), transport.log().len());
                let source = Arc::new(PatternSource::read(scenario.total));
                let resume = ResumeRequest::new(name(), Some(source), Arc::new(transport.clone()));
                let error = driver.resume(resume).await.unwrap_err();
                assert!(matches!(error, StartError::Store(StoreError::Damaged { .. })), "{error}");
                let error = driver.start(request(&scenario, &transport)).await.unwrap_err();
                assert!(matches!(error, StartError::Exists { .. }), "{error}");
                assert_eq!(transport.log().len(), sent, "nothing was sent");
                assert_eq!(fs::read(&record).unwrap(), &json[..len], "it is as it was");
            });
        }
        process(async {
            let transport = before.another_process(Duration::from_secs(1));
            let driver = driver(&transport, store.clone());
            driver.forget(&name()).await.unwrap();
            let handle = driver.start(request(&scenario, &transport)).await.unwrap();
            transport.check_object(&handle.wait().await.unwrap().session.unwrap()).unwrap();
        });
        assert_eq!(files(folder.path()), [""; 0]);
    }
}

/// What a crash tore is not mistaken for a record, wherever the tear is.
#[test]
fn half_a_record_beside_a_whole_one_changes_nothing() {
    let scenario = Scenario::calm(Model::Parts);
    for permille in (0..1_000).step_by(97) {
        let folder = tempfile::tempdir().unwrap();
        let store = FailingPower::in_folder(folder.path(), vec![(Write::Save(4), CrashPoint::After)]);
        let (_, before) = first(&scenario, &store);
        let json = fs::read(folder.path().join(format!("{}.json", name()))).unwrap();
        let torn = &json[..json.len() * permille / 1_000];
        fs::write(folder.path().join(format!("{}.tmp", name())), torn).unwrap();
        assert_eq!(another(&scenario, &store, &before), Ok(Life::Finished));
        assert_eq!(files(folder.path()), [""; 0]);
    }
}

/// What a killed process tore is in the way of the next one's first write; which is all that it comes to.
#[test]
fn a_torn_file_does_not_spoil_the_next_record() {
    for model in MODELS {
        let scenario = Scenario { total: 57, ..Scenario::calm(model) };
        let folder = tempfile::tempdir().unwrap();
        let saves = writes(&scenario, &FailingPower::in_folder(folder.path(), Vec::new())).len() as u32 - 1;
        for save in 0..saves - 1 {
            let failures =
                vec![(Write::Save(save), CrashPoint::During), (Write::Save(save + 1), CrashPoint::After)];
            let store = FailingPower::in_folder(folder.path(), failures);
            let (_, transport) = first(&scenario, &store);
            let died = another(&scenario, &store, &transport);
            assert_eq!(died, Ok(Life::Died), "{}, torn {save}", model.name());
            let ended = another(&scenario, &store, &transport);
            assert_eq!(ended, Ok(Life::Finished), "{}, torn {save}\n{}", model.name(), show(&transport));
            assert_eq!(files(folder.path()), [""; 0]);
        }
    }
}
