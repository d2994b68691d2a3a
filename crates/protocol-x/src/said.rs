//! What a server said about an error, in whichever of X's shapes, or in none of them.
//!
//! The shapes (X fact sheet §1.5, §2.10): problem JSON; `errors` with objects, with parameters or with plain strings;
//! v1.1's `errors` and `error`; HTML; nothing at all. JSON is never required.

use chunkwise_core::{Detail, ServerError, ServerErrorFields};
use chunkwise_transport::http::Response;
use chunkwise_transport::redact;
use http::HeaderMap;
use serde_json::{Map, Value};

use crate::lenient;

/// How many entries of an `errors` array are looked at.
const MAX_ERRORS: usize = 8;

/// What v2 says when it has nothing to say: the entries of `errors` have the news.
const EMPTY_PHRASE: &str = "One or more parameters to your request was invalid.";

/// What a server said about an error: for the error table, and for people.
#[derive(Debug)]
pub(crate) struct Said {
    /// X's numeric codes.
    codes: Vec<u64>,
    /// The names of the parameters complained about.
    parameters: Vec<String>,
    /// Messages, titles, details and types in lower case.
    words: String,
    /// Messages and details, each in lower case without anything but letters and digits.
    sentences: Vec<String>,
    /// For people and logs.
    pub(crate) server: ServerError,
}

impl Said {
    /// Reads it out of an answer.
    pub(crate) fn of(response: &Response, json: Option<&Value>) -> Self {
        let mut reading = Reading::default();
        match json {
            Some(Value::Object(object)) => reading.object(object),
            Some(Value::String(text)) => reading.message(text),
            Some(Value::Array(_) | Value::Null | Value::Bool(_) | Value::Number(_)) => {}
            None => reading.prose(&String::from_utf8_lossy(excerpt(response.body()))),
        }
        reading.finish(response)
    }

    /// What an error object within a good answer says, as that of `processing_info`.
    pub(crate) fn of_error(response: &Response, error: Option<&Value>, json: &Value) -> Self {
        let mut reading = Reading::default();
        if let Some(error) = error {
            reading.entry(error);
        }
        if reading.messages.is_empty()
            && let Value::Object(object) = json
        {
            reading.object(object);
        }
        reading.finish(response)
    }

    /// Whether it has one of these codes.
    pub(crate) fn has_code(&self, codes: &[u64]) -> bool {
        self.codes.iter().any(|code| codes.contains(code))
    }

    /// Whether one of these phrases (in lower case) is in it.
    pub(crate) fn has_phrase(&self, phrases: &[&str]) -> bool {
        phrases.iter().any(|phrase| self.words.contains(phrase))
    }

    /// Whether it says that the media id means nothing (any more).
    ///
    /// X's exact words for a session that is gone are not known (X fact sheet §8.4), so every way to say it counts:
    /// code 34, a not-found problem, a complaint about the id as a parameter (ours is always well-formed), or a
    /// sentence about the media id and its end (and not about a segment).
    pub(crate) fn names_unknown_media(&self) -> bool {
        if self.has_code(&[34])
            || self.has_phrase(&["badrequest: not found", "problems/resource-not-found"])
            || self.parameters.iter().any(|name| matches!(name.as_str(), "id" | "media_id"))
        {
            return true;
        }
        let ends = ["invalid", "notvalid", "expired", "notfound", "notexist", "unknown"];
        self.sentences.iter().any(|sentence| {
            sentence.contains("mediaid")
                && !sentence.contains("segment")
                && ends.iter().any(|end| sentence.contains(end))
        })
    }
}

/// An answer being read.
#[derive(Default)]
struct Reading {
    codes: Vec<u64>,
    parameters: Vec<String>,
    words: String,
    messages: Vec<String>,
    code: String,
    name: String,
    detail: String,
}

impl Reading {
    /// A body that is an object: problem JSON, v1.1's, or both at once.
    fn object(&mut self, object: &Map<String, Value>) {
        for key in ["title", "detail", "type"] {
            if let Some(text) = lenient::text(object, key) {
                self.hear(text);
            }
        }
        if let Some(Value::Array(errors)) = object.get("errors") {
            for error in errors.iter().take(MAX_ERRORS) {
                self.entry(error);
            }
        }
        // v1.1's other shape has a sentence here; a gateway may have an object.
        match object.get("error") {
            Some(error @ (Value::String(_) | Value::Object(_))) => self.entry(error),
            Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_)) | None => {}
        }
        if let Some(text) =
            lenient::text(object, "message").or_else(|| lenient::text(object, "error_description"))
        {
            self.message(text);
        }
        if self.code.is_empty() {
            self.code = problem_type(object).or_else(|| code(object)).unwrap_or_default();
        }
        if self.name.is_empty() {
            self.name = lenient::text(object, "title").unwrap_or_default().to_owned();
        }
        self.detail = lenient::text(object, "detail").unwrap_or_default().to_owned();
    }

    /// One error: an object with some of code, name, message, title, detail, type and parameters; or a sentence.
    fn entry(&mut self, error: &Value) {
        match error {
            Value::String(text) => self.message(text),
            Value::Object(object) => {
                if let Some(number) = object.get("code").and_then(lenient::uint) {
                    self.codes.push(number);
                }
                if self.code.is_empty() {
                    self.code = code(object).or_else(|| problem_type(object)).unwrap_or_default();
                }
                if self.name.is_empty() {
                    let name = lenient::text(object, "name").or_else(|| lenient::text(object, "title"));
                    self.name = name.unwrap_or_default().to_owned();
                }
                for key in ["name", "title", "type"] {
                    if let Some(text) = lenient::text(object, key) {
                        self.hear(text);
                    }
                }
                if let Some(Value::Object(parameters)) = object.get("parameters") {
                    self.parameters.extend(parameters.keys().take(MAX_ERRORS).cloned());
                }
                if let Some(text) = lenient::text(object, "parameter") {
                    self.parameters.push(text.to_owned());
                }
                let message = lenient::text(object, "message").or_else(|| lenient::text(object, "detail"));
                if let Some(text) = message {
                    self.message(text);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => {}
        }
    }

    /// A body that is no JSON: its title if it is a page, else its text.
    fn prose(&mut self, text: &str) {
        let text = text.trim();
        if text.starts_with('<') {
            self.message(html_title(text).unwrap_or("a page and no answer"));
        } else if !text.is_empty() {
            self.message(text);
        }
    }

    fn message(&mut self, text: &str) {
        self.hear(text);
        self.messages.push(text.to_owned());
    }

    fn hear(&mut self, text: &str) {
        self.words.push_str(&text.to_lowercase());
        self.words.push('\n');
    }

    fn finish(mut self, response: &Response) -> Said {
        if self.detail != EMPTY_PHRASE || self.messages.is_empty() {
            let detail = std::mem::take(&mut self.detail);
            if !detail.is_empty() && !self.messages.contains(&detail) {
                self.messages.push(detail);
            }
        }
        let body = String::from_utf8_lossy(excerpt(response.body()));
        let server = ServerError::new(ServerErrorFields {
            status: Detail::new(format!("HTTP {}", response.status().as_u16())),
            code: kept(&self.code),
            name: kept(&self.name),
            message: kept(&self.messages.join("; ")),
            request_id: kept(request_id(response.headers())),
            raw: kept(body.trim()),
        });
        let dense = |text: &String| text.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect();
        let sentences = self.messages.iter().map(dense).collect();
        Said { codes: self.codes, parameters: self.parameters, words: self.words, sentences, server }
    }
}

/// A text as it may be kept: without credentials, bounded, printable.
fn kept(text: &str) -> Detail {
    Detail::new(redact(text))
}

/// The code of an error, which may be a number or a word.
fn code(error: &Map<String, Value>) -> Option<String> {
    match error.get("code")? {
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text.clone()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The last part of a problem's type, as in `unsupported-authentication`. `about:blank` says nothing (RFC 9457).
fn problem_type(problem: &Map<String, Value>) -> Option<String> {
    let (_, last) = lenient::text(problem, "type")?.rsplit_once("/problems/")?;
    Some(last.to_owned())
}

/// X's id of the request. Source: X fact sheet §1.1 (`x-transaction`), and what v2 answers with today.
fn request_id(headers: &HeaderMap) -> &str {
    ["x-transaction-id", "x-transaction", "x-request-id"]
        .iter()
        .find_map(|name| headers.get(*name)?.to_str().ok())
        .unwrap_or_default()
}

/// The title of a page.
fn html_title(page: &str) -> Option<&str> {
    let lower = page.to_ascii_lowercase();
    let start = lower.find("<title>")? + "<title>".len();
    let end = start + lower[start..].find("</title>")?;
    Some(page[start..end].trim()).filter(|title| !title.is_empty())
}

/// As much of a body as may ever be looked at outside of JSON.
fn excerpt(body: &[u8]) -> &[u8] {
    &body[..body.len().min(4 << 10)]
}
