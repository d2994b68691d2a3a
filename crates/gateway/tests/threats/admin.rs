//! T24: what only the operator sees.

use crate::upload_of;
use crate::world::{World, say};

#[tokio::test]
async fn the_public_listener_tells_nothing_of_the_admins_and_the_other_way_round() {
    let world = World::new().await;
    for path in ["/metrics", "/livez", "/readyz", "/admin", "/debug/pprof"] {
        assert_eq!(world.get(path).await.status, 404, "{path}");
    }
    let admin = world.gateway.admin_address();
    for path in ["/metrics", "/livez", "/readyz"] {
        let answer = say(admin, &format!("GET {path} HTTP/1.1\r\nHost: g\r\n"), b"").await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
    }
    for (method, path) in [
        ("GET", "/"),
        ("GET", "/usage"),
        ("GET", "/uploads"),
        ("GET", "/openapi.json"),
        ("POST", "/twitter/media/upload"),
    ] {
        let head = format!("{method} {path} HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {}\r\n", world.key);
        assert_eq!(say(admin, &head, b"").await.status, 404, "{path}");
    }
    assert!(admin.ip().is_loopback(), "unless it is set otherwise");
}

/// A label is a route and never a path, and nothing of a key, an account or a media.
#[tokio::test]
async fn labels_have_few_values_and_no_secret() {
    let world = World::new().await;
    let uploaded = world.upload("", &upload_of(&world, 100)).await;
    let media_id = uploaded.json()["data"]["media_id"].as_str().unwrap().to_owned();
    for n in 0..20 {
        for path in [
            format!("/canary-path-{n}"),
            format!("/uploads/canary-id-{n}"),
            format!("/usage?canary-query-{n}"),
        ] {
            world.get(&path).await;
        }
        world.say(&format!("CANARY{n} /usage HTTP/1.1\r\nHost: canary-host-{n}\r\n"), b"").await;
    }
    let metrics = say(world.gateway.admin_address(), "GET /metrics HTTP/1.1\r\nHost: g\r\n", b"").await.body;
    assert!(metrics.contains("route=\"/uploads/{id}\",code=\"404\"} 20"), "{metrics}");
    for hidden in ["canary", "CANARY", &world.key, &world.key[15..23], &world.token, &media_id] {
        assert!(!metrics.contains(hidden), "{hidden} is in {metrics}");
    }
    assert!(metrics.lines().count() < 100, "{metrics}");
}
