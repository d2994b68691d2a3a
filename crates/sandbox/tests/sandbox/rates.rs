//! Rate-limit headers, and the 429.

use std::time::Duration;

use chunkwise_sandbox::{
    Enforcement, Fault, FaultRule, Operation, RateLimit, RetryAfter, Sandbox, ThrottleBody, credentials,
};
use serde_json::json;

use crate::client::{Answer, append, append_request, init, init_request, start, status};

fn standing(answer: &Answer) -> (u64, u64, u64) {
    let number = |name| answer.header(name).unwrap().parse().unwrap();
    (number("x-rate-limit-limit"), number("x-rate-limit-remaining"), number("x-rate-limit-reset"))
}

async fn small(limit: u32) -> Sandbox {
    let builder = Sandbox::builder().with(|settings| {
        settings.rates.v2.append = RateLimit { requests: limit, window_secs: 60 };
    });
    builder.start().await.unwrap()
}

#[tokio::test]
async fn the_documented_limits_are_the_defaults() {
    let sandbox = start().await;
    let answer = init_request(1, "video/mp4", "tweet_video").send(&sandbox).await.expect(200);
    let (limit, remaining, reset) = standing(&answer);
    assert_eq!((limit, remaining), (1875, 1874));
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    assert!((now + 890..=now + 902).contains(&reset), "{reset} {now}");
    assert_eq!(standing(&status(&sandbox, "1").await.expect(400)).0, 1000);
    // Who has not been let in has no window.
    let stranger = init_request(1, "video/mp4", "tweet_video").bearer("x").send(&sandbox).await;
    assert_eq!(stranger.header("x-rate-limit-limit"), None);
}

#[tokio::test]
async fn an_exhausted_window_says_so_until_its_reset() {
    let sandbox = small(2).await;
    let id = init(&sandbox, 9).await;
    let first = standing(&append(&sandbox, &id, 0, b"x").await.expect(200));
    let second = standing(&append(&sandbox, &id, 1, b"x").await.expect(200));
    assert_eq!((first.1, second.1), (1, 0));
    assert_eq!(first.2, second.2);
    let answer = append(&sandbox, &id, 2, b"x").await.expect(429);
    assert_eq!(standing(&answer), (2, 0, first.2));
    assert_eq!(answer.header("retry-after"), None);
    assert_eq!(
        answer.json(),
        json!({ "title": "Too Many Requests", "type": "about:blank", "status": 429, "detail": "Too Many Requests" })
    );
    // Another user, and another operation, have windows of their own.
    append_request(&id, 2, b"x").bearer(credentials::OTHER_USER_TOKEN).send(&sandbox).await.expect(404);
    init(&sandbox, 1).await;

    sandbox.advance(Duration::from_secs(61));
    append(&sandbox, &id, 2, b"x").await.expect(200);
}

#[tokio::test]
async fn the_429_has_two_bodies_and_may_have_a_retry_after() {
    let sandbox = small(0).await;
    sandbox.change_settings(|settings| {
        settings.rates.body = ThrottleBody::Code88;
        settings.rates.retry_after = RetryAfter::Seconds;
    });
    let id = init(&sandbox, 9).await;
    let answer = append(&sandbox, &id, 0, b"x").await.expect(429);
    assert_eq!(answer.json(), json!({ "errors": [{ "code": 88, "message": "Rate limit exceeded" }] }));
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((58..=61).contains(&wait), "{wait}");
}

#[tokio::test]
async fn limits_can_be_told_and_not_enforced_or_not_be_at_all() {
    let sandbox = small(1).await;
    sandbox.change_settings(|settings| settings.rates.enforcement = Enforcement::HeadersOnly);
    let id = init(&sandbox, 9).await;
    for index in 0..3 {
        let answer = append(&sandbox, &id, index, b"x").await.expect(200);
        assert_eq!(standing(&answer).1, 0);
    }
    sandbox.change_settings(|settings| settings.rates.enforcement = Enforcement::Off);
    let answer = append(&sandbox, &id, 4, b"x").await.expect(200);
    assert_eq!(answer.header("x-rate-limit-limit"), None);
}

#[tokio::test]
async fn a_throttle_fault_holds_until_its_reset() {
    let fault = Fault::Throttle { reset_after_secs: 30, retry_after_secs: Some(7), body: None };
    let rule = FaultRule::at_call(Operation::Append, 2, fault);
    let sandbox = Sandbox::builder().fault(rule).start().await.unwrap();
    let id = init(&sandbox, 9).await;
    append(&sandbox, &id, 0, b"x").await.expect(200);
    let answer = append(&sandbox, &id, 1, b"x").await.expect(429);
    assert_eq!(answer.header("retry-after"), Some("7"));
    let reset = standing(&answer).2;
    // Coming back too early is no use, and coming back at the reset is.
    sandbox.advance(Duration::from_secs(20));
    assert_eq!(standing(&append(&sandbox, &id, 1, b"x").await.expect(429)).2, reset);
    sandbox.advance(Duration::from_secs(11));
    append(&sandbox, &id, 1, b"x").await.expect(200);
}
