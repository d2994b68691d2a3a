//! A client and what a gateway does for it, step by step.

use chunkwise_gateway::store::{
    ANSWER_TTL, AccountRef, Answer, Begun, Billing, Charge, Conclusion, Fingerprint, IdempotencyKey, KeyId,
    MicroDollars, NewUpload, Replay, RequestId, Resolution, Store, UploadEnd, UploadId, Written,
};
use chunkwise_transport::Secret;
use serde_json::json;

use crate::world::{NOW, World, key};

pub(crate) const PRICE: MicroDollars = MicroDollars::new(1_000);

/// One request's way through the store, step by step.
pub(crate) struct Client {
    pub(crate) key: KeyId,
    pub(crate) idem: IdempotencyKey,
    pub(crate) this: Fingerprint,
}

/// How far it gets before the process dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub(crate) enum Until {
    Begun,
    Understood,
    Admitted,
    Concluded,
}

/// What the client sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// This.
    Answered(Answer),
    /// 409.
    Running,
    /// Nothing: it died on the way.
    Died,
}

impl Client {
    pub(crate) fn named(key: &KeyId, name: &str) -> Self {
        Self { key: key.clone(), idem: name.parse().unwrap(), this: Fingerprint::of(&[name.as_bytes()]) }
    }

    pub(crate) fn answer() -> Answer {
        Answer { status: 200, body: json!({"status": "success", "data": {"media_id": "7"}}).to_string() }
    }

    /// Sends the request (once more).
    pub(crate) async fn send(&self, store: &Store, until: Until) -> Sent {
        let request = RequestId::new(NOW).unwrap();
        let (key, idem) = (&self.key, &self.idem);
        let begun = store.idempotency().begin(key, idem, request, NOW).await.unwrap();
        let left = match begun {
            Begun::Done(stored) => return Sent::Answered(stored.answers(self.this).unwrap().clone()),
            Begun::Fresh => None,
            Begun::TakenOver { upload, .. } => upload,
            Begun::Running(_) => return Sent::Running,
        };
        if until == Until::Begun {
            return Sent::Died;
        }
        store.idempotency().fingerprint(key, idem, request, self.this).await.unwrap();
        if until == Until::Understood {
            return Sent::Died;
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
            return Sent::Died;
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
        Sent::Answered(Self::answer())
    }
}

/// One who has paid for one upload and a half.
pub(crate) async fn client(store: &Store) -> Client {
    let (key, _) = key(store, Billing::Prepaid).await;
    store.ledger().credit(&key, RequestId::new(NOW).unwrap(), MicroDollars::new(1_500), NOW).await.unwrap();
    Client::named(&key, "once")
}

/// Takes what the dead left, as a gateway does that starts.
pub(crate) async fn start(world: &World) -> Store {
    let store = world.open().await;
    store.ledger().adopt_reservations().await.unwrap();
    store.uploads().adopt_unfinished().await.unwrap();
    store
}

/// Polls it so often, and drops it then. Says whether it had come to its end.
pub(crate) async fn cut<T>(future: impl Future<Output = T>, polls: usize) -> Option<T> {
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
