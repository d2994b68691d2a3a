//! What became of an upload at X, as an answer to the client.

use chunkwise::core::{ErrorKind, Failure, OperationKind, ServerError, Violation};
use chunkwise::x::XError;
use http::StatusCode;

use crate::answer::Refusal;

/// The answer for an upload that ended without a ready media. X's own code, name and message are in it where X gave
/// them; nothing secret is (the engine redacts what looks like a credential).
pub(super) fn refusal(error: &XError) -> Refusal {
    let Some(kind) = error.kind() else {
        return match error {
            XError::NoMedia => Refusal::no_media_id(),
            XError::Media(error) => Refusal::bad_request(error.to_string()),
            XError::BadAltText(reason) => Refusal::bad_request(format!("alt_text can't be used: {reason}")),
            XError::AltText { media_id, failure, .. } => {
                let sentence = format!("The media is ready as {media_id}, but its alt text could not be set");
                told(sentence, server(failure))
            }
            _ => Refusal::internal(),
        };
    };
    let bad = |sentence: &str| Refusal::new(StatusCode::BAD_GATEWAY, sentence.to_owned());
    match kind {
        ErrorKind::Refused { failure, .. } => said("X refused the media", failure),
        ErrorKind::Credentials { failure } => said("X refused the auth_token", failure),
        ErrorKind::Exhausted { failure, .. } => {
            said("X, or the proxy if one was given, could not be reached or failed again and again", failure)
        }
        ErrorKind::SizeMismatch { failure } => said("X says that bytes are missing", failure),
        ErrorKind::FinalizeUnknown { failure } => {
            said("Nobody can tell whether X has made the media; do not count on it", failure)
        }
        ErrorKind::StatusLost { failure } => said("X does not say whether the media is ready", failure),
        ErrorKind::ProcessingFailed { error } => told("X could not process the media".into(), Some(error)),
        // Whose fault it is, the operator has to find out: the proxy may be the client's.
        ErrorKind::Misconfigured { failure, .. } => said("X can't be reached as things are set", failure),
        ErrorKind::Protocol { operation: OperationKind::Init, .. } => Refusal::no_media_id(),
        ErrorKind::Protocol { violation: Violation::Unreadable(failure), .. } => {
            said("X answered what nobody understands", failure)
        }
        ErrorKind::Protocol { .. } | ErrorKind::Integrity { .. } => bad("X answered what makes no sense"),
        ErrorKind::TooLarge { .. } => bad("X, or something before it, takes no segments of any size"),
        ErrorKind::SessionLost { .. } => bad("X lost the upload more than once"),
        ErrorKind::Throttled { .. } => {
            let mut refusal = Refusal::unavailable("X has had too many requests of this account");
            refusal.retry_after = Some(std::time::Duration::from_secs(900));
            refusal
        }
        ErrorKind::Deadline { .. } => {
            Refusal::new(StatusCode::GATEWAY_TIMEOUT, "The upload took longer than this gateway allows")
        }
        ErrorKind::StillProcessing { .. } => Refusal::new(
            StatusCode::GATEWAY_TIMEOUT,
            "X is still processing the media; ask again with the same Idempotency-Key, and it is not sent again",
        ),
        ErrorKind::SourceChanged | ErrorKind::SourceUnreadable { .. } | ErrorKind::Persist => {
            Refusal::internal()
        }
        ErrorKind::Cancelled => Refusal::unavailable("The gateway is stopping; ask again"),
        ErrorKind::Discarded(_) => Refusal::new(StatusCode::CONFLICT, "The upload was cancelled"),
    }
}

/// By its name in metrics and in the database.
pub(super) fn end(error: &XError) -> &'static str {
    match error.kind() {
        None => "failed",
        Some(ErrorKind::Refused { .. } | ErrorKind::Credentials { .. }) => "refused",
        Some(ErrorKind::ProcessingFailed { .. }) => "processing failed",
        Some(ErrorKind::Throttled { .. }) => "throttled",
        Some(ErrorKind::Deadline { .. } | ErrorKind::StillProcessing { .. }) => "late",
        Some(ErrorKind::Cancelled | ErrorKind::Discarded(_)) => "cancelled",
        Some(_) => "failed",
    }
}

const fn server(failure: &Failure) -> Option<&ServerError> {
    match failure {
        Failure::Answered(problem) => Some(&problem.server),
        Failure::NotSent { .. } | Failure::Unknown { .. } => None,
    }
}

/// With X's own words, if it had any.
pub(super) fn said(what: &str, failure: &Failure) -> Refusal {
    told(what.to_owned(), server(failure))
}

/// With X's own words behind it.
fn told(mut sentence: String, server: Option<&ServerError>) -> Refusal {
    let mut code = None;
    if let Some(server) = server {
        let fields = server.fields();
        let words: Vec<_> = [&fields.name, &fields.message]
            .into_iter()
            .map(|detail| detail.as_str().trim())
            .filter(|text| !text.is_empty())
            .collect();
        if !words.is_empty() {
            sentence = format!("{sentence}: {}", words.join(": "));
        }
        code = Some(fields.code.as_str().to_owned()).filter(|code| !code.is_empty());
    }
    let mut refusal = Refusal::new(StatusCode::BAD_GATEWAY, sentence);
    refusal.code = code;
    refusal
}
