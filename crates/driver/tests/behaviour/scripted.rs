//! A mocked transport: what exactly is asked of it.

use chunkwise_core::{CredentialEpoch, Final, Operation, OperationKind, Outcome, Profile, Reply, Session};
use chunkwise_driver::{MemoryStore, UploadRequest};
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
    let start: UploadRequest = request(&file, std::sync::Arc::new(wire), policy(20 * KIB, 2));
    let completed = driver.start(start).await.unwrap().wait().await.unwrap();
    assert_eq!(&*completed.result.id, "one");
}
