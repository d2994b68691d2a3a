//! What X leaves undocumented: a switch each, its default the strictest that clients in the field can live with.

use serde::{Deserialize, Serialize};

/// What a segment does that comes under an index which is taken already (X fact sheet §8.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DuplicateSegment {
    /// It takes the other's place.
    Replace,
    /// Its bytes are added behind the other's: the sizes no longer add up.
    Accumulate,
    /// 400.
    Reject,
}

/// Indices that do not run from 0 without a hole, at FINALIZE (X fact sheet §8.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gap {
    /// 400, as if sizes did not add up. The default.
    Reject,
    /// Only the sum of the sizes matters.
    Accept,
}

/// FINALIZE of what is finalized (X fact sheet §8.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecondFinalize {
    /// 400. The default.
    Reject,
    /// The same kind of answer again, with the processing state of the moment.
    Repeat,
}

/// What an append of v2 answers (X fact sheet §8.6). v1.1 always answers 204.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AppendAnswer {
    /// 200 with `{"data":{"expires_at":…}}`, as documented. The default.
    Json,
    /// 204 and nothing.
    Empty,
}

/// Which 2xx.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SuccessStatus {
    /// 200.
    Ok,
    /// 201.
    Created,
    /// 202.
    Accepted,
}

/// What append and finalize of v2 answer for an id that is unknown, expired or foreign (X fact sheet §8.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownSession {
    /// 404, a "resource-not-found" problem: by its status no different from an outage. The default.
    NotFound,
    /// 400, an "invalid-request" problem.
    InvalidRequest,
}

/// What v2 finalize wants in its body (X fact sheet §2.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinalizeBody {
    /// A JSON object; `{}` will do. The default.
    RequireObject,
    /// Anything, or nothing.
    Ignore,
}

/// Whether v2 shows `processing_info.error`: its schema has none, real answers do (X fact sheet §8.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProcessingErrorInV2 {
    /// The default.
    Shown,
    /// Only the state tells.
    Hidden,
}

/// All the switches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Undocumented {
    /// The same bytes again. Default: they take their own place (clients that retry blindly rely on it, X fact sheet §2.11).
    pub duplicate_same_bytes: DuplicateSegment,
    /// Other bytes. Default: rejected, since no sane client does that.
    pub duplicate_other_bytes: DuplicateSegment,
    /// Default: rejected.
    pub gap: Gap,
    /// Default: rejected.
    pub second_finalize: SecondFinalize,
    /// Default: 200 with JSON.
    pub append_answer: AppendAnswer,
    /// Of v2. Default 200; 202 was documented once.
    pub initialize_status: SuccessStatus,
    /// Of v2. Default 200; 201 was seen.
    pub finalize_status: SuccessStatus,
    /// Default: 404.
    pub unknown_session: UnknownSession,
    /// Default: a JSON object.
    pub finalize_body: FinalizeBody,
    /// Default: shown.
    pub processing_error_in_v2: ProcessingErrorInV2,
}

impl Default for Undocumented {
    fn default() -> Self {
        Self {
            duplicate_same_bytes: DuplicateSegment::Replace,
            duplicate_other_bytes: DuplicateSegment::Reject,
            gap: Gap::Reject,
            second_finalize: SecondFinalize::Reject,
            append_answer: AppendAnswer::Json,
            initialize_status: SuccessStatus::Ok,
            finalize_status: SuccessStatus::Ok,
            unknown_session: UnknownSession::NotFound,
            finalize_body: FinalizeBody::RequireObject,
            processing_error_in_v2: ProcessingErrorInV2::Shown,
        }
    }
}
