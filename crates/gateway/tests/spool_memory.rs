//! Memory that a few uploads hold keeps nobody out.

use chunkwise_gateway::spool::{Spool, SpoolLimits};

/// Seen with eight large bodies at once (`proof/gateway memory`): the first two to have 8 MiB here have all of the spool's
/// 16 MiB, and whoever begins before they go to their files is answered 503.
#[tokio::test]
#[ignore = "the third is refused with MemoryTaken: blocks in memory leave nothing for the working pieces of others"]
async fn uploads_in_memory_leave_others_room_to_begin() {
    let folder = tempfile::tempdir().unwrap();
    let limits = SpoolLimits { total_memory: 16 << 20, ..SpoolLimits::default() };
    let spool = Spool::new(folder.path().join("spool"), limits).unwrap();
    let mut early = Vec::new();
    for _ in 0..2 {
        let mut writer = spool.begin(None).await.unwrap();
        writer.write(&vec![1; 8 << 20]).await.unwrap();
        early.push(writer);
    }
    let late = spool.begin(None).await;
    assert!(late.is_ok(), "{late:?}");
}
