//! In which order a driver listens.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chunkwise_core::{
    ChunkSize, Disposition, ErrorKind, Operation, OperationKind, Outcome, Policy, Profile, Reply, Session,
};
use chunkwise_driver::{Driver, DriverError, UploadControl, UploadRequest};
use chunkwise_testkit::Model;
use chunkwise_transport::{Payload, Transport};

use crate::process::process;
use crate::sources::PatternSource;

/// A wire that is always ready: it answers before anybody can wait for it. At the tenth Append the caller cancels.
#[derive(Default)]
struct Instantly {
    appends: AtomicU32,
    control: Mutex<Option<UploadControl>>,
}

#[async_trait]
impl Transport for Instantly {
    fn profile(&self) -> Profile {
        Model::Parts.profile()
    }

    async fn perform(&self, operation: &Operation, _: Payload) -> Outcome {
        match operation.kind() {
            OperationKind::Init => Reply::Opened { session: Session::new("one"), expires: None }.into(),
            OperationKind::Append => {
                if self.appends.fetch_add(1, Ordering::Relaxed) == 9 {
                    self.control.lock().unwrap().as_ref().unwrap().cancel(Disposition::Keep);
                }
                Reply::Stored { receipt: None, expires: None }.into()
            }
            kind => panic!("it was not to come to {kind}"),
        }
    }
}

#[test]
fn a_wire_that_is_always_ready_does_not_keep_the_caller_waiting() {
    process(async {
        let wire = Arc::new(Instantly::default());
        let request = UploadRequest::new(PatternSource::resident(900), Arc::clone(&wire) as _);
        let policy = Policy { chunk_size: ChunkSize::new(1).unwrap(), ..Policy::default() };
        let handle = Driver::default().start(UploadRequest { policy, ..request }).await.unwrap();
        *wire.control.lock().unwrap() = Some(handle.control());
        let error = handle.wait().await.unwrap_err();
        let DriverError::Upload { error, .. } = error else { panic!("{error}") };
        assert!(matches!(*error.kind, ErrorKind::Cancelled), "{error}");
        let window = Policy::default().window.max();
        let appends = wire.appends.load(Ordering::Relaxed);
        assert!(appends <= 10 + window, "{appends} Appends, though it was cancelled at the tenth");
    });
}
