//! Operation → HTTP request. There is one.

use bytes::Bytes;
use chunkwise_core::Action;
use chunkwise_transport::http::{EncodeContext, EncodeError, FilePart, Request, RequestBody, multipart};
use http::{HeaderName, header};

use crate::{Form, OneShot, Repeat};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

pub(crate) fn encode(to: &OneShot, action: &Action, context: &EncodeContext) -> Result<Request, EncodeError> {
    match action {
        Action::Append { segment, .. } if segment.range.start() == 0 => send(to, context.nonce),
        Action::Append { .. }
        | Action::Init { .. }
        | Action::Probe { .. }
        | Action::Finalize { .. }
        | Action::Status { .. }
        | Action::Verify { .. }
        | Action::Abort { .. } => Err(EncodeError::new("a single request has no other beside it")),
    }
}

fn send(to: &OneShot, nonce: u128) -> Result<Request, EncodeError> {
    let mut request = Request::new(to.method.clone(), to.url.clone());
    request.headers.clone_from(&to.headers);
    if let Repeat::ByKey(key) = &to.repeat {
        request.headers.insert(IDEMPOTENCY_KEY, key.clone());
    }
    let (content_type, body) = match &to.form {
        Form::Raw { content_type } => {
            (content_type.clone(), RequestBody::Payload { head: Bytes::new(), tail: Bytes::new().into() })
        }
        Form::Multipart { fields, name, file_name, content_type } => {
            let fields: Vec<_> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
            multipart(nonce, &fields, FilePart { name, file_name, content_type })
                .map_err(|error| EncodeError::new(error.to_string()))?
        }
    };
    request.headers.insert(header::CONTENT_TYPE, content_type);
    request.body = body;
    Ok(request)
}
