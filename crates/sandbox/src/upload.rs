//! What both API versions do alike: store a segment, describe a media.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use tokio::task::spawn_blocking;

use crate::access::Account;
use crate::answer::{Refusal, Violation};
use crate::clock::UnixMillis;
use crate::exchange::{Exchange, Step};
use crate::media_kind::{Category, Kind, kind_of};
use crate::segment_file::{SegmentFile, same_bytes};
use crate::session::{Comparison, Described, Opening, Storing};
use crate::settings::Settings;

/// A segment index as a client writes it in a form.
pub(crate) fn segment_index(text: Option<&str>, last: u16) -> Result<u16, Refusal> {
    let Some(text) = text else {
        return Err(Refusal::Violations(vec![Violation {
            parameter: "segment_index".into(),
            given: None,
            message: "$.segment_index: is missing but it is required".into(),
        }]));
    };
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let index = if digits { text.parse::<u16>().ok() } else { None };
    index.filter(|index| *index <= last).ok_or(Refusal::SegmentIndex { last })
}

/// Commits a segment that is complete on disk. When the session expires.
pub(crate) async fn store_segment(
    exchange: &mut Exchange,
    account: &Account,
    id: &str,
    index: u16,
    file: SegmentFile,
) -> Step<UnixMillis> {
    let file = Arc::new(file);
    let mut comparison: Option<Comparison> = None;
    loop {
        let settings = exchange.settings();
        let now = exchange.now();
        let storing = exchange.shared.sessions().store(
            id,
            &account.user,
            index,
            &file,
            comparison.as_ref(),
            now,
            &settings,
        )?;
        match storing {
            Storing::Stored { expires_at } => {
                exchange.note_committed();
                return Ok(expires_at);
            }
            Storing::Taken { pieces } => {
                let (one, other) = (pieces.clone(), vec![Arc::clone(&file)]);
                let same =
                    spawn_blocking(move || same_bytes(one, other)).await.map_err(std::io::Error::other)??;
                comparison = Some(Comparison { pieces, same });
            }
        }
    }
}

/// Checks what an INIT asks for against the limits, and settles the category.
pub(crate) fn opening(
    account: &Account,
    additional_owners: Vec<String>,
    total_bytes: u64,
    media_type: Option<String>,
    named_category: Option<Category>,
    settings: &Settings,
) -> Result<Opening, Refusal> {
    let kind = media_type.as_deref().and_then(kind_of);
    if let (Some(kind), Some(category)) = (kind, named_category)
        && !category.accepts(kind)
    {
        let given = media_type.unwrap_or_default();
        let what = format!("The media type {given} does not fit the category {}.", category.as_str());
        return Err(Refusal::BadRequest(what));
    }
    let category = named_category.or_else(|| kind.and_then(Category::assumed_for));
    let limits = &settings.limits.media;
    let limit = category.map_or(limits.video, |category| limits.of(category));
    if total_bytes > limit {
        return Err(Refusal::FileSize { limit });
    }
    let owner = account.user.clone();
    Ok(Opening { owner, additional_owners, total_bytes, media_type, named_category, category })
}

/// The members that tell what a finished media is: `image` or `video`.
pub(crate) fn content_members(described: &Described) -> Map<String, Value> {
    let mut members = Map::new();
    let media_type = described.media_type.as_deref();
    match described.kind {
        Some(Kind::Image | Kind::Gif) => {
            members.insert("image".into(), json!({ "image_type": media_type.unwrap_or("image/jpeg") }));
        }
        Some(Kind::Video) => {
            members.insert("video".into(), json!({ "video_type": media_type.unwrap_or("video/mp4") }));
        }
        Some(Kind::Text | Kind::Model) | None => {}
    }
    members
}
