//! The rules for JSON requests, over arbitrary bodies.

use serde_json::{Map, Value};

use super::ensure;
use crate::answer::{Refusal, Violation};
use crate::json_rules::{Rules, object};

/// The schemas of X's requests, near enough: every rule is in one of them.
const SCHEMAS: [Schema; 3] = [initialize, metadata, post];

type Schema = fn(&Map<String, Value>) -> Result<(), Refusal>;

fn initialize(object: &Map<String, Value>) -> Result<(), Refusal> {
    let known = ["media_type", "total_bytes", "media_category", "additional_owners", "shared"];
    let mut rules = Rules::closed(object, "", &known);
    rules.required("total_bytes");
    rules.one_of("media_type", &["video/mp4", "image/png"]);
    rules.integer("total_bytes", 17_179_869_184);
    rules.one_of("media_category", &["tweet_video", "tweet_image"]);
    rules.ids("additional_owners", 0, 100);
    rules.boolean("shared");
    rules.finish()
}

fn metadata(object: &Map<String, Value>) -> Result<(), Refusal> {
    let mut rules = Rules::closed(object, "", &["id", "metadata"]);
    rules.required("id");
    rules.id("id");
    let inner = rules.object("metadata");
    rules.finish()?;
    match inner.and_then(|metadata| metadata.get("alt_text")) {
        Some(alt_text) => crate::v2::read_alt_text(alt_text).map(drop),
        None => Ok(()),
    }
}

fn post(object: &Map<String, Value>) -> Result<(), Refusal> {
    let mut rules = Rules::closed(object, "", &["text", "media"]);
    rules.string("text");
    let media = rules.object("media");
    rules.finish()?;
    let Some(media) = media else { return Ok(()) };
    let mut rules = Rules::closed(media, "media.", &["media_ids", "preview_media_id"]);
    rules.required("media_ids");
    let ids = rules.ids("media_ids", 1, 4);
    rules.id("preview_media_id");
    rules.finish()?;
    match ids.len() {
        1..=4 => Ok(()),
        _ => Err(Refusal::BadRequest(format!("{} ids were let through", ids.len()))),
    }
}

/// Reads the bytes as a JSON request under every schema.
///
/// Whatever they are there is an answer; it is the same twice, names what it blames, and is not longer than what it was
/// given allows.
///
/// # Errors
///
/// What does not hold.
pub fn json(bytes: &[u8]) -> Result<(), String> {
    let object = match object(bytes) {
        Ok(object) => object,
        Err(Refusal::NotJson | Refusal::NotJsonObject) => return Ok(()),
        Err(other) => return Err(format!("a body is refused as {other:?}")),
    };
    for read in SCHEMAS {
        let result = read(&object);
        ensure!(result == read(&object), "it is not the same twice: {result:?}");
        match result {
            Ok(()) => {}
            Err(Refusal::Violations(violations)) => {
                ensure!(!violations.is_empty(), "refused for nothing");
                violations.iter().try_for_each(|violation| check(violation, bytes.len()))?;
            }
            Err(Refusal::BadRequest(text)) if text.starts_with("alt_text must") => {}
            Err(other) => return Err(format!("an object is refused as {other:?}")),
        }
    }
    Ok(())
}

fn check(violation: &Violation, given: usize) -> Result<(), String> {
    let Violation { parameter, message, given: shown } = violation;
    ensure!(message.starts_with(&format!("$.{parameter}: ")), "{parameter} is not named by {message}");
    // A name or a value of one byte may come to three once what is not UTF-8 or escaped is shown.
    let most = 400 + 3 * given;
    let longest = parameter.len().max(message.len()).max(shown.as_ref().map_or(0, String::len));
    ensure!(longest <= most, "{longest} bytes are said of {given}");
    Ok(())
}
