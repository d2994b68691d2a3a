//! The page of the API, as a browser shows it.

use std::collections::BTreeSet;
use std::process::Stdio;

use serde_json::Value;
use tokio::process::Command;

use crate::gateway::Gateway;

/// Every `$ref` of a document, followed.
fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap(),
        None => value,
    }
}

/// The names of all members of a schema.
fn members(document: &Value, schema: &Value, names: &mut BTreeSet<String>) {
    let schema = resolved(document, schema);
    if schema["items"].is_object() {
        members(document, &schema["items"], names);
    }
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        names.insert(name.clone());
        members(document, member, names);
    }
}

#[tokio::test]
async fn it_is_of_this_server_alone() {
    let home = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(home.path(), &["--sandbox"]).await;
    let page = gateway.say(b"GET /api HTTP/1.1\r\n", "").await;
    assert!(
        page.status == 200 && page.head.contains("content-security-policy: default-src 'self'"),
        "{page:?}"
    );
    assert!(!page.body.contains("style=") && !page.body.contains("://"), "{}", page.body);
    for (before, after) in [("href=\"/", "\""), ("src=\"/", "\"")] {
        for part in page.body.split(before).skip(1) {
            let path = format!("/{}", part.split(after).next().unwrap());
            let got = gateway.say(format!("GET {path} HTTP/1.1\r\n").as_bytes(), "").await;
            assert_eq!(got.status, 200, "{path}");
            assert!(!got.body.contains("http://") && !got.body.contains("innerHTML"), "{path}");
        }
    }
    let front = gateway.say(b"GET / HTTP/1.1\r\n", "").await;
    assert!(front.body.contains("href=\"/api\""), "{front:?}");
    gateway.stop().await;
}

/// In Chromium: everything that the description says is there, and the curl commands work as they stand.
#[tokio::test(flavor = "multi_thread")]
async fn a_browser_shows_every_path_and_what_it_says_to_type_works() {
    if std::env::var_os("CHUNKWISE_FOREIGN").is_none_or(|value| value != "1") {
        eprintln!("skipped: set CHUNKWISE_FOREIGN=1 with chromium and curl installed");
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(home.path(), &["--sandbox"]).await;
    let url = gateway.text("url");
    let mut chromium = Command::new("chromium");
    chromium.args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--virtual-time-budget=5000",
        "--dump-dom",
    ]);
    chromium
        .arg(format!("--user-data-dir={}", home.path().join("chromium").display()))
        .arg(format!("{url}/api"));
    let shown = match chromium.stdin(Stdio::null()).kill_on_drop(true).output().await {
        Ok(output) => String::from_utf8(output.stdout).unwrap(),
        Err(error) => {
            eprintln!("skipped: chromium can't be started: {error}");
            return;
        }
    };
    let document = gateway.say(b"GET /openapi.json HTTP/1.1\r\n", "").await.json();
    let mut names = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let parameters = if method == "parameters" { operation } else { &operation["parameters"] };
            names.extend(
                parameters
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(|one| resolved(&document, one)["name"].as_str().unwrap().to_owned()),
            );
            if method == "parameters" {
                continue;
            }
            let head = format!("{}</span><code>{path}</code></h2>", method.to_uppercase());
            assert!(shown.contains(&head), "{head} is not in {shown}");
            members(
                &document,
                &operation["requestBody"]["content"]["application/json"]["schema"],
                &mut names,
            );
            for (status, answer) in operation["responses"].as_object().unwrap() {
                assert!(shown.contains(status), "{path} {status}");
                let answer = resolved(&document, answer);
                members(&document, &answer["content"]["application/json"]["schema"], &mut names);
            }
        }
    }
    assert!(names.len() > 20, "{names:?}");
    for name in names {
        let there = [format!("<code>{name}</code>"), format!(".{name}</code>")];
        assert!(there.iter().any(|there| shown.contains(there)), "{name} is not in {shown}");
    }

    // As a reader would copy it, with what is theirs put in. The others need an upload or a post there was before.
    let commands: Vec<_> =
        shown.split("<pre>").skip(1).map(|part| part.split("</pre>").next().unwrap()).collect();
    let works = |command: &&&str| {
        command.contains("media_data") || command.contains("/usage'") || command.contains("/uploads'")
    };
    let commands: Vec<_> = commands.iter().filter(works).collect();
    assert_eq!(commands.len(), 4, "{shown}");
    std::fs::write(home.path().join("photo.jpg"), include_bytes!("../gateway/photo.jpg")).unwrap();
    for command in commands {
        let command = command.replace("&quot;", "\"").replace("&amp;", "&");
        let command = command.replace("API_KEY", gateway.text("api_key"));
        let command = command.replace("your_auth_token", gateway.text("auth_token"));
        assert!(command.starts_with("curl ") && command.contains(url), "{command}");
        let command = format!("{command} --silent --fail");
        let ran = Command::new("sh").args(["-c", &command]).current_dir(home.path()).output().await.unwrap();
        assert!(ran.status.success(), "{command}\n{ran:?}");
        let answer: Value = serde_json::from_slice(&ran.stdout).unwrap();
        assert!(answer.is_object(), "{answer}");
    }
    gateway.stop().await;
}
