//! Around every request: its id, its line in the log, its place in the metrics.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt as _;
use http::{HeaderValue, Method, header};
use tracing::Instrument as _;

use super::App;
use crate::answer::Refusal;
use crate::store;

/// The header with the request's id.
const REQUEST_ID: &str = "x-request-id";

/// Gives the request an id, tells of it and counts it. A refusal says the id in its body too.
pub(super) async fn observe(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let Ok(id) = store::RequestId::new(App::now()) else { return Refusal::internal().into_response() };
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let method = method(request.method());
    let has_coding = request.headers().contains_key(header::TRANSFER_ENCODING);
    request.extensions_mut().insert(id);
    let began = tokio::time::Instant::now();
    let span = tracing::info_span!("request", request_id = %id);
    let mut response = next.run(request).instrument(span).await;
    let status = response.status();
    app.metrics.answered(&route, status.as_u16());
    let ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::info!(request_id = %id, method, route, status = status.as_u16(), ms, "answered");
    let text = id.to_string();
    if let Some(refusal) = response.extensions_mut().remove::<Refusal>() {
        let body = refusal.body(Some(&text));
        let (mut head, _) = response.into_parts();
        head.headers.remove(header::CONTENT_LENGTH);
        response = Response::from_parts(head, Body::from(body));
    }
    if let Ok(value) = HeaderValue::try_from(text) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    if has_coding {
        // Nobody looks at the heads behind it (`framing`).
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// The method's name. One of a client's own making is only said to be another: it may be anything, of any length.
fn method(method: &Method) -> &'static str {
    let known = ["GET", "POST", "DELETE", "OPTIONS", "HEAD", "PUT", "PATCH", "CONNECT", "TRACE"];
    known.into_iter().find(|known| method == known).unwrap_or("other")
}

/// A panic is one request's end, not the gateway's.
pub(super) async fn survive(request: Request, next: Next) -> Response {
    match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(_) => {
            tracing::error!("a request panicked");
            Refusal::internal().into_response()
        }
    }
}
