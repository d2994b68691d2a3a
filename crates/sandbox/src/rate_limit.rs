//! Windows of requests per user, API version and operation.

use std::collections::HashMap;

use http::HeaderMap;

use crate::answer::Dialect;
use crate::clock::{UnixMillis, seconds_up};
use crate::faults::Operation;
use crate::settings::{Enforcement, RateLimit};

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct WindowKey {
    pub(crate) user: String,
    pub(crate) dialect: Dialect,
    pub(crate) operation: Operation,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    used: u32,
    /// On a whole second, so that the header can name it exactly.
    reset_at: UnixMillis,
    /// Exhausted by a throttle fault, whatever was used.
    throttled: bool,
}

/// What a request finds: goes into the headers of whatever is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) limit: u32,
    pub(crate) remaining: u32,
    /// Unix seconds.
    pub(crate) reset: u64,
}

impl Standing {
    pub(crate) fn write(self, headers: &mut HeaderMap) {
        headers.insert("x-rate-limit-limit", self.limit.into());
        headers.insert("x-rate-limit-remaining", self.remaining.into());
        headers.insert("x-rate-limit-reset", self.reset.into());
    }
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    Uncounted,
    Admitted(Standing),
    Refused { standing: Standing, retry_after_secs: u64 },
}

#[derive(Debug, Default)]
pub(crate) struct Windows {
    windows: HashMap<WindowKey, Window>,
}

impl Windows {
    pub(crate) fn clear(&mut self) {
        self.windows.clear();
    }

    /// Counts a request, if it is admitted.
    pub(crate) fn admit(
        &mut self,
        key: WindowKey,
        limit: RateLimit,
        enforcement: Enforcement,
        now: UnixMillis,
    ) -> Admission {
        let fresh = Window { used: 0, reset_at: reset_after(now, limit.window_secs), throttled: false };
        let window = self.windows.entry(key).or_insert(fresh);
        if now >= window.reset_at {
            *window = fresh;
        }
        let exhausted = match enforcement {
            Enforcement::Enforced => window.used >= limit.requests,
            Enforcement::HeadersOnly | Enforcement::Off => false,
        };
        if exhausted || window.throttled {
            return refused(limit, window.reset_at, now);
        }
        window.used = window.used.saturating_add(1);
        let remaining = limit.requests.saturating_sub(window.used);
        let standing = Standing { limit: limit.requests, remaining, reset: window.reset_at / 1000 };
        match enforcement {
            Enforcement::Enforced | Enforcement::HeadersOnly => Admission::Admitted(standing),
            Enforcement::Off => Admission::Uncounted,
        }
    }

    /// Exhausts the window until so many seconds from now.
    pub(crate) fn throttle(
        &mut self,
        key: WindowKey,
        limit: RateLimit,
        reset_after_secs: u64,
        now: UnixMillis,
    ) -> Admission {
        let reset_at = reset_after(now, reset_after_secs);
        self.windows.insert(key, Window { used: limit.requests, reset_at, throttled: true });
        refused(limit, reset_at, now)
    }
}

fn reset_after(now: UnixMillis, secs: u64) -> UnixMillis {
    seconds_up(now).saturating_add(secs).saturating_mul(1000)
}

fn refused(limit: RateLimit, reset_at: UnixMillis, now: UnixMillis) -> Admission {
    let standing = Standing { limit: limit.requests, remaining: 0, reset: reset_at / 1000 };
    Admission::Refused { standing, retry_after_secs: seconds_up(reset_at.saturating_sub(now)) }
}
