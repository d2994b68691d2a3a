//! A mocked transport: what exactly is asked of it.

use std::sync::Arc;

use chunkwise_core::{CredentialEpoch, Final, Operation, OperationKind, Outcome, Profile, Reply, Session};
use chunkwise_driver::{DirectoryStore, MemoryStore, ResumeRequest, StartError, UploadRequest};
use chunkwise_transport::{Account, Payload, RefreshError, Transport};
use mockall::{Sequence, mock};

use crate::{KIB, driver, model, policy, request, video};

mock! {
    Wire {}

    #[async_trait::async_trait]
    impl Transport for Wire {
        fn profile(&self) -> Profile;
        async fn perform(&self, operation: &Operation, payload: Payload) -> Outcome;
        async fn refresh(&self, stale: CredentialEpoch) -> Result<CredentialEpoch, RefreshError>;
        fn account(&self) -> Option<Account>;
    }
}

#[tokio::test(start_paused = true)]
async fn one_small_file_is_three_exchanges_in_order() {
    let (file, content) = video(10 * KIB, 1);
    let mut wire = MockWire::new();
    let mut order = Sequence::new();
    wire.expect_profile().returning(model::profile);
    wire.expect_account().returning(|| None);
    wire.expect_perform()
        .withf(|operation, payload| operation.kind() == OperationKind::Init && payload.is_empty())
        .times(1)
        .in_sequence(&mut order)
        .returning(|_, _| Reply::Opened { session: Session::new("one"), expires: None }.into());
    let len = content.len() as u64;
    wire.expect_perform()
        .withf(move |operation, payload| operation.kind() == OperationKind::Append && payload.len() == len)
        .times(1)
        .in_sequence(&mut order)
        .returning(|_, _| Reply::Stored { receipt: None, expires: None }.into());
    wire.expect_perform()
        .withf(|operation, payload| operation.kind() == OperationKind::Finalize && payload.is_empty())
        .times(1)
        .in_sequence(&mut order)
        .returning(|_, _| {
            let object = Final { id: "one".into(), size: None, expires_at: None, body: bytes::Bytes::new() };
            Reply::Completed(object).into()
        });
    let driver = driver(64 * KIB, 4 * KIB, MemoryStore::default());
    let start: UploadRequest = request(&file, Arc::new(wire), policy(20 * KIB, 2));
    let completed = driver.start(start).await.unwrap().wait().await.unwrap();
    assert_eq!(&*completed.result.id, "one");
}

#[tokio::test(start_paused = true)]
async fn a_checkpoint_of_another_protocol_is_refused_and_kept() {
    let (file, _) = video(10 * KIB, 2);
    let driver = driver(64 * KIB, 4 * KIB, MemoryStore::default());
    let model = model::Model::healthy().arc();
    let handle = driver.start(request(&file, model.transport(), policy(20 * KIB, 2))).await.unwrap();
    let id = handle.id().clone();
    handle.cancel(chunkwise_core::Disposition::Keep);
    handle.wait().await.unwrap_err();
    let mut wire = MockWire::new();
    wire.expect_profile().returning(|| Profile { name: "another".into(), ..model::profile() });
    wire.expect_perform().never();
    let source = request(&file, model.transport(), policy(20 * KIB, 2)).source;
    let error = driver.resume(ResumeRequest::new(id, Some(source), Arc::new(wire))).await.unwrap_err();
    assert!(matches!(error, StartError::Resume { .. }), "{error}");
    assert_eq!(driver.uploads().await.unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_planned_leaves_nothing_behind() {
    let empty = tempfile::NamedTempFile::new().unwrap();
    let mut wire = MockWire::new();
    wire.expect_profile().returning(model::profile);
    wire.expect_perform().never();
    let directory = tempfile::tempdir().unwrap();
    let driver = driver(64 * KIB, 4 * KIB, DirectoryStore::new(directory.path()));
    let error = driver.start(request(&empty, Arc::new(wire), policy(20 * KIB, 2))).await.unwrap_err();
    assert!(matches!(error, StartError::Plan(_)), "{error}");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}
