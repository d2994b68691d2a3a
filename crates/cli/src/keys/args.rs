//! The words of `chunkwise keys`.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::SystemTime;

use chunkwise_gateway::store::{Billing, Environment, KeyLimits, MicroDollars, NewKey, UnixMillis};
use clap::{Args, Subcommand};

use super::dollars;
use crate::values::{Size, Span};

#[derive(Args, Debug)]
pub(crate) struct KeysArgs {
    /// The gateway's settings, as TOML
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) settings: Option<PathBuf>,
    /// The gateway's folder [default: chunkwise-gateway in this folder]
    #[arg(long, value_name = "FOLDER", global = true)]
    pub(crate) gateway_dir: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) action: KeysAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysAction {
    /// Make a key, and show it this once
    Create(CreateArgs),
    /// Show all keys, not what they are
    List,
    /// Give a prepaid key money
    Credit {
        /// Which, by its id
        id: String,
        /// How many dollars, as in 5 or 0.25; below zero to take back what was a mistake
        #[arg(allow_negative_numbers = true, value_parser = dollars::parse)]
        amount: MicroDollars,
    },
    /// Show what keys have used, of all time
    Usage {
        /// Which, by its id [default: all]
        id: Option<String>,
    },
    /// Make a key worth nothing
    Revoke {
        /// Which, by its id
        id: String,
    },
}

#[derive(Args, Debug)]
pub(crate) struct CreateArgs {
    /// Whose it is
    label: String,
    /// Which installation it is for; stands in the key
    #[arg(long, default_value = "live", value_name = "NAME")]
    environment: Environment,
    /// It has a balance (`keys credit`), and uploads nothing that the balance does not cover
    #[arg(long)]
    prepaid: bool,
    /// How long it is good for, as in 30d [default: for ever]
    #[arg(long, value_name = "DURATION")]
    expires_in: Option<Span>,
    /// How many requests it may make in a second, on average [default: 10]
    #[arg(long, value_name = "N")]
    requests_per_second: Option<NonZeroU32>,
    /// How many requests it may make at once, before the average counts [default: 20]
    #[arg(long, value_name = "N")]
    burst: Option<NonZeroU32>,
    /// How many bytes it may bring in a minute, fetched media included [default: 1GiB]
    #[arg(long, value_name = "SIZE")]
    bytes_per_minute: Option<Size>,
    /// How many uploads it may have under way [default: 4]
    #[arg(long, value_name = "N")]
    uploads_at_once: Option<NonZeroU32>,
}

impl CreateArgs {
    /// The key that is wanted.
    pub(super) fn into_new(self) -> NewKey {
        let default = KeyLimits::default();
        let or = |given: Option<NonZeroU32>, default| given.map_or(default, NonZeroU32::get);
        NewKey {
            environment: self.environment,
            label: self.label,
            limits: KeyLimits {
                requests_per_second: or(self.requests_per_second, default.requests_per_second),
                burst: or(self.burst, default.burst),
                bytes_per_minute: self.bytes_per_minute.map_or(default.bytes_per_minute, Size::bytes),
                uploads_at_once: or(self.uploads_at_once, default.uploads_at_once),
            },
            billing: if self.prepaid { Billing::Prepaid } else { Billing::Metered },
            expires_at: self.expires_in.map(|span| UnixMillis::from(SystemTime::now()).plus(span.duration())),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Alone {
        #[command(flatten)]
        create: CreateArgs,
    }

    #[test]
    fn what_is_not_said_is_the_stores_default_and_the_help_says_the_same() {
        let new = Alone::parse_from(["x", "mine"]).create.into_new();
        assert_eq!((new.limits, new.expires_at), (KeyLimits::default(), None));
        // The help has these numbers in words.
        assert_eq!(
            KeyLimits::default(),
            KeyLimits { requests_per_second: 10, burst: 20, bytes_per_minute: 1 << 30, uploads_at_once: 4 }
        );
    }
}
