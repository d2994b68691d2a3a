//! The end of an upload that is there: a request beside the upload ("termination").

use chunkwise_core::{Failure, Timestamp};
use chunkwise_transport::http::{EncodeError, Request, Response};
use http::{Method, StatusCode};

use crate::place::Announced;
use crate::problems::{self, Step};
use crate::{TusProtocol, encode};

impl TusProtocol {
    /// The request that has the server forget the upload at this URL, finished or not. It can be repeated at will.
    ///
    /// # Errors
    ///
    /// [`EncodeError`] if that is no URL, or at a place where credentials do not go.
    pub fn terminate_request(&self, url: &str) -> Result<Request, EncodeError> {
        let upload =
            self.located(url, Announced::Later).map_err(|error| EncodeError::new(error.to_string()))?;
        encode::request(Method::DELETE, encode::place(upload.uri())?)
    }

    /// What the answer to it means: what is not there any more (404, 410) is as good as terminated.
    ///
    /// # Errors
    ///
    /// The [`Failure`], named as those of an Abort are.
    pub fn decode_terminate(&self, response: &Response, received_at: Timestamp) -> Result<(), Failure> {
        match response.status() {
            StatusCode::NOT_FOUND | StatusCode::GONE => Ok(()),
            status if status.is_success() => Ok(()),
            _ => Err(problems::failure(Step::Terminate, response, received_at)),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::{Capabilities, Endpoint, Extension, Way};

    fn tus() -> TusProtocol {
        let endpoint = Endpoint::new("https://tus.example/files/?key=7").unwrap();
        TusProtocol::new(endpoint, Capabilities::new([Extension::Creation]), Way::Whole).unwrap()
    }

    #[test]
    fn the_upload_itself_is_asked_for_and_no_other_place() {
        let request = tus().terminate_request("https://tus.example/files/1").unwrap();
        assert_eq!(
            (request.method, request.uri.to_string().as_str()),
            (Method::DELETE, "https://tus.example/files/1")
        );
        assert_eq!(request.headers["tus-resumable"], "1.0.0");
        assert!(tus().terminate_request("https://elsewhere.example/files/1").is_err());
    }

    #[test]
    fn what_is_gone_is_terminated_and_what_may_not_be_is_not() {
        for (status, good) in [
            (204, true),
            (200, true),
            (404, true),
            (410, true),
            (403, false),
            (405, false),
            (423, false),
            (500, false),
        ] {
            let response = http::Response::builder().status(status).body(Bytes::new()).unwrap();
            assert_eq!(tus().decode_terminate(&response, Timestamp::EPOCH).is_ok(), good, "{status}");
        }
    }
}
