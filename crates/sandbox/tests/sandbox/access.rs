//! Who may come in, and what the others hear.

use chunkwise_sandbox::{
    AccessMode, AuthorizationScheme, BearerToken, Fault, FaultRule, Moment, Operation, Sandbox,
    SignatureTime, credentials, oauth1,
};
use serde_json::{Value, json};

use crate::client::{
    Request, append, append_request, finalize_request, init, init_request, start, status_request, upload,
};

fn forbidden() -> Value {
    json!({ "title": "Forbidden", "type": "about:blank", "status": 403, "detail": "Forbidden" })
}

/// Signs like a client: query and `form` are parameters, other bodies are not.
fn signed(request: Request, scheme: &str, form: &[(&str, &str)], nonce: &str) -> Request {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    signed_at(request, scheme, form, nonce, now)
}

fn signed_at(request: Request, scheme: &str, form: &[(&str, &str)], nonce: &str, at: u64) -> Request {
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    let host = request.headers.iter().find(|(name, _)| name == "host");
    let host = host.map_or("127.0.0.1", |(_, host)| host);
    let at = at.to_string();
    let oauth = [
        ("oauth_consumer_key", credentials::CONSUMER_KEY),
        ("oauth_nonce", nonce),
        ("oauth_signature_method", "HMAC-SHA1"),
        ("oauth_timestamp", &at),
        ("oauth_token", credentials::ACCESS_TOKEN),
        ("oauth_version", "1.0"),
    ];
    let mut parameters: Vec<(String, String)> = Vec::new();
    parameters.extend(oauth.iter().chain(form).map(|(name, value)| ((*name).into(), (*value).into())));
    parameters.extend(url::form_urlencoded::parse(query.as_bytes()).into_owned());
    let uri = format!("{scheme}://{host}{path}");
    let base = oauth1::base_string(request.method, &uri, &parameters);
    let signature = oauth1::sign(&base, credentials::CONSUMER_SECRET, credentials::ACCESS_SECRET);
    let escaped: String = url::form_urlencoded::byte_serialize(signature.as_bytes()).collect();
    let mut header = format!("OAuth oauth_signature=\"{escaped}\"");
    for (name, value) in oauth {
        header.push_str(&format!(", {name}=\"{value}\""));
    }
    request.header("authorization", header)
}

#[tokio::test]
async fn bearer_tokens_are_told_apart() {
    let sandbox = start().await;
    let init = || init_request(1, "video/mp4", "tweet_video");
    let unauthorized =
        json!({ "title": "Unauthorized", "type": "about:blank", "status": 401, "detail": "Unauthorized" });

    let answer = init().without("authorization").send(&sandbox).await.expect(401);
    assert_eq!(answer.json(), unauthorized);
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    let answer = init().bearer("nobody's").send(&sandbox).await.expect(401);
    assert_eq!(answer.json(), unauthorized);
    let answer = init().header("authorization", "Basic eDp5").send(&sandbox).await.expect(401);
    assert_eq!(answer.json(), unauthorized);

    let answer = init().bearer(credentials::NO_MEDIA_TOKEN).send(&sandbox).await.expect(403);
    assert_eq!(answer.json(), forbidden());
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    let answer = init().bearer(credentials::APP_ONLY_TOKEN).send(&sandbox).await.expect(403);
    assert_eq!(answer.json()["title"], "Unsupported Authentication");
    assert_eq!(answer.json()["type"], "https://api.twitter.com/2/problems/unsupported-authentication");
    assert!(sandbox.media_ids().is_empty());
}

#[tokio::test]
async fn what_is_anothers_does_not_exist() {
    let sandbox = start().await;
    let id = init(&sandbox, 1).await;
    let foreign = |request: Request| request.bearer(credentials::OTHER_USER_TOKEN);
    foreign(append_request(&id, 0, b"x")).send(&sandbox).await.expect(404);
    foreign(finalize_request(&id)).send(&sandbox).await.expect(404);
    let done = upload(&sandbox, b"x").await;
    foreign(status_request(&done)).send(&sandbox).await.expect(400);
    // An additional owner is no stranger.
    let body = json!({ "total_bytes": 1, "media_type": "video/mp4",
        "additional_owners": [credentials::OTHER_USER_ID] });
    let answer = Request::post("/2/media/upload/initialize").json(&body).send(&sandbox).await.expect(200);
    let id = answer.json()["data"]["id"].as_str().unwrap().to_owned();
    foreign(append_request(&id, 0, b"x")).send(&sandbox).await.expect(200);
}

#[tokio::test]
async fn a_token_can_be_revoked_and_another_accepted() {
    let rule = FaultRule::at_call(Operation::Append, 2, Fault::RevokeToken);
    let sandbox = Sandbox::builder().fault(rule).start().await.unwrap();
    let id = init(&sandbox, 3).await;
    append(&sandbox, &id, 0, b"x").await.expect(200);
    append(&sandbox, &id, 1, b"x").await.expect(401);
    append(&sandbox, &id, 1, b"x").await.expect(401);
    sandbox.accept_token(BearerToken::of_user("fresh", credentials::USER_ID));
    append_request(&id, 1, b"x").bearer("fresh").send(&sandbox).await.expect(200);
    assert!(sandbox.revoke_token("fresh"));
    assert!(!sandbox.revoke_token("fresh"));
    append_request(&id, 2, b"x").bearer("fresh").send(&sandbox).await.expect(401);
}

#[tokio::test]
async fn any_token_will_do_where_the_settings_say_so() {
    let sandbox =
        Sandbox::builder().with(|settings| settings.access.mode = AccessMode::Any).start().await.unwrap();
    init_request(1, "video/mp4", "tweet_video").bearer("whatever").send(&sandbox).await.expect(200);
    let oauth = "OAuth oauth_consumer_key=\"x\"";
    init_request(1, "video/mp4", "tweet_video")
        .header("authorization", oauth)
        .send(&sandbox)
        .await
        .expect(200);
    init_request(1, "video/mp4", "tweet_video").without("authorization").send(&sandbox).await.expect(401);
    init_request(1, "video/mp4", "tweet_video")
        .bearer(credentials::NO_MEDIA_TOKEN)
        .send(&sandbox)
        .await
        .expect(403);
}

#[tokio::test]
async fn signatures_cover_query_and_urlencoded_form_and_nothing_else() {
    let sandbox = start().await;
    // JSON is not signed.
    let init = signed(init_request(1, "video/mp4", "tweet_video"), "http", &[], "a");
    let id = init.send(&sandbox).await.expect(200).json()["data"]["id"].as_str().unwrap().to_owned();
    // Nor is multipart.
    signed(append_request(&id, 0, b"x"), "http", &[], "b").send(&sandbox).await.expect(200);
    signed(finalize_request(&id), "http", &[], "c").send(&sandbox).await.expect(200);
    // The query is.
    signed(status_request(&id), "http", &[], "d").send(&sandbox).await.expect(200);
    let mut tampered = signed(status_request(&id), "http", &[], "e");
    tampered.target = tampered.target.replace("command=STATUS", "command=STATUS&more=1");
    tampered.send(&sandbox).await.expect(401);

    // An urlencoded form is, every field of it; under whatever host name.
    let form =
        [("command", "INIT"), ("total_bytes", "1"), ("media_type", "video/mp4"), ("additional_owners", "")];
    let body: String = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let request = Request::post("/1.1/media/upload.json")
        .header("host", "upload.x.com")
        .body("application/x-www-form-urlencoded", body);
    signed(request.clone(), "http", &form, "f").send(&sandbox).await.expect(202);
    let unsigned_form = signed(request.clone(), "http", &[], "g").send(&sandbox).await.expect(401);
    assert_eq!(
        unsigned_form.json(),
        json!({ "errors": [{ "code": 32, "message": "Could not authenticate you." }] })
    );
    signed(request, "https", &form, "h").send(&sandbox).await.expect(401);
}

#[tokio::test]
async fn a_signature_is_of_its_time_and_used_once() {
    let sandbox = start().await;
    let request = || init_request(1, "video/mp4", "tweet_video");
    let once = signed(request(), "http", &[], "once");
    once.send(&sandbox).await.expect(200);
    once.send(&sandbox).await.expect(401);
    signed_at(request(), "http", &[], "old", 137_131_202).send(&sandbox).await.expect(401);
    let old = signed_at(
        Request::get("/1.1/media/upload.json?command=STATUS&media_id=1"),
        "http",
        &[],
        "older",
        137_131_202,
    );
    assert_eq!(
        old.send(&sandbox).await.expect(401).json(),
        json!({ "errors": [{ "code": 135, "message": "Timestamp out of bounds." }] })
    );

    sandbox.change_settings(|settings| settings.access.signature_time = SignatureTime::Ignored);
    once.send(&sandbox).await.expect(200);
    signed_at(request(), "http", &[], "old", 137_131_202).send(&sandbox).await.expect(200);
}

#[tokio::test]
async fn v1_knows_oauth1_alone() {
    let sandbox = start().await;
    let status = || Request::get("/1.1/media/upload.json?command=STATUS&media_id=1");
    let answer = status().send(&sandbox).await.expect(403);
    assert_eq!(answer.json()["errors"][0]["code"], 220);
    let answer = status().without("authorization").send(&sandbox).await.expect(400);
    assert_eq!(answer.json(), json!({ "errors": [{ "code": 215, "message": "Bad Authentication data." }] }));
    signed(status(), "http", &[], "a").send(&sandbox).await.expect(404);
}

#[tokio::test]
async fn the_log_names_the_scheme_and_never_the_secret() {
    let rule = FaultRule::at_call(Operation::Initialize, 3, Fault::Reset { moment: Moment::BeforeBody });
    let sandbox = Sandbox::builder().fault(rule).start().await.unwrap();
    let request = || init_request(1, "video/mp4", "tweet_video");
    request().send(&sandbox).await.expect(200);
    signed(request(), "http", &[], "nonce-of-mine").send(&sandbox).await.expect(200);
    let _ = request().try_send(sandbox.http_address()).await.unwrap_err();
    let log = sandbox.log();
    let schemes: Vec<AuthorizationScheme> = log.iter().map(|entry| entry.authorization).collect();
    assert_eq!(
        schemes,
        [AuthorizationScheme::Bearer, AuthorizationScheme::OAuth1, AuthorizationScheme::Bearer]
    );
    let text = format!("{log:?}{}", serde_json::to_string(&log).unwrap());
    for secret in
        [credentials::USER_TOKEN, credentials::ACCESS_TOKEN, credentials::CONSUMER_KEY, "nonce-of-mine"]
    {
        assert!(!text.contains(secret), "{secret}");
    }
}
