//! `command=INIT|APPEND|FINALIZE` in a form: v1.1's `upload.json`, and the transitional `POST /2/media/upload` that v2 had
//! before its dedicated endpoints (X fact sheet §0). Without a command the form is a one-shot upload.

use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::access::Account;
use crate::answer::{Dialect, Refusal, Reply};
use crate::exchange::{Exchange, Step};
use crate::faults::Operation;
use crate::form::{Form, is_json, is_multipart, is_urlencoded};
use crate::media_kind::{Category, MediaId};
use crate::session::Described;
use crate::settings::{Settings, scope};
use crate::upload::{content_members, opening, segment_index, store_segment};
use crate::v2;

/// A POST to either path.
pub(crate) async fn post(exchange: &mut Exchange) -> Step<Reply> {
    let mut form = Form::of_query(exchange).await?;
    let (account, signed) = if is_urlencoded(exchange.content_type()) {
        // The fields are signed: nothing can be said before they are read.
        let parameters = form.read_urlencoded(exchange).await?;
        let account = exchange.authenticate(&parameters, &[scope::MEDIA_WRITE])?;
        (account, parameters)
    } else {
        let account = exchange.authenticate(&[], &[scope::MEDIA_WRITE])?;
        if is_multipart(exchange.content_type()) {
            form.read_multipart(exchange).await?;
        } else if exchange.dialect == Dialect::V2 && is_json(exchange.content_type()) {
            exchange.identify(Operation::OneShot).await?;
            v2::read_json_one_shot(exchange, &mut form).await?;
        }
        (account, Vec::new())
    };
    if exchange.operation().is_none() && form.field("command").is_none() {
        exchange.identify(Operation::OneShot).await?;
    }
    exchange.admit()?;
    for (name, value) in signed {
        if name == "media_data" || (name == "media" && exchange.dialect == Dialect::V2) {
            form.store_base64(exchange, value).await?;
        }
    }
    match exchange.operation() {
        Some(Operation::Initialize) => init(exchange, &account, &form).await,
        Some(Operation::Append) => append(exchange, &account, form).await,
        Some(Operation::Finalize) => finalize(exchange, &account, &form).await,
        Some(Operation::OneShot) if form.media.is_some() => match exchange.dialect {
            Dialect::V1 => one_shot(exchange, &account, form).await,
            Dialect::V2 => v2::one_shot(exchange, &account, &mut form).await,
        },
        // STATUS is a GET (X fact sheet §1.4).
        Some(Operation::Status | Operation::OneShot | Operation::Metadata | Operation::Tweet) | None => {
            Err(Refusal::NoMediaParameter.into())
        }
    }
}

fn required<'a>(form: &'a Form, name: &str) -> Result<&'a str, Refusal> {
    form.field(name).ok_or_else(|| Refusal::BadRequest(format!("{name} parameter is missing.")))
}

async fn init(exchange: &mut Exchange, account: &Account, form: &Form) -> Step<Reply> {
    let total_bytes = required(form, "total_bytes")?;
    let total_bytes = total_bytes
        .parse()
        .map_err(|_| Refusal::BadRequest(format!("total_bytes {total_bytes} is not a number.")))?;
    let media_type = required(form, "media_type")?.to_owned();
    if crate::media_kind::kind_of(&media_type).is_none() {
        return Err(Refusal::BadRequest(format!("media type {media_type} is not supported.")).into());
    }
    let category = match form.field("media_category") {
        None => None,
        Some(name) => Some(
            Category::from_v1(name)
                .ok_or_else(|| Refusal::BadRequest(format!("media category {name} is not supported.")))?,
        ),
    };
    let owners: Vec<String> = form
        .field("additional_owners")
        .unwrap_or_default()
        .split(',')
        .filter(|owner| !owner.is_empty())
        .map(String::from)
        .collect();
    if owners.len() > 100 || owners.iter().any(|owner| owner.parse::<MediaId>().is_err()) {
        return Err(Refusal::BadRequest("additional_owners is not valid.".into()).into());
    }
    exchange.body_done().await?;

    let settings = exchange.settings();
    let opening = opening(account, owners, total_bytes, Some(media_type), category, &settings)?;
    match exchange.dialect {
        Dialect::V2 => {
            let mut reply = v2::open_session(exchange, opening, &settings);
            // The transitional form was documented with 202 (X fact sheet §2.2).
            reply.status = StatusCode::ACCEPTED;
            Ok(reply)
        }
        Dialect::V1 => {
            let now = exchange.now();
            let lifetime = settings.lifetimes.session_secs;
            let mut sessions = exchange.shared.sessions();
            let id = sessions.open(opening, lifetime, now);
            let media_key = category.and_then(|_| sessions.any(id)?.media_key(id));
            drop(sessions);
            exchange.note_committed();
            exchange.note_media_id(&id.to_string());
            let mut body = id_members(id);
            body.insert("expires_after_secs".into(), json!(lifetime));
            body.extend(media_key.map(|key| ("media_key".into(), json!(key))));
            let reply = Reply::json(StatusCode::ACCEPTED, &Value::Object(body));
            Ok(reply.with("x-mediaid", id.number()))
        }
    }
}

fn id_members(id: MediaId) -> Map<String, Value> {
    let mut members = Map::new();
    members.insert("media_id".into(), json!(id.number()));
    members.insert("media_id_string".into(), json!(id));
    members
}

async fn append(exchange: &mut Exchange, account: &Account, mut form: Form) -> Step<Reply> {
    let settings = exchange.settings();
    let id = required(&form, "media_id")?.to_owned();
    let index = segment_index(form.field("segment_index"), settings.limits.last_segment_index)?;
    let media = form.media.take().ok_or(Refusal::NoMediaParameter)?;
    if media.size() > settings.limits.append_bytes {
        return Err(Refusal::TooLarge.into());
    }
    exchange.body_done().await?;
    match exchange.dialect {
        Dialect::V2 => v2::append_media(exchange, account, &id, index, media).await,
        Dialect::V1 => {
            store_segment(exchange, account, &id, index, media).await?;
            let mut reply = Reply::text(StatusCode::NO_CONTENT, "text/html;charset=utf-8", String::new())
                // Always 0 in recorded answers: no use for resuming (X fact sheet §1.2).
                .with("x-segmentcount", 0)
                .with("x-totalbytes", 0);
            if let Ok(id) = id.parse::<MediaId>() {
                reply = reply.with("x-mediaid", id.number());
            }
            Ok(reply)
        }
    }
}

async fn finalize(exchange: &mut Exchange, account: &Account, form: &Form) -> Step<Reply> {
    let id = required(form, "media_id")?;
    exchange.body_done().await?;
    match exchange.dialect {
        Dialect::V2 => v2::finalize_session(exchange, account, id),
        Dialect::V1 => {
            let settings = exchange.settings();
            let described = finalize_v1(exchange, account, id, &settings)?;
            Ok(Reply::json(StatusCode::CREATED, &Value::Object(v1_members(described))))
        }
    }
}

fn finalize_v1(
    exchange: &mut Exchange,
    account: &Account,
    id: &str,
    settings: &Settings,
) -> Result<Described, Refusal> {
    let now = exchange.now();
    let limit = Some(settings.limits.synchronous_bytes);
    let described = exchange.shared.sessions().finalize(id, &account.user, limit, now, settings)?;
    exchange.note_committed();
    Ok(described)
}

fn v1_members(mut described: Described) -> Map<String, Value> {
    let mut members = id_members(described.id);
    if described.named_category.is_some() {
        members.extend(described.media_key.take().map(|key| ("media_key".into(), json!(key))));
    }
    members.insert("size".into(), json!(described.size));
    // A failed media has no time left (X fact sheet §1.4).
    if described.processing.as_ref().is_none_or(|info| info.state != "failed") {
        members.insert("expires_after_secs".into(), json!(described.expires_after_secs));
    }
    members.extend(content_members(&described));
    members.extend(described.processing.map(|info| ("processing_info".into(), json!(info))));
    members
}

/// v1.1 without a command: an image in one request (X fact sheet §1.5).
async fn one_shot(exchange: &mut Exchange, account: &Account, mut form: Form) -> Step<Reply> {
    let settings = exchange.settings();
    let media = form.media.take().ok_or(Refusal::NoMediaParameter)?;
    let category = form.field("media_category").and_then(Category::from_v1).unwrap_or(Category::TweetImage);
    exchange.body_done().await?;
    let opening = opening(account, Vec::new(), media.size(), None, Some(category), &settings)?;
    let now = exchange.now();
    let id = exchange.shared.sessions().open(opening, settings.lifetimes.session_secs, now).to_string();
    exchange.note_media_id(&id);
    store_segment(exchange, account, &id, 0, media).await?;
    let described = finalize_v1(exchange, account, &id, &settings)?;
    Ok(Reply::json(StatusCode::OK, &Value::Object(v1_members(described))))
}

/// `GET /1.1/media/upload.json?command=STATUS&media_id=`
pub(crate) async fn status_v1(exchange: &mut Exchange) -> Step<Reply> {
    let form = Form::of_query(exchange).await?;
    let account = exchange.authenticate(&[], &[])?;
    exchange.admit()?;
    exchange.body_done().await?;
    if exchange.operation() != Some(Operation::Status) {
        return Err(Refusal::NoSuchPath.into());
    }
    let id = required(&form, "media_id")?;
    let now = exchange.now();
    let described = exchange.shared.sessions().status(id, &account.user, now).ok_or(Refusal::NoStatus)?;
    Ok(Reply::json(StatusCode::OK, &Value::Object(v1_members(described))))
}

/// `POST /1.1/media/metadata/create.json`
pub(crate) async fn metadata_v1(exchange: &mut Exchange) -> Step<Reply> {
    let account = v2::enter(exchange, Operation::Metadata, &[]).await?;
    let object = v2::json_object(exchange).await?;
    let id = match object.get("media_id") {
        Some(Value::String(id)) => id.clone(),
        Some(Value::Number(id)) => id.to_string(),
        Some(_) | None => return Err(Refusal::BadRequest("media_id parameter is missing.".into()).into()),
    };
    exchange.note_media_id(&id);
    let alt_text = object.get("alt_text").map(v2::read_alt_text).transpose()?;
    exchange.body_done().await?;
    v2::set_alt_text(exchange, &account, &id, alt_text.as_deref())?;
    Ok(Reply::empty(StatusCode::OK))
}
