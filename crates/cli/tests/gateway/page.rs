//! The page at `/`, in Chromium, while three uploads run.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::world::{self, Serving, Started, beside, program, sha256, video, wanted};

/// So slowly the sandbox reads a segment that a bar is seen where it is.
const SLOW: &str = r#"[{"operation":"append","fault":{"kind":"slow_body","bytes_per_sec":1500000}}]"#;

#[tokio::test(flavor = "multi_thread")]
async fn it_shows_three_uploads_that_move_and_what_they_cost() {
    let chromium = world::chromium();
    if !wanted(&["node", "curl", &chromium]) {
        return;
    }
    let serving = Serving::trial("").await;
    serving.faults(SLOW).await;
    let picture = picture();
    let mut node = program("node");
    node.env("CHUNKWISE_CHROMIUM", &chromium).env("HOME", serving.home.path());
    node.arg(beside("look.mjs")).arg(format!("{}/", serving.url)).args([&serving.key, "3"]).arg(&picture);
    let mut node = Started::new(node).await;
    // The page is there, and has the key.
    let mut seen = vec![node.json()];
    let (mut ids, mut digests) = (Vec::new(), Vec::new());
    for (n, size) in [52_000_000, 36_000_000, 24_000_000].into_iter().enumerate() {
        let content = video(size, n);
        digests.push(sha256(&content));
        let body = json!({
            "auth_token": "your_auth_token", "media_data": STANDARD.encode(content), "media_type": "video/mp4",
        });
        let accepted = serving.post("/twitter/media/upload", &["Prefer: respond-async"], &body).await;
        ids.push(accepted["id"].as_str().unwrap_or_else(|| panic!("{accepted}")).to_owned());
    }
    // The newest is the first that is listed.
    ids.reverse();
    digests.reverse();

    while let Some(line) = node.line().await {
        let told: Value = serde_json::from_str(&line).unwrap();
        if told["what"] == "moved" {
            serving.faults("[]").await;
        }
        seen.push(told);
    }
    let [empty, first, moved, ended, said, wrong] = &seen[..] else { panic!("{seen:?}") };

    assert_eq!(
        (&empty["rows"], &empty["state"]),
        (&json!([]), &"Give an API key to see its uploads.".into())
    );
    let row_ids = |seen: &Value| -> Vec<String> {
        seen["rows"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(row_ids(first), ids);
    assert_eq!(first["usage"]["Reserved"], "$0.003", "three are under way: {first}");
    for (id, bar) in moved["bars"].as_object().unwrap() {
        let stood: Vec<_> = bar.as_array().unwrap().iter().map(|stood| stood.as_u64().unwrap()).collect();
        // It falls once at the most: where the sending ends and X's own work begins.
        let falls = stood.windows(2).filter(|two| two[0] > two[1]).count();
        assert!(ids.contains(id) && falls <= 1 && stood.len() > 2, "{moved}");
    }
    assert_eq!(ended["state"], "0 running, 3 shown");
    for (row, digest) in ended["rows"].as_array().unwrap().iter().zip(digests) {
        let media_id = row["cells"][7].as_str().unwrap();
        assert!(!media_id.is_empty() && media_id.bytes().all(|byte| byte.is_ascii_digit()), "{row}");
        assert_eq!((&row["cells"][2], &row["bar"]), (&"video/mp4".into(), &100.into()));
        assert_eq!(serving.sandbox(&format!("media/{media_id}")).await["sha256"], digest);
    }
    assert_eq!(ended["usage"]["Calls charged"], "3", "{ended}");
    assert_eq!(
        (&ended["usage"]["Charged"], &ended["usage"]["Reserved"]),
        (&"$0.003".into(), &"$0.00".into())
    );
    assert_eq!(said["said"], json!([]), "the browser has nothing to complain of");
    assert_eq!((&wrong["rows"], &wrong["usage"]), (&json!([]), &json!({})), "nothing of another key's");
    assert_eq!(wrong["state"], "Missing or invalid API key");
    assert!(std::fs::metadata(&picture).unwrap().len() > 10_000);
    eprintln!("a picture of it is {}", picture.display());
}

/// Where the picture goes: beside what is built.
fn picture() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    std::fs::create_dir_all(&folder).unwrap();
    folder.join("gateway.png")
}
