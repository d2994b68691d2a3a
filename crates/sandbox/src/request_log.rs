//! The log of every request: what came, what was done, how it ended. Never a credential.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::answer::Dialect;
use crate::faults::Operation;

/// How a request was authorized, by the look of its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthorizationScheme {
    /// No header.
    None,
    /// `Bearer`.
    Bearer,
    /// `OAuth` (1.0a).
    OAuth1,
    /// Another scheme.
    Other,
}

/// How an exchange ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// An answer was handed to the connection.
    Answered {
        /// Its HTTP status.
        status: u16,
    },
    /// A fault reset the connection.
    Reset,
    /// A fault closed the connection.
    Closed,
    /// The client went away before there was an answer.
    ClientGone,
}

/// What the request changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Nothing.
    #[default]
    None,
    /// What it asked for was done, whatever the client got to hear.
    Committed,
}

/// One request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedRequest {
    /// From 1, in order of arrival.
    pub number: u64,
    /// Unix milliseconds of the sandbox's clock, at arrival.
    pub at_ms: u64,
    /// From arrival to ending, real milliseconds.
    pub took_ms: u64,
    /// The connection it came on, from 1.
    pub connection: u64,
    /// GET, POST …
    pub method: String,
    /// Without the query.
    pub path: String,
    /// Which API version, where the path tells.
    pub dialect: Option<Dialect>,
    /// As soon as it was known.
    pub operation: Option<Operation>,
    /// Which call of its operation, from 1, since the fault plan was installed.
    pub call: Option<u64>,
    /// As given.
    pub media_id: Option<String>,
    /// As given, if it is a number.
    pub segment_index: Option<u64>,
    /// Bytes of the body read before the ending.
    pub body_bytes: u64,
    /// Bytes of media among them, decoded.
    pub media_bytes: u64,
    /// The scheme alone.
    pub authorization: AuthorizationScheme,
    /// The user it was authorized as.
    pub user: Option<String>,
    /// What was changed.
    pub effect: Effect,
    /// Names of the faults armed for it.
    pub faults: Vec<String>,
    /// How it ended.
    pub ending: Ending,
}

/// The newest requests, in order of their endings.
#[derive(Debug, Default)]
pub(crate) struct RequestLog {
    entries: VecDeque<LoggedRequest>,
    numbered: u64,
}

impl RequestLog {
    pub(crate) fn next_number(&mut self) -> u64 {
        self.numbered += 1;
        self.numbered
    }

    pub(crate) fn push(&mut self, entry: LoggedRequest, limit: usize) {
        self.entries.push_back(entry);
        while self.entries.len() > limit {
            self.entries.pop_front();
        }
    }

    /// Those with a number above `after`, in order of arrival.
    pub(crate) fn since(&self, after: u64) -> Vec<LoggedRequest> {
        let mut entries: Vec<LoggedRequest> =
            self.entries.iter().filter(|entry| entry.number > after).cloned().collect();
        entries.sort_by_key(|entry| entry.number);
        entries
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }
}
