//! `chunkwise keys`: keys with limits, an end and a balance.

use serde_json::{Value, json};

use crate::gateway::{Gateway, PIXEL};
use crate::support::{Ran, World, bare, finish, text};

async fn keys(world: &World, args: &[&str]) -> Ran {
    finish(bare(world.home.path(), &[&["keys"], args].concat())).await
}

/// Makes a key; its id, and the key.
async fn create(world: &World, args: &[&str]) -> (String, String) {
    let ran = keys(world, &[&["create", "--json"], args].concat()).await;
    let made = ran.json().remove(0);
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    (text("id"), text("api_key"))
}

async fn listed(world: &World, id: &str) -> Value {
    let listed = keys(world, &["list", "--json"]).await.json();
    listed.into_iter().find(|key| key["id"] == id).unwrap()
}

async fn start(world: &World) -> Gateway {
    let settings = format!("[x]\nbase_url = '{}'\n", world.sandbox.base_url());
    let settings = world.file("gateway.toml", settings.as_bytes());
    Gateway::start(world.home.path(), &["--settings", text(&settings)]).await
}

fn pixel() -> Value {
    json!({ "auth_token": crate::support::token(), "media_data": PIXEL, "media_type": "image/png" })
}

#[tokio::test]
async fn a_prepaid_key_uploads_what_it_was_credited_and_no_more() {
    let world = World::new().await;
    // No folder yet: the first key makes it, for its owner's eyes.
    let (id, key) = create(&world, &["shop", "--prepaid"]).await;
    let gateway = start(&world).await;
    assert_eq!(gateway.upload(&key, &pixel()).await.status, 402);

    // While the gateway runs, and for two uploads.
    let credited = keys(&world, &["credit", &id, "0.002"]).await;
    assert_eq!(credited.stdout, format!("{id} (shop): $0.002 credited, $0.002 there\n"), "{credited:?}");
    for status in [200, 200, 402] {
        let answer = gateway.upload(&key, &pixel()).await;
        assert_eq!(answer.status, status, "{answer:?}");
    }
    let credited = keys(&world, &["credit", &id, "5", "--json"]).await.json().remove(0);
    assert_eq!(credited["balance_micro_dollars"], 5_000_000);
    keys(&world, &["credit", &id, "-4.5"]).await;
    assert_eq!(listed(&world, &id).await["balance_micro_dollars"], 500_000);
    assert_eq!(gateway.get(&key, "/usage").await.json()["balance_micro_dollars"], 500_000);
    gateway.stop().await;

    let table = keys(&world, &["list"]).await.stdout;
    assert!(table.contains(" $0.50 ") && table.contains(&id), "{table}");
    let used = keys(&world, &["usage", &id, "--json"]).await.json().remove(0);
    assert_eq!(
        (&used["calls"], &used["charged_micro_dollars"], &used["balance_micro_dollars"]),
        (&json!(2), &json!(2_000), &json!(500_000)),
        "{used}"
    );
    let (other, _) = create(&world, &["else"]).await;
    let all = keys(&world, &["usage"]).await.stdout;
    assert!(all.contains(&id) && all.contains(&other) && all.contains("$0.002"), "{all}");
}

#[tokio::test]
async fn limits_and_an_end_are_the_keys_own() {
    let world = World::new().await;
    let args = ["few", "--requests-per-second", "1", "--burst", "2", "--bytes-per-minute", "5MiB"];
    let (few, key) =
        create(&world, &[&args[..], &["--uploads-at-once", "3", "--expires-in", "30d"]].concat()).await;
    let (short, gone) = create(&world, &["short", "--expires-in", "1ms"]).await;
    let few = listed(&world, &few).await;
    assert_eq!(
        few["limits"],
        json!({ "requests_per_second": 1, "burst": 2, "bytes_per_minute": 5 << 20, "uploads_at_once": 3 })
    );
    let days = few["expires_at_ms"].as_i64().unwrap() - few["created_at_ms"].as_i64().unwrap();
    assert!((days - 30 * 86_400_000).abs() < 60_000, "{few}");
    assert_eq!(listed(&world, &short).await["state"], "expired");

    let gateway = start(&world).await;
    assert_eq!(gateway.get(&gone, "/usage").await.status, 401);
    // Two at once, and hardly one more a second.
    let mut answered = 0;
    while gateway.get(&key, "/usage").await.status == 200 {
        answered += 1;
        assert!(answered < 200, "nothing is refused");
    }
    assert!(answered >= 2, "{answered}");
    gateway.stop().await;
}

#[tokio::test]
async fn what_can_not_be_is_said_and_changes_nothing() {
    let world = World::new().await;
    let none = keys(&world, &["list"]).await;
    let sentence = "there is no gateway in chunkwise-gateway: name its folder with --gateway-dir, or make the first key there";
    none.assert_error(66, sentence);
    assert!(!world.path("chunkwise-gateway").exists());

    let (metered, key) = create(&world, &["metered"]).await;
    let ran = keys(&world, &["credit", &metered, "5"]).await;
    ran.assert_error(2, &format!("the key {metered} has no balance: only those made with --prepaid do"));
    let ran = keys(&world, &["credit", "00000000", "5"]).await;
    ran.assert_error(2, "there is no key 00000000; `chunkwise keys list` shows them");
    for action in ["revoke", "usage"] {
        // A whole key in the place of its id is not repeated.
        let ran = keys(&world, &[action, &key]).await;
        assert!(ran.code == 2 && !ran.stderr.contains(&key), "{ran:?}");
    }
    for args in [
        &["credit", &metered, "1e3"][..],
        &["credit", &metered, "0"],
        &["create", "x", "--burst", "0"],
        &["create", "x", "--environment", "Not It"],
        &["create", ""],
    ] {
        assert_eq!(keys(&world, args).await.code, 2, "{args:?}");
    }
    assert_eq!(keys(&world, &["list", "--json"]).await.json().len(), 1);
    let ran = keys(&world, &["revoke", &metered]).await;
    assert!(ran.code == 0 && listed(&world, &metered).await["state"] == "revoked", "{ran:?}");
}
