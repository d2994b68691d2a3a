//! T15: two tenants on one gateway, at the same time, and nothing of one is the other's.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chunkwise_gateway::store::Billing;
use chunkwise_sandbox::credentials;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::world::{Answer, World, new_key, png, say};
use crate::{any_port, raw, status, until};

/// A proxy, and the heads of what it was asked.
struct Proxy {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let log = asked.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let log = log.clone();
                tokio::spawn(async move { carry(stream, &log).await });
            }
        });
        Self { address, asked }
    }
}

async fn carry(mut near: TcpStream, log: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(near.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    log.lock().unwrap().push(head.clone());
    // What is asked in plain HTTP is forwarded, one request on a connection.
    let url = head.split(' ').nth(1).unwrap().to_owned();
    let authority = url.strip_prefix("http://").unwrap().split('/').next().unwrap().to_owned();
    let mut far = TcpStream::connect(&authority).await?;
    let head = head.replacen(&format!("http://{authority}"), "", 1);
    far.write_all(head.as_bytes()).await?;
    tokio::io::copy_bidirectional(&mut near, &mut far).await.map(drop)
}

struct Tenant<'a> {
    world: &'a World,
    key: String,
    token: &'static str,
    user: &'static str,
    proxy: Proxy,
    password: &'static str,
    /// Its media are as long as nobody else's.
    len: usize,
}

impl Tenant<'_> {
    fn body(&self, n: usize) -> Value {
        let mut body = json!({
            "auth_token": self.token, "media_data": STANDARD.encode(png(self.len + n)), "media_type": "image/png",
        });
        // One goes straight, over connections that are kept open.
        if n != 1 {
            let Self { user, password, proxy, .. } = self;
            body["proxy"] = json!(format!("http://{user}:{password}@{}", proxy.address));
        }
        body
    }

    async fn ask(&self, method: &str, path: &str, headers: &str, body: &Value) -> Answer {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n{headers}",
            self.key
        );
        let body = if body.is_null() { String::new() } else { body.to_string() };
        say(self.world.gateway.address(), &head, body.as_bytes()).await
    }
}

#[tokio::test]
async fn two_tenants_that_take_turns_share_nothing() {
    let world = World::with(any_port).await;
    let tenant = async |token, user, password, len| Tenant {
        world: &world,
        key: new_key(&world.gateway, Billing::Metered).await,
        token,
        user,
        proxy: Proxy::start().await,
        password,
        len,
    };
    let tenants = [
        tenant(credentials::USER_TOKEN, credentials::USER_ID, "first-password", 10_000).await,
        tenant(credentials::OTHER_USER_TOKEN, credentials::OTHER_USER_ID, "second-password", 20_000).await,
    ];

    // Three each, all at once, under the same idempotency keys.
    let uploads = (0..6).map(|n| {
        let (tenant, n) = (&tenants[n % 2], n / 2);
        async move {
            tenant
                .ask(
                    "POST",
                    "/twitter/media/upload",
                    &format!("Idempotency-Key: same-{n}\r\n"),
                    &tenant.body(n),
                )
                .await
        }
    });
    let mut owner = BTreeMap::new();
    for (n, answer) in futures::future::join_all(uploads).await.into_iter().enumerate() {
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.header("idempotent-replayed"), None, "it is no other tenant's answer");
        let media_id = answer.json()["data"]["media_id"].as_str().unwrap().to_owned();
        assert_eq!(world.content(&media_id).await, png(tenants[n % 2].len + n / 2));
        assert_eq!(owner.insert(media_id, n % 2), None, "every media has an id of its own");
    }
    assert_eq!(owner.len(), 6);

    // A replay is one's own; the other's body under the same key is refused, as any other body is.
    let [first, second] = &tenants;
    let again =
        first.ask("POST", "/twitter/media/upload", "Idempotency-Key: same-0\r\n", &first.body(0)).await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (200, Some("true")));
    assert_eq!(owner[again.json()["data"]["media_id"].as_str().unwrap()], 0);
    let foreign =
        first.ask("POST", "/twitter/media/upload", "Idempotency-Key: same-0\r\n", &second.body(0)).await;
    assert_eq!(foreign.status, 422, "{foreign:?}");

    // Lists, single uploads, cancelling, usage.
    let mut listed = Vec::new();
    for (n, tenant) in tenants.iter().enumerate() {
        let list = tenant.ask("GET", "/uploads", "", &Value::Null).await.json();
        let list = list["uploads"].as_array().unwrap().clone();
        assert_eq!(list.len(), 3, "{list:?}");
        assert!(list.iter().all(|upload| owner[upload["media_id"].as_str().unwrap()] == n), "{list:?}");
        listed.push(list[0]["id"].as_str().unwrap().to_owned());
        let usage = tenant.ask("GET", "/usage", "", &Value::Null).await.json();
        assert_eq!(
            (usage["calls"].as_u64(), usage["bytes"].as_u64()),
            (Some(3), Some(3 * tenant.len as u64 + 3))
        );
    }
    let unknown = second.ask("GET", "/uploads/01a222ef-6bc5-73c6-83bf-799a0a020ea7", "", &Value::Null).await;
    let foreign = second.ask("GET", &format!("/uploads/{}", listed[0]), "", &Value::Null).await;
    assert_eq!((unknown.status, foreign.status), (404, 404), "{foreign:?}");
    assert_eq!(unknown.json()["error"], foreign.json()["error"], "it can't be told from one that never was");

    // One that is under way.
    let stuck = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/photo.png", stuck.local_addr().unwrap());
    let body = json!({ "auth_token": first.token, "media_url": url });
    let running = first.ask("POST", "/twitter/media/upload", "Prefer: respond-async\r\n", &body).await;
    assert_eq!(running.status, 202, "{running:?}");
    let place = running.header("location").unwrap().to_owned();
    for method in ["GET", "DELETE"] {
        assert_eq!(second.ask(method, &place, "", &Value::Null).await.status, 404, "{method}");
    }
    assert_eq!(first.ask("GET", &place, "", &Value::Null).await.json()["ended"], false, "it goes on");
    assert_eq!(first.ask("DELETE", &place, "", &Value::Null).await.status, 202);
    drop(stuck);
    until("it has ended", async || first.ask("GET", &place, "", &Value::Null).await.json()["ended"] == true)
        .await;

    // Connections: each carries one account, through the proxy of its tenant, with its password.
    let mut users = BTreeMap::<u64, BTreeSet<String>>::new();
    for request in world.sandbox.log() {
        users.entry(request.connection).or_default().extend(request.user);
    }
    assert!(users.len() >= 6 && users.values().all(|users| users.len() == 1), "{users:?}");
    for (n, tenant) in tenants.iter().enumerate() {
        let expected = format!("basic {}", STANDARD.encode(format!("{}:{}", tenant.user, tenant.password)));
        let asked = tenant.proxy.asked.lock().unwrap();
        assert!(asked.len() >= 6, "tenant {n}: {asked:?}");
        assert!(
            asked.iter().all(|head| head.to_lowercase().contains(&expected.to_lowercase())),
            "{n}: {asked:?}"
        );
    }
}

/// What one key is refused, the other does not feel; and one key's secret is nothing to another's id.
#[tokio::test]
async fn a_key_of_one_does_not_open_what_is_the_others() {
    let world = World::new().await;
    let other = new_key(&world.gateway, Billing::Metered).await;
    // `chunkwise_test_`, eight characters of the id, and the secret.
    let mixed = format!("{}{}", &world.key[..23], &other[23..]);
    for (key, wanted) in [(&world.key, 200), (&other, 200), (&mixed, 401)] {
        let said = raw(
            &world,
            format!(
                "GET /usage HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {key}\r\nConnection: close\r\n\r\n"
            ),
        )
        .await;
        assert_eq!(status(&said), wanted, "{said}");
    }
}
