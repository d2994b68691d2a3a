//! A post that carries uploaded media: `POST /2/tweets`. A request beside the upload, and one that must not be repeated
//! blindly: X has nothing to recognise a repetition by.

use chunkwise_core::{Failure, Problem, ProblemKind, ServerError, Timestamp};
use chunkwise_transport::http::{EncodeError, Request, Response};
use serde::Serialize;

use crate::problems::{self, Step};
use crate::said::Said;
use crate::{BaseUrl, MediaId, PostId, encode, lenient};

/// The most media of one post. Source: X fact sheet §6.
pub const MAX_POST_MEDIA: usize = 4;

/// What is to be posted: a text, media, or both.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Post {
    text: String,
    media: Vec<MediaId>,
    reply_to: Option<PostId>,
    quotes: Option<PostId>,
}

/// A post that X does not take; nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPost {
    /// There is neither text nor media.
    #[error("a post has a text, or media, or both")]
    Empty,
    /// There are too many media.
    #[error("a post carries up to {MAX_POST_MEDIA} media, and this one has {0}")]
    TooManyMedia(usize),
    /// X takes either of them only.
    #[error("X refuses a post that quotes another one and carries media")]
    QuoteWithMedia,
}

impl Post {
    /// A post of this text with these media.
    ///
    /// # Errors
    ///
    /// [`InvalidPost`] if there is nothing to post, or there are more than [`MAX_POST_MEDIA`] media.
    pub fn new(text: impl Into<String>, media: Vec<MediaId>) -> Result<Self, InvalidPost> {
        let text = text.into();
        match media.len() {
            0 if text.is_empty() => Err(InvalidPost::Empty),
            0..=MAX_POST_MEDIA => Ok(Self { text, media, reply_to: None, quotes: None }),
            count => Err(InvalidPost::TooManyMedia(count)),
        }
    }

    /// As an answer to that post.
    #[must_use]
    pub fn reply_to(self, post: PostId) -> Self {
        Self { reply_to: Some(post), ..self }
    }

    /// Quoting that post.
    ///
    /// # Errors
    ///
    /// [`InvalidPost::QuoteWithMedia`]: the two exclude each other (X fact sheet §6).
    pub fn quoting(self, post: PostId) -> Result<Self, InvalidPost> {
        if !self.media.is_empty() {
            return Err(InvalidPost::QuoteWithMedia);
        }
        Ok(Self { quotes: Some(post), ..self })
    }

    /// The request that makes it, to X or to whoever speaks its protocol.
    ///
    /// # Errors
    ///
    /// [`EncodeError`] if the base URL leaves no room for it.
    pub fn request(&self, base: &BaseUrl) -> Result<Request, EncodeError> {
        let ids: Vec<_> = self.media.iter().map(MediaId::as_str).collect();
        let body = Body {
            text: Some(self.text.as_str()).filter(|text| !text.is_empty()),
            media: Some(Media { media_ids: &ids }).filter(|_| !ids.is_empty()),
            reply: self.reply_to.as_ref().map(|post| Reply { in_reply_to_tweet_id: post.as_str() }),
            quote_tweet_id: self.quotes.as_ref().map(PostId::as_str),
        };
        encode::json_to(base, "/2/tweets", &body)
    }

    /// The id of the post that came of it.
    ///
    /// # Errors
    ///
    /// The [`Failure`], named as those of an upload are. [`Failure::Unknown`] means that the post may be there.
    pub fn decode(response: &Response, received_at: Timestamp) -> Result<PostId, Failure> {
        let value = lenient::parse(response.body());
        if !response.status().is_success() {
            let said = Said::of(response, value.as_ref());
            return Err(problems::failure(Step::Post, response, said, received_at));
        }
        let id = value.as_ref().and_then(|value| value.get("data")?.get("id")?.as_str()?.parse().ok());
        id.ok_or_else(|| {
            let server = ServerError::message("the answer names no post");
            Failure::Answered(Problem { kind: ProblemKind::Broken, after: None, server })
        })
    }
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    media: Option<Media<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply: Option<Reply<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quote_tweet_id: Option<&'a str>,
}

#[derive(Serialize)]
struct Media<'a> {
    media_ids: &'a [&'a str],
}

#[derive(Serialize)]
struct Reply<'a> {
    in_reply_to_tweet_id: &'a str,
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use chunkwise_transport::http::RequestBody;

    use super::*;
    use crate::Api;

    fn ids(n: u32) -> Vec<MediaId> {
        (1..=n).map(|id| id.to_string().parse().unwrap()).collect()
    }

    fn body(post: &Post) -> String {
        let request = post.request(&Api::V2.default_base_url()).unwrap();
        assert_eq!(request.uri, "https://api.x.com/2/tweets");
        match request.body {
            RequestBody::Bytes(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_not_there_is_not_sent() {
        let post = Post::new("Hi", ids(2)).unwrap().reply_to("9".parse().unwrap());
        assert_eq!(
            body(&post),
            r#"{"text":"Hi","media":{"media_ids":["1","2"]},"reply":{"in_reply_to_tweet_id":"9"}}"#
        );
        assert_eq!(body(&Post::new("", ids(1)).unwrap()), r#"{"media":{"media_ids":["1"]}}"#);
        let quote = Post::new("See", Vec::new()).unwrap().quoting("7".parse().unwrap()).unwrap();
        assert_eq!(body(&quote), r#"{"text":"See","quote_tweet_id":"7"}"#);
    }

    #[test]
    fn what_x_refuses_is_not_sent() {
        assert_eq!(Post::new("", Vec::new()), Err(InvalidPost::Empty));
        assert_eq!(Post::new("Hi", ids(5)), Err(InvalidPost::TooManyMedia(5)));
        let with_media = Post::new("Hi", ids(1)).unwrap();
        assert_eq!(with_media.quoting("7".parse().unwrap()), Err(InvalidPost::QuoteWithMedia));
    }

    #[test]
    fn the_answer_names_the_post_or_the_reason() {
        let answer = |status: u16, body: &'static str| {
            let response =
                http::Response::builder().status(status).body(Bytes::from_static(body.as_bytes())).unwrap();
            Post::decode(&response, Timestamp::EPOCH)
        };
        assert_eq!(answer(201, r#"{"data":{"id":"12","text":"Hi"}}"#), Ok("12".parse().unwrap()));
        for (status, body, kind) in [
            (201, "{}", ProblemKind::Broken),
            (401, "", ProblemKind::CredentialsExpired),
            (429, "", ProblemKind::Throttled),
            (503, "", ProblemKind::Transient),
        ] {
            match answer(status, body) {
                Err(Failure::Answered(problem)) => assert_eq!(problem.kind, kind),
                other => panic!("{status}: {other:?}"),
            }
        }
        assert!(matches!(answer(500, ""), Err(Failure::Unknown { .. })), "the post may be there");
    }
}
