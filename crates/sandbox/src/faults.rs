//! Scripted faults: which call is hit, when, and by what.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use crate::settings::ThrottleBody;

/// One exchange with the API, whatever its version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// v2 `initialize`, v1.1 `INIT`.
    Initialize,
    /// v2 `append`, v1.1 `APPEND`.
    Append,
    /// v2 `finalize`, v1.1 `FINALIZE`.
    Finalize,
    /// `GET` with `command=STATUS`.
    Status,
    /// `POST /2/media/upload` and v1.1 upload without a command: the whole media in one request.
    OneShot,
    /// v2 `metadata`, v1.1 `metadata/create`.
    Metadata,
    /// `POST /2/tweets`.
    Tweet,
}

impl Operation {
    /// Every operation.
    pub const ALL: [Self; 7] = [
        Self::Initialize,
        Self::Append,
        Self::Finalize,
        Self::Status,
        Self::OneShot,
        Self::Metadata,
        Self::Tweet,
    ];
}

/// When, within an exchange, a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Moment {
    /// As soon as the request can be told, its body unread. (v1.1 names its command, and multipart its segment, inside
    /// the body: there this is as early as the body allows.)
    BeforeBody,
    /// Once this many bytes of the body have been read.
    DuringBody {
        /// At least; reading happens in pieces. A body that is shorter is not hit.
        after_bytes: u64,
    },
    /// The body has been read and nothing has been committed. (A request that is refused meets it instead of its refusal,
    /// however little of its body was read.)
    AfterBody,
    /// What the request asked for has been done; the answer has not been sent.
    AfterCommit,
}

/// What becomes of the unread rest of a body that was answered early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Rest {
    /// It is read and thrown away up to so many bytes, so that the connection lives on; beyond that it is closed.
    Drain {
        /// The most that is thrown away.
        up_to: u64,
    },
    /// The connection is closed at once; what the client is still sending makes its system see a reset, often before
    /// it has read the answer.
    Close,
}

impl Default for Rest {
    fn default() -> Self {
        Self::Drain { up_to: 64 * 1024 * 1024 }
    }
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// This answer instead of the true one.
    Answer {
        /// 200 to 599.
        status: u16,
        /// Sent as they are.
        #[serde(default)]
        headers: BTreeMap<String, String>,
        /// Sent as it is. `application/json` unless `headers` says otherwise.
        #[serde(default)]
        body: String,
        /// Default: after the body, with nothing committed.
        #[serde(default = "after_body")]
        moment: Moment,
        /// Only of use to an answer that comes before the end of the body.
        #[serde(default)]
        rest: Rest,
    },
    /// 429, with nothing committed; the account's window for this operation stays exhausted until the reset.
    Throttle {
        /// From now to the reset, in seconds.
        reset_after_secs: u64,
        /// A `Retry-After` header beside it (X documents none).
        #[serde(default)]
        retry_after_secs: Option<u64>,
        /// Default: what the settings say.
        #[serde(default)]
        body: Option<ThrottleBody>,
    },
    /// Nothing happens for so long, then all goes on as if nothing had been.
    Delay {
        /// Real milliseconds.
        millis: u64,
        /// Default: after the commit, before the answer.
        #[serde(default = "after_commit")]
        moment: Moment,
    },
    /// The connection is reset (a real RST). `after_commit` is the lost reply.
    Reset {
        /// Default: before the body.
        #[serde(default = "before_body")]
        moment: Moment,
    },
    /// The connection is closed without an answer. (With unread data the client's system may see a reset.)
    Close {
        /// Default: after the body, with nothing committed.
        #[serde(default = "after_body")]
        moment: Moment,
    },
    /// The body is read no faster than this.
    SlowBody {
        /// At least 1.
        bytes_per_sec: u64,
    },
    /// The answer's status, and half of its JSON.
    MalformedJson,
    /// The answer's status, and no body.
    EmptyAnswer,
    /// The answer's status, and a JSON body of this size.
    HugeAnswer {
        /// How many bytes.
        bytes: u64,
    },
    /// The bearer token of this very request is revoked before it is looked at: 401 from now on.
    RevokeToken,
}

fn before_body() -> Moment {
    Moment::BeforeBody
}
fn after_body() -> Moment {
    Moment::AfterBody
}
fn after_commit() -> Moment {
    Moment::AfterCommit
}

impl Fault {
    /// A plain answer after the body.
    pub fn answer(status: u16, body: impl Into<String>) -> Self {
        Self::Answer {
            status,
            headers: BTreeMap::new(),
            body: body.into(),
            moment: Moment::AfterBody,
            rest: Rest::default(),
        }
    }

    /// The reply is lost after what was asked for has been done.
    pub fn lost_reply() -> Self {
        Self::Reset { moment: Moment::AfterCommit }
    }

    /// When it strikes; `None` for those that shape the whole exchange or its answer.
    pub(crate) fn moment(&self) -> Option<Moment> {
        match self {
            Self::Answer { moment, .. }
            | Self::Delay { moment, .. }
            | Self::Reset { moment }
            | Self::Close { moment } => Some(*moment),
            Self::Throttle { .. } => Some(Moment::AfterBody),
            Self::RevokeToken => Some(Moment::BeforeBody),
            Self::SlowBody { .. } | Self::MalformedJson | Self::EmptyAnswer | Self::HugeAnswer { .. } => None,
        }
    }

    /// Its name in the log.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Answer { .. } => "answer",
            Self::Throttle { .. } => "throttle",
            Self::Delay { .. } => "delay",
            Self::Reset { .. } => "reset",
            Self::Close { .. } => "close",
            Self::SlowBody { .. } => "slow_body",
            Self::MalformedJson => "malformed_json",
            Self::EmptyAnswer => "empty_answer",
            Self::HugeAnswer { .. } => "huge_answer",
            Self::RevokeToken => "revoke_token",
        }
    }
}

/// Which calls a rule hits. Calls are numbered from 1, per operation, since the plan was installed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Selector {
    /// Every call.
    #[default]
    Every,
    /// The n-th call.
    Call(u64),
    /// These calls.
    Calls(Vec<u64>),
    /// Every n-th call: n, 2n, 3n … (0: none).
    EveryNth(u64),
    /// The n-th call and all after it.
    From(u64),
    /// Appends of this segment.
    Segment(u16),
}

impl Selector {
    fn hits_call(&self, call: u64) -> bool {
        match self {
            Self::Every => true,
            Self::Call(number) => call == *number,
            Self::Calls(numbers) => numbers.contains(&call),
            Self::EveryNth(step) => *step != 0 && call.is_multiple_of(*step),
            Self::From(number) => call >= *number,
            Self::Segment(_) => false,
        }
    }
}

/// One fault, and what it is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// `None`: any operation, each counted for itself.
    #[serde(default)]
    pub operation: Option<Operation>,
    /// Default: every call.
    #[serde(default)]
    pub on: Selector,
    /// How often it strikes at most. `None`: without end.
    #[serde(default)]
    pub times: Option<u32>,
    /// What happens.
    pub fault: Fault,
}

impl FaultRule {
    /// This fault at the n-th call (from 1) of an operation.
    pub fn at_call(operation: Operation, call: u64, fault: Fault) -> Self {
        Self { operation: Some(operation), on: Selector::Call(call), times: None, fault }
    }

    /// This fault at the first append of a segment.
    pub fn at_segment(index: u16, fault: Fault) -> Self {
        Self { operation: Some(Operation::Append), on: Selector::Segment(index), times: Some(1), fault }
    }

    /// This fault at every call of an operation.
    pub fn always(operation: Operation, fault: Fault) -> Self {
        Self { operation: Some(operation), on: Selector::Every, times: None, fault }
    }
}

/// All rules. Every rule that matches a call applies; of two that end the exchange at the same moment, the first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FaultPlan {
    /// In order.
    pub rules: Vec<FaultRule>,
}

impl FromIterator<FaultRule> for FaultPlan {
    fn from_iter<I: IntoIterator<Item = FaultRule>>(rules: I) -> Self {
        Self { rules: rules.into_iter().collect() }
    }
}

/// A rule and how often it has struck.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultCount {
    /// The rule.
    pub rule: FaultRule,
    /// How often it was armed for a call.
    pub applied: u32,
}

/// The plan at work.
#[derive(Debug, Default)]
pub(crate) struct FaultLedger {
    counts: Vec<FaultCount>,
    calls: HashMap<Operation, u64>,
}

impl FaultLedger {
    pub(crate) fn install(&mut self, plan: FaultPlan) {
        self.counts = plan.rules.into_iter().map(|rule| FaultCount { rule, applied: 0 }).collect();
        self.calls.clear();
    }

    /// Adds a rule without starting the count of calls anew.
    pub(crate) fn add(&mut self, rule: FaultRule) {
        self.counts.push(FaultCount { rule, applied: 0 });
    }

    pub(crate) fn counts(&self) -> Vec<FaultCount> {
        self.counts.clone()
    }

    /// A call of this operation has come: its number, and what is to go wrong.
    pub(crate) fn call(&mut self, operation: Operation) -> (u64, Vec<Fault>) {
        let call = self.calls.entry(operation).or_insert(0);
        *call += 1;
        let call = *call;
        (call, self.strike(operation, |selector| selector.hits_call(call)))
    }

    /// The call turns out to be about this segment.
    pub(crate) fn segment(&mut self, operation: Operation, index: u16) -> Vec<Fault> {
        self.strike(operation, |selector| *selector == Selector::Segment(index))
    }

    fn strike(&mut self, operation: Operation, hits: impl Fn(&Selector) -> bool) -> Vec<Fault> {
        let mut faults = Vec::new();
        for FaultCount { rule, applied } in &mut self.counts {
            let wanted = rule.operation.is_none_or(|wanted| wanted == operation);
            if wanted && hits(&rule.on) && rule.times.is_none_or(|times| *applied < times) {
                *applied += 1;
                faults.push(rule.fault.clone());
            }
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(rules: &str) -> FaultLedger {
        let mut ledger = FaultLedger::default();
        ledger.install(serde_json::from_str(rules).unwrap());
        ledger
    }

    #[test]
    fn selectors_pick_the_calls_they_name() {
        let mut ledger = plan(
            r#"[{"operation":"append","on":{"every_nth":3},"fault":{"kind":"empty_answer"}},
                {"operation":"append","on":{"calls":[2,3]},"fault":{"kind":"malformed_json"}},
                {"on":{"call":1},"fault":{"kind":"reset"}},
                {"operation":"append","on":{"from":4},"times":1,"fault":{"kind":"revoke_token"}}]"#,
        );
        let mut hit = || ledger.call(Operation::Append).1.iter().map(Fault::kind).collect::<Vec<_>>();
        assert_eq!(hit(), ["reset"]);
        assert_eq!(hit(), ["malformed_json"]);
        assert_eq!(hit(), ["empty_answer", "malformed_json"]);
        assert_eq!(hit(), ["revoke_token"]);
        assert_eq!(hit(), Vec::<&str>::new());
        assert_eq!(ledger.call(Operation::Status).1, [Fault::Reset { moment: Moment::BeforeBody }]);
    }

    #[test]
    fn a_segment_rule_strikes_as_often_as_it_says() {
        let mut ledger = plan(r#"[{"on":{"segment":7},"times":2,"fault":{"kind":"empty_answer"}}]"#);
        let hits: Vec<usize> =
            [7, 6, 7, 7].map(|index| ledger.segment(Operation::Append, index).len()).to_vec();
        assert_eq!(hits, [1, 0, 1, 0]);
        assert_eq!(ledger.counts()[0].applied, 2);
    }

    #[test]
    fn an_unknown_field_is_an_error() {
        let unknown = r#"[{"operation":"append","fault":{"kind":"reset","momentum":"after_body"}}]"#;
        assert!(serde_json::from_str::<FaultPlan>(unknown).is_err());
    }
}
