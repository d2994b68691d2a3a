//! No secret in any byte of any file (T11): tokens go through everything that takes one, and are looked for.

use std::time::Duration;

use chunkwise_gateway::store::{
    AccountRef, Answer, Billing, Charge, Conclusion, Fingerprint, IdempotencyKey, MicroDollars, NewUpload,
    Replay, RequestId, Resolution, UploadEnd, UploadId,
};
use chunkwise_transport::Secret;
use serde_json::json;

use crate::world::{NOW, World, key};

const TOKEN: &str = "canary-7f3a9c-auth-token";
const PEPPER: [u8; 32] = *b"canary-pepper-of-32-bytes-length";

/// Every file of the folder, and in it every byte.
fn find(world: &World, secret: &[u8]) -> Option<String> {
    std::fs::read_dir(world.folder()).unwrap().find_map(|entry| {
        let entry = entry.unwrap();
        let bytes = std::fs::read(entry.path()).unwrap();
        bytes.windows(secret.len()).any(|w| w == secret).then(|| entry.file_name().into_string().unwrap())
    })
}

#[tokio::test]
async fn no_secret_is_in_any_byte_of_any_file() {
    let world = World::new();
    let store = world.open().await;
    let (key, secret) = key(&store, Billing::Metered).await;
    store.keys().authenticate(&secret, NOW).await.unwrap();
    // A client that takes one thing for another.
    store.keys().authenticate(&Secret::new(TOKEN.to_owned()), NOW).await.unwrap_err();
    let wrong = format!("{}_{TOKEN}-padded-to-43-characters", &secret.expose()[..23]);
    store.keys().authenticate(&Secret::new(wrong), NOW).await.unwrap_err();
    let idem: IdempotencyKey = TOKEN.parse().unwrap();

    let request = RequestId::new(NOW).unwrap();
    let account = AccountRef::of(&Secret::new(PEPPER), &Secret::new(TOKEN.to_owned()));
    let fingerprint = Fingerprint::of(&[TOKEN.as_bytes(), account.as_str().as_bytes()]);
    store.idempotency().begin(&key, &idem, request, NOW).await.unwrap();
    store.idempotency().fingerprint(&key, &idem, request, fingerprint).await.unwrap();
    let upload = NewUpload {
        upload_id: UploadId::new(NOW).unwrap(),
        request_id: request,
        idempotency_key: Some(idem.clone()),
        account: account.clone(),
    };
    store.admit(&key, &upload, MicroDollars::new(1), NOW).await.unwrap();
    let charge = Charge { amount: MicroDollars::new(1), bytes: 1, media_id: "7".to_owned() };
    let keep = Replay::Keep(Answer { status: 200, body: "{}".to_owned() }, Duration::from_secs(60));
    let conclusion = Conclusion {
        key: &key,
        charged: request,
        resolution: &Resolution::Settle(charge),
        upload: (upload.upload_id, &UploadEnd::Succeeded(json!({"note": "a visible canary"}))),
        replay: Some((&idem, request, &keep)),
    };
    store.conclude(&conclusion, NOW).await.unwrap();

    let random = &secret.expose()[24..];
    for when in ["while it is open", "after it was closed"] {
        assert!(find(&world, b"a visible canary").is_some(), "{when}: what may be seen is found");
        assert!(find(&world, account.as_str().as_bytes()).is_some(), "{when}");
        for hidden in [TOKEN.as_bytes(), &PEPPER, secret.expose().as_bytes(), random.as_bytes()] {
            assert_eq!(find(&world, hidden), None, "{when}: {}", String::from_utf8_lossy(hidden));
        }
        if when.starts_with("while") {
            assert!(
                world.folder().join("gateway.db-wal").metadata().unwrap().len() > 0,
                "the log is looked at"
            );
            let mut shell = world.shell().await;
            sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut shell).await.unwrap();
        }
    }
    assert!(!format!("{secret:?} {secret}").contains(random));
    store.close().await.unwrap();
    assert_eq!(find(&world, TOKEN.as_bytes()), None);
}
