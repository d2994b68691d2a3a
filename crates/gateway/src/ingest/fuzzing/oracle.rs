//! The same requests read the easy way, all in memory: by `serde_json` and `base64`.

use std::collections::HashSet;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use chunkwise_transport::Secret;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::Request;
use crate::ingest::{CreateBody, UploadBody, UploadMedia};

type Fields = Vec<(&'static str, String)>;
/// Fields and media, or why there are none.
type Read = Result<(Fields, Vec<Vec<u8>>), String>;

/// An object's members in their order, repeated ones included.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Members, M::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

/// What is read of the body, and its media; or why nothing is. None if it can't be told.
pub(super) fn read(request: Request, body: &[u8]) -> Option<Read> {
    match serde_json::from_slice(body) {
        Ok(members) => Some(read_members(request, body, members)),
        // Its grammar is sound, and a reader has no use for numbers; but what comes behind it is not known.
        Err(error) if error.to_string().starts_with("number out of range") => None,
        Err(error) => Some(Err(error.to_string())),
    }
}

fn read_members(request: Request, body: &[u8], Members(members): Members) -> Read {
    let mut names = HashSet::new();
    if let Some((name, _)) = members.iter().find(|(name, _)| !names.insert(name)) {
        return Err(format!("{name} is there twice"));
    }
    let get = |name: &str| members.iter().find(|(given, _)| given == name).map(|(_, value)| value);
    match request {
        Request::Upload => upload(get),
        Request::Create => create(body, get),
    }
}

fn upload<'a>(get: impl Fn(&str) -> Option<&'a Value>) -> Read {
    let mut fields = Vec::new();
    for name in ["auth_token", "media_url", "media_type", "media_category", "alt_text", "proxy"] {
        if let Some(text) = string(get(name), name != "alt_text")? {
            fields.push((name, text.to_owned()));
        }
    }
    let has = |fields: &Fields, name: &str| fields.iter().any(|(given, _)| *given == name);
    if !has(&fields, "auth_token") {
        return Err("there is no token".to_owned());
    }
    let mut media = Vec::new();
    if let Some(text) = string(get("media_data"), false)? {
        let (named, bytes) = decode(text)?;
        let given = fields.iter().position(|(name, _)| *name == "media_type");
        type_of(given.map(|at| fields[at].1.as_str()), named.as_deref())?;
        if let (None, Some(named)) = (given, named) {
            fields.push(("media_type", named));
        }
        fields.push(("len", bytes.len().to_string()));
        media.push(bytes);
    }
    if media.is_empty() != has(&fields, "media_url") {
        return Err("it is not one of the two".to_owned());
    }
    fields.sort();
    Ok((fields, media))
}

fn create<'a>(body: &[u8], get: impl Fn(&str) -> Option<&'a Value>) -> Read {
    let mut fields = Vec::new();
    for name in ["auth_token", "text", "reply_to_tweet_id", "quote_tweet_id", "proxy"] {
        if let Some(text) = string(get(name), name != "text")? {
            if name.ends_with("_id") {
                id(text)?;
            }
            fields.push((name, text.to_owned()));
        }
    }
    for name in ["media_ids", "media_urls"] {
        for element in elements(get(name))? {
            let text = string(Some(element), true)?.ok_or("an element is empty")?;
            if name == "media_ids" {
                id(text)?;
            }
            fields.push((name, text.to_owned()));
        }
    }
    let items = elements(get("media"))?;
    if !items.is_empty() {
        repeated_in_items(body)?;
    }
    let mut media = Vec::new();
    for item in items {
        let item = item.as_object().ok_or("an item is no object")?;
        let given = string(item.get("type"), true)?;
        let (named, bytes) = decode(string(item.get("data"), false)?.ok_or("an item has no data")?)?;
        let media_type = type_of(given, named.as_deref())?;
        fields.push(("media", format!("{media_type} {}", bytes.len())));
        media.push(bytes);
    }
    let has = |name: &str| fields.iter().any(|(given, _)| given.starts_with(name));
    if !has("auth_token") {
        return Err("there is no token".to_owned());
    }
    if !has("text") && !has("media") && !has("quote") {
        return Err("there is nothing to post".to_owned());
    }
    fields.sort();
    Ok((fields, media))
}

/// A `Value` forgets what was there twice.
fn repeated_in_items(body: &[u8]) -> Result<(), String> {
    #[derive(serde::Deserialize)]
    struct Items {
        media: Vec<Members>,
    }
    let items: Items = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    for Members(members) in &items.media {
        let mut names = HashSet::new();
        if members.iter().any(|(name, _)| !names.insert(name)) {
            return Err("an item has something twice".to_owned());
        }
    }
    Ok(())
}

fn string(value: Option<&Value>, strict: bool) -> Result<Option<&str>, String> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if strict && text.chars().any(char::is_control) => {
            Err("a control character".to_owned())
        }
        Some(Value::String(text)) => Ok((!text.is_empty()).then_some(text)),
        Some(other) => Err(format!("{other} is no string")),
    }
}

fn elements(value: Option<&Value>) -> Result<&[Value], String> {
    match value {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(elements)) => Ok(elements),
        Some(other) => Err(format!("{other} is no array")),
    }
}

fn id(text: &str) -> Result<(), String> {
    let sound = text.len() <= 20 && text.bytes().all(|byte| byte.is_ascii_digit());
    if sound { Ok(()) } else { Err("an id is not made of digits".to_owned()) }
}

fn decode(text: &str) -> Result<(Option<String>, Vec<u8>), String> {
    let is_uri = text.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("data:"));
    let (named, symbols) = if is_uri {
        let (header, data) = text[5..].split_once(',').ok_or("a URI without a comma")?;
        let lower = header.to_ascii_lowercase();
        let rest = lower.strip_suffix(";base64").ok_or("a URI without base64")?;
        if !header.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("an odd header".to_owned());
        }
        let named = rest.split(';').next().unwrap_or_default();
        ((!named.is_empty()).then(|| named.to_owned()), data)
    } else {
        (None, text)
    };
    if symbols.is_empty() {
        return Err("no data".to_owned());
    }
    let engines = [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD];
    match engines.into_iter().find_map(|engine| engine.decode(symbols).ok()) {
        Some(bytes) => Ok((named, bytes)),
        None => Err("no base64 of any kind".to_owned()),
    }
}

/// The type that counts, of the one that was given and the one that a URI named.
fn type_of<'a>(given: Option<&'a str>, named: Option<&'a str>) -> Result<&'a str, String> {
    let essence = |media_type: &str| {
        let lower = media_type.to_ascii_lowercase();
        match lower.split(';').next().unwrap_or_default().trim() {
            "image/jpg" => "image/jpeg".to_owned(),
            other => other.to_owned(),
        }
    };
    match (given, named) {
        (Some(given), Some(named)) if essence(given) != essence(named) => Err("two media types".to_owned()),
        (Some(told), _) | (None, Some(told)) => Ok(told),
        (None, None) => Err("no media type".to_owned()),
    }
}

fn push(fields: &mut Fields, name: &'static str, value: Option<&str>) {
    fields.extend(value.map(|value| (name, value.to_owned())));
}

fn exposed(secret: &Option<Secret<String>>) -> Option<&str> {
    secret.as_ref().map(|secret| secret.expose().as_str())
}

/// The same of a body that a reader has read.
pub(super) fn upload_fields(body: &UploadBody) -> Fields {
    let mut fields = vec![("auth_token", body.auth_token.expose().clone())];
    match &body.media {
        UploadMedia::Url { url, media_type } => {
            fields.push(("media_url", url.expose().clone()));
            push(&mut fields, "media_type", media_type.as_deref());
        }
        UploadMedia::Data { media_type, len } => {
            fields.push(("media_type", media_type.clone()));
            fields.push(("len", len.to_string()));
        }
    }
    push(&mut fields, "media_category", body.media_category.as_deref());
    push(&mut fields, "alt_text", body.alt_text.as_deref());
    push(&mut fields, "proxy", exposed(&body.proxy));
    fields.sort();
    fields
}

/// The same of a body that a reader has read.
pub(super) fn create_fields(body: &CreateBody) -> Fields {
    let mut fields = vec![("auth_token", body.auth_token.expose().clone())];
    push(&mut fields, "text", body.text.as_deref());
    body.media_ids.iter().for_each(|id| push(&mut fields, "media_ids", Some(id)));
    body.media_urls.iter().for_each(|url| push(&mut fields, "media_urls", Some(url.expose())));
    for media in &body.media {
        fields.push(("media", format!("{} {}", media.media_type, media.len)));
    }
    push(&mut fields, "reply_to_tweet_id", body.reply_to_tweet_id.as_deref());
    push(&mut fields, "quote_tweet_id", body.quote_tweet_id.as_deref());
    push(&mut fields, "proxy", exposed(&body.proxy));
    fields.sort();
    fields
}
