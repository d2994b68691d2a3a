//! The protocol: one value is one upload's destination.

use chunkwise_core::{Operation, Outcome, Profile, Timestamp};
use chunkwise_transport::http::{BaseUrl, EncodeContext, EncodeError, Protocol, Request, Response};
use http::HeaderValue;
use serde::{Deserialize, Serialize};

use crate::{Mark, Object, Store, decode, encode};

/// Where the bucket's name goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AddressStyle {
    /// Into the path: `https://endpoint/bucket/key`. Every store knows it.
    #[default]
    Path,
    /// Before the host: `https://bucket.endpoint/key`. Amazon's own for new buckets; a bucket with a dot in its name has no
    /// certificate there.
    VirtualHost,
}

/// Amazon's endpoint of a region, as in `eu-central-1`; nothing if that is no name of a region.
pub fn aws_endpoint(region: &str) -> Option<BaseUrl> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    let named = !region.is_empty() && region.chars().all(plain);
    named.then(|| BaseUrl::new(&format!("https://s3.{region}.{domain}")).ok()).flatten()
}

/// The region that an endpoint of Amazon's names, as [`aws_endpoint`] makes them; nothing for any other address.
pub fn aws_region(endpoint: &BaseUrl) -> Option<&str> {
    let host = endpoint.as_str().trim_end_matches('/').strip_prefix("https://s3.")?;
    let region = host.strip_suffix(".amazonaws.com").or_else(|| host.strip_suffix(".amazonaws.com.cn"))?;
    aws_endpoint(region).is_some_and(|same| same == *endpoint).then_some(region)
}

/// S3 multipart as a pure codec. One value is one upload's destination: an object, a place, a kind of store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Protocol {
    pub(crate) object: Object,
    pub(crate) endpoint: BaseUrl,
    pub(crate) mark: Mark,
    pub(crate) style: AddressStyle,
    pub(crate) store: Store,
    pub(crate) content_type: Option<HeaderValue>,
}

impl S3Protocol {
    /// An upload of this object at this endpoint, addressed by path, of a store of which nothing else is known.
    pub const fn new(object: Object, endpoint: BaseUrl, mark: Mark) -> Self {
        let (style, store) = (AddressStyle::Path, Store::COMPATIBLE);
        Self { object, endpoint, mark, style, store, content_type: None }
    }

    /// The same with the bucket's name somewhere else.
    #[must_use]
    pub const fn with_style(mut self, style: AddressStyle) -> Self {
        self.style = style;
        self
    }

    /// The same at a store of which more is known.
    #[must_use]
    pub const fn with_store(mut self, store: Store) -> Self {
        self.store = store;
        self
    }

    /// The same with the type that the object will have, as in `video/mp4`. Default: what the store makes of it.
    ///
    /// # Errors
    ///
    /// [`EncodeError`] if no header can hold it.
    pub fn with_content_type(mut self, content_type: &str) -> Result<Self, EncodeError> {
        let value = HeaderValue::try_from(content_type);
        self.content_type = Some(
            value.map_err(|_| EncodeError::new("the content type has characters that no header can hold"))?,
        );
        Ok(self)
    }

    /// The object.
    pub const fn object(&self) -> &Object {
        &self.object
    }
}

impl Protocol for S3Protocol {
    fn profile(&self) -> Profile {
        self.store.profile()
    }

    fn encode(&self, operation: &Operation, _: &EncodeContext) -> Result<Request, EncodeError> {
        encode::encode(self, operation)
    }

    fn decode(&self, operation: &Operation, response: &Response, received_at: Timestamp) -> Outcome {
        decode::decode(self, operation, response, received_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_of_amazons_names_its_region() {
        for region in ["us-east-1", "eu-central-1", "cn-north-1"] {
            assert_eq!(aws_region(&aws_endpoint(region).unwrap()), Some(region));
        }
        for other in [
            "https://s3.eu-central-1.example.com",
            "http://s3.us-east-1.amazonaws.com",
            "https://s3.a.b.amazonaws.com",
        ] {
            assert_eq!(aws_region(&BaseUrl::new(other).unwrap()), None, "{other}");
        }
    }
}
