//! Where an upload goes, as its checkpoint remembers it.

use chunkwise_transport::http::Protocol as _;
use chunkwise_x::{Api, BaseUrl, Media, MediaType, Sharing, UserId, XProtocol};
use serde::{Deserialize, Serialize};

/// Where an upload to X goes: all that is needed to go on with it, and nothing secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "to", rename = "x")]
pub struct Destination {
    /// The API: `v2` or `v1.1`.
    pub api: String,
    /// The address of the API.
    pub base_url: String,
    /// The media type, as in `video/mp4`.
    pub media_type: String,
    /// The category, as in `tweet_video`.
    pub category: String,
    /// The largest file that was allowed, in bytes.
    pub max_total: u64,
    /// The alt text to be set once the upload is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alt_text: Option<String>,
    /// Further users who may use the media.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub additional_owners: Vec<String>,
    /// Whether the media may be used in several direct messages.
    #[serde(default)]
    pub shared: bool,
}

/// A checkpoint that is not one of an upload to X, or not one that this version understands.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the checkpoint is not one of an upload to X: {reason}")]
pub struct NotToX {
    reason: String,
}

impl Destination {
    /// Reads it from a checkpoint's record.
    ///
    /// # Errors
    ///
    /// [`NotToX`] if it belongs to another kind of destination.
    pub fn from_record(destination: &serde_json::Value) -> Result<Self, NotToX> {
        Self::deserialize(destination).map_err(|error| NotToX { reason: error.to_string() })
    }

    pub(super) fn to_record(&self) -> serde_json::Value {
        // Strings, numbers and booleans: there is nothing in it that JSON can't hold.
        serde_json::to_value(self).unwrap_or_default()
    }

    /// The codec for it.
    pub(super) fn protocol(&self) -> Result<XProtocol, NotToX> {
        let not = |reason: String| NotToX { reason };
        let api: Api = self.api.parse().map_err(|_| not(format!("there is no API {:?}", self.api)))?;
        let category =
            self.category.parse().map_err(|_| not(format!("there is no category {:?}", self.category)))?;
        let base_url = BaseUrl::new(&self.base_url).map_err(|error| not(error.to_string()))?;
        let owners: Vec<UserId> = self
            .additional_owners
            .iter()
            .map(|owner| owner.parse().map_err(|_| not(format!("{owner:?} is no user id"))))
            .collect::<Result<_, _>>()?;
        let sharing = if self.shared { Sharing::Shared } else { Sharing::Default };
        let media_type = MediaType::new(self.media_type.as_str()).map_err(|error| not(error.to_string()))?;
        let media = Media::new(media_type, category)
            .with_max_total(self.max_total)
            .with_sharing(sharing)
            .with_additional_owners(owners)
            .map_err(|error| not(error.to_string()))?;
        Ok(XProtocol::new(api, media).with_base_url(base_url))
    }

    /// The name of the protocol that checkpoints are made under.
    pub fn protocol_name(&self) -> Result<String, NotToX> {
        Ok(self.protocol()?.profile().name.into_owned())
    }
}
