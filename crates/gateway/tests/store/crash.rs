//! A gateway that dies between any two steps of a request, or in the midst of one (T13).

use chunkwise_gateway::store::{
    ANSWER_TTL, AccountRef, Answer, Begun, Billing, Charge, Conclusion, Fingerprint, IdempotencyKey, KeyId,
    LedgerError, MicroDollars, NewUpload, Replay, RequestError, RequestId, Resolution, Store, UploadEnd,
    UploadId, Written,
};
use chunkwise_transport::Secret;
use serde_json::json;

use crate::world::{NOW, World, key};

const PRICE: MicroDollars = MicroDollars::new(1_000);
const CREDIT: MicroDollars = MicroDollars::new(1_500);

/// One request's way through the store, step by step.
struct Client {
    key: KeyId,
    idem: IdempotencyKey,
    this: Fingerprint,
}

/// How far it gets before the process dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
enum Until {
    Begun,
    Understood,
    Admitted,
    Concluded,
}

impl Client {
    fn answer() -> Answer {
        Answer { status: 200, body: json!({"status": "success", "data": {"media_id": "7"}}).to_string() }
    }

    /// Sends the request (once more). Returns what was answered, unless the process died before.
    async fn send(&self, store: &Store, until: Until) -> Option<Answer> {
        let request = RequestId::new(NOW).unwrap();
        let (key, idem) = (&self.key, &self.idem);
        let begun = store.idempotency().begin(key, idem, request, NOW).await.unwrap();
        let left = match begun {
            Begun::Done(stored) => return Some(stored.answers(self.this).unwrap().clone()),
            Begun::Fresh => None,
            Begun::TakenOver { upload, .. } => upload,
            Begun::Running(running) => panic!("whose? {running:?}"),
        };
        if until == Until::Begun {
            return None;
        }
        store.idempotency().fingerprint(key, idem, request, self.this).await.unwrap();
        if until == Until::Understood {
            return None;
        }
        let (upload_id, charged) = match left {
            // It goes on from what was begun, and for that one's money.
            Some(upload) => (upload, store.uploads().get(key, upload).await.unwrap().unwrap().request_id),
            None => {
                let account = AccountRef::of(&Secret::new([1; 32]), &Secret::new("token".to_owned()));
                let upload_id = UploadId::new(NOW).unwrap();
                let idempotency_key = Some(idem.clone());
                let new = NewUpload { upload_id, request_id: request, idempotency_key, account };
                store.admit(key, &new, PRICE, NOW).await.unwrap();
                (upload_id, request)
            }
        };
        if until == Until::Admitted {
            return None;
        }
        let charge = Charge { amount: PRICE, bytes: 9, media_id: "7".to_owned() };
        let conclusion = Conclusion {
            key,
            charged,
            resolution: &Resolution::Settle(charge),
            upload: (upload_id, &UploadEnd::Succeeded(json!({"media_id": "7"}))),
            replay: Some((idem, request, &Replay::Keep(Self::answer(), ANSWER_TTL))),
        };
        assert_eq!(store.conclude(&conclusion, NOW).await.unwrap(), Written::Now);
        assert_eq!(store.conclude(&conclusion, NOW).await.unwrap(), Written::Before);
        Some(Self::answer())
    }
}

async fn client(store: &Store) -> Client {
    let (key, _) = key(store, Billing::Prepaid).await;
    store.ledger().credit(&key, RequestId::new(NOW).unwrap(), CREDIT, NOW).await.unwrap();
    Client { key, idem: "once".parse().unwrap(), this: Fingerprint::of(&[b"this"]) }
}

/// Takes what the dead left, as a gateway does that starts.
async fn start(world: &World) -> Store {
    let store = world.open().await;
    store.ledger().adopt_reservations().await.unwrap();
    store.uploads().adopt_unfinished().await.unwrap();
    store
}

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
            assert_eq!(client.send(&store, Concluded).await, Some(Client::answer()), "{when}");
            assert_charged_once(&store, &client.key, &when).await;
            assert_eq!(client.send(&store, Concluded).await, Some(Client::answer()), "{when}");
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
        assert_eq!(client.send(&store, Until::Concluded).await, Some(Client::answer()), "{until:?}");
        assert_charged_once(&store, &client.key, &format!("{until:?}")).await;
    }
}

/// Polls it so often, and drops it then. Says whether it had come to its end.
async fn cut<T>(future: impl Future<Output = T>, polls: usize) -> Option<T> {
    let mut future = std::pin::pin!(future);
    let mut left = polls;
    std::future::poll_fn(|context| match future.as_mut().poll(context) {
        std::task::Poll::Ready(done) => std::task::Poll::Ready(Some(done)),
        std::task::Poll::Pending if left == 0 => std::task::Poll::Ready(None),
        std::task::Poll::Pending => {
            left -= 1;
            std::task::Poll::Pending
        }
    })
    .await
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
        // The same process goes on: its connection is as good as new.
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
            Some(Client::answer()),
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
    // The upload is another process's: so the money stays where it is.
    assert!(matches!(elsewhere.conclude(&conclusion, NOW).await, Err(RequestError::Upload(_))));
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
    assert_eq!(after.ledger().balance(&client.key).await.unwrap().credited, CREDIT);
    let balance = after.ledger().balance(&client.key).await.unwrap();
    assert_eq!(after.ledger().recount(&client.key).await.unwrap(), balance);
    assert_eq!(after.keys().list().await.unwrap()[0].label, "somebody");
    drop(shell);
    store.keys().revoke(&client.key, NOW).await.unwrap();
}
