//! Several at once at what an earlier process has left, and a store or an X that does not play along.

use std::fs::File;
use std::str::FromStr as _;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chunkwise_sandbox::{Fault, FaultRule, Moment, Operation, ProcessingScript};
use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, SqliteConnection};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::looking::video;
use crate::world::{World, png};

/// Three segments.
const SIZE: usize = 12 << 20;

const KEY: &str = "Idempotency-Key: once\r\n";
const LATER: &str = "Prefer: respond-async\r\n";

fn stuck() -> Fault {
    Fault::Delay { millis: 600_000, moment: Moment::BeforeBody }
}

/// Of the segments that X is given from now on it says nothing to the second one.
async fn stuck_world() -> World {
    let world = World::with(|settings| settings.caps.drain_seconds = 0).await;
    world.sandbox.change_settings(|settings| {
        settings.processing.video = ProcessingScript::already_succeeded();
    });
    world.sandbox.add_fault(FaultRule::at_call(Operation::Append, 2, stuck()));
    world
}

fn body(world: &World, content: &[u8]) -> Value {
    json!({ "auth_token": world.token, "media_data": STANDARD.encode(content), "media_type": "video/mp4" })
}

async fn stored(world: &World, place: &str) {
    world.until(place, |seen| seen["progress"]["stored"].as_u64() >= Some((SIZE / 2) as u64)).await;
}

/// An upload that is under way, by its place.
async fn under_way(world: &World, headers: &str) -> String {
    let accepted = world.upload(&format!("{headers}{LATER}"), &body(world, &video(SIZE, true))).await;
    let place = accepted.header("location").unwrap_or_else(|| panic!("{accepted:?}")).to_owned();
    stored(world, &place).await;
    place
}

/// Somebody else at the database.
async fn elsewhere(world: &World) -> SqliteConnection {
    let file = world.settings.state_dir.join("gateway.db");
    let options = SqliteConnectOptions::from_str(&format!("sqlite://{}", file.display())).unwrap();
    options.busy_timeout(Duration::from_secs(10)).connect().await.unwrap()
}

async fn run(database: &mut SqliteConnection, statement: &'static str) {
    sqlx::query(statement).execute(database).await.unwrap();
}

/// What was begun for a price costs that, whatever it costs by the time it ends.
#[tokio::test]
async fn a_price_that_has_risen_is_not_that_of_what_was_begun_before() {
    let world = stuck_world().await;
    under_way(&world, KEY).await;
    let after = world.after_a_kill_with(|settings| settings.price = 5_000).await;
    let again = after.upload(KEY, &body(&world, &video(SIZE, true))).await;
    assert_eq!(again.status, 200, "{again:?}");
    let usage = after.get("/usage").await.json();
    let seen = (usage["charged_micro_dollars"].as_u64(), usage["reserved_micro_dollars"].as_u64());
    assert_eq!(seen, (Some(1_000), Some(0)), "{usage}");
    let replayed = after.upload(KEY, &body(&world, &video(SIZE, true))).await;
    assert_eq!((replayed.header("idempotent-replayed"), &replayed.body), (Some("true"), &again.body));
}

/// Whoever looks at the checkpoints holds each for a moment: that must not make it look lost to the next one.
#[tokio::test]
async fn who_goes_on_while_others_look_is_not_given_up() {
    let world = stuck_world().await;
    let place = under_way(&world, "").await;
    let after = world.after_a_kill().await;
    let name = place.strip_prefix("/uploads/").unwrap();
    let lock = after.settings.state_dir.join("checkpoints").join(format!("{name}.lock"));
    let looking = File::create(lock).unwrap();
    looking.lock().unwrap();
    let done = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(20));
        drop(looking);
    });
    let answer = after.post(&format!("{place}/resume"), "", &json!({ "auth_token": after.token })).await;
    done.join().unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(after.calls(Operation::Initialize), 1);
}

/// One of them goes on; the others take nothing from it.
#[tokio::test]
async fn of_several_that_go_on_at_once_one_does() {
    let world = stuck_world().await;
    let place = under_way(&world, "").await;
    let after = world.after_a_kill().await;
    after.sandbox.add_fault(FaultRule::always(Operation::Append, stuck()));
    let (resume, token) = (format!("{place}/resume"), json!({ "auth_token": after.token }));
    let go_on = || after.post(&resume, LATER, &token);
    let (a, b, c, d) = tokio::join!(go_on(), go_on(), go_on(), go_on());
    let mut statuses = [a.status, b.status, c.status, d.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [202, 409, 409, 409], "{a:?} {b:?} {c:?} {d:?}");
    assert_eq!(after.files("spool").len(), 1, "its media is still there");
    let again = after.after_a_kill().await;
    assert_eq!(again.get(&place).await.json()["phase"], "interrupted");
    again.sandbox.install_faults(chunkwise_sandbox::FaultPlan::default());
    let answer = again.post(&resume, "", &token).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(again.get("/usage").await.json()["calls"], 1);
}

/// Who asks for it to go on and goes away has asked for it.
#[tokio::test]
async fn who_goes_away_while_it_begins_to_go_on_loses_nothing() {
    let world = stuck_world().await;
    let place = under_way(&world, KEY).await;
    let after = world.after_a_kill().await;
    let mut database = elsewhere(&after).await;
    run(&mut database, "BEGIN IMMEDIATE").await;
    let text = json!({ "auth_token": after.token }).to_string();
    let head = format!(
        "POST {place}/resume HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{text}",
        after.key,
        text.len()
    );
    let mut hasty = tokio::net::TcpStream::connect(after.gateway.address()).await.unwrap();
    hasty.write_all(head.as_bytes()).await.unwrap();
    // Long enough that it waits for the database, which nothing shows.
    tokio::time::sleep(Duration::from_millis(500)).await;
    drop(hasty);
    tokio::time::sleep(Duration::from_millis(200)).await;
    run(&mut database, "ROLLBACK").await;
    after.until(&place, |seen| seen["phase"] == "completed").await;
    let answer = after.upload(KEY, &body(&world, &video(SIZE, true))).await;
    assert_eq!((answer.status, answer.header("idempotent-replayed")), (200, Some("true")), "{answer:?}");
    assert_eq!(after.get("/usage").await.json()["calls"], 1);
}

/// What can't be written down now is written down later.
#[tokio::test]
async fn an_end_that_cannot_be_written_down_is_written_down_later() {
    let world = World::new().await;
    let mut database = elsewhere(&world).await;
    run(
        &mut database,
        "CREATE TRIGGER full BEFORE INSERT ON ledger WHEN NEW.kind = 'settle' BEGIN SELECT RAISE(ABORT, 'full'); END",
    )
    .await;
    let body = json!({ "auth_token": world.token, "media_data": STANDARD.encode(png(500)), "media_type": "image/png" });
    let first = world.upload(KEY, &body).await;
    assert_eq!(first.status, 200, "{first:?}");
    run(&mut database, "DROP TRIGGER full").await;
    world.until("/usage", |usage| usage["calls"] == 1).await;
    let again = world.upload(KEY, &body).await;
    assert_eq!((again.status, &again.body), (200, &first.body), "{again:?}");
    assert_eq!(
        (world.get("/usage").await.json()["calls"].as_u64(), world.sandbox.media_ids().len()),
        (Some(1), 1)
    );
}

/// A clock that jumps by days (a machine that slept) does not make two of one.
#[tokio::test]
async fn a_key_does_not_expire_under_an_upload_that_runs() {
    let world = stuck_world().await;
    let place = under_way(&world, KEY).await;
    let mut database = elsewhere(&world).await;
    run(&mut database, "UPDATE idempotency SET expires_at = 1").await;
    // It is answered before its body is looked at.
    let again = world.upload(KEY, &json!({})).await;
    assert_eq!(again.status, 409, "{again:?}");
    assert_eq!(world.calls(Operation::Initialize), 1);
    let head = format!("DELETE {place} HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {}\r\n", world.key);
    assert_eq!(world.say(&head, b"").await.status, 202);
    world.until(&place, |seen| seen["phase"] == "failed").await;
    assert_eq!(world.get("/usage").await.json()["reserved_micro_dollars"], 0);
}

/// X takes a post and never says what it made of it: a stop does not wait for that, and the answer says that nobody knows.
#[tokio::test]
async fn a_stop_waits_for_no_answer_to_a_post() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let x = format!("http://{}", silent.local_addr().unwrap());
    let world = World::with(|settings| {
        settings.caps.drain_seconds = 0;
        settings.x.base_url = Some(x);
    })
    .await;
    let body = json!({ "auth_token": world.token, "text": "once" });
    let head = format!(
        "POST /twitter/tweet/create HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {}\r\n{KEY}Content-Type: application/json\r\n",
        world.key
    );
    let (address, text) = (world.gateway.address(), body.to_string());
    let waiting = tokio::spawn(async move { crate::world::say(address, &head, text.as_bytes()).await });
    let (mut post, _) = silent.accept().await.unwrap();
    let mut said = [0; 5];
    post.read_exact(&mut said).await.unwrap();
    assert_eq!(&said, b"POST ");
    let after = tokio::time::timeout(Duration::from_secs(30), world.restarted()).await.expect("it ends");
    let told = waiting.await.unwrap();
    assert!(told.status == 502 && told.body.contains("Nobody can tell"), "{told:?}");
    let again = after.post("/twitter/tweet/create", KEY, &body).await;
    assert!(again.status == 502 && again.body.contains("Nobody can tell"), "{again:?}");
}

/// An X that begins every upload and then reads nothing of it.
async fn x_that_does_not_read() -> String {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4 << 10).unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(64).unwrap();
    let x = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut said = [0; 4 << 10];
                let len = stream.read(&mut said).await.unwrap();
                if String::from_utf8_lossy(&said[..len]).contains("/initialize") {
                    let answer =
                        "{\"data\":{\"id\":\"1\",\"media_key\":\"3_1\",\"expires_after_secs\":86400}}";
                    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length:";
                    let answer = format!("{head} {}\r\n\r\n{answer}", answer.len());
                    stream.write_all(answer.as_bytes()).await.unwrap();
                } else {
                    std::future::pending::<()>().await;
                }
            });
        }
    });
    x
}

/// What goes out, however slowly X takes it, leaves room for what comes in.
#[tokio::test]
async fn uploads_that_are_stuck_leave_others_room_to_begin() {
    let x = x_that_does_not_read().await;
    let world = World::with(|settings| {
        settings.caps.memory = 4 << 20;
        settings.x.base_url = Some(x);
    })
    .await;
    let accepted = world.upload(LATER, &body(&world, &video(5 * (4 << 20), true))).await;
    assert_eq!(accepted.status, 202, "{accepted:?}");
    world.until(accepted.header("location").unwrap(), |seen| seen["progress"]["sent"] != 0).await;
    // Until it has in hand what it can get, which nothing shows.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let (data, kind) = (STANDARD.encode(png(500)), "image/png");
    let small = json!({ "auth_token": world.token, "media_data": data, "media_type": kind });
    let answer = world.upload(LATER, &small).await;
    assert_eq!(answer.status, 202, "{answer:?}");
}

/// However little memory there is, what goes out gets its turn.
#[tokio::test]
async fn little_memory_is_enough_for_large_media() {
    let too_little = World::new().await;
    let mut settings = too_little.settings.clone();
    settings.state_dir = settings.state_dir.join("other");
    settings.caps.memory = (1 << 20) - 1;
    let error = crate::world::start(settings).await.unwrap_err();
    assert!(error.to_string().contains("caps.memory"), "{error}");
    let world = World::with(|settings| settings.caps.memory = (1 << 20) + 200_000).await;
    let image = |len| {
        let data = STANDARD.encode(png(len));
        json!({ "auth_token": world.token, "media_data": data, "media_type": "image/png" })
    };
    // One in memory, one in its file.
    let (small, large) = (image(300_000), image(4_000_000));
    let both = async { tokio::join!(world.upload("", &small), world.upload("", &large)) };
    let (small, large) = tokio::time::timeout(Duration::from_secs(30), both).await.expect("they end");
    assert_eq!((small.status, large.status), (200, 200), "{small:?} {large:?}");
}
