//! X's good answers, read with goodwill. INIT, FINALIZE and STATUS answer in one shape; v2 puts it under `data`, and
//! has been seen without (X fact sheet §2.6).

use std::time::Duration;

use chunkwise_core::{Delay, Percent, Timestamp};
use serde_json::{Map, Value};

use crate::{MediaId, lenient};

/// The longest name or key that is taken out of an answer, in bytes.
const MAX_NAME: usize = 256;

/// An answer's fields, each as far as it was there and made sense.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) id: Id,
    pub(crate) media_key: Option<String>,
    pub(crate) size: Option<u64>,
    pub(crate) expires_after: Option<Duration>,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) processing: Option<ProcessingInfo>,
    pub(crate) image: Option<ImageInfo>,
    pub(crate) video: Option<VideoInfo>,
}

/// The media id of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Id {
    /// There is none.
    Missing,
    /// This one.
    Of(MediaId),
    /// Something that is no id.
    Garbage,
}

/// `processing_info`.
#[derive(Debug)]
pub(crate) struct ProcessingInfo {
    pub(crate) state: State,
    pub(crate) after: Option<Delay>,
    pub(crate) percent: Option<Percent>,
    /// The `error` beside the state, if it is there and not empty.
    pub(crate) error: Option<Value>,
}

/// Where processing stands. Source: X fact sheet §1.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// `pending`, `in_progress`, and any state that is not known: nothing final.
    Running,
    Succeeded,
    Failed,
}

#[derive(Debug)]
pub(crate) struct ImageInfo {
    pub(crate) image_type: Option<String>,
    pub(crate) width: Option<u64>,
    pub(crate) height: Option<u64>,
}

#[derive(Debug)]
pub(crate) struct VideoInfo {
    pub(crate) video_type: Option<String>,
}

impl Answer {
    /// Reads it out of an answer's JSON; nothing if that is no object.
    pub(crate) fn read(json: &Value) -> Option<Self> {
        let root = json.as_object()?;
        let data = root.get("data").and_then(Value::as_object).unwrap_or(root);
        Some(Self {
            id: id(data),
            media_key: name(data, "media_key"),
            size: data.get("size").and_then(lenient::uint),
            expires_after: lenient::seconds(data, "expires_after_secs"),
            expires_at: lenient::seconds(data, "expires_at").map(|since| Timestamp::EPOCH.after(since)),
            processing: data.get("processing_info").filter(|info| !info.is_null()).map(processing),
            image: object(data, "image").map(|image| ImageInfo {
                image_type: name(image, "image_type"),
                width: image.get("w").and_then(lenient::uint),
                height: image.get("h").and_then(lenient::uint),
            }),
            video: object(data, "video").map(|video| VideoInfo { video_type: name(video, "video_type") }),
        })
    }

    /// Whether it says anything about a media at all.
    pub(crate) fn is_about_a_media(&self) -> bool {
        self.id != Id::Missing || self.processing.is_some()
    }
}

/// The media id: as text if there is one (`id` in v2, `media_id_string` in v1.1), else v1.1's number, which is read
/// without loss.
fn id(data: &Map<String, Value>) -> Id {
    let Some(value) = ["media_id_string", "id", "media_id"].iter().find_map(|key| data.get(*key)) else {
        return Id::Missing;
    };
    let parsed = match value {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => number.as_u64().and_then(|number| number.to_string().parse().ok()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    parsed.map_or(Id::Garbage, Id::Of)
}

fn processing(info: &Value) -> ProcessingInfo {
    let none = Map::new();
    let info = info.as_object().unwrap_or(&none);
    let state = match lenient::text(info, "state").map(str::to_ascii_lowercase).as_deref() {
        Some("succeeded") => State::Succeeded,
        Some("failed") => State::Failed,
        Some(_) | None => State::Running,
    };
    ProcessingInfo {
        state,
        after: lenient::seconds(info, "check_after_secs").map(Delay::After),
        percent: info.get("progress_percent").and_then(lenient::uint).map(Percent::saturating),
        error: info.get("error").filter(|error| !is_blank(error)).cloned(),
    }
}

fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(array) => array.is_empty(),
        Value::Object(object) => object.is_empty(),
        Value::Bool(true) | Value::Number(_) => false,
    }
}

fn object<'a>(data: &'a Map<String, Value>, key: &str) -> Option<&'a Map<String, Value>> {
    data.get(key).and_then(Value::as_object)
}

/// A short text; one that is too long is none.
fn name(data: &Map<String, Value>, key: &str) -> Option<String> {
    lenient::text(data, key).filter(|text| text.len() <= MAX_NAME).map(str::to_owned)
}
