use std::fs;
use std::path::Path;

use super::*;
use crate::testing::record;

fn id(name: &str) -> UploadId {
    UploadId::new(name).unwrap()
}

async fn kept(store: &dyn CheckpointStore) {
    let claim = store.claim(&id("a")).await.unwrap();
    assert!(matches!(claim.load().await, Err(StoreError::NotFound { .. })));
    claim.delete().await.unwrap();
    claim.save(record("a")).await.unwrap();
    let newer = Record { destination: "newer".into(), ..record("a") };
    claim.save(newer.clone()).await.unwrap();

    assert!(matches!(store.claim(&id("a")).await, Err(StoreError::Locked { .. })), "one driver at a time");
    let listed = store.list().await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].driven, Driven::Running);
    drop(claim);

    let claim = store.claim(&id("a")).await.unwrap();
    let loaded = claim.load().await.unwrap();
    assert_eq!(loaded.destination, newer.destination);
    assert_eq!(loaded.checkpoint, newer.checkpoint);
    assert_eq!(loaded.source, newer.source);
    drop(claim);
    assert_eq!(store.list().await.unwrap()[0].driven, Driven::Idle);

    store.claim(&id("b")).await.unwrap().save(record("b")).await.unwrap();
    let ids: Vec<_> = store.list().await.unwrap().into_iter().map(|listed| listed.id).collect();
    assert_eq!(ids, [id("a"), id("b")]);
    for id in ids {
        store.claim(&id).await.unwrap().delete().await.unwrap();
    }
    assert!(store.list().await.unwrap().is_empty());
}

#[tokio::test]
async fn memory_keeps_claims_lists_and_deletes() {
    kept(&MemoryStore::default()).await;
}

#[tokio::test]
async fn a_directory_keeps_claims_lists_and_deletes_and_is_empty_in_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let store = DirectoryStore::new(directory.path().join("state/uploads"));
    assert!(store.list().await.unwrap().is_empty(), "a directory that is not there yet has no uploads");
    kept(&store).await;
    assert_eq!(fs::read_dir(store.directory()).unwrap().count(), 0, "no file is left behind");
}

#[tokio::test]
async fn two_stores_of_one_directory_respect_each_other() {
    let directory = tempfile::tempdir().unwrap();
    let (ours, theirs) = (DirectoryStore::new(directory.path()), DirectoryStore::new(directory.path()));
    let claim = ours.claim(&id("a")).await.unwrap();
    assert!(matches!(theirs.claim(&id("a")).await, Err(StoreError::Locked { .. })));
    drop(claim);
    assert!(theirs.claim(&id("a")).await.is_ok());
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_reads_a_record() {
    use std::os::unix::fs::PermissionsExt as _;
    let parent = tempfile::tempdir().unwrap();
    let store = DirectoryStore::new(parent.path().join("uploads"));
    let claim = store.claim(&id("a")).await.unwrap();
    claim.save(record("a")).await.unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(store.directory()), 0o700);
    assert_eq!(mode(&store.directory().join("a.json")), 0o600);
    assert_eq!(mode(&store.directory().join("a.lock")), 0o600);
}

#[tokio::test]
async fn a_damaged_or_newer_record_is_told_by_name_and_can_be_deleted() {
    let directory = tempfile::tempdir().unwrap();
    let store = DirectoryStore::new(directory.path());
    let whole = record("a").encode().unwrap();
    let other = record("b").encode().unwrap();
    let newer = br#"{"version": 99, "everything": "else may differ"}"#.to_vec();
    for content in [&b""[..], b"{", b"\xff\xfe", b"{}", &whole[..whole.len() / 2], &other, &newer] {
        fs::write(directory.path().join("a.json"), content).unwrap();
        let claim = store.claim(&id("a")).await.unwrap();
        let error = claim.load().await.unwrap_err();
        if content == newer {
            assert!(matches!(error, StoreError::Newer { version: 99, .. }), "{error}");
        } else {
            assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
        }
        assert!(error.to_string().contains("a.json") && error.to_string().contains("discard"), "{error}");
        let listed = store.list().await.unwrap();
        assert!(listed.len() == 1 && listed[0].record.is_err(), "listed all the same");
        claim.delete().await.unwrap();
        assert!(store.list().await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_crash_in_the_middle_of_a_write_leaves_the_old_record() {
    let directory = tempfile::tempdir().unwrap();
    let store = DirectoryStore::new(directory.path());
    let claim = store.claim(&id("a")).await.unwrap();
    claim.save(record("a")).await.unwrap();
    // What a process leaves that dies before the rename.
    fs::write(directory.path().join("a.tmp"), b"{\"version\": 1, \"half").unwrap();
    assert!(claim.load().await.is_ok());
    assert_eq!(store.list().await.unwrap().len(), 1);
    claim.delete().await.unwrap();
    drop(claim);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_place_that_cannot_be_written_to_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, b"").unwrap();
    let error = DirectoryStore::new(file.join("uploads")).claim(&id("a")).await.unwrap_err();
    assert!(matches!(error, StoreError::Unwritable { .. }));
    assert!(error.to_string().contains(&file.display().to_string()), "{error}");

    // A directory where the temporary file should go: whatever stands in the way, the old record stays.
    let store = DirectoryStore::new(directory.path());
    let claim = store.claim(&id("a")).await.unwrap();
    claim.save(record("a")).await.unwrap();
    fs::create_dir(directory.path().join("a.tmp")).unwrap();
    let newer = Record { destination: "newer".into(), ..record("a") };
    assert!(matches!(claim.save(newer).await, Err(StoreError::Unwritable { .. })));
    assert_eq!(claim.load().await.unwrap().destination, record("a").destination);
}

/// A file system without room, where there is one to try: every write to this device fails as on a full disk.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_disk_is_told_and_the_old_record_stays() {
    let directory = tempfile::tempdir().unwrap();
    let store = DirectoryStore::new(directory.path());
    let claim = store.claim(&id("a")).await.unwrap();
    claim.save(record("a")).await.unwrap();
    std::os::unix::fs::symlink("/dev/full", directory.path().join("a.tmp")).unwrap();
    let newer = Record { destination: "newer".into(), ..record("a") };
    let error = claim.save(newer).await.unwrap_err();
    assert!(error.to_string().contains("No space left"), "{error}");
    assert_eq!(claim.load().await.unwrap().destination, record("a").destination);
    assert!(!directory.path().join("a.tmp").exists(), "nothing half-done stays");
}
