//! The end of an object: a request beside the upload.

use chunkwise_core::{Failure, Timestamp};
use chunkwise_transport::http::{EncodeError, Request, Response};
use http::{Method, StatusCode};

use crate::problems::{self, Step};
use crate::said::{Said, header_text};
use crate::xml::Element;
use crate::{S3Protocol, encode};

/// What came of a deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Deleted {
    /// The object is gone, or was not there.
    Gone,
    /// The bucket has versioning: the object is not shown any more, and all its versions are kept, and paid for.
    Hidden,
}

impl S3Protocol {
    /// The request that deletes the object, whosever it is. It can be repeated at will.
    ///
    /// # Errors
    ///
    /// [`EncodeError`] if the endpoint leaves no room for it.
    pub fn delete_request(&self) -> Result<Request, EncodeError> {
        encode::request(self, Method::DELETE, &[])
    }

    /// What the answer to it means. An object that is not there is as good as deleted (S3 API Reference, `DeleteObject`);
    /// a bucket that is not there is a mistake.
    ///
    /// # Errors
    ///
    /// The [`Failure`], named as those of an Abort are.
    pub fn decode_delete(&self, response: &Response, received_at: Timestamp) -> Result<Deleted, Failure> {
        let xml = Element::read(response.body());
        let said = Said::of(response, xml.as_ref(), received_at);
        let error_in_200 = xml.as_ref().is_some_and(|root| root.name == "Error");
        if response.status().is_success() && !error_in_200 {
            return Ok(match header_text(response, "x-amz-delete-marker") {
                Some("true") => Deleted::Hidden,
                Some(_) | None => Deleted::Gone,
            });
        }
        if response.status() == StatusCode::NOT_FOUND && said.code == "NoSuchKey" {
            return Ok(Deleted::Gone);
        }
        Err(problems::failure(Step::Abort, response, said))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use chunkwise_core::{ProblemKind, Refusal};

    use super::*;
    use crate::{Mark, Object, aws_endpoint};

    fn s3() -> S3Protocol {
        let object = Object::new("media", "clips/a b.mp4").unwrap();
        S3Protocol::new(object, aws_endpoint("eu-central-1").unwrap(), Mark::new(1))
    }

    fn answer(status: u16, marker: Option<&str>, body: &'static str) -> Result<Deleted, Failure> {
        let mut response = http::Response::builder().status(status);
        if let Some(marker) = marker {
            response = response.header("x-amz-delete-marker", marker);
        }
        s3().decode_delete(&response.body(Bytes::from_static(body.as_bytes())).unwrap(), Timestamp::EPOCH)
    }

    #[test]
    fn the_object_itself_is_deleted_and_nothing_of_an_upload() {
        let request = s3().delete_request().unwrap();
        assert_eq!(request.method, Method::DELETE);
        assert_eq!(request.uri, "https://s3.eu-central-1.amazonaws.com/media/clips/a%20b.mp4");
    }

    #[test]
    fn what_is_not_there_is_deleted_and_a_version_that_is_kept_is_not() {
        assert_eq!(answer(204, None, ""), Ok(Deleted::Gone));
        assert_eq!(answer(204, Some("false"), ""), Ok(Deleted::Gone));
        assert_eq!(answer(204, Some("true"), ""), Ok(Deleted::Hidden));
        assert_eq!(answer(404, None, "<Error><Code>NoSuchKey</Code></Error>"), Ok(Deleted::Gone));
        for (status, body, kind) in [
            (403, "<Error><Code>AccessDenied</Code></Error>", ProblemKind::Refused(Refusal::Forbidden)),
            (404, "<Error><Code>NoSuchBucket</Code></Error>", ProblemKind::Refused(Refusal::Invalid)),
            (404, "", ProblemKind::Transient),
            (500, "<Error><Code>InternalError</Code></Error>", ProblemKind::Transient),
            (200, "<Error><Code>InternalError</Code></Error>", ProblemKind::Transient),
            (503, "<Error><Code>SlowDown</Code></Error>", ProblemKind::Throttled),
        ] {
            let Err(Failure::Answered(problem)) = answer(status, None, body) else {
                panic!("{status} {body}")
            };
            assert_eq!(problem.kind, kind, "{status} {body}");
        }
    }
}
