//! A gateway that dies between any two steps of a request, or in the midst of one (T13).

use chunkwise_gateway::store::{
    AccountRef, Charge, Conclusion, KeyId, LedgerError, MicroDollars, NewUpload, RequestError, RequestId,
    Resolution, Store, UploadEnd, UploadError, UploadId,
};
use chunkwise_transport::Secret;
use serde_json::json;

use crate::client::{Client, PRICE, Sent, Until, client, cut, start};
use crate::world::{NOW, World};

async fn assert_charged_once(store: &Store, key: &KeyId, when: &str) {
    let balance = store.ledger().balance(key).await.unwrap();
    assert_eq!(balance.settled, PRICE, "{when}");
    assert_eq!(balance.reserved, MicroDollars::ZERO, "{when}");
    assert_eq!(store.ledger().recount(key).await.unwrap(), balance, "{when}");
    assert_eq!(store.uploads().unfinished().await.unwrap(), [], "{when}");
    assert_eq!(store.uploads().recent(key, 10).await.unwrap().len(), 1, "{when}");
}

#[tokio::test]
async fn killed_between_any_two_steps_it_charges_once_and_answers_the_same() {
    use Until::{Admitted, Begun, Concluded, Understood};
    for first in [Begun, Understood, Admitted, Concluded] {
        for second in [Begun, Understood, Admitted, Concluded] {
            let when = format!("dead after {first:?}, then after {second:?}");
            let mut world = World::new();
            let store = start(&world).await;
            let client = client(&store).await;
            for until in [first, second] {
                let store = start(&world).await;
                client.send(&store, until).await;
                // What a kill leaves, with the connections still open.
                world = world.after_a_kill();
            }
            let store = start(&world).await;
            assert_eq!(client.send(&store, Concluded).await, Sent::Answered(Client::answer()), "{when}");
            assert_charged_once(&store, &client.key, &when).await;
            assert_eq!(client.send(&store, Concluded).await, Sent::Answered(Client::answer()), "{when}");
            assert_charged_once(&store, &client.key, &when).await;
        }
    }
}

#[tokio::test]
async fn dropped_without_closing_it_goes_on_the_same_way() {
    for until in [Until::Begun, Until::Understood, Until::Admitted, Until::Concluded] {
        let world = World::new();
        let store = start(&world).await;
        let client = client(&store).await;
        client.send(&store, until).await;
        drop(store);
        let store = start(&world).await;
        assert_eq!(
            client.send(&store, Until::Concluded).await,
            Sent::Answered(Client::answer()),
            "{until:?}"
        );
        assert_charged_once(&store, &client.key, &format!("{until:?}")).await;
    }
}

#[tokio::test]
async fn cut_off_at_any_poll_a_step_has_happened_as_a_whole_or_not_at_all() {
    let mut ended = 0;
    for polls in 0..200 {
        let world = World::new();
        let store = start(&world).await;
        let client = client(&store).await;
        if cut(client.send(&store, Until::Concluded), polls).await.is_some() {
            ended += 1;
        }
        // The same process goes on: its connection is as good as new. What was cut off may still be on its way to the
        // disk; a write comes after it.
        store.writable().await.unwrap();
        let balance = store.ledger().balance(&client.key).await.unwrap();
        assert_eq!(balance, store.ledger().recount(&client.key).await.unwrap(), "cut at poll {polls}");
        store
            .ledger()
            .reserve(&client.key, RequestId::new(NOW).unwrap(), MicroDollars::new(1), NOW)
            .await
            .unwrap();
        drop(store);
        // The next one ends it.
        let store = start(&world).await;
        for open in store.ledger().open_reservations().await.unwrap() {
            if open.amount != PRICE {
                store.ledger().refund(&open.key_id, open.request_id, "test", NOW).await.unwrap();
            }
        }
        assert_eq!(
            client.send(&store, Until::Concluded).await,
            Sent::Answered(Client::answer()),
            "cut at poll {polls}"
        );
        assert_charged_once(&store, &client.key, &format!("cut at poll {polls}")).await;
        if ended == 3 {
            return;
        }
    }
    panic!("it never came to its end");
}

#[tokio::test]
async fn an_end_that_cannot_be_written_whole_is_not_written_at_all() {
    let world = World::new();
    let store = start(&world).await;
    let client = client(&store).await;
    client.send(&store, Until::Admitted).await;
    let elsewhere = start(&world).await;
    let open = elsewhere.ledger().open_reservations().await.unwrap().remove(0);
    let upload = elsewhere.uploads().unfinished().await.unwrap().remove(0).upload_id;
    let charge = Charge { amount: PRICE, bytes: 9, media_id: "7".to_owned() };
    let conclusion = Conclusion {
        key: &client.key,
        charged: open.request_id,
        resolution: &Resolution::Settle(charge),
        upload: (upload, &UploadEnd::Succeeded(json!({}))),
        replay: None,
    };
    // It is another process's: so the money stays where it is, and the upload too.
    let concluded = elsewhere.conclude(&conclusion, NOW).await;
    assert!(matches!(concluded, Err(RequestError::Ledger(LedgerError::NotHeld))), "{concluded:?}");
    // The money is right, the upload is none: so the money stays where it is.
    let wrong =
        Conclusion { upload: (UploadId::new(NOW).unwrap(), &UploadEnd::Succeeded(json!({}))), ..conclusion };
    assert!(matches!(store.conclude(&wrong, NOW).await, Err(RequestError::Upload(UploadError::NotHeld))));
    assert_eq!(elsewhere.ledger().balance(&client.key).await.unwrap().reserved, PRICE);
    // The balance does not cover a second one: so there is no second upload.
    let second = RequestId::new(NOW).unwrap();
    let account = AccountRef::of(&Secret::new([1; 32]), &Secret::new("token".to_owned()));
    let upload_id = UploadId::new(NOW).unwrap();
    let new = NewUpload { upload_id, request_id: second, idempotency_key: None, account };
    let admitted = store.admit(&client.key, &new, PRICE, NOW).await;
    assert!(
        matches!(admitted, Err(RequestError::Ledger(LedgerError::InsufficientBalance { .. }))),
        "{admitted:?}"
    );
    assert_eq!(store.uploads().get(&client.key, upload_id).await.unwrap(), None);
    // A key that this request does not hold: neither money nor upload.
    let other = NewUpload { idempotency_key: Some("twice".parse().unwrap()), ..new };
    let admitted = store.admit(&client.key, &other, MicroDollars::new(1), NOW).await;
    assert!(matches!(admitted, Err(RequestError::Idempotency(_))), "{admitted:?}");
    assert_eq!(store.ledger().balance(&client.key).await.unwrap().reserved, PRICE);
    assert_eq!(store.uploads().unfinished().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_write_that_was_not_committed_is_gone_with_its_process() {
    let world = World::new();
    let store = start(&world).await;
    let client = client(&store).await;
    let mut shell = world.shell().await;
    for statement in
        ["BEGIN IMMEDIATE", "UPDATE balances SET settled = 1", "UPDATE keys SET label = 'half done'"]
    {
        sqlx::query(statement).execute(&mut shell).await.unwrap();
    }
    let dead = world.after_a_kill();
    let after = dead.open().await;
    assert_eq!(after.ledger().balance(&client.key).await.unwrap().credited, MicroDollars::new(1_500));
    let balance = after.ledger().balance(&client.key).await.unwrap();
    assert_eq!(after.ledger().recount(&client.key).await.unwrap(), balance);
    assert_eq!(after.keys().list().await.unwrap()[0].label, "somebody");
    drop(shell);
    store.keys().revoke(&client.key, NOW).await.unwrap();
}

#[tokio::test]
async fn whoever_the_client_comes_back_to_goes_on_even_if_another_had_adopted_it() {
    let world = World::new();
    let (dying, other) = (start(&world).await, start(&world).await);
    let client = client(&dying).await;
    assert_eq!(client.send(&dying, Until::Admitted).await, Sent::Died);
    assert_eq!(client.send(&other, Until::Concluded).await, Sent::Running);
    drop(dying);
    let starting = start(&world).await;
    assert_eq!(client.send(&other, Until::Concluded).await, Sent::Answered(Client::answer()));
    assert_charged_once(&starting, &client.key, "adopted by one, ended by the other").await;
}

#[tokio::test]
async fn what_was_refunded_after_a_death_is_begun_anew() {
    let world = World::new();
    let dying = start(&world).await;
    let client = client(&dying).await;
    client.send(&dying, Until::Admitted).await;
    drop(dying);
    // It does not wait for the client: the upload has failed, and is for free.
    let store = world.open().await;
    let left = store.uploads().adopt_unfinished().await.unwrap().remove(0);
    store.ledger().adopt_reservations().await.unwrap();
    let conclusion = Conclusion {
        key: &client.key,
        charged: left.request_id,
        resolution: &Resolution::Refund("restart".to_owned()),
        upload: (left.upload_id, &UploadEnd::Failed(json!({"error": "restart"}))),
        replay: None,
    };
    store.conclude(&conclusion, NOW).await.unwrap();
    assert_eq!(client.send(&store, Until::Concluded).await, Sent::Answered(Client::answer()));
    let balance = store.ledger().balance(&client.key).await.unwrap();
    assert_eq!((balance.settled, balance.reserved), (PRICE, MicroDollars::ZERO));
    assert_eq!(store.uploads().recent(&client.key, 10).await.unwrap().len(), 2);
}
