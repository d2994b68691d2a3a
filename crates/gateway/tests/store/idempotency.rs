//! Requests that are sent again.

use std::sync::Arc;
use std::time::Duration;

use chunkwise_gateway::store::{
    ANSWER_MAX, ANSWER_TTL, AnotherPayload, Answer, Begun, Billing, Fingerprint, IdempotencyError,
    IdempotencyKey, KeyId, RequestId, Running, Store, UnixMillis,
};

use crate::world::{NOW, World, key};

fn request() -> RequestId {
    RequestId::new(NOW).unwrap()
}

fn idem(text: &str) -> IdempotencyKey {
    text.parse().unwrap()
}

fn answer() -> Answer {
    Answer { status: 200, body: r#"{"status":"success"}"#.to_owned() }
}

fn after(seconds: u64) -> UnixMillis {
    NOW.plus(Duration::from_secs(seconds))
}

async fn running(store: &Store, key: &KeyId, idem: &IdempotencyKey) -> Running {
    match store.idempotency().begin(key, idem, request(), NOW).await.unwrap() {
        Begun::Running(running) => running,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_request_is_done_once_and_its_answer_given_again() {
    let world = World::new();
    let store = world.open().await;
    let (key, _) = key(&store, Billing::Metered).await;
    let (idempotency, idem, first) = (store.idempotency(), idem("a"), request());
    let (this, other) = (Fingerprint::of(&[b"this"]), Fingerprint::of(&[b"other"]));
    assert_eq!(idempotency.begin(&key, &idem, first, NOW).await.unwrap(), Begun::Fresh);
    assert_eq!(
        idempotency.begin(&key, &idem, first, NOW).await.unwrap(),
        Begun::Fresh,
        "no answer, asked again"
    );
    let early = running(&store, &key, &idem).await;
    assert_eq!((early.since, early.upload), (NOW, None));
    assert!(!early.another(this) && !early.another(other), "nobody knows yet what it is about");
    idempotency.fingerprint(&key, &idem, first, this).await.unwrap();
    let known = running(&store, &key, &idem).await;
    assert!(!known.another(this) && known.another(other));

    idempotency.finish(&key, &idem, first, &answer(), ANSWER_TTL, NOW).await.unwrap();
    idempotency.finish(&key, &idem, first, &answer(), ANSWER_TTL, NOW).await.unwrap();
    drop(store);
    let store = world.open().await;
    match store.idempotency().begin(&key, &idem, request(), after(86_399)).await.unwrap() {
        Begun::Done(stored) => {
            assert_eq!(stored.request_id, first);
            assert_eq!(stored.answers(this), Ok(&answer()));
            assert_eq!(stored.answers(other), Err(AnotherPayload));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(store.idempotency().begin(&key, &idem, request(), after(86_400)).await.unwrap(), Begun::Fresh);
}

#[tokio::test]
async fn nobody_elses_step_changes_a_row() {
    let world = World::new();
    let store = world.open().await;
    let (ours, _) = key(&store, Billing::Metered).await;
    let (theirs, _) = key(&store, Billing::Metered).await;
    let (idempotency, idem, first, second) = (store.idempotency(), idem("a"), request(), request());
    idempotency.begin(&ours, &idem, first, NOW).await.unwrap();
    // The same word of another client is another request (T15).
    assert_eq!(idempotency.begin(&theirs, &idem, second, NOW).await.unwrap(), Begun::Fresh);
    let finished = idempotency.finish(&ours, &idem, second, &answer(), ANSWER_TTL, NOW).await;
    assert!(matches!(finished, Err(IdempotencyError::NotHeld)), "{finished:?}");
    let told = idempotency.fingerprint(&ours, &idem, second, Fingerprint::of(&[])).await;
    assert!(matches!(told, Err(IdempotencyError::NotHeld)), "{told:?}");
    idempotency.abandon(&ours, &idem, second).await.unwrap();
    running(&store, &ours, &idem).await;
    // Of another process too.
    let elsewhere = world.open().await;
    let finished = elsewhere.idempotency().finish(&ours, &idem, first, &answer(), ANSWER_TTL, NOW).await;
    assert!(matches!(finished, Err(IdempotencyError::NotHeld)), "{finished:?}");
    elsewhere.idempotency().abandon(&ours, &idem, first).await.unwrap();
    running(&elsewhere, &ours, &idem).await;

    idempotency.finish(&ours, &idem, first, &answer(), ANSWER_TTL, NOW).await.unwrap();
    idempotency.abandon(&ours, &idem, first).await.unwrap();
    let again = idempotency.begin(&ours, &idem, request(), NOW).await.unwrap();
    assert!(matches!(again, Begun::Done(_)), "what is done stays: {again:?}");
    let other = Answer { status: 502, ..answer() };
    let changed = idempotency.finish(&ours, &idem, first, &other, ANSWER_TTL, NOW).await;
    assert!(matches!(changed, Err(IdempotencyError::NotHeld)), "{changed:?}");
}

#[tokio::test]
async fn what_is_abandoned_is_fresh_again() {
    let world = World::new();
    let store = world.open().await;
    let (key, _) = key(&store, Billing::Metered).await;
    let (idempotency, idem, first) = (store.idempotency(), idem("a"), request());
    idempotency.begin(&key, &idem, first, NOW).await.unwrap();
    idempotency.fingerprint(&key, &idem, first, Fingerprint::of(&[b"this"])).await.unwrap();
    idempotency.abandon(&key, &idem, first).await.unwrap();
    let second = request();
    assert_eq!(idempotency.begin(&key, &idem, second, NOW).await.unwrap(), Begun::Fresh);
    idempotency.fingerprint(&key, &idem, second, Fingerprint::of(&[b"other"])).await.unwrap();
}

#[tokio::test]
async fn what_a_dead_process_left_running_is_taken_over_by_the_same_payload_only() {
    let world = World::new();
    let (dying, living) = (world.open().await, world.open().await);
    let (key, _) = key(&dying, Billing::Metered).await;
    let (idem, first) = (idem("a"), request());
    let this = Fingerprint::of(&[b"this"]);
    dying.idempotency().begin(&key, &idem, first, NOW).await.unwrap();
    dying.idempotency().fingerprint(&key, &idem, first, this).await.unwrap();
    running(&living, &key, &idem).await;
    drop(dying);

    let taken = |since| Begun::TakenOver { upload: None, since };
    let idempotency = living.idempotency();
    let (wrong, right) = (request(), request());
    assert_eq!(idempotency.begin(&key, &idem, wrong, after(5)).await.unwrap(), taken(NOW));
    running(&living, &key, &idem).await;
    let told = idempotency.fingerprint(&key, &idem, wrong, Fingerprint::of(&[b"other"])).await;
    assert!(matches!(told, Err(IdempotencyError::AnotherPayload(AnotherPayload))), "{told:?}");
    idempotency.abandon(&key, &idem, wrong).await.unwrap();

    assert_eq!(idempotency.begin(&key, &idem, right, after(9)).await.unwrap(), taken(after(5)));
    idempotency.fingerprint(&key, &idem, right, this).await.unwrap();
    idempotency.finish(&key, &idem, right, &answer(), ANSWER_TTL, after(9)).await.unwrap();
}

#[tokio::test]
async fn an_answer_lives_as_long_as_the_media_and_a_day_at_most() {
    let world = World::new();
    let store = world.open().await;
    let (key, _) = key(&store, Billing::Metered).await;
    let idempotency = store.idempotency();
    for (name, ttl, lives) in [("short", 60, 60), ("long", 1_000_000, 86_400), ("none", 0, 0)] {
        let (idem, first) = (idem(name), request());
        idempotency.begin(&key, &idem, first, NOW).await.unwrap();
        idempotency.finish(&key, &idem, first, &answer(), Duration::from_secs(ttl), NOW).await.unwrap();
        if lives > 0 {
            let begun = idempotency.begin(&key, &idem, request(), after(lives - 1)).await.unwrap();
            assert!(matches!(begun, Begun::Done(_)), "{name}: {begun:?}");
        }
    }
    idempotency.begin(&key, &idem("running"), request(), after(7)).await.unwrap();
    assert_eq!(idempotency.sweep(after(59)).await.unwrap(), 1);
    assert_eq!(idempotency.sweep(after(60)).await.unwrap(), 1);
    assert_eq!(idempotency.sweep(after(86_400)).await.unwrap(), 1);
    running(&store, &key, &idem("running")).await;
    assert_eq!(idempotency.sweep(after(86_407)).await.unwrap(), 1, "nothing runs for a day");

    let (idem, first) = (idem("big"), request());
    idempotency.begin(&key, &idem, first, NOW).await.unwrap();
    let big = Answer { status: 200, body: "x".repeat(ANSWER_MAX + 1) };
    let kept = idempotency.finish(&key, &idem, first, &big, ANSWER_TTL, NOW).await;
    assert!(matches!(kept, Err(IdempotencyError::AnswerTooLong)), "{kept:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_at_once_one_is_fresh() {
    let world = World::new();
    let stores = [Arc::new(world.open().await), Arc::new(world.open().await)];
    let (key, _) = key(&stores[0], Billing::Metered).await;
    for round in 0..8 {
        let idem = idem(&format!("round {round}"));
        let all: Vec<_> = (0..16)
            .map(|n| {
                let (store, key, idem) = (stores[n % 2].clone(), key.clone(), idem.clone());
                tokio::spawn(async move { store.idempotency().begin(&key, &idem, request(), NOW).await })
            })
            .collect();
        let mut fresh = 0;
        for one in all {
            match one.await.unwrap().unwrap() {
                Begun::Fresh => fresh += 1,
                Begun::Running(_) => {}
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(fresh, 1, "round {round}");
    }
}
