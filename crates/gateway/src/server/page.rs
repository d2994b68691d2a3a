//! The page at `/`, the description of the API and the page that shows it at `/api`: files that are part of the program.

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header;

const INDEX: &str = include_str!("../../page/index.html");
const STYLE: &str = include_str!("../../page/page.css");
const SCRIPT: &str = include_str!("../../page/page.js");
const API: &str = include_str!("../../page/api.html");
const API_STYLE: &str = include_str!("../../page/api.css");
const API_SCRIPT: &str = include_str!("../../page/api.js");
const OPENAPI: &str = include_str!("../../page/openapi.json");

/// Nothing of other hosts, nothing inline, no frames: what a stranger's media names is only ever text.
const POLICY: &str = "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'";

fn file(media_type: &'static str, text: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, media_type),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, text).into_response()
}

pub(super) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/", get(async || file("text/html; charset=utf-8", INDEX)))
        .route("/page.css", get(async || file("text/css; charset=utf-8", STYLE)))
        .route("/openapi.json", get(async || file("application/json", OPENAPI)))
        .route("/api", get(async || file("text/html; charset=utf-8", API)))
        .route("/api.css", get(async || file("text/css; charset=utf-8", API_STYLE)))
        .route("/api.js", get(async || file("text/javascript; charset=utf-8", API_SCRIPT)))
        .route("/page.js", get(async || file("text/javascript; charset=utf-8", SCRIPT)))
}
