//! T12: who guesses at keys.

use crate::world::World;

const HEAD: &str = "GET /usage HTTP/1.1\r\nHost: g\r\n";

#[tokio::test]
async fn an_address_with_many_wrong_keys_waits_and_a_known_good_key_does_not() {
    let world = World::new().await;
    assert_eq!(world.get("/usage").await.status, 200);
    let unknown = format!("{HEAD}Authorization: Bearer chunkwise_test_abcdefgh_{}\r\n", "A".repeat(43));
    // The id is right, the secret is not.
    let wrong =
        format!("{HEAD}Authorization: Bearer {}\r\n", &format!("{}{}", &world.key[..24], "A".repeat(43)));
    let mut bodies = std::collections::BTreeSet::new();
    for n in 0..30 {
        let head = [&unknown, &wrong][n % 2];
        let answer = world.say(head, b"").await;
        assert_eq!(answer.status, 401, "{n}: {answer:?}");
        bodies.insert(answer.json()["error"].as_str().unwrap().to_owned());
    }
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    for head in [&unknown, &wrong] {
        let answer = world.say(head, b"").await;
        assert_eq!(answer.status, 429, "{answer:?}");
        let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=60).contains(&wait), "{answer:?}");
    }
    assert_eq!(world.get("/usage").await.status, 200, "a neighbour of theirs");
    assert_eq!(world.say(HEAD, b"").await.status, 401, "without a key there is nothing to ask about");
}
