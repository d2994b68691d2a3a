//! Uploads: whose they are, how far, what came of them.

use std::time::Duration;

use chunkwise_gateway::store::{
    AccountRef, Billing, NewUpload, Phase, Progress, RequestId, Store, UnixMillis, UploadChange, UploadEnd,
    UploadError, UploadId,
};
use chunkwise_transport::Secret;
use serde_json::json;

use crate::world::{NOW, World, key};

fn account() -> AccountRef {
    AccountRef::of(&Secret::new([7; 32]), &Secret::new("a token".to_owned()))
}

fn new_upload() -> NewUpload {
    NewUpload {
        upload_id: UploadId::new(NOW).unwrap(),
        request_id: RequestId::new(NOW).unwrap(),
        idempotency_key: None,
        account: account(),
    }
}

fn after(seconds: u64) -> UnixMillis {
    NOW.plus(Duration::from_secs(seconds))
}

fn progress(phase: Phase, sent: u64) -> UploadChange {
    UploadChange::Progress(Progress { phase, sent, stored: sent / 2, committed: 0, processed: 0 })
}

async fn ids(store: &Store) -> Vec<UploadId> {
    store.uploads().unfinished().await.unwrap().iter().map(|upload| upload.upload_id).collect()
}

#[tokio::test]
async fn all_that_is_learnt_of_an_upload_is_there_after_a_restart() {
    let world = World::new();
    let store = world.open().await;
    let (key, _) = key(&store, Billing::Metered).await;
    let new = new_upload();
    let id = new.upload_id;
    store.uploads().insert(&key, &new, NOW).await.unwrap();
    let begun = store.uploads().get(&key, id).await.unwrap().unwrap();
    assert_eq!((begun.progress.phase, begun.size, begun.end), (Phase::Receiving, None, None));

    let warnings = vec!["shorter than X's half a second".to_owned(), "\"quoted\"".to_owned()];
    for (second, change) in (1..).zip([
        UploadChange::Spooled("0192.media".to_owned()),
        UploadChange::Media {
            media_type: "video/mp4".to_owned(),
            media_category: "tweet_video".to_owned(),
            warnings: warnings.clone(),
        },
        UploadChange::Received { size: i64::MAX as u64, digest: "ab".repeat(32) },
        progress(Phase::Transferring, 1 << 40),
    ]) {
        store.uploads().change(&key, id, &change, after(second)).await.unwrap();
    }
    drop(store);

    let store = world.open().await;
    let upload = store.uploads().get(&key, id).await.unwrap().unwrap();
    assert_eq!((upload.key_id, upload.request_id, upload.account), (key.clone(), new.request_id, account()));
    assert_eq!((upload.created_at, upload.updated_at), (NOW, after(4)));
    assert_eq!(upload.spool_file.as_deref(), Some("0192.media"));
    assert_eq!(upload.media_type.as_deref(), Some("video/mp4"));
    assert_eq!(upload.media_category.as_deref(), Some("tweet_video"));
    assert_eq!(upload.warnings, warnings);
    assert_eq!((upload.size, upload.digest), (Some(i64::MAX as u64), Some("ab".repeat(32))));
    assert_eq!((upload.progress.sent, upload.progress.stored), (1 << 40, 1 << 39));
    assert_eq!(upload.progress.phase, Phase::Transferring);
}

#[tokio::test]
async fn an_end_is_an_end_and_may_be_told_twice() {
    let world = World::new();
    let store = world.open().await;
    let (key, _) = key(&store, Billing::Metered).await;
    let uploads = store.uploads();
    for end in
        [UploadEnd::Succeeded(json!({"media_id": "7"})), UploadEnd::Failed(json!({"error": "no media_id"}))]
    {
        let new = new_upload();
        let id = new.upload_id;
        uploads.insert(&key, &new, NOW).await.unwrap();
        uploads.change(&key, id, &UploadChange::Spooled("file".to_owned()), NOW).await.unwrap();
        uploads.finish(&key, id, &end, after(1)).await.unwrap();
        uploads.finish(&key, id, &end, after(2)).await.unwrap();
        let known = uploads.get(&key, id).await.unwrap().unwrap();
        assert_eq!((known.end.as_ref(), known.updated_at, known.spool_file), (Some(&end), after(1), None));
        let other = UploadEnd::Failed(json!({"error": "changed its mind"}));
        assert!(matches!(uploads.finish(&key, id, &other, after(3)).await, Err(UploadError::NotHeld)));
        let late = uploads.change(&key, id, &progress(Phase::Processing, 1), after(3)).await;
        assert!(matches!(late, Err(UploadError::NotHeld)), "{late:?}");
        assert_eq!(uploads.get(&key, id).await.unwrap().unwrap().end, Some(end));
    }
    assert_eq!(ids(&store).await, []);
}

#[tokio::test]
async fn an_upload_is_its_keys_alone() {
    let world = World::new();
    let store = world.open().await;
    let (ours, _) = key(&store, Billing::Metered).await;
    let (theirs, _) = key(&store, Billing::Metered).await;
    let uploads = store.uploads();
    let mut mine = Vec::new();
    // Two tenants take turns.
    for n in 0..6 {
        let (key, new) = (if n % 2 == 0 { &ours } else { &theirs }, new_upload());
        uploads.insert(key, &new, after(n)).await.unwrap();
        if n % 2 == 0 {
            mine.insert(0, new.upload_id);
        }
    }
    let ids = |uploads: Vec<chunkwise_gateway::store::UploadRecord>| -> Vec<UploadId> {
        uploads.iter().map(|upload| upload.upload_id).collect()
    };
    assert_eq!(ids(uploads.recent(&ours, 10).await.unwrap()), mine);
    assert_eq!(ids(uploads.recent(&ours, 2).await.unwrap()), mine[..2]);
    assert_eq!(uploads.get(&theirs, mine[0]).await.unwrap(), None);
    let end = UploadEnd::Failed(json!({}));
    assert!(matches!(uploads.finish(&theirs, mine[0], &end, NOW).await, Err(UploadError::NotHeld)));
    let change = progress(Phase::Transferring, 1);
    assert!(matches!(uploads.change(&theirs, mine[0], &change, NOW).await, Err(UploadError::NotHeld)));
    assert_eq!(uploads.get(&ours, mine[0]).await.unwrap().unwrap().progress.phase, Phase::Receiving);
}

#[tokio::test]
async fn what_cannot_be_kept_is_refused() {
    let world = World::new();
    let store = world.open().await;
    let (key, _) = key(&store, Billing::Metered).await;
    let uploads = store.uploads();
    let new = new_upload();
    uploads.insert(&key, &new, NOW).await.unwrap();
    assert!(matches!(uploads.insert(&key, &new, NOW).await, Err(UploadError::Known)));
    let same_request = NewUpload { upload_id: UploadId::new(NOW).unwrap(), ..new.clone() };
    assert!(matches!(uploads.insert(&key, &same_request, NOW).await, Err(UploadError::Known)));
    let id = new.upload_id;
    let much = Progress { phase: Phase::Processing, sent: 0, stored: 0, committed: 0, processed: 101 };
    for change in [
        progress(Phase::Succeeded, 1),
        progress(Phase::Failed, 1),
        progress(Phase::Transferring, u64::MAX),
        UploadChange::Progress(much),
        UploadChange::Received { size: u64::MAX, digest: String::new() },
    ] {
        let told = uploads.change(&key, id, &change, NOW).await;
        assert!(matches!(told, Err(UploadError::BadValue(_))), "{change:?}: {told:?}");
    }
    let unknown =
        uploads.change(&key, UploadId::new(NOW).unwrap(), &progress(Phase::Transferring, 1), NOW).await;
    assert!(matches!(unknown, Err(UploadError::NotHeld)));
}

#[tokio::test]
async fn what_the_dead_left_unfinished_is_given_to_one_of_the_living() {
    let world = World::new();
    let (dying, living) = (world.open().await, world.open().await);
    let (key, _) = key(&dying, Billing::Metered).await;
    let (left, ours) = (new_upload(), new_upload());
    dying.uploads().insert(&key, &left, NOW).await.unwrap();
    living.uploads().insert(&key, &ours, after(1)).await.unwrap();
    assert_eq!(living.uploads().adopt_unfinished().await.unwrap(), [], "its owner lives");
    let change = progress(Phase::Transferring, 1);
    let early = living.uploads().change(&key, left.upload_id, &change, NOW).await;
    assert!(matches!(early, Err(UploadError::NotHeld)), "it is another's: {early:?}");
    drop(dying);

    let starting = world.open().await;
    let adopted = starting.uploads().adopt_unfinished().await.unwrap();
    assert_eq!(adopted.iter().map(|upload| upload.upload_id).collect::<Vec<_>>(), [left.upload_id]);
    assert_eq!(living.uploads().adopt_unfinished().await.unwrap(), [], "given once");
    let late = living.uploads().change(&key, left.upload_id, &change, NOW).await;
    assert!(matches!(late, Err(UploadError::NotHeld)), "{late:?}");
    starting.uploads().change(&key, left.upload_id, &change, NOW).await.unwrap();
    assert_eq!(ids(&living).await, [left.upload_id, ours.upload_id]);
}

#[tokio::test]
async fn sweeping_forgets_what_ended_long_ago_and_nothing_else() {
    let world = World::new();
    let store = world.open().await;
    let (key, _) = key(&store, Billing::Metered).await;
    let uploads = store.uploads();
    let (old, young, open) = (new_upload(), new_upload(), new_upload());
    for new in [&old, &young, &open] {
        uploads.insert(&key, new, NOW).await.unwrap();
    }
    let end = UploadEnd::Succeeded(json!({}));
    uploads.finish(&key, old.upload_id, &end, after(1)).await.unwrap();
    uploads.finish(&key, young.upload_id, &end, after(9)).await.unwrap();
    assert_eq!(uploads.sweep(after(5)).await.unwrap(), 1);
    assert_eq!(uploads.get(&key, old.upload_id).await.unwrap(), None);
    assert!(uploads.get(&key, young.upload_id).await.unwrap().is_some());
    assert_eq!(ids(&store).await, [open.upload_id]);
}
