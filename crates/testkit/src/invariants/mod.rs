//! What must always hold of an upload, each as a small checker with a name of its own.
//!
//! [`Invariants`] is told what is seen of one process, step by step, and says at once when something does not hold. The
//! checkers know nothing of the engine's inside: they serve for every engine with the same inputs and outputs.
//!
//! | name | what must hold |
//! |---|---|
//! | [`Complete`] | 1: Finalize only when everything is stored, nothing in flight, every receipt there |
//! | [`InWindow`] | 2: live Appends within the window, never two of one segment; append family: one, at the cursor |
//! | [`Frozen`] | 3: what may be stored keeps index and range; a refused size is never sent again |
//! | [`Patient`] | 4: nothing before its backoff, Retry-After, reset or processing hint |
//! | [`Bounded`] | 5: attempts are bounded, retries are paid for |
//! | [`Inert`] | 6: a late, duplicate or unknown outcome changes nothing |
//! | [`Certain`] | 7: what may have been done is found out before it is repeated |
//! | [`Durable`] | 8: two barriers wait for the disk; what is stored on disk is not sent again |
//! | [`Obedient`] | 9: pause, discard and the end are kept; released bytes are not asked for |
//! | [`Processed`] | 10: processing ends by its deadline |
//! | [`Forward`] | 11: progress never goes back within a session |
//! | [`Finite`] | 12: a drain is finite and waits for something |
//! | [`Contract`] | the shape of the conversation itself; where the source ends is said once, by the Append that ends there |

mod bounded;
mod certain;
mod complete;
mod contract;
mod durable;
mod finite;
mod forward;
mod frozen;
mod in_window;
mod inert;
mod obedient;
mod patient;
mod processed;

use std::fmt;

use chunkwise_core::{Checkpoint, Plan, Policy, Profile, Timestamp, UploadSpec};

pub use self::bounded::Bounded;
pub use self::certain::Certain;
pub use self::complete::Complete;
pub use self::contract::Contract;
pub use self::durable::Durable;
pub use self::finite::Finite;
pub use self::forward::Forward;
pub use self::frozen::Frozen;
pub use self::in_window::InWindow;
pub use self::inert::Inert;
pub use self::obedient::Obedient;
pub use self::patient::Patient;
pub use self::processed::Processed;
use crate::record::{Fact, Record, Seen};

/// Something that must always hold, and did not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// What was broken, as in `invariant 3 (Frozen)`.
    pub rule: &'static str,
    /// How.
    pub detail: String,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} does not hold: {}", self.rule, self.detail)
    }
}

impl std::error::Error for Breach {}

/// One thing that must always hold.
pub trait Invariant {
    /// Its name, with its number if it is one of the twelve.
    const NAME: &'static str;

    /// Judges something seen, before the record takes it in.
    ///
    /// # Errors
    ///
    /// What does not hold.
    fn check(&mut self, now: Timestamp, seen: &Seen<'_>, record: &Record) -> Result<(), String>;

    /// Learns what follows from it, once the record has taken it in.
    fn learn(&mut self, fact: &Fact, record: &Record) {
        let _ = (fact, record);
    }
}

macro_rules! invariants {
    ($($field:ident: $checker:ident),* $(,)?) => {
        /// All that must always hold of one process, with the record it is judged by.
        #[derive(Clone, Debug, Hash)]
        pub struct Invariants {
            record: Record,
            $($field: $checker,)*
        }

        impl Invariants {
            /// For a process that begins anew, or goes on from a checkpoint.
            pub fn new(profile: Profile, policy: Policy, spec: UploadSpec, from: Option<&Checkpoint>) -> Self {
                let record = Record::new(profile, policy, spec, from);
                Self { $($field: $checker::new(&record, from),)* record }
            }

            /// What is known so far.
            pub const fn record(&self) -> &Record {
                &self.record
            }

            /// Takes in something seen. `plan` is the plan in force.
            ///
            /// # Errors
            ///
            /// The first thing that does not hold.
            pub fn see(&mut self, now: Timestamp, seen: Seen<'_>, plan: &Plan) -> Result<(), Breach> {
                $(
                    self.$field
                        .check(now, &seen, &self.record)
                        .map_err(|detail| Breach { rule: $checker::NAME, detail })?;
                )*
                for fact in self.record.take_in(&seen, plan) {
                    $(self.$field.learn(&fact, &self.record);)*
                }
                Ok(())
            }
        }
    };
}

invariants! {
    contract: Contract,
    complete: Complete,
    in_window: InWindow,
    frozen: Frozen,
    patient: Patient,
    bounded: Bounded,
    inert: Inert,
    certain: Certain,
    durable: Durable,
    obedient: Obedient,
    processed: Processed,
    forward: Forward,
    finite: Finite,
}

/// Says what does not hold, unless it does.
macro_rules! must {
    ($holds:expr, $($detail:tt)+) => {
        if !$holds {
            return Err(format!($($detail)+));
        }
    };
}
use must;
