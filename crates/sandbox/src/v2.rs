//! `/2/media/…`

use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::access::Account;
use crate::answer::{Refusal, Reply};
use crate::exchange::{Exchange, Step};
use crate::faults::Operation;
use crate::form::{Form, is_json, is_multipart};
use crate::json_rules::{self, Rules};
use crate::media_kind::{Category, MEDIA_TYPES, MediaId, kind_of};
use crate::segment_file::SegmentFile;
use crate::session::Described;
use crate::settings::{AppendAnswer, FinalizeBody, ProcessingErrorInV2, Settings, SuccessStatus, scope};
use crate::upload::{content_members, opening, segment_index, store_segment};

/// The most bytes of a JSON request that holds no media.
const JSON_LIMIT: u64 = 256 * 1024;

/// Counts the call, then looks at who asks.
pub(crate) async fn enter(exchange: &mut Exchange, operation: Operation, scopes: &[&str]) -> Step<Account> {
    exchange.identify(operation).await?;
    let account = exchange.authenticate(&[], scopes)?;
    exchange.admit()?;
    Ok(account)
}

pub(crate) async fn json_object(exchange: &mut Exchange) -> Step<Map<String, Value>> {
    if !is_json(exchange.content_type()) {
        return Err(Refusal::NotJsonContent.into());
    }
    let body = exchange.collect(JSON_LIMIT).await?;
    Ok(json_rules::object(&body)?)
}

fn success(status: SuccessStatus) -> StatusCode {
    match status {
        SuccessStatus::Ok => StatusCode::OK,
        SuccessStatus::Created => StatusCode::CREATED,
        SuccessStatus::Accepted => StatusCode::ACCEPTED,
    }
}

fn check_id(id: &str) -> Result<(), Refusal> {
    match id.parse::<MediaId>() {
        Ok(_) => Ok(()),
        Err(_) => {
            let what = format!("The `id` path parameter value [{id}] does not match ^[0-9]{{1,19}}$");
            Err(Refusal::BadRequest(what))
        }
    }
}

pub(crate) async fn initialize(exchange: &mut Exchange) -> Step<Reply> {
    let account = enter(exchange, Operation::Initialize, &[scope::MEDIA_WRITE]).await?;
    let object = json_object(exchange).await?;
    let settings = exchange.settings();
    let known = ["media_type", "total_bytes", "media_category", "additional_owners", "shared"];
    let mut rules = Rules::closed(&object, "", &known);
    // The schema requires neither; without them there is nothing to add up and no kind to judge.
    rules.required("total_bytes");
    rules.required("media_type");
    let media_type = rules.one_of("media_type", &MEDIA_TYPES).map(String::from);
    let total_bytes = rules.integer("total_bytes", settings.limits.schema_total_bytes);
    let category = rules.one_of("media_category", &Category::ALL.map(Category::as_str));
    let owners = rules.ids("additional_owners", 0, 100);
    rules.boolean("shared");
    rules.finish()?;
    exchange.body_done().await?;

    let category = category.and_then(Category::from_snake);
    let opening =
        opening(&account, owners, total_bytes.unwrap_or_default(), media_type, category, &settings)?;
    Ok(open_session(exchange, opening, &settings))
}

/// Also for the transitional command form.
pub(crate) fn open_session(
    exchange: &mut Exchange,
    opening: crate::session::Opening,
    settings: &Settings,
) -> Reply {
    let lifetime = settings.lifetimes.session_secs;
    let now = exchange.now();
    let mut sessions = exchange.shared.sessions();
    let id = sessions.open(opening, lifetime, now);
    let media_key = sessions.any(id).and_then(|session| session.media_key(id));
    drop(sessions);
    exchange.note_committed();
    exchange.note_media_id(&id.to_string());
    let mut data = Map::new();
    data.insert("id".into(), json!(id));
    data.insert("expires_after_secs".into(), json!(lifetime));
    data.extend(media_key.map(|key| ("media_key".into(), json!(key))));
    Reply::json(success(settings.undocumented.initialize_status), &json!({ "data": data }))
}

pub(crate) async fn append(exchange: &mut Exchange, id: &str) -> Step<Reply> {
    exchange.note_media_id(id);
    let account = enter(exchange, Operation::Append, &[scope::MEDIA_WRITE]).await?;
    check_id(id)?;
    let settings = exchange.settings();
    let now = exchange.now();
    exchange.shared.sessions().check_receiving(id, &account.user, now, &settings)?;

    let mut form = Form::default();
    if is_multipart(exchange.content_type()) {
        form.read_multipart(exchange).await?;
    } else if is_json(exchange.content_type()) {
        read_json_append(exchange, &mut form).await?;
    } else {
        return Err(Refusal::NotJsonContent.into());
    }
    let index = segment_index(form.field("segment_index"), settings.limits.last_segment_index)?;
    let media = form.media.take().ok_or(Refusal::NoMediaParameter)?;
    exchange.body_done().await?;
    append_media(exchange, &account, id, index, media).await
}

/// Also for the transitional command form.
pub(crate) async fn append_media(
    exchange: &mut Exchange,
    account: &Account,
    id: &str,
    index: u16,
    media: SegmentFile,
) -> Step<Reply> {
    let expires_at = store_segment(exchange, account, id, index, media).await?;
    Ok(match exchange.settings().undocumented.append_answer {
        AppendAnswer::Json => {
            Reply::json(StatusCode::OK, &json!({ "data": { "expires_at": expires_at / 1000 } }))
        }
        AppendAnswer::Empty => Reply::empty(StatusCode::NO_CONTENT),
    })
}

/// `{"media": base64, "segment_index": n}`
async fn read_json_append(exchange: &mut Exchange, form: &mut Form) -> Step<()> {
    let limit = exchange.settings().limits.append_bytes.div_ceil(3).saturating_mul(4);
    let body = exchange.collect(limit.saturating_add(JSON_LIMIT)).await?;
    let mut object = json_rules::object(&body)?;
    drop(body);
    let mut rules = Rules::closed(&object, "", &["media", "segment_index"]);
    rules.required("media");
    rules.required("segment_index");
    let index = rules.integer("segment_index", u64::MAX);
    rules.string("media");
    rules.finish()?;
    if let Some(index) = index {
        exchange.note_segment_index(index).await?;
        form.fields.insert("segment_index".into(), index.to_string());
    }
    if let Some(Value::String(media)) = object.remove("media") {
        form.store_base64(exchange, media).await?;
    }
    Ok(())
}

pub(crate) async fn finalize(exchange: &mut Exchange, id: &str) -> Step<Reply> {
    exchange.note_media_id(id);
    let account = enter(exchange, Operation::Finalize, &[scope::MEDIA_WRITE]).await?;
    check_id(id)?;
    let is_json = is_json(exchange.content_type());
    let body = exchange.collect(JSON_LIMIT).await?;
    match exchange.settings().undocumented.finalize_body {
        FinalizeBody::Ignore => {}
        FinalizeBody::RequireObject => {
            json_rules::object(&body)?;
            if !is_json {
                return Err(Refusal::NotJsonContent.into());
            }
        }
    }
    exchange.body_done().await?;
    finalize_session(exchange, &account, id)
}

/// Also for the transitional command form.
pub(crate) fn finalize_session(exchange: &mut Exchange, account: &Account, id: &str) -> Step<Reply> {
    let settings = exchange.settings();
    let now = exchange.now();
    let described = exchange.shared.sessions().finalize(id, &account.user, None, now, &settings)?;
    exchange.note_committed();
    let body = json!({ "data": data_of(described, &settings) });
    Ok(Reply::json(success(settings.undocumented.finalize_status), &body))
}

fn data_of(mut described: Described, settings: &Settings) -> Map<String, Value> {
    let mut data = Map::new();
    data.insert("id".into(), json!(described.id));
    data.extend(described.media_key.take().map(|key| ("media_key".into(), json!(key))));
    data.insert("size".into(), json!(described.size));
    data.insert("expires_after_secs".into(), json!(described.expires_after_secs));
    data.extend(content_members(&described));
    if let Some(mut info) = described.processing {
        if settings.undocumented.processing_error_in_v2 == ProcessingErrorInV2::Hidden {
            info.error = None;
        }
        data.insert("processing_info".into(), json!(info));
    }
    data
}

/// `GET /2/media/upload?command=STATUS&media_id=`
pub(crate) async fn status(exchange: &mut Exchange) -> Step<Reply> {
    let query = exchange.head.uri.query().unwrap_or_default().to_owned();
    let parameter = |name: &str| {
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    };
    let id = parameter("media_id");
    if let Some(id) = &id {
        exchange.note_media_id(id);
    }
    let account = enter(exchange, Operation::Status, &[scope::MEDIA_WRITE]).await?;
    exchange.body_done().await?;
    let Some(id) = id else {
        return Err(Refusal::BadRequest("The `media_id` query parameter is required".into()).into());
    };
    // Optional by the schema, but leaving it out is reported to break (X fact sheet §2.5).
    if parameter("command").as_deref() != Some("STATUS") {
        return Err(Refusal::BadRequest("The `command` query parameter must be STATUS".into()).into());
    }
    if id.parse::<MediaId>().is_err() {
        let what = format!("The `media_id` query parameter value [{id}] does not match ^[0-9]{{1,19}}$");
        return Err(Refusal::BadRequest(what).into());
    }
    let settings = exchange.settings();
    let now = exchange.now();
    let described = exchange.shared.sessions().status(&id, &account.user, now).ok_or(Refusal::NoStatus)?;
    Ok(Reply::json(StatusCode::OK, &json!({ "data": data_of(described, &settings) })))
}

/// `POST /2/media/upload` with `media` and `media_category`: images and subtitles in one request (X fact sheet §2.6).
pub(crate) async fn one_shot(exchange: &mut Exchange, account: &Account, form: &mut Form) -> Step<Reply> {
    let category = form.field("media_category").and_then(Category::from_snake);
    let category = category.filter(|category| !category.is_processed()).ok_or_else(|| {
        Refusal::BadRequest("media_category must be one of [tweet_image, dm_image, subtitles]".into())
    })?;
    let media_type = form.field("media_type").map(String::from);
    if let Some(media_type) = media_type.as_deref().filter(|media_type| kind_of(media_type).is_none()) {
        return Err(Refusal::BadRequest(format!("media_type {media_type} is not supported")).into());
    }
    let owners = form.field("additional_owners").unwrap_or_default();
    let owners = owners.split(',').filter(|owner| !owner.is_empty()).map(String::from).collect();
    let media = form.media.take().ok_or(Refusal::NoMediaParameter)?;
    exchange.body_done().await?;

    let settings = exchange.settings();
    let opening = opening(account, owners, media.size(), media_type, Some(category), &settings)?;
    let now = exchange.now();
    let id = exchange.shared.sessions().open(opening, settings.lifetimes.session_secs, now).to_string();
    exchange.note_media_id(&id);
    store_segment(exchange, account, &id, 0, media).await?;
    let now = exchange.now();
    let described = exchange.shared.sessions().finalize(&id, &account.user, None, now, &settings)?;
    Ok(Reply::json(StatusCode::OK, &json!({ "data": data_of(described, &settings) })))
}

/// The JSON form of the one-shot upload.
pub(crate) async fn read_json_one_shot(exchange: &mut Exchange, form: &mut Form) -> Step<()> {
    let limits = exchange.settings().limits.media.clone();
    let largest = limits.image.max(limits.gif).max(limits.subtitles);
    let limit = largest.div_ceil(3).saturating_mul(4).saturating_add(JSON_LIMIT);
    let body = exchange.collect(limit).await?;
    let mut object = json_rules::object(&body)?;
    drop(body);
    let known = ["media", "media_category", "media_type", "additional_owners", "shared"];
    let mut rules = Rules::closed(&object, "", &known);
    rules.required("media");
    rules.required("media_category");
    rules.string("media");
    rules.boolean("shared");
    let texts: Vec<(&str, Option<&str>)> =
        ["media_category", "media_type", "additional_owners"].map(|name| (name, rules.string(name))).to_vec();
    rules.finish()?;
    for (name, text) in texts {
        form.fields.extend(text.map(|text| (name.to_owned(), text.to_owned())));
    }
    if let Some(Value::String(media)) = object.remove("media") {
        form.store_base64(exchange, media).await?;
    }
    Ok(())
}

/// `POST /2/media/metadata`
pub(crate) async fn metadata(exchange: &mut Exchange) -> Step<Reply> {
    let account = enter(exchange, Operation::Metadata, &[scope::MEDIA_WRITE]).await?;
    let object = json_object(exchange).await?;
    let mut rules = Rules::closed(&object, "", &["id", "metadata"]);
    rules.required("id");
    rules.required("metadata");
    let id = rules.id("id").map(String::from);
    let metadata = rules.object("metadata");
    rules.finish()?;
    let alt_text = match metadata.and_then(|metadata| metadata.get("alt_text")) {
        Some(alt_text) => Some(read_alt_text(alt_text)?),
        None => None,
    };
    exchange.body_done().await?;

    let id = id.unwrap_or_default();
    exchange.note_media_id(&id);
    set_alt_text(exchange, &account, &id, alt_text.as_deref())?;
    let associated = metadata.cloned().unwrap_or_default();
    Ok(Reply::json(StatusCode::OK, &json!({ "data": { "id": id, "associated_metadata": associated } })))
}

/// `{"text": …}`, at most 1,000 characters (X fact sheet §2.7).
pub(crate) fn read_alt_text(alt_text: &Value) -> Result<String, Refusal> {
    let text = alt_text.get("text").and_then(Value::as_str);
    let text = text.ok_or_else(|| Refusal::BadRequest("alt_text must have a text".into()))?;
    if text.chars().count() > 1000 {
        return Err(Refusal::BadRequest("alt_text must be at most 1000 characters long".into()));
    }
    Ok(text.into())
}

pub(crate) fn set_alt_text(
    exchange: &mut Exchange,
    account: &Account,
    id: &str,
    alt_text: Option<&str>,
) -> Result<(), Refusal> {
    let now = exchange.now();
    let answer = exchange.settings().undocumented.unknown_session;
    let mut sessions = exchange.shared.sessions();
    let (_, session) = sessions
        .live(id, &account.user, now)
        .ok_or_else(|| Refusal::NoSuchSession { id: id.into(), answer })?;
    if let Some(text) = alt_text {
        session.alt_text = Some(text.into());
    }
    drop(sessions);
    exchange.note_committed();
    Ok(())
}
