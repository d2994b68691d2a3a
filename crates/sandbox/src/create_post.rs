//! `POST /2/tweets`: whether a post may carry the media it names (X fact sheet §6).

use http::StatusCode;
use serde_json::{Value, json};

use crate::answer::{Refusal, Reply, Violation};
use crate::exchange::{Exchange, Step};
use crate::faults::Operation;
use crate::json_rules::Rules;
use crate::media_kind::Kind;
use crate::settings::scope;
use crate::v2;

/// Members of a post besides `text` and `media`; they are not looked into.
const OTHERS: [&str; 16] = [
    "card_uri",
    "community_id",
    "direct_message_deep_link",
    "edit_options",
    "for_super_followers_only",
    "geo",
    "made_with_ai",
    "nullcast",
    "paid_partnership",
    "poll",
    "quote_tweet_id",
    "reply",
    "reply_settings",
    "share_with_followers",
    "text",
    "media",
];

const MEDIA: [&str; 7] = [
    "media_ids",
    "tagged_user_ids",
    "preview_media_id",
    "title",
    "description",
    "call_to_actions",
    "embeddable",
];

pub(crate) async fn create(exchange: &mut Exchange) -> Step<Reply> {
    let scopes = [scope::TWEET_READ, scope::TWEET_WRITE, scope::USERS_READ];
    let account = v2::enter(exchange, Operation::Tweet, &scopes).await?;
    let object = v2::json_object(exchange).await?;
    let mut rules = Rules::closed(&object, "", &OTHERS);
    let text = rules.string("text").unwrap_or_default();
    let media = rules.object("media");
    if media.is_none() && text.is_empty() {
        rules.blame("text", None, "is missing but it is required without media");
    }
    rules.finish()?;
    let mut ids = Vec::new();
    if let Some(media) = media {
        let mut rules = Rules::closed(media, "media.", &MEDIA);
        rules.required("media_ids");
        ids = rules.ids("media_ids", 1, 4);
        rules.ids("tagged_user_ids", 0, 10);
        rules.id("preview_media_id");
        rules.finish()?;
        for excluded in ["poll", "quote_tweet_id", "card_uri"] {
            if object.contains_key(excluded) {
                return Err(exclusive(excluded).into());
            }
        }
    }
    exchange.body_done().await?;

    let now = exchange.now();
    let kinds =
        exchange.shared.sessions().attach(&ids, &account.user, now).map_err(Refusal::InvalidMediaIds)?;
    let all_images = kinds.iter().all(|kind| *kind == Kind::Image);
    if kinds.len() > 1 && !all_images {
        let what = "A post may carry up to 4 photos, or 1 animated GIF, or 1 video.";
        return Err(Refusal::BadRequest(what.into()).into());
    }
    let id = exchange.shared.sessions().new_id(now);
    exchange.note_committed();
    let data = json!({ "id": id, "text": text, "edit_history_post_ids": [id] });
    Ok(Reply::json(StatusCode::CREATED, &Value::Object([("data".to_owned(), data)].into_iter().collect())))
}

fn exclusive(with: &str) -> Refusal {
    Refusal::Violations(vec![Violation {
        parameter: "media".into(),
        given: None,
        message: format!("$.media: is mutually exclusive with {with}"),
    }])
}
