//! HTTP response → outcome. Total: whatever the status, headers and body, there is an outcome.

use std::sync::Arc;

use chunkwise_core::{
    Action, Cut, Detail, Failure, Final, Outcome, ProblemKind, Reply, ServerError, Timestamp,
};
use chunkwise_transport::http::{Response, said};
use serde_json::Value;

use crate::problems;
use crate::{Id, OneShot};

/// The longest id that is taken out of an answer, in bytes.
const MAX_ID: usize = 2_048;

pub(crate) fn decode(to: &OneShot, action: &Action, response: &Response, received_at: Timestamp) -> Outcome {
    if !matches!(action, Action::Append { .. }) {
        let error = ServerError::message("an answer to something that is not asked");
        return Failure::answered(ProblemKind::Broken, error).into();
    }
    if !response.status().is_success() {
        return problems::failure(response, &to.repeat, received_at).into();
    }
    match id(&to.id, response) {
        Some(id) => {
            let body = response.body().clone();
            Reply::Completed(Final { id, size: None, expires_at: None, body }).into()
        }
        // It was done, as far as anybody knows, and nobody knows what to call it.
        None => {
            let detail = Detail::new(format!("a good answer without an id: {}", said(response)));
            Failure::Unknown { cut: Cut::Ambiguous { after: None }, detail }.into()
        }
    }
}

fn id(id: &Id, response: &Response) -> Option<Arc<str>> {
    let text = match id {
        Id::Header(name) => response.headers().get(name)?.to_str().ok()?.to_owned(),
        Id::Pointer(pointer) => {
            let json: Value = serde_json::from_slice(response.body()).ok()?;
            match json.pointer(pointer)? {
                Value::String(text) => text.clone(),
                // As it is written: a large one is no double.
                Value::Number(number) => number.to_string(),
                Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
            }
        }
    };
    let is_id = !text.is_empty() && text.len() <= MAX_ID && !text.chars().any(char::is_control);
    is_id.then(|| text.into())
}
