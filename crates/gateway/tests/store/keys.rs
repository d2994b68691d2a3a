//! Keys: made, shown once, checked, revoked.

use std::time::Duration;

use chunkwise_gateway::store::{
    AuthenticateError, Billing, CreateKeyError, KeyLimits, NewKey, Store, Unauthorized, UnixMillis,
};
use chunkwise_transport::Secret;

use crate::world::{NOW, World, key, new_key};

async fn refused(store: &Store, key: &str, now: UnixMillis) -> Unauthorized {
    match store.keys().authenticate(&Secret::new(key.to_owned()), now).await {
        Err(AuthenticateError::Unauthorized(unauthorized)) => unauthorized,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_key_lets_in_its_owner_with_its_limits_also_after_a_restart() {
    let world = World::new();
    let limits = KeyLimits {
        requests_per_second: 3,
        burst: 5,
        bytes_per_minute: i64::MAX as u64,
        uploads_at_once: u32::MAX,
    };
    let store = world.open().await;
    let new = NewKey { limits, ..new_key("the bakery", Billing::Prepaid) };
    let (id, secret) = store.keys().create(&new, NOW).await.unwrap();
    key(&store, Billing::Metered).await;
    drop(store);

    let store = world.open().await;
    let key = store.keys().authenticate(&secret, NOW).await.unwrap();
    assert_eq!((&key.id, key.label.as_str(), key.environment.as_str()), (&id, "the bakery", "test"));
    assert_eq!((key.limits, key.billing), (limits, Billing::Prepaid));
    assert_eq!((key.created_at, key.expires_at, key.revoked_at), (NOW, None, None));
    let listed = store.keys().list().await.unwrap();
    assert_eq!(listed.len(), 2);
    assert!(listed.iter().any(|other| other.id == id));
}

#[tokio::test]
async fn whatever_is_wrong_with_a_key_the_answer_is_the_same() {
    let world = World::new();
    let store = world.open().await;
    let (_, good) = key(&store, Billing::Metered).await;
    let good = good.expose();
    let (revoked_id, revoked) = key(&store, Billing::Metered).await;
    assert!(store.keys().revoke(&revoked_id, NOW).await.unwrap());
    let expiring = NewKey { expires_at: Some(NOW), ..new_key("a guest", Billing::Metered) };
    let (_, expired) = store.keys().create(&expiring, NOW).await.unwrap();

    let last = if good.ends_with('A') { 'B' } else { 'A' };
    let wrong = format!("{}{last}", &good[..good.len() - 1]);
    let other_environment = good.replace("_test_", "_live_");
    let unknown = good.replace(&good[15..23], "00000000");
    let swapped = format!("{}{}", &good[..24], &revoked.expose()[24..]);
    for bad in [
        "",
        "chunkwise",
        "Bearer",
        "\0",
        &wrong,
        &other_environment,
        &unknown,
        &swapped,
        &good[..66],
        &good.to_uppercase(),
        revoked.expose(),
        expired.expose(),
        "chunkwise_test_' OR 1=1_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    ] {
        assert_eq!(refused(&store, bad, NOW).await, Unauthorized, "{bad}");
    }
    assert!(
        store.keys().authenticate(&expired, UnixMillis::new(NOW.get() - 1)).await.is_ok(),
        "not yet expired"
    );
    assert!(store.keys().authenticate(&Secret::new(good.to_owned()), NOW).await.is_ok());
}

#[tokio::test]
async fn revoking_holds_from_the_next_request_on_and_keeps_its_first_time() {
    let world = World::new();
    let (here, there) = (world.open().await, world.open().await);
    let (id, secret) = key(&here, Billing::Metered).await;
    there.keys().authenticate(&secret, NOW).await.unwrap();
    assert!(here.keys().revoke(&id, NOW).await.unwrap());
    refused(&there, secret.expose(), NOW).await;
    assert!(there.keys().revoke(&id, NOW.plus(Duration::from_secs(9))).await.unwrap());
    assert_eq!(here.keys().list().await.unwrap()[0].revoked_at, Some(NOW));
    assert!(!here.keys().revoke(&"00000000".parse().unwrap(), NOW).await.unwrap(), "there is no such key");
}

#[tokio::test]
async fn its_last_use_is_known_to_the_hour() {
    let world = World::new();
    let store = world.open().await;
    let (_, secret) = key(&store, Billing::Metered).await;
    let at = |minutes: i64| UnixMillis::new(1_800_000_000_000 + minutes * 60_000);
    for (minutes, hour) in [(5, 0), (59, 0), (61, 60), (3, 60), (600, 600)] {
        store.keys().authenticate(&secret, at(minutes)).await.unwrap();
        let key = &store.keys().list().await.unwrap()[0];
        assert_eq!(key.last_used_at, Some(at(hour)), "used at minute {minutes}");
    }
}

#[tokio::test]
async fn a_label_that_would_write_into_logs_is_refused() {
    let world = World::new();
    let store = world.open().await;
    for label in ["", "two\nlines", "\u{1b}[31m", &"x".repeat(121)] {
        let made = store.keys().create(&new_key(label, Billing::Metered), NOW).await;
        assert!(matches!(made, Err(CreateKeyError::Label)), "{label:?}");
    }
    let limits = KeyLimits { bytes_per_minute: u64::MAX, ..KeyLimits::default() };
    let made = store.keys().create(&NewKey { limits, ..new_key("greedy", Billing::Metered) }, NOW).await;
    assert!(matches!(made, Err(CreateKeyError::BytesPerMinute)));
    assert_eq!(store.keys().list().await.unwrap(), []);
}
