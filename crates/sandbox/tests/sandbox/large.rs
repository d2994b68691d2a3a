//! Many bytes, several at a time.

use std::io::Read;
use std::sync::Arc;

use chunkwise_sandbox::MediaId;
use tokio::sync::Semaphore;

use crate::client::{append_request, finalize, info, init, pattern, sha256, start};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_mebibytes_arrive_byte_for_byte() {
    const SEGMENT: usize = 4 * 1024 * 1024 - 13;
    let sandbox = start().await;
    let bytes = Arc::new(pattern(64, 64 * 1024 * 1024));
    let id = init(&sandbox, bytes.len()).await;
    let window = Arc::new(Semaphore::new(4));
    let mut appends = tokio::task::JoinSet::new();
    for (index, from) in (0..bytes.len()).step_by(SEGMENT).enumerate() {
        let (id, bytes, window, address) =
            (id.clone(), Arc::clone(&bytes), Arc::clone(&window), sandbox.http_address());
        appends.spawn(async move {
            let _turn = window.acquire().await.unwrap();
            let segment = &bytes[from..bytes.len().min(from + SEGMENT)];
            append_request(&id, index, segment).try_send(address).await.unwrap().status
        });
    }
    assert!(appends.join_all().await.iter().all(|status| *status == 200));
    finalize(&sandbox, &id).await.expect(200);
    assert_eq!(info(&sandbox, &id).await.sha256, sha256(&bytes));

    let id: MediaId = id.parse().unwrap();
    let mut content = Vec::new();
    sandbox.content(id).unwrap().read_to_end(&mut content).unwrap();
    assert!(content == *bytes);
}
