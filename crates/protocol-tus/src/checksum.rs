//! A digest of the bytes of a request, ahead of them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chunkwise_transport::http::{Preview, Request};
use http::{HeaderName, HeaderValue};
use sha1::{Digest as _, Sha1};

/// Takes the SHA-1 of a payload. Source: tus 1.0.0, "Upload-Checksum".
#[derive(Default)]
pub(crate) struct Checksum(Sha1);

impl Preview for Checksum {
    fn bytes(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(self: Box<Self>, request: &mut Request) {
        let digest = STANDARD.encode(self.0.finalize());
        // Base64 is fit for a header.
        if let Ok(value) = HeaderValue::try_from(format!("sha1 {digest}")) {
            request.headers.insert(HeaderName::from_static("upload-checksum"), value);
        }
    }
}
