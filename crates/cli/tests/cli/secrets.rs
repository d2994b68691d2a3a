//! No secret in any output: every run of every test is looked at for the canary in its credentials; here are the cases
//! that tempt.

use crate::support::{self, CANARY, CLIP, World, bare};

#[tokio::test]
async fn a_token_as_an_argument_is_refused_and_not_repeated() {
    let home = tempfile::tempdir().unwrap();
    let joined = format!("--token={CANARY}");
    let typo = format!("--tokn={CANARY}");
    for args in [
        &["upload", "a.mp4", "--token", CANARY][..],
        &["upload", "a.mp4", &joined],
        &["--consumer-secret", CANARY, "upload", "a.mp4"],
    ] {
        let ran = support::finish(bare(home.path(), args)).await;
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(
            ran.stderr.contains("is refused: arguments can be seen by everybody on this machine"),
            "{ran:?}"
        );
        assert!(ran.stderr.contains("CHUNKWISE_TOKEN") && ran.stderr.contains("--token-file"), "{ran:?}");
    }
    let ran = support::finish(bare(home.path(), &["upload", "a.mp4", &typo])).await;
    assert_eq!(ran.code, 2, "{ran:?}");
}

#[tokio::test]
async fn the_most_talkative_logs_hold_no_secret() {
    let world = World::new().await;
    world.file("clip.mp4", CLIP);
    world.sandbox.install_faults(
        serde_json::from_str(r#"[{"operation":"append","on":{"call":1},"fault":{"kind":"reset"}}]"#).unwrap(),
    );
    let ran = world.run(&["-vvv", "upload", "clip.mp4"]).await;
    ran.media_id();
    assert!(ran.stderr.contains("DEBUG") && ran.stderr.contains("performed"), "there are logs: {ran:?}");
    // A server that repeats what it was sent.
    let echo = format!("{{\"errors\":[{{\"message\":\"bad token Bearer {}\"}}]}}", support::token());
    let fault = serde_json::json!([{ "fault": { "kind": "answer", "status": 401, "body": echo } }]);
    world.sandbox.install_faults(serde_json::from_value(fault).unwrap());
    assert_eq!(world.run(&["-vvv", "upload", "clip.mp4"]).await.code, 77);
}

#[tokio::test]
async fn a_credentials_file_that_is_wrong_is_not_repeated() {
    let world = World::new().await;
    world.file("clip.mp4", CLIP);
    for content in
        [format!("consumer-key = {CANARY}\n"), format!("{CANARY}\n"), format!("token = '{CANARY}'\n")]
    {
        world.file("x.toml", content.as_bytes());
        let ran = world.run(&["upload", "clip.mp4", "--credentials-file", "x.toml"]).await;
        ran.assert_error(
            77,
            "the credentials file x.toml is not TOML with exactly consumer-key, consumer-secret, access-token and \
             access-secret, each in quotes",
        );
        let ran = world.run(&["upload", "clip.mp4", "--config", "x.toml"]).await;
        assert_eq!(ran.code, 78, "{ran:?}");
    }
}
