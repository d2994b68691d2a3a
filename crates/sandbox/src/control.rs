//! The sandbox's own API under `/_sandbox/`: look at what it holds, script what goes wrong.
//!
#![doc = include_str!("control_table.md")]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{Method, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use crate::answer::{Reply, ReplyBody};
use crate::exchange::Arrival;
use crate::faults::{FaultPlan, FaultRule};
use crate::media_body::media_body;
use crate::media_kind::MediaId;
use crate::session::MediaInfo;
use crate::settings::{BearerToken, Settings};
use crate::shared::Shared;

pub(crate) const PREFIX: &str = "/_sandbox/";
const BODY_LIMIT: usize = 4 * 1024 * 1024;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    seconds: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Revoke {
    token: String,
}

/// What is wrong with a control request.
struct Wrong(StatusCode, String);

fn not_found(what: impl Into<String>) -> Wrong {
    Wrong(StatusCode::NOT_FOUND, what.into())
}

fn bad(what: impl ToString) -> Wrong {
    Wrong(StatusCode::BAD_REQUEST, what.to_string())
}

fn ok(body: &Value) -> Reply {
    Reply::json(StatusCode::OK, body)
}

fn done() -> Reply {
    Reply::empty(StatusCode::NO_CONTENT)
}

pub(crate) async fn answer(
    shared: &Arc<Shared>,
    arrival: &Arrival,
    path: &str,
    head: &Parts,
    body: Incoming,
) -> Reply {
    if !arrival.peer_is_loopback {
        return Reply::json(
            StatusCode::FORBIDDEN,
            &json!({ "error": "the control API is for loopback only" }),
        );
    }
    match dispatch(shared, path, head, body).await {
        Ok(reply) => reply,
        Err(Wrong(status, what)) => Reply::json(status, &json!({ "error": what })),
    }
}

async fn dispatch(shared: &Arc<Shared>, path: &str, head: &Parts, body: Incoming) -> Result<Reply, Wrong> {
    let segments: Vec<&str> = path.split('/').collect();
    let query = head.uri.query().unwrap_or_default();
    match (&head.method, segments.as_slice()) {
        (&Method::GET, ["health"]) => Ok(ok(&json!({ "status": "ok" }))),
        (&Method::GET, ["settings"]) => Ok(ok(&shown_settings(shared)?)),
        (&Method::PATCH, ["settings"]) => {
            let patch: Value = read(body).await?;
            patch_settings(shared, &patch)?;
            Ok(ok(&shown_settings(shared)?))
        }
        (&Method::GET, ["faults"]) => Ok(ok(&json!(shared.faults().counts()))),
        (&Method::PUT, ["faults"]) => {
            let plan: FaultPlan = read(body).await?;
            shared.faults().install(plan);
            Ok(done())
        }
        (&Method::POST, ["faults"]) => {
            let rule: FaultRule = read(body).await?;
            shared.faults().add(rule);
            Ok(done())
        }
        (&Method::DELETE, ["faults"]) => {
            shared.faults().install(FaultPlan::default());
            Ok(done())
        }
        (&Method::GET, ["log"]) => {
            let mut pairs = url::form_urlencoded::parse(query.as_bytes());
            let since = pairs.find(|(name, _)| name == "since");
            let since = since.map_or(Ok(0), |(_, value)| value.parse()).map_err(bad)?;
            Ok(ok(&json!(shared.log().since(since))))
        }
        (&Method::DELETE, ["log"]) => {
            shared.log().clear();
            Ok(done())
        }
        (&Method::GET, ["media"]) => {
            let now = shared.clock.now();
            let sessions = shared.sessions();
            let all: Vec<MediaInfo> =
                sessions.ids().into_iter().filter_map(|id| sessions.info(id, now)).collect();
            Ok(ok(&json!(all)))
        }
        (&Method::GET, ["media", id]) => {
            let info = media(shared, parse_id(id)?).await.map_err(|error| {
                Wrong(StatusCode::INTERNAL_SERVER_ERROR, format!("can't read the media: {error}"))
            })?;
            Ok(ok(&json!(info.ok_or_else(|| not_found("no such media"))?)))
        }
        (&Method::GET, ["media", id, "content"]) => {
            let id = parse_id(id)?;
            let reader = shared.sessions().any(id).map(|session| (session.reader(), session.size()));
            let (reader, size) = reader.ok_or_else(|| not_found("no such media"))?;
            let mut reply = Reply::text(StatusCode::OK, "application/octet-stream", String::new());
            reply.body = ReplyBody::Stream(media_body(reader, size));
            Ok(reply)
        }
        (&Method::POST, ["media", id, "expire"]) => {
            let now = shared.clock.now();
            let known = shared.sessions().expire(parse_id(id)?, now);
            if known { Ok(done()) } else { Err(not_found("no such media")) }
        }
        (&Method::POST, ["clock", "advance"]) => {
            let Advance { seconds } = read(body).await?;
            shared.clock.advance(Duration::try_from_secs_f64(seconds).map_err(bad)?);
            Ok(done())
        }
        (&Method::POST, ["tokens"]) => {
            let token: BearerToken = read(body).await?;
            shared.accept(token);
            Ok(done())
        }
        (&Method::POST, ["tokens", "revoke"]) => {
            let Revoke { token } = read(body).await?;
            if shared.revoke(&token) { Ok(done()) } else { Err(not_found("no such token")) }
        }
        (&Method::POST, ["reset"]) => {
            shared.reset();
            Ok(done())
        }
        (&Method::GET, ["ca.pem"]) => match &shared.ca_pem {
            Some(pem) => Ok(Reply::text(StatusCode::OK, "application/x-pem-file", pem.clone())),
            None => Err(not_found("there is no HTTPS")),
        },
        (method, _) => Err(not_found(format!("no such control operation: {method} {PREFIX}{path}"))),
    }
}

fn parse_id(text: &str) -> Result<MediaId, Wrong> {
    text.parse().map_err(bad)
}

async fn read<T: DeserializeOwned>(mut body: Incoming) -> Result<T, Wrong> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        bytes.extend_from_slice(frame.map_err(bad)?.data_ref().unwrap_or(&Bytes::new()));
        if bytes.len() > BODY_LIMIT {
            return Err(Wrong(StatusCode::PAYLOAD_TOO_LARGE, "the request is too large".into()));
        }
    }
    serde_json::from_slice(&bytes).map_err(bad)
}

/// Credentials are not for showing.
fn shown_settings(shared: &Shared) -> Result<Value, Wrong> {
    let mut shown = serde_json::to_value(&*shared.settings()).map_err(bad)?;
    if let Some(members) = shown.as_object_mut() {
        members.remove("access");
    }
    Ok(shown)
}

fn patch_settings(shared: &Shared, patch: &Value) -> Result<(), Wrong> {
    let current = shared.settings();
    let mut value = serde_json::to_value(&*current).map_err(bad)?;
    merge(&mut value, patch);
    let settings: Settings = serde_json::from_value(value).map_err(bad)?;
    if settings.listen != current.listen {
        return Err(bad("listen is read once, when the sandbox starts"));
    }
    shared.replace_settings(settings);
    Ok(())
}

/// RFC 7396.
fn merge(target: &mut Value, patch: &Value) {
    match (target, patch) {
        (Value::Object(target), Value::Object(patch)) => {
            for (name, value) in patch {
                if value.is_null() {
                    target.remove(name);
                } else {
                    merge(target.entry(name).or_insert(Value::Null), value);
                }
            }
        }
        (target, patch) => *target = patch.clone(),
    }
}

/// With its digest, which is computed now, off the runtime's threads.
pub(crate) async fn media(shared: &Arc<Shared>, id: MediaId) -> std::io::Result<Option<MediaInfo>> {
    let found = {
        let now = shared.clock.now();
        let sessions = shared.sessions();
        sessions.info(id, now).zip(sessions.any(id).map(crate::session::Session::reader))
    };
    let Some((mut info, reader)) = found else { return Ok(None) };
    info.sha256 = spawn_blocking(move || reader.sha256()).await.map_err(std::io::Error::other)??;
    Ok(Some(info))
}
