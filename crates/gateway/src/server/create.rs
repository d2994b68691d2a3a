//! `POST /twitter/tweet/create`: a post, with media that are uploaded already or on the way.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use chunkwise::core::{Failure, ProblemKind};
use chunkwise::x::{InvalidPost, MediaId, Post};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::access::{enter_to_begin, failing};
use super::body::{Incoming, check_json};
use super::carry::uploader;
use super::claim::{Claim, Entry, Replaying, replayed};
use super::conclude::KEPT;
use super::conduct::{Coming, Way};
use super::place::Place;
use super::upload::{
    Asked, Beginning, Started, begin_or_give_back, capitalized, detached, ended, fingerprint, way,
};
use super::{App, receive, upstream};
use crate::answer::{self, Refusal};
use crate::ingest::{CreateBody, IngestLimits};
use crate::store::{AccountRef, Answer, Fingerprint, Key, RequestId};

pub(super) async fn create(
    State(app): State<Arc<App>>,
    Extension(request): Extension<RequestId>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let key = enter_to_begin(&app, &headers).await?;
    check_json(&headers)?;
    detached(&app, answered(app.clone(), key, request, headers, body)).await
}

async fn answered(
    app: Arc<App>,
    key: Key,
    request: RequestId,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let entry = Entry::of(&app, &key.id, request, &headers).await?;
    match asked(&app, &key, &headers, body).await {
        Ok(asked) => go_on(app, key, asked, entry).await,
        Err(refusal) => {
            entry.give_back().await;
            Err(refusal)
        }
    }
}

/// A post that was asked for.
struct AskedPost {
    account: AccountRef,
    way: Way,
    post: Draft,
    coming: Vec<Coming>,
    /// One place for all of its media, which go one after the other: none of them is refused once the first is paid for.
    place: Arc<Place>,
}

/// A post whose media are still to come.
struct Draft {
    text: Option<String>,
    media_ids: Vec<MediaId>,
    reply_to: Option<String>,
    quote: Option<String>,
}

async fn asked(app: &Arc<App>, key: &Key, headers: &HeaderMap, body: Body) -> Result<AskedPost, Refusal> {
    let place = Arc::new(app.places.take(key)?);
    let incoming = Incoming::new(app, &key.id, headers, body, IngestLimits::default().body)?;
    let (body, spooled) = receive::post(app, incoming).await?;
    let CreateBody {
        auth_token,
        text,
        media_ids,
        media_urls,
        media,
        reply_to_tweet_id,
        quote_tweet_id,
        proxy,
    } = body;
    let carries = media_ids.len() + media_urls.len() + media.len();
    if quote_tweet_id.is_some() && carries > 0 {
        return Err(Refusal::bad_request(capitalized(&InvalidPost::QuoteWithMedia)));
    }
    let (account, way) = way(app, &auth_token, proxy.as_ref())?;
    let mut ids = Vec::new();
    for id in &media_ids {
        ids.push(
            id.parse()
                .map_err(|_| Refusal::bad_request("media_ids must be ids of X, as strings of digits"))?,
        );
    }
    let post = Draft { text, media_ids: ids, reply_to: reply_to_tweet_id, quote: quote_tweet_id };
    if carries == media_ids.len() {
        // What X would refuse for its form is refused before anything is sent.
        post.finished(&[])?;
    }
    let mut coming: Vec<_> = media_urls.into_iter().map(|url| Coming::At { url, media_type: None }).collect();
    for (data, complete) in media.into_iter().zip(spooled) {
        coming.push(Coming::Here(receive::judged(complete, &data.media_type).await?));
    }
    Ok(AskedPost { account, way, post, coming, place })
}

impl Draft {
    /// With the media that have come along.
    fn finished(&self, further: &[MediaId]) -> Result<Post, Refusal> {
        let bad = |error: InvalidPost| Refusal::bad_request(capitalized(&error));
        let bad_id = || {
            Refusal::bad_request(
                "reply_to_tweet_id and quote_tweet_id must be ids of X, as strings of digits",
            )
        };
        let mut post = Post::new(self.text.clone().unwrap_or_default(), self.all(further)).map_err(bad)?;
        if let Some(id) = &self.reply_to {
            post = post.reply_to(id.parse().map_err(|_| bad_id())?);
        }
        if let Some(id) = &self.quote {
            post = post.quoting(id.parse().map_err(|_| bad_id())?).map_err(bad)?;
        }
        Ok(post)
    }

    fn all(&self, further: &[MediaId]) -> Vec<MediaId> {
        self.media_ids.iter().chain(further).cloned().collect()
    }
}

impl AskedPost {
    /// What it asks for: two with one fingerprint ask for the same post.
    fn fingerprint(&self) -> Fingerprint {
        let Draft { text, media_ids, reply_to, quote } = &self.post;
        let coming: Vec<_> = self.coming.iter().map(|c| fingerprint(c, &self.account).hex()).collect();
        let ids: Vec<_> = media_ids.iter().map(ToString::to_string).collect();
        let said = json!([text, ids, reply_to, quote, coming]).to_string();
        Fingerprint::of(&[b"post", said.as_bytes(), self.account.as_str().as_bytes()])
    }
}

async fn go_on(app: Arc<App>, key: Key, asked: AskedPost, entry: Entry) -> Result<Response, Refusal> {
    let asked_for = asked.fingerprint();
    let claim = match entry {
        Entry::Answered(stored) => return replayed(&stored, asked_for),
        Entry::Open(None) => None,
        Entry::Open(Some(claim)) => match claim.asks_for(asked_for).await {
            Ok(()) => Some(claim),
            Err(refusal) => {
                claim.give_back().await;
                return Err(refusal);
            }
        },
    };
    let posted = posted(app, key, asked, claim).await?;
    Ok(answer::json(StatusCode::OK, posted))
}

/// Uploads what has to be, and makes the post.
async fn posted(app: Arc<App>, key: Key, asked: AskedPost, claim: Option<Claim>) -> Result<String, Refusal> {
    let AskedPost { account, way, post, coming, place } = asked;
    let uploaded = tokio::select! {
        biased;
        () = app.cut.cancelled() => Err(Refusal::unavailable("The gateway is stopping; ask again")),
        uploaded = uploaded(&app, &key, &account, &way, coming, &place, claim.as_ref()) => uploaded,
    };
    drop(place);
    let finished = uploaded.and_then(|media| Ok((post.finished(&media)?, media)));
    let (finished, media) = match finished {
        Ok(finished) => finished,
        Err(refusal) => {
            if let Some(claim) = claim {
                claim.give_back().await;
            }
            return Err(refusal);
        }
    };
    // From here on it may be at X: it is written down that nobody knows before anybody could.
    let replaying = match claim {
        Some(claim) => Some(doubtful(&app, &key, claim).await?),
        None => None,
    };
    let posted = match uploader(&app, &way) {
        Ok(uploader) => tokio::select! {
            biased;
            posted = uploader.post(&finished) => posted.map_err(|failure| Unposted::of(&failure)),
            // A stop does not wait for X.
            () = app.cut.cancelled() => Err(Unposted::Unknown(unknown())),
        },
        Err(refusal) => Err(Unposted::NotThere(refusal)),
    };
    let result = posted.map(|id| {
        let named: Vec<_> = post.all(&media).iter().map(ToString::to_string).collect();
        let data = json!({ "tweet_id": id.to_string(), "text": post.text, "media_ids": named });
        json!({ "status": "success", "msg": "Tweet created successfully", "data": data }).to_string()
    });
    if let Some(Replaying { key: idem, request }) = replaying {
        let kept = match &result {
            Ok(body) => Some(Answer { status: 200, body: body.clone() }),
            Err(Unposted::Unknown(_)) => return result.map_err(Unposted::refusal),
            Err(Unposted::NotThere(_)) => None,
        };
        let amended = app.store.idempotency().amend(&key.id, &idem, request, kept.as_ref()).await;
        if let Err(error) = amended {
            tracing::error!(%error, "what became of a post can't be written down");
        }
    }
    result.map_err(Unposted::refusal)
}

/// Writes down that nobody can tell whether the post is there, for the case that nobody comes to say more.
async fn doubtful(app: &App, key: &Key, claim: Claim) -> Result<Replaying, Refusal> {
    let (idem, request, unknown) = (claim.idem(), claim.request(), unknown());
    let answer = Answer { status: unknown.status.as_u16(), body: unknown.body(None) };
    let kept = app.store.idempotency().finish(&key.id, idem, request, &answer, KEPT, App::now()).await;
    match kept {
        Ok(()) => Ok(claim.hand_over()),
        Err(error) => {
            claim.give_back().await;
            Err(failing(&error))
        }
    }
}

/// Uploads what has come along, one after the other. With an idempotency key each has one of its own, so that what was paid
/// for is not paid for again.
async fn uploaded(
    app: &Arc<App>,
    key: &Key,
    account: &AccountRef,
    way: &Way,
    coming: Vec<Coming>,
    place: &Arc<Place>,
    claim: Option<&Claim>,
) -> Result<Vec<MediaId>, Refusal> {
    let mut ids = Vec::new();
    for (number, coming) in coming.into_iter().enumerate() {
        let request = RequestId::new(App::now()).map_err(|error| failing(&error))?;
        let entry = match claim {
            Some(claim) => Entry::with(app, &key.id, request, claim.idem().part(number)).await?,
            None => Entry::Open(None),
        };
        let asked_for = fingerprint(&coming, account);
        if let Entry::Answered(stored) = &entry {
            let answer = stored.answers(asked_for);
            let answer = answer.map_err(|_| Refusal::internal())?;
            let told: Value = serde_json::from_str(&answer.body).unwrap_or_default();
            let id = told["data"]["media_id"].as_str().and_then(|id| id.parse().ok());
            ids.push(id.ok_or_else(Refusal::no_media_id)?);
            continue;
        }
        let (account, way, place) = (account.clone(), way.clone(), place.clone());
        let asked = Asked { account, way, alt_text: None, coming, place };
        let begun = begin_or_give_back(app, key, request, entry, Ok(asked)).await?;
        let Beginning::Started(Started { mut watch, .. }) = begun else {
            return Err(Refusal::internal());
        };
        let uploaded = ended(&mut watch).await?;
        ids.push(uploaded.media_id().parse().map_err(|_| Refusal::no_media_id())?);
    }
    Ok(ids)
}

/// A post that was not made, as far as is known. It must not be made twice: of one that may be there, that is said.
enum Unposted {
    NotThere(Refusal),
    Unknown(Refusal),
}

impl Unposted {
    fn of(failure: &Failure) -> Self {
        tracing::warn!(error = %failure, "a post was not made");
        Self::NotThere(match failure {
            Failure::Unknown { .. } => return Self::Unknown(unknown()),
            Failure::NotSent { .. } => {
                Refusal::new(StatusCode::BAD_GATEWAY, "X can't be reached; there is no post")
            }
            Failure::Answered(problem) => match problem.kind {
                ProblemKind::Throttled => Refusal::unavailable("X has had too many posts of this account"),
                ProblemKind::CredentialsExpired => upstream::said("X refused the auth_token", failure),
                _ => upstream::said("X refused the post", failure),
            },
        })
    }

    fn refusal(self) -> Refusal {
        match self {
            Self::NotThere(refusal) | Self::Unknown(refusal) => refusal,
        }
    }
}

fn unknown() -> Refusal {
    Refusal::new(
        StatusCode::BAD_GATEWAY,
        "Nobody can tell whether X has made the post; look at the account before asking again",
    )
}
