//! `POST /twitter/tweet/create`: a post, with media that are uploaded already or on the way.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use chunkwise::core::{Failure, ProblemKind};
use chunkwise::x::{InvalidPost, Post};
use http::{HeaderMap, StatusCode};
use serde_json::json;

use super::App;
use super::access::{enter_to_begin, failing};
use super::body::Incoming;
use super::conduct::uploader;
use super::receive::{self, Received};
use super::upload::{Asked, authorizer, begin, capitalized, ended, proxy};
use super::upstream;
use crate::answer::{self, Refusal};
use crate::ingest::{CreateBody, UploadMedia};
use crate::store::{AccountRef, RequestId};

pub(super) async fn create(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let key = enter_to_begin(&app, &headers).await?;
    let incoming = Incoming::new(&app, &key.id, &headers, body)?;
    let (body, spooled) = receive::post(&app, incoming).await?;
    let CreateBody {
        auth_token,
        text,
        media_ids,
        media_urls,
        media,
        reply_to_tweet_id,
        quote_tweet_id,
        proxy: way,
    } = body;
    let carries = media_ids.len() + media_urls.len() + media.len();
    if quote_tweet_id.is_some() && carries > 0 {
        return Err(Refusal::bad_request(capitalized(&InvalidPost::QuoteWithMedia)));
    }
    let account = AccountRef::of(&app.pepper, &auth_token);
    let authorizer = authorizer(&app, &auth_token, &account)?;
    let proxy = way.as_ref().map(proxy).transpose()?;

    let mut ids = Vec::new();
    for id in &media_ids {
        ids.push(
            id.parse()
                .map_err(|_| Refusal::bad_request("media_ids must be ids of X, as strings of digits"))?,
        );
    }
    let mut coming: Vec<(UploadMedia, Option<Received>)> = Vec::new();
    for url in media_urls {
        coming.push((UploadMedia::Url { url, media_type: None }, None));
    }
    for (data, (spooled, inspector)) in media.into_iter().zip(spooled) {
        let received = receive::judged(spooled, inspector, &data.media_type)?;
        coming.push((UploadMedia::Data { media_type: data.media_type, len: data.len }, Some(received)));
    }
    for (media, received) in coming {
        let request = RequestId::new(App::now()).map_err(|error| failing(&error))?;
        let asked = Asked {
            account: account.clone(),
            authorizer: authorizer.clone(),
            proxy: proxy.clone(),
            alt_text: None,
            media,
            received,
            replaying: None,
            place: app.places.take(&key)?,
        };
        let (_, mut watch) = begin(&app, &key, request, asked).await?;
        let uploaded = ended(&mut watch).await?;
        ids.push(uploaded.media_id().parse().map_err(|_| Refusal::no_media_id())?);
    }

    let named: Vec<_> = ids.iter().map(ToString::to_string).collect();
    let bad = |error: InvalidPost| Refusal::bad_request(capitalized(&error));
    let bad_id = || {
        Refusal::bad_request("reply_to_tweet_id and quote_tweet_id must be ids of X, as strings of digits")
    };
    let mut post = Post::new(text.clone().unwrap_or_default(), ids).map_err(bad)?;
    if let Some(id) = reply_to_tweet_id {
        post = post.reply_to(id.parse().map_err(|_| bad_id())?);
    }
    if let Some(id) = quote_tweet_id {
        post = post.quoting(id.parse().map_err(|_| bad_id())?).map_err(bad)?;
    }
    let posted = uploader(&app, authorizer, proxy.as_ref())?.post(&post).await;
    let id = posted.map_err(|failure| refusal(&failure))?;
    let data = json!({ "tweet_id": id.to_string(), "text": text, "media_ids": named });
    let told = json!({ "status": "success", "msg": "Tweet created successfully", "data": data });
    Ok(answer::json(StatusCode::OK, told.to_string()))
}

/// A post must not be made twice: of one that may be there, that is said.
fn refusal(failure: &Failure) -> Refusal {
    tracing::warn!(?failure, "a post was not made");
    match failure {
        Failure::Unknown { .. } => Refusal::new(
            StatusCode::BAD_GATEWAY,
            "Nobody can tell whether X has made the post; look at the account before asking again",
        ),
        Failure::NotSent { .. } => {
            Refusal::new(StatusCode::BAD_GATEWAY, "X can't be reached; there is no post")
        }
        Failure::Answered(problem) => match problem.kind {
            ProblemKind::Throttled => Refusal::unavailable("X has had too many posts of this account"),
            ProblemKind::CredentialsExpired => upstream::said("X refused the auth_token", failure),
            _ => upstream::said("X refused the post", failure),
        },
    }
}
