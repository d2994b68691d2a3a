//! Random schedules: clients that come again and again, processes that are cut off and killed. A failure prints the
//! schedule, shrunk; that is what replays it.

use std::collections::HashMap;

use chunkwise_gateway::store::{
    ANSWER_TTL, Answer, Balance, Begun, Billing, Charge, IdempotencyError, IdempotencyKey, KeyId,
    LedgerError, MicroDollars, RequestId, Store, Written,
};
use proptest::prelude::*;

use crate::client::{Client, PRICE, Sent, Until, cut, start};
use crate::world::{NOW, World, balance, key};

fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

const CLIENTS: usize = 3;
const PROCESSES: usize = 2;

/// Two clients send at the same time, each to some process; both are cut off after so many polls, if they are not done.
#[derive(Clone, Debug)]
struct Round {
    senders: [(usize, usize, usize); 2],
    then: Then,
}

#[derive(Clone, Debug)]
enum Then {
    Nothing,
    /// One process dies, and another starts in its place.
    Dies(usize),
    /// The machine dies: what is on the disk is all there is.
    Machine,
}

fn rounds() -> impl Strategy<Value = Vec<Round>> {
    let sender = || (0..CLIENTS, 0..PROCESSES, 0..60_usize);
    let then = prop_oneof![2 => Just(Then::Nothing), 3 => (0..PROCESSES).prop_map(Then::Dies), 1 => Just(Then::Machine)];
    let round = (sender(), sender(), then).prop_map(|(one, two, then)| Round { senders: [one, two], then });
    prop::collection::vec(round, 1..12)
}

async fn clients_are_charged_once(rounds: Vec<Round>) {
    let mut world = World::new();
    let mut stores = vec![start(&world).await, start(&world).await];
    let (key, _) = key(&stores[0], Billing::Prepaid).await;
    // Not a cent more than they need: a reservation too many, or one that is lost, is refused.
    let credit = MicroDollars::new(PRICE.get() * CLIENTS as i64);
    stores[0].ledger().credit(&key, RequestId::new(NOW).unwrap(), credit, NOW).await.unwrap();
    let clients: Vec<Client> = (0..CLIENTS).map(|n| Client::named(&key, &format!("client {n}"))).collect();

    for Round { senders: [one, two], then } in rounds {
        let send = |(client, process, polls): (usize, usize, usize)| {
            cut(clients[client].send(&stores[process], Until::Concluded), polls)
        };
        tokio::join!(send(one), send(two));
        // What was cut off may still be on its way to the disk; a write comes after it.
        for store in &stores {
            store.writable().await.unwrap();
        }
        match then {
            Then::Nothing => {}
            Then::Dies(process) => {
                drop(stores.remove(process));
                stores.insert(process, start(&world).await);
            }
            Then::Machine => {
                let after = world.after_a_kill();
                stores = vec![start(&after).await, start(&after).await];
                world = after;
            }
        }
        let balance = balance(&stores[0], &key, "between two rounds").await;
        assert!(balance.available().unwrap() >= MicroDollars::ZERO, "{balance:?}");
    }

    drop(stores);
    let store = start(&world).await;
    for client in &clients {
        assert_eq!(client.send(&store, Until::Concluded).await, Sent::Answered(Client::answer()));
    }
    let balance = store.ledger().balance(&key).await.unwrap();
    assert_eq!(balance, Balance { credited: credit, settled: credit, reserved: MicroDollars::ZERO });
    assert_eq!(balance, store.ledger().recount(&key).await.unwrap());
    assert_eq!(store.ledger().open_reservations().await.unwrap(), []);
    assert_eq!(store.uploads().unfinished().await.unwrap(), []);
    assert_eq!(store.uploads().recent(&key, 100).await.unwrap().len(), CLIENTS, "no upload was made twice");
}

proptest! {
    #![proptest_config(config(96))]

    #[test]
    fn whoever_dies_when_every_client_is_charged_once_and_answered(rounds in rounds()) {
        run(clients_are_charged_once(rounds));
    }
}

/// One step, by one of two processes, of one of two keys, on one of few requests.
#[derive(Clone, Copy, Debug)]
enum Step {
    Credit(i64),
    Reserve(usize, i64),
    Settle(usize, i64),
    Refund(usize),
    Begin(usize, usize),
    Finish(usize, usize),
    Abandon(usize, usize),
    /// The process dies; the next one in its place adopts nothing.
    Die,
    Adopt,
}

const REQUESTS: usize = 4;

fn steps() -> impl Strategy<Value = Vec<(usize, usize, Step)>> {
    let request = || 0..REQUESTS;
    let step = prop_oneof![
        1 => (-500..3_000_i64).prop_map(Step::Credit),
        4 => (request(), -1..1_500_i64).prop_map(|(request, amount)| Step::Reserve(request, amount)),
        3 => (request(), -1..1_500_i64).prop_map(|(request, amount)| Step::Settle(request, amount)),
        2 => request().prop_map(Step::Refund),
        3 => (0..2_usize, request()).prop_map(|(idem, request)| Step::Begin(idem, request)),
        2 => (0..2_usize, request()).prop_map(|(idem, request)| Step::Finish(idem, request)),
        1 => (0..2_usize, request()).prop_map(|(idem, request)| Step::Abandon(idem, request)),
        1 => Just(Step::Die),
        1 => Just(Step::Adopt),
    ];
    prop::collection::vec((0..PROCESSES, 0..2_usize, step), 1..60)
}

/// What a request has come to. Lives are counted through, so that a process in a dead one's place is another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stand {
    Open(u32),
    Settled(i64),
    Refunded,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Row {
    Running { request: usize, life: u32 },
    Done { request: usize },
}

/// The same in a few lines, without a disk.
#[derive(Debug)]
struct Model {
    lives: [u32; PROCESSES],
    next_life: u32,
    credited: [i64; 2],
    requests: HashMap<usize, (usize, i64, Stand)>,
    rows: HashMap<(usize, usize), Row>,
}

impl Model {
    fn balance(&self, key: usize) -> Balance {
        let of = |f: fn(i64, Stand) -> i64| {
            let all = self.requests.values().filter(|(owner, ..)| *owner == key);
            MicroDollars::new(all.map(|(_, reserved, stand)| f(*reserved, *stand)).sum())
        };
        Balance {
            credited: MicroDollars::new(self.credited[key]),
            settled: of(|_, stand| if let Stand::Settled(amount) = stand { amount } else { 0 }),
            reserved: of(|reserved, stand| if let Stand::Open(_) = stand { reserved } else { 0 }),
        }
    }

    fn alive(&self, life: u32) -> bool {
        self.lives.contains(&life)
    }
}

struct Run {
    stores: Vec<Store>,
    keys: [KeyId; 2],
    requests: Vec<RequestId>,
    model: Model,
}

fn answer() -> Answer {
    Answer { status: 200, body: "{}".to_owned() }
}

impl Run {
    async fn step(&mut self, world: &World, process: usize, who: usize, step: Step) {
        let (store, key) = (&self.stores[process], &self.keys[who]);
        let life = self.model.lives[process];
        let idem = |n: usize| -> IdempotencyKey { format!("idem {n}").parse().unwrap() };
        match step {
            Step::Credit(amount) => {
                let request = RequestId::new(NOW).unwrap();
                let done = store.ledger().credit(key, request, MicroDollars::new(amount), NOW).await;
                if amount == 0 {
                    assert!(matches!(done, Err(LedgerError::BadAmount(_))), "{done:?}");
                } else {
                    assert!(matches!(done, Ok(Written::Now)), "{done:?}");
                    self.model.credited[who] += amount;
                }
            }
            Step::Reserve(request, amount) => {
                let id = self.requests[request];
                let done = store.ledger().reserve(key, id, MicroDollars::new(amount), NOW).await;
                let known = self.model.requests.get(&request).copied();
                // The first key is prepaid.
                let covered =
                    who == 1 || self.model.balance(0).available().unwrap() >= MicroDollars::new(amount);
                match known {
                    _ if amount < 0 => assert!(matches!(done, Err(LedgerError::BadAmount(_))), "{done:?}"),
                    Some((owner, reserved, _)) if owner == who && reserved == amount => {
                        assert!(matches!(done, Ok(Written::Before)), "{done:?}");
                    }
                    Some(_) => assert!(matches!(done, Err(LedgerError::OtherRequest)), "{done:?}"),
                    None if covered => {
                        assert!(matches!(done, Ok(Written::Now)), "{done:?}");
                        self.model.requests.insert(request, (who, amount, Stand::Open(life)));
                    }
                    None => assert!(matches!(done, Err(LedgerError::InsufficientBalance { .. })), "{done:?}"),
                }
            }
            Step::Settle(request, amount) => {
                let charge = Charge { amount: MicroDollars::new(amount), bytes: 1, media_id: "7".to_owned() };
                let done = store.ledger().settle(key, self.requests[request], &charge, NOW).await;
                match self.model.requests.get_mut(&request) {
                    _ if amount < 0 => assert!(matches!(done, Err(LedgerError::BadAmount(_))), "{done:?}"),
                    Some((owner, reserved, stand)) if *owner == who => match *stand {
                        Stand::Settled(settled) if settled == amount => {
                            assert!(matches!(done, Ok(Written::Before)), "{done:?}");
                        }
                        Stand::Settled(_) => {
                            assert!(matches!(done, Err(LedgerError::OtherRequest)), "{done:?}")
                        }
                        Stand::Refunded => assert!(matches!(done, Err(LedgerError::Refunded)), "{done:?}"),
                        Stand::Open(holder) if holder != life => {
                            assert!(matches!(done, Err(LedgerError::NotHeld)), "{done:?}");
                        }
                        Stand::Open(_) if amount > *reserved => {
                            assert!(matches!(done, Err(LedgerError::MoreThanReserved { .. })), "{done:?}");
                        }
                        Stand::Open(_) => {
                            assert!(matches!(done, Ok(Written::Now)), "{done:?}");
                            *stand = Stand::Settled(amount);
                        }
                    },
                    Some(_) | None => assert!(matches!(done, Err(LedgerError::NotReserved)), "{done:?}"),
                }
            }
            Step::Refund(request) => {
                let done = store.ledger().refund(key, self.requests[request], "test", NOW).await;
                match self.model.requests.get_mut(&request) {
                    Some((owner, _, stand)) if *owner == who => match *stand {
                        Stand::Settled(_) => assert!(matches!(done, Err(LedgerError::Settled)), "{done:?}"),
                        Stand::Refunded => assert!(matches!(done, Ok(Written::Before)), "{done:?}"),
                        Stand::Open(holder) if holder != life => {
                            assert!(matches!(done, Err(LedgerError::NotHeld)), "{done:?}");
                        }
                        Stand::Open(_) => {
                            assert!(matches!(done, Ok(Written::Now)), "{done:?}");
                            *stand = Stand::Refunded;
                        }
                    },
                    Some(_) | None => assert!(matches!(done, Err(LedgerError::NotReserved)), "{done:?}"),
                }
            }
            Step::Begin(n, request) => {
                let id = self.requests[request];
                let begun = store.idempotency().begin(key, &idem(n), id, NOW).await.unwrap();
                let row = self.model.rows.get(&(who, n)).copied();
                match row {
                    Some(Row::Done { request }) => {
                        assert!(
                            matches!(&begun, Begun::Done(stored) if stored.request_id == self.requests[request])
                        );
                    }
                    Some(Row::Running { life: holder, request: running }) if self.model.alive(holder) => {
                        let same = running == request;
                        assert!(matches!(begun, Begun::Fresh) == same, "{begun:?}");
                        assert!(matches!(begun, Begun::Running(_)) != same, "{begun:?}");
                    }
                    Some(Row::Running { .. }) => {
                        assert!(matches!(begun, Begun::TakenOver { .. }), "{begun:?}")
                    }
                    None => assert_eq!(begun, Begun::Fresh),
                }
                if matches!(begun, Begun::TakenOver { .. }) || row.is_none() {
                    self.model.rows.insert((who, n), Row::Running { request, life });
                }
            }
            Step::Finish(n, request) => {
                let id = self.requests[request];
                let done = store.idempotency().finish(key, &idem(n), id, &answer(), ANSWER_TTL, NOW).await;
                let held = Row::Running { request, life };
                match self.model.rows.get(&(who, n)) {
                    Some(row) if *row == held => {
                        done.unwrap();
                        self.model.rows.insert((who, n), Row::Done { request });
                    }
                    Some(Row::Done { request: by }) if *by == request => done.unwrap(),
                    Some(_) | None => assert!(matches!(done, Err(IdempotencyError::NotHeld)), "{done:?}"),
                }
            }
            Step::Abandon(n, request) => {
                store.idempotency().abandon(key, &idem(n), self.requests[request]).await.unwrap();
                if self.model.rows.get(&(who, n)) == Some(&Row::Running { request, life }) {
                    self.model.rows.remove(&(who, n));
                }
            }
            Step::Die => {
                drop(self.stores.remove(process));
                self.stores.insert(process, world.open().await);
                self.model.lives[process] = self.model.next_life;
                self.model.next_life += 1;
            }
            Step::Adopt => {
                let adopted = store.ledger().adopt_reservations().await.unwrap();
                let lives = self.model.lives;
                let mut expected = Vec::new();
                for (request, (_, _, stand)) in &mut self.model.requests {
                    if matches!(stand, Stand::Open(holder) if !lives.contains(holder)) {
                        *stand = Stand::Open(life);
                        expected.push(self.requests[*request]);
                    }
                }
                let mut adopted: Vec<_> = adopted.into_iter().map(|open| open.request_id).collect();
                adopted.sort();
                expected.sort();
                assert_eq!(adopted, expected);
            }
        }
    }
}

async fn it_is_as_the_model_says(steps: Vec<(usize, usize, Step)>) {
    let world = World::new();
    let stores = vec![world.open().await, world.open().await];
    let keys = [key(&stores[0], Billing::Prepaid).await.0, key(&stores[0], Billing::Metered).await.0];
    let requests = (0..REQUESTS).map(|_| RequestId::new(NOW).unwrap()).collect();
    let model = Model {
        lives: [0, 1],
        next_life: 2,
        credited: [0; 2],
        requests: HashMap::new(),
        rows: HashMap::new(),
    };
    let mut run = Run { stores, keys, requests, model };
    for (process, who, step) in steps {
        run.step(&world, process, who, step).await;
        for (n, key) in run.keys.iter().enumerate() {
            assert_eq!(run.stores[process].ledger().balance(key).await.unwrap(), run.model.balance(n));
        }
    }
    for (n, key) in run.keys.iter().enumerate() {
        assert_eq!(run.stores[0].ledger().recount(key).await.unwrap(), run.model.balance(n));
    }
    let mut shell = world.shell().await;
    let twice: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM (SELECT request_id FROM ledger WHERE kind IN ('settle', 'refund') \
         GROUP BY request_id HAVING COUNT(*) > 1)",
    )
    .fetch_one(&mut shell)
    .await
    .unwrap();
    assert_eq!(twice, 0);
}

proptest! {
    #![proptest_config(config(96))]

    #[test]
    fn whatever_is_asked_in_whatever_order_it_is_as_the_model_says(steps in steps()) {
        run(it_is_as_the_model_says(steps));
    }
}
