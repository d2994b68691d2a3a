//! Alternative text: what an image shows, for people who can't see it. A request beside the upload.

use chunkwise_core::{Failure, Timestamp};
use chunkwise_transport::http::{EncodeError, Request, Response};
use serde::Serialize;

use crate::encode;
use crate::problems::{self, Step};
use crate::said::Said;
use crate::{Api, MediaId, XProtocol, lenient};

/// The longest alternative text, in characters. Source: X fact sheet §1.5, §2.7.
pub const MAX_ALT_TEXT: usize = 1_000;

/// An alternative text of 1 to 1,000 characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AltText(String);

impl AltText {
    /// The text.
    ///
    /// # Errors
    ///
    /// [`InvalidAltText`] if it is empty or has more than [`MAX_ALT_TEXT`] characters.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidAltText> {
        let text = text.into();
        let characters = text.chars().count();
        if !(1..=MAX_ALT_TEXT).contains(&characters) {
            return Err(InvalidAltText { characters });
        }
        Ok(Self(text))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An alternative text that X does not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an alternative text has 1 to {MAX_ALT_TEXT} characters, and this one has {characters}")]
pub struct InvalidAltText {
    characters: usize,
}

#[derive(Serialize)]
struct V2Metadata<'a> {
    id: &'a str,
    metadata: Metadata<'a>,
}

#[derive(Serialize)]
struct Metadata<'a> {
    alt_text: Text<'a>,
}

#[derive(Serialize)]
struct V1Metadata<'a> {
    media_id: &'a str,
    alt_text: Text<'a>,
}

#[derive(Serialize)]
struct Text<'a> {
    text: &'a str,
}

impl XProtocol {
    /// The request that gives an uploaded image or GIF its alternative text. It can be repeated at will.
    ///
    /// # Errors
    ///
    /// [`EncodeError`] if the base URL leaves no room for it.
    pub fn alt_text_request(&self, media: &MediaId, alt: &AltText) -> Result<Request, EncodeError> {
        let (id, alt_text) = (media.as_str(), Text { text: alt.as_str() });
        match self.api {
            Api::V2 => {
                encode::json(self, "/2/media/metadata", &V2Metadata { id, metadata: Metadata { alt_text } })
            }
            Api::V1_1 => {
                encode::json(self, "/1.1/media/metadata/create.json", &V1Metadata { media_id: id, alt_text })
            }
        }
    }

    /// What the answer to it means: any 2xx is good, with a body or without.
    ///
    /// # Errors
    ///
    /// The [`Failure`], named as those of an upload are.
    pub fn decode_alt_text(&self, response: &Response, received_at: Timestamp) -> Result<(), Failure> {
        if response.status().is_success() {
            return Ok(());
        }
        let said = Said::of(response, lenient::parse(response.body()).as_ref());
        Err(problems::failure(Step::Metadata, response, said, received_at))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use chunkwise_core::ProblemKind;
    use chunkwise_transport::http::RequestBody;

    use super::*;
    use crate::{Category, Media, MediaType};

    fn x(api: Api) -> XProtocol {
        XProtocol::new(api, Media::new(MediaType::PNG, Category::TweetImage))
    }

    fn request(api: Api) -> Request {
        let alt = AltText::new("A \"cat\"").unwrap();
        x(api).alt_text_request(&"12".parse().unwrap(), &alt).unwrap()
    }

    #[test]
    fn the_text_has_one_to_a_thousand_characters_of_any_width() {
        assert!(AltText::new("ä".repeat(1_000)).is_ok());
        assert_eq!(AltText::new("ä".repeat(1_001)), Err(InvalidAltText { characters: 1_001 }));
        assert_eq!(AltText::new(""), Err(InvalidAltText { characters: 0 }));
    }

    #[test]
    fn both_apis_are_told_in_their_own_words() {
        let v2 = request(Api::V2);
        assert_eq!(v2.uri, "https://api.x.com/2/media/metadata");
        let body = r#"{"id":"12","metadata":{"alt_text":{"text":"A \"cat\""}}}"#;
        assert!(matches!(&v2.body, RequestBody::Bytes(bytes) if bytes == body));

        let v1 = request(Api::V1_1);
        assert_eq!(v1.uri, "https://upload.x.com/1.1/media/metadata/create.json");
        let body = r#"{"media_id":"12","alt_text":{"text":"A \"cat\""}}"#;
        assert!(matches!(&v1.body, RequestBody::Bytes(bytes) if bytes == body));
    }

    #[test]
    fn any_2xx_is_good_and_the_rest_has_a_name() {
        let answer = |status: u16| {
            let response = http::Response::builder().status(status).body(Bytes::new()).unwrap();
            x(Api::V2).decode_alt_text(&response, Timestamp::EPOCH)
        };
        assert_eq!((answer(200), answer(204)), (Ok(()), Ok(())));
        for (status, name) in [
            (500, ProblemKind::Transient),
            (404, ProblemKind::SessionGone),
            (401, ProblemKind::CredentialsExpired),
        ] {
            match answer(status) {
                Err(Failure::Answered(problem)) => assert_eq!(problem.kind, name),
                other => panic!("{status}: {other:?}"),
            }
        }
    }
}
