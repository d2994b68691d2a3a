//! T6: what JSON can be bent to, answered with the right status over HTTP and without a trace.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::world::{World, png};
use crate::{spooled, upload_of};

#[tokio::test]
async fn what_is_bent_is_refused_with_its_status() {
    let world = World::new().await;
    let (token, data) = (&world.token, STANDARD.encode(png(3_000)));
    let good = format!(r#"{{"auth_token":"{token}","media_type":"image/png","media_data":"{data}""#);
    let deep = |levels: usize| format!("{good},\"x\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
    let members: String = (0..33).map(|n| format!(",\"m{n}\":1")).collect();
    let mut not_utf8 = format!("{good},\"x\":\"").into_bytes();
    not_utf8.extend(b"\xff\xfe\"}");
    for (what, status, body) in [
        ("twice the same name", 400, format!("{good},\"auth_token\":\"{token}\"}}").into_bytes()),
        ("twice, once escaped", 400, format!("{good},\"auth\\u005ftoken\":\"{token}\"}}").into_bytes()),
        ("two media", 400, format!("{good},\"media_data\":\"{data}\"}}").into_bytes()),
        ("too deep", 400, deep(9).into_bytes()),
        ("very deep", 400, deep(30_000).into_bytes()),
        ("many members", 400, format!("{good}{members}}}").into_bytes()),
        (
            "a giant member that nobody knows",
            413,
            format!("{good},\"x\":\"{}\"}}", "a".repeat(70_000)).into_bytes(),
        ),
        ("much white space", 413, format!("{good}{}}}", " ".repeat(70_000)).into_bytes()),
        ("something behind it", 400, format!("{good}}}{{}}").into_bytes()),
        ("a byte order mark", 400, format!("\u{feff}{good}}}").into_bytes()),
        ("no UTF-8", 400, not_utf8),
        ("half a pair", 400, format!("{good},\"x\":\"\\ud800\"}}").into_bytes()),
        ("an end too soon", 400, good.clone().into_bytes()),
        ("an array", 400, format!("[{good}}}]").into_bytes()),
        ("a number for a string", 400, good.replace(&format!("\"{token}\""), "1").into_bytes()),
        (
            "no base64",
            400,
            format!(r#"{{"auth_token":"{token}","media_type":"image/png","media_data":"%%%%"}}"#)
                .into_bytes(),
        ),
        (
            "a long token",
            400,
            format!(r#"{{"auth_token":"{}","media_data":"{data}"}}"#, "t".repeat(5_000)).into_bytes(),
        ),
        ("nothing", 400, Vec::new()),
    ] {
        let head = format!(
            "POST /twitter/media/upload HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n",
            world.key
        );
        let answer = world.say(&head, &body).await;
        assert_eq!(answer.status, status, "{what}: {answer:?}");
        let said = answer.json()["error"].as_str().unwrap().to_owned();
        assert!(!said.is_empty() && !said.contains(token.as_str()), "{what}: {said}");
    }
    assert_eq!(spooled(&world), [""; 0], "nothing is left");
    assert_eq!(world.sandbox.media_ids().len(), 0);
    let usage = world.get("/usage").await.json();
    assert_eq!((usage["calls"].as_u64(), usage["reserved_micro_dollars"].as_u64()), (Some(0), Some(0)));
}

/// Six bytes for one: it is what it says, and counted as what it says.
#[tokio::test]
async fn a_body_of_escapes_is_what_it_says() {
    let world = World::new().await;
    let plain = upload_of(&world, 3_000);
    let data = plain["media_data"].as_str().unwrap();
    let escaped: String = data.bytes().map(|byte| format!("\\u{:04x}", byte)).collect();
    let body =
        format!(r#"{{"auth_token":"{}","media_type":"image/png","media_data":"{escaped}"}}"#, world.token);
    let head = format!(
        "POST /twitter/media/upload HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n",
        world.key
    );
    let answer = world.say(&head, body.as_bytes()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(world.content(answer.json()["data"]["media_id"].as_str().unwrap()).await, png(3_000));
}

#[tokio::test]
async fn what_is_packed_or_no_json_is_refused_by_its_head() {
    let world = World::new().await;
    let body = upload_of(&world, 100).to_string();
    for headers in [
        "Content-Type: application/json\r\nContent-Encoding: gzip\r\n",
        "Content-Type: application/json\r\nContent-Encoding: br\r\n",
        "Content-Type: multipart/form-data; boundary=x\r\n",
        "Content-Type: text/plain\r\n",
        "",
    ] {
        let head = format!(
            "POST /twitter/media/upload HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {}\r\n{headers}",
            world.key
        );
        assert_eq!(world.say(&head, body.as_bytes()).await.status, 415, "{headers}");
    }
}
