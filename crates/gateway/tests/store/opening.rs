//! Opening: modes, schemas, several at once.

use std::time::Duration;

use chunkwise_gateway::store::{Billing, Store, StoreError};

use crate::world::{NOW, World, key};

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_can_read_any_of_its_files() {
    use std::os::unix::fs::PermissionsExt as _;

    let world = World::new();
    std::fs::write(world.path(), b"").unwrap();
    std::fs::set_permissions(world.path(), std::fs::Permissions::from_mode(0o644)).unwrap();
    let store = world.open().await;
    key(&store, Billing::Metered).await;
    let mut names = Vec::new();
    for entry in std::fs::read_dir(world.folder()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{entry:?}");
        names.push(entry.file_name().into_string().unwrap());
    }
    names.sort();
    assert_eq!(names, ["gateway.db", "gateway.db-shm", "gateway.db-wal", "gateway.db.owner-1"]);
    store.close().await.unwrap();
    assert_eq!(std::fs::read_dir(world.folder()).unwrap().count(), 1, "closed, one file is left");
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_alone() {
    let world = World::new();
    world.open().await.close().await.unwrap();
    let mut shell = world.shell().await;
    sqlx::query(
        "INSERT INTO _sqlx_migrations VALUES (99, 'from the future', CURRENT_TIMESTAMP, TRUE, x'00', 0)",
    )
    .execute(&mut shell)
    .await
    .unwrap();
    drop(shell);
    let error = Store::open(world.path()).await.unwrap_err();
    assert!(matches!(error, StoreError::Newer { found: 99, .. }), "{error}");
    assert!(error.to_string().contains("Nothing was changed"), "{error}");
    let mut shell = world.shell().await;
    let epochs: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM owners").fetch_one(&mut shell).await.unwrap();
    assert_eq!(epochs, 1, "not even an epoch was taken");
}

#[tokio::test]
async fn what_is_no_store_is_refused_and_left_alone() {
    let world = World::new();
    let text = "Dear diary, this is no database. ".repeat(100);
    std::fs::write(world.path(), &text).unwrap();
    let error = Store::open(world.path()).await.unwrap_err();
    assert!(matches!(error, StoreError::ForeignSchema(_)), "{error}");
    assert_eq!(std::fs::read_to_string(world.path()).unwrap(), text);

    let folder = World::new();
    let missing = folder.folder().join("nowhere").join("gateway.db");
    assert!(
        matches!(Store::open(&missing).await.unwrap_err(), StoreError::File { path, .. } if path == missing)
    );

    let edited = World::new();
    edited.open().await.close().await.unwrap();
    let mut shell = edited.shell().await;
    sqlx::query("UPDATE _sqlx_migrations SET checksum = x'00' WHERE version = 1")
        .execute(&mut shell)
        .await
        .unwrap();
    drop(shell);
    assert!(matches!(Store::open(edited.path()).await.unwrap_err(), StoreError::ForeignSchema(_)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_that_open_at_once_make_one_schema() {
    let world = World::new();
    let opening: Vec<_> = (0..6).map(|_| tokio::spawn(Store::open(world.path()))).collect();
    let mut stores = Vec::new();
    for store in opening {
        stores.push(store.await.unwrap().unwrap());
    }
    let (id, secret) = key(&stores[0], Billing::Metered).await;
    for store in &stores {
        assert_eq!(store.keys().authenticate(&secret, NOW).await.unwrap().id, id);
    }
}

#[tokio::test]
async fn it_writes_ahead_and_waits_for_the_disk() {
    let world = World::new();
    let store = world.open().await;
    store.writable().await.unwrap();
    let mut shell = world.shell().await;
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut shell).await.unwrap();
    assert_eq!(mode, "wal");
    // Another process in the midst of a write does not stop those who read.
    let (_, secret) = key(&store, Billing::Metered).await;
    store.keys().authenticate(&secret, NOW).await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut shell).await.unwrap();
    store.keys().authenticate(&secret, NOW.plus(Duration::from_millis(1))).await.unwrap();
    sqlx::query("ROLLBACK").execute(&mut shell).await.unwrap();
}
