//! What `/openapi.json` says is so.

use serde_json::Value;

use crate::world::World;

#[tokio::test]
async fn every_path_that_is_described_is_there_and_wants_a_key() {
    let world = World::new().await;
    let described = world.say("GET /openapi.json HTTP/1.1\r\nHost: g\r\n", b"").await.json();
    let mut seen = 0;
    for (path, item) in described["paths"].as_object().unwrap() {
        let path = path.replace("{id}", "01890000-0000-7000-8000-000000000000");
        for method in ["get", "put", "post", "delete"] {
            let head = format!("{} {path} HTTP/1.1\r\nHost: g\r\n", method.to_uppercase());
            let answer = world.say(&head, b"").await;
            let wanted = if item.get(method).is_some() { 401 } else { 405 };
            assert_eq!(answer.status, wanted, "{method} {path}");
            seen += usize::from(wanted == 401);
        }
    }
    assert!(seen > 8, "{seen}");
}

/// Every reference within it leads somewhere.
#[tokio::test]
async fn it_hangs_together() {
    let world = World::new().await;
    let described = world.say("GET /openapi.json HTTP/1.1\r\nHost: g\r\n", b"").await.json();
    let mut values = vec![&described];
    let mut references = 0;
    while let Some(value) = values.pop() {
        match value {
            Value::Object(members) => {
                if let Some(Value::String(to)) = members.get("$ref") {
                    assert!(described.pointer(to.strip_prefix('#').unwrap()).is_some(), "{to}");
                    references += 1;
                }
                values.extend(members.values());
            }
            Value::Array(elements) => values.extend(elements),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    assert!(references > 20, "{references}");
}

#[tokio::test]
async fn its_example_of_an_upload_works_as_it_stands_but_for_the_token() {
    let world = World::new().await;
    let described = world.say("GET /openapi.json HTTP/1.1\r\nHost: g\r\n", b"").await.json();
    let body = &described["paths"]["/twitter/media/upload"]["post"]["requestBody"];
    let mut example = body["content"]["application/json"]["examples"]["data"]["value"].clone();
    example["auth_token"] = Value::String(world.token.clone());
    assert_eq!(world.upload("", &example).await.status, 200);
}
