//! The end of an object.

use std::sync::Arc;

use chunkwise_s3::{Deleted, Mark, Object, S3Protocol};
use chunkwise_transport::http::HttpTransport;

use super::{S3Error, S3Uploader};
use crate::beside::{Tries, repeated};

impl S3Uploader {
    /// Deletes an object, whoever uploaded it; one that is not there is as good as deleted. It is tried three times, while
    /// what is in the way may pass. In a bucket with versioning the object is only hidden, which is told.
    ///
    /// # Errors
    ///
    /// [`S3Error::Delete`] if the store refuses it, or nobody can tell whether it did it: deleting once more does no harm.
    pub async fn delete(&self, object: &Object) -> Result<Deleted, S3Error> {
        let inner = &self.inner;
        // Nothing is recognised by its mark here.
        let s3 = S3Protocol::new(object.clone(), inner.endpoint.clone(), Mark::new(0))
            .with_style(inner.style)
            .with_store(inner.store);
        let (backend, authorizer) = (Arc::clone(&inner.backend), Arc::clone(&inner.authorizer));
        let transport = HttpTransport::new(Arc::new(s3.clone()), backend, authorizer);
        let deleted = repeated(
            Tries::USUAL,
            &transport,
            || s3.delete_request(),
            |response, received_at| s3.decode_delete(response, received_at),
        );
        deleted.await.map_err(|failure| S3Error::Delete { object: object.to_string(), failure })
    }
}
