//! The ledger: every step counts once, the sums are the entries' sums, nothing is ever changed.

use std::time::Duration;

use chunkwise_gateway::store::{
    Balance, Billing, Charge, KeyId, LedgerError, MicroDollars, RequestId, Store, Tally, UnixMillis, Written,
};

use crate::world::{NOW, World, key};

const PRICE: MicroDollars = MicroDollars::new(1_000);

fn charge(amount: i64) -> Charge {
    Charge { amount: MicroDollars::new(amount), bytes: 24_531, media_id: "710511363345354753".to_owned() }
}

fn request() -> RequestId {
    RequestId::new(NOW).unwrap()
}

fn balance(credited: i64, settled: i64, reserved: i64) -> Balance {
    Balance {
        credited: MicroDollars::new(credited),
        settled: MicroDollars::new(settled),
        reserved: MicroDollars::new(reserved),
    }
}

async fn has(store: &Store, key: &KeyId) -> Balance {
    let kept = store.ledger().balance(key).await.unwrap();
    assert_eq!(kept, store.ledger().recount(key).await.unwrap(), "the sums are not those of the entries");
    kept
}

#[tokio::test]
async fn every_step_counts_once_however_often_it_is_told() {
    let world = World::new();
    let store = world.open().await;
    let (key, _) = key(&store, Billing::Prepaid).await;
    let ledger = store.ledger();
    let (credit, kept, lost) = (request(), request(), request());
    for written in [Written::Now, Written::Before] {
        assert_eq!(ledger.credit(&key, credit, MicroDollars::new(5_000), NOW).await.unwrap(), written);
    }
    for written in [Written::Now, Written::Before] {
        assert_eq!(ledger.reserve(&key, kept, PRICE, NOW).await.unwrap(), written);
        assert_eq!(ledger.reserve(&key, lost, PRICE, NOW).await.unwrap(), written);
    }
    assert_eq!(has(&store, &key).await, balance(5_000, 0, 2_000));
    for written in [Written::Now, Written::Before] {
        assert_eq!(ledger.settle(&key, kept, &charge(700), NOW).await.unwrap(), written);
        assert_eq!(ledger.refund(&key, lost, "upstream", NOW).await.unwrap(), written);
    }
    assert_eq!(has(&store, &key).await, balance(5_000, 700, 0), "what was not charged is free again");
    assert_eq!(ledger.balance(&key).await.unwrap().available(), Some(MicroDollars::new(4_300)));

    assert!(matches!(ledger.refund(&key, kept, "late", NOW).await, Err(LedgerError::Settled)));
    assert!(matches!(ledger.settle(&key, lost, &charge(1), NOW).await, Err(LedgerError::Refunded)));
    assert!(matches!(ledger.settle(&key, kept, &charge(701), NOW).await, Err(LedgerError::OtherRequest)));
    assert_eq!(
        ledger.reserve(&key, lost, PRICE, NOW).await.unwrap(),
        Written::Before,
        "a refund is no new start"
    );
    assert_eq!(has(&store, &key).await, balance(5_000, 700, 0));
}

#[tokio::test]
async fn nothing_is_reserved_that_a_prepaid_key_does_not_have() {
    let world = World::new();
    let store = world.open().await;
    let (key, _) = key(&store, Billing::Prepaid).await;
    let ledger = store.ledger();
    ledger.credit(&key, request(), MicroDollars::new(2_500), NOW).await.unwrap();
    ledger.reserve(&key, request(), PRICE, NOW).await.unwrap();
    let second = request();
    ledger.reserve(&key, second, PRICE, NOW).await.unwrap();
    let third = request();
    match ledger.reserve(&key, third, PRICE, NOW).await {
        Err(LedgerError::InsufficientBalance { available, needed }) => {
            assert_eq!((available, needed), (MicroDollars::new(500), PRICE));
        }
        other => panic!("{other:?}"),
    }
    ledger.reserve(&key, request(), MicroDollars::new(500), NOW).await.unwrap();
    ledger.refund(&key, second, "client", NOW).await.unwrap();
    ledger.reserve(&key, third, PRICE, NOW).await.unwrap();
    assert_eq!(has(&store, &key).await, balance(2_500, 0, 2_500));
    // What was a mistake is taken back, though it was spent.
    ledger.credit(&key, request(), MicroDollars::new(-2_500), NOW).await.unwrap();
    assert!(matches!(
        ledger.reserve(&key, request(), MicroDollars::ZERO, NOW).await,
        Err(LedgerError::InsufficientBalance { .. })
    ));
    assert_eq!(has(&store, &key).await.available(), Some(MicroDollars::new(-2_500)));
}

#[tokio::test]
async fn a_metered_key_is_counted_and_not_held_up() {
    let world = World::new();
    let store = world.open().await;
    let (key, _) = key(&store, Billing::Metered).await;
    let one = request();
    store.ledger().reserve(&key, one, PRICE, NOW).await.unwrap();
    store.ledger().settle(&key, one, &charge(1_000), NOW).await.unwrap();
    assert_eq!(has(&store, &key).await, balance(0, 1_000, 0));
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_and_writes_nothing() {
    let world = World::new();
    let store = world.open().await;
    let (key, _) = key(&store, Billing::Metered).await;
    let (other, _) = crate::world::key(&store, Billing::Metered).await;
    let ledger = store.ledger();
    let nobody: KeyId = "00000000".parse().unwrap();
    let one = request();
    assert!(matches!(ledger.reserve(&nobody, one, PRICE, NOW).await, Err(LedgerError::UnknownKey)));
    assert!(matches!(ledger.credit(&nobody, one, PRICE, NOW).await, Err(LedgerError::UnknownKey)));
    assert!(matches!(
        ledger.credit(&key, one, MicroDollars::ZERO, NOW).await,
        Err(LedgerError::BadAmount(_))
    ));
    let negative = MicroDollars::new(-1);
    assert!(matches!(ledger.reserve(&key, one, negative, NOW).await, Err(LedgerError::BadAmount(_))));
    assert!(matches!(ledger.settle(&key, one, &charge(0), NOW).await, Err(LedgerError::NotReserved)));
    assert!(matches!(ledger.refund(&key, one, "x", NOW).await, Err(LedgerError::NotReserved)));
    assert_eq!(has(&store, &key).await, Balance::default());

    ledger.reserve(&key, one, PRICE, NOW).await.unwrap();
    assert!(matches!(ledger.reserve(&other, one, PRICE, NOW).await, Err(LedgerError::OtherRequest)));
    assert!(matches!(ledger.settle(&other, one, &charge(1), NOW).await, Err(LedgerError::NotReserved)));
    assert!(matches!(ledger.refund(&other, one, "x", NOW).await, Err(LedgerError::NotReserved)));
    assert!(matches!(
        ledger.reserve(&key, one, MicroDollars::new(1), NOW).await,
        Err(LedgerError::OtherRequest)
    ));
    assert!(matches!(
        ledger.settle(&key, one, &charge(1_001), NOW).await,
        Err(LedgerError::MoreThanReserved { reserved: PRICE, .. })
    ));
    assert!(matches!(ledger.settle(&key, one, &charge(-1), NOW).await, Err(LedgerError::BadAmount(_))));
    let most = MicroDollars::new(i64::MAX);
    assert!(matches!(ledger.reserve(&key, request(), most, NOW).await, Err(LedgerError::Overflow)));
    assert_eq!(has(&store, &key).await, balance(0, 0, 1_000));
    assert_eq!(has(&store, &other).await, Balance::default());
}

#[tokio::test]
async fn usage_is_what_happened_from_a_time_to_a_time() {
    let world = World::new();
    let store = world.open().await;
    let (key, _) = key(&store, Billing::Metered).await;
    let ledger = store.ledger();
    let at = |minutes: u64| NOW.plus(Duration::from_secs(minutes * 60));
    for minute in 0..10 {
        let one = request();
        ledger.reserve(&key, one, PRICE, at(minute)).await.unwrap();
        if minute % 2 == 0 {
            ledger.settle(&key, one, &charge(900), at(minute + 1)).await.unwrap();
        } else {
            ledger.refund(&key, one, "upstream", at(minute)).await.unwrap();
        }
    }
    let tally = |count: u64, each: i64| Tally { count, amount: MicroDollars::new(count as i64 * each) };
    let usage = ledger.usage(&key, at(2)..at(6)).await.unwrap();
    assert_eq!(usage.reserved, tally(4, 1_000));
    assert_eq!(usage.settled, tally(2, 900), "of minutes 3 and 5");
    assert_eq!(usage.refunded, tally(2, 1_000), "of minutes 3 and 5");
    assert_eq!(usage.bytes, 2 * 24_531);
    let (other, _) = crate::world::key(&store, Billing::Metered).await;
    let always = UnixMillis::new(0)..UnixMillis::new(i64::MAX);
    assert_eq!(ledger.usage(&other, always).await.unwrap(), chunkwise_gateway::store::Usage::default());
}

#[tokio::test]
async fn not_even_a_database_shell_changes_an_entry_or_resolves_twice() {
    let world = World::new();
    let store = world.open().await;
    let (key, _) = key(&store, Billing::Metered).await;
    let one = request();
    store.ledger().reserve(&key, one, PRICE, NOW).await.unwrap();
    store.ledger().settle(&key, one, &charge(1_000), NOW).await.unwrap();
    let mut shell = world.shell().await;
    let twice = "INSERT INTO ledger SELECT 'x', at, key_id, request_id, 'refund', amount, NULL, NULL, NULL FROM ledger \
                 WHERE kind = 'settle'";
    for (statement, why) in [
        ("UPDATE ledger SET amount = 0", "append-only"),
        ("DELETE FROM ledger", "append-only"),
        (twice, "UNIQUE"),
        (
            "INSERT INTO ledger SELECT 'x', at, key_id, request_id, 'settle', 1, 1, 's', 'm' FROM ledger",
            "UNIQUE",
        ),
    ] {
        let error = sqlx::query(statement).execute(&mut shell).await.unwrap_err().to_string();
        assert!(error.contains(why), "{statement}: {error}");
    }
    assert_eq!(has(&store, &key).await, balance(0, 1_000, 0));
}

#[tokio::test]
async fn what_the_dead_left_reserved_is_given_to_one_of_the_living() {
    let world = World::new();
    let (dying, living) = (world.open().await, world.open().await);
    let (key, _) = key(&dying, Billing::Metered).await;
    let (left, ours) = (request(), request());
    dying.ledger().reserve(&key, left, PRICE, NOW).await.unwrap();
    living.ledger().reserve(&key, ours, PRICE, NOW.plus(Duration::from_secs(1))).await.unwrap();
    assert_eq!(living.ledger().adopt_reservations().await.unwrap(), [], "its owner lives");
    drop(dying);

    let starting = world.open().await;
    let adopted = starting.ledger().adopt_reservations().await.unwrap();
    assert_eq!(adopted.len(), 1);
    assert_eq!((adopted[0].request_id, adopted[0].amount, adopted[0].at), (left, PRICE, NOW));
    assert_eq!(living.ledger().adopt_reservations().await.unwrap(), [], "given once");
    let all = living.ledger().open_reservations().await.unwrap();
    assert_eq!(all.iter().map(|open| open.request_id).collect::<Vec<_>>(), [left, ours]);
    drop(starting);
    assert_eq!(
        living.ledger().adopt_reservations().await.unwrap(),
        adopted,
        "and given on by the next death"
    );
    living.ledger().refund(&key, left, "restart", NOW).await.unwrap();
    living.ledger().settle(&key, ours, &charge(1), NOW).await.unwrap();
    assert_eq!(living.ledger().open_reservations().await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_at_once_only_as_many_are_let_in_as_the_balance_has() {
    let world = World::new();
    let stores = [std::sync::Arc::new(world.open().await), std::sync::Arc::new(world.open().await)];
    let (key, _) = key(&stores[0], Billing::Prepaid).await;
    stores[0].ledger().credit(&key, request(), MicroDollars::new(7_999), NOW).await.unwrap();
    let all: Vec<_> = (0..24)
        .map(|n| {
            let (store, key) = (stores[n % 2].clone(), key.clone());
            tokio::spawn(async move { store.ledger().reserve(&key, request(), PRICE, NOW).await })
        })
        .collect();
    let mut let_in = 0;
    for one in all {
        match one.await.unwrap() {
            Ok(Written::Now) => let_in += 1,
            Err(LedgerError::InsufficientBalance { .. }) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(let_in, 7);
    assert_eq!(has(&stores[1], &key).await, balance(7_999, 0, 7_000));
}
