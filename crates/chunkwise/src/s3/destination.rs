//! Where an upload goes, as its checkpoint remembers it.

use chunkwise_s3::{AddressStyle, BaseUrl, Mark, Object, S3Protocol, Store};
use serde::{Deserialize, Serialize};

/// Where an upload to S3 goes: all that is needed to go on with it, and nothing secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "to", rename = "s3")]
pub struct Destination {
    /// The object, as in `s3://bucket/key`.
    pub object: String,
    /// The address of the store.
    pub endpoint: String,
    /// The region that requests were signed for, if the uploader was told: whoever resumes the upload signs for it too. For
    /// information; the authorizer is the uploader's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Where the bucket's name goes.
    pub style: AddressStyle,
    /// What is known of the store.
    pub store: Store,
    /// What the object is recognised by, as 32 hexadecimal digits.
    pub mark: String,
    /// The type that the object will have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
}

/// A checkpoint that is not one of an upload to S3, or not one that this version understands.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the checkpoint is not one of an upload to S3: {reason}")]
pub struct NotToS3 {
    reason: String,
}

impl Destination {
    /// Reads it from a checkpoint's record.
    ///
    /// # Errors
    ///
    /// [`NotToS3`] if it belongs to another kind of destination.
    pub fn from_record(destination: &serde_json::Value) -> Result<Self, NotToS3> {
        Self::deserialize(destination).map_err(|error| NotToS3 { reason: error.to_string() })
    }

    pub(super) fn to_record(&self) -> serde_json::Value {
        // Strings and numbers: there is nothing in it that JSON can't hold.
        serde_json::to_value(self).unwrap_or_default()
    }

    /// The codec for it.
    pub(super) fn protocol(&self) -> Result<S3Protocol, NotToS3> {
        let not = |reason: &dyn std::error::Error| NotToS3 { reason: reason.to_string() };
        let object: Object = self.object.parse().map_err(|error| not(&error))?;
        let endpoint = BaseUrl::new(&self.endpoint).map_err(|error| not(&error))?;
        let mark = u128::from_str_radix(&self.mark, 16).map_err(|error| not(&error))?;
        let s3 =
            S3Protocol::new(object, endpoint, Mark::new(mark)).with_style(self.style).with_store(self.store);
        match &self.content_type {
            None => Ok(s3),
            Some(content_type) => s3.with_content_type(content_type).map_err(|error| not(&error)),
        }
    }
}
