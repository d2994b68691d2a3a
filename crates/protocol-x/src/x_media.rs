//! The final answer as X means it.

use std::time::Duration;

use chunkwise_core::Final;

use crate::answer::Answer;
use crate::{MediaId, lenient};

/// An uploaded media, as X describes it. Everything but the id is there only if the last answer had it: that of
/// FINALIZE where the media was ready at once, that of STATUS where it was processed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct XMedia {
    /// What a post names.
    pub media_id: MediaId,
    /// The id with the kind of media before it, as in `7_1880028106020515840`.
    pub media_key: Option<String>,
    /// Its size in bytes.
    pub size: Option<u64>,
    /// How long after that answer it may still be put into a post.
    pub expires_after: Option<Duration>,
    /// What X says of an image.
    pub image: Option<Image>,
    /// What X says of a video.
    pub video: Option<Video>,
}

/// What X says of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Image {
    /// Its type, as in `image/jpeg`.
    pub image_type: Option<String>,
    /// Its width in pixels.
    pub width: Option<u64>,
    /// Its height in pixels.
    pub height: Option<u64>,
}

/// What X says of a video.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Video {
    /// Its type, as in `video/mp4`.
    pub video_type: Option<String>,
}

impl XMedia {
    /// The typed view of an upload's result.
    ///
    /// # Errors
    ///
    /// [`NotAMedia`] if it is not the result of an upload to X.
    pub fn from_final(result: &Final) -> Result<Self, NotAMedia> {
        let media_id: MediaId = result.id.parse().map_err(|_| NotAMedia)?;
        let answer = lenient::parse(&result.body).as_ref().and_then(Answer::read).ok_or(NotAMedia)?;
        Ok(Self {
            media_id,
            media_key: answer.media_key,
            size: answer.size,
            expires_after: answer.expires_after,
            image: answer.image.map(|image| Image {
                image_type: image.image_type,
                width: image.width,
                height: image.height,
            }),
            video: answer.video.map(|video| Video { video_type: video.video_type }),
        })
    }
}

/// A result that is not that of an upload to X: its id is no media id, or its body none of X's answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not the result of an upload to X")]
pub struct NotAMedia;

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn result(id: &str, body: &'static str) -> Final {
        Final { id: id.into(), size: None, expires_at: None, body: Bytes::from_static(body.as_bytes()) }
    }

    #[test]
    fn an_image_of_v1_and_a_video_of_v2_are_read() {
        let image = XMedia::from_final(&result(
            "710511363345354753",
            r#"{"media_id":710511363345354753,"media_id_string":"710511363345354753","size":11065,
                "expires_after_secs":86400,"image":{"image_type":"image/jpeg","w":800,"h":320}}"#,
        ))
        .unwrap();
        assert_eq!(image.media_id.as_str(), "710511363345354753");
        assert_eq!(image.size, Some(11_065));
        assert_eq!(image.expires_after, Some(Duration::from_secs(86_400)));
        let jpeg = Image { image_type: Some("image/jpeg".into()), width: Some(800), height: Some(320) };
        assert_eq!((image.image, image.video, image.media_key), (Some(jpeg), None, None));

        let video = XMedia::from_final(&result(
            "1880028106020515840",
            r#"{"data":{"id":"1880028106020515840","media_key":"13_1880028106020515840",
                "video":{"video_type":"video/mp4"},"processing_info":{"state":"succeeded"}}}"#,
        ))
        .unwrap();
        assert_eq!(video.media_key.as_deref(), Some("13_1880028106020515840"));
        assert_eq!(video.video, Some(Video { video_type: Some("video/mp4".into()) }));
    }

    #[test]
    fn what_is_not_from_x_is_an_error() {
        assert_eq!(XMedia::from_final(&result("bucket/key", "{}")), Err(NotAMedia));
        assert_eq!(XMedia::from_final(&result("12", "<html>")), Err(NotAMedia));
    }
}
