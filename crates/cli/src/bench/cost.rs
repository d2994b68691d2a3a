//! What a sweep costs where uploads do, and who said that it is theirs to pay.

use chunkwise::s3::{self, is_amazon};

use super::setting::exact_size;
use super::sweep::Sweep;
use crate::exit::Exit;
use crate::failed::Failed;
use crate::values::Size;

/// What a sweep would cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cost {
    pub(super) uploads: u64,
    /// Bytes of each upload.
    pub(super) size: u64,
    pub(super) requests: u64,
}

impl Cost {
    /// Of all rounds, with the upload to warm up; so many more requests remove each upload.
    pub(super) fn of(sweep: &Sweep, to_remove: u64) -> Self {
        let requests = sweep.planned().map(|(_, requests)| requests + to_remove);
        let rounds = u64::from(sweep.rounds);
        Self {
            uploads: requests.clone().count() as u64 * rounds + 1,
            size: sweep.size,
            requests: requests.clone().sum::<u64>() * rounds + requests.last().unwrap_or(0),
        }
    }
}

/// Whether `--i-pay-for-the-uploads` was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pays {
    Unsaid,
    Said,
}

impl Pays {
    pub(super) const fn of(i_pay: bool) -> Self {
        if i_pay { Self::Said } else { Self::Unsaid }
    }
}

/// Lets every store pass but Amazon's own; that one too for those who said that they pay.
///
/// # Errors
///
/// What it would cost, and what is missing. Nothing was sent.
pub(super) fn permit(endpoint: &s3::BaseUrl, pays: Pays, cost: Cost) -> Result<(), Failed> {
    match pays {
        Pays::Said => return Ok(()),
        Pays::Unsaid if !is_amazon(endpoint) => return Ok(()),
        Pays::Unsaid => {}
    }
    let Cost { uploads, size, requests } = cost;
    let all = Size::of(uploads.saturating_mul(size));
    Err(Failed::new(
        Exit::Usage,
        format!(
            "{endpoint} is Amazon's: this would be {uploads} real uploads of {} ({all} in all) in {requests} requests, \
             which are for your account to pay; nothing was sent. If you want that, give --i-pay-for-the-uploads; for \
             another store give --s3-endpoint",
            exact_size(size)
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amazon_is_measured_only_by_those_who_pay() {
        let cost = Cost { uploads: 101, size: 256 << 20, requests: 3_000 };
        let permit = |url: &str, pays| permit(&s3::BaseUrl::new(url).unwrap(), pays, cost);
        let (amazon, other) = ("https://s3.us-east-1.amazonaws.com", "http://127.0.0.1:9000");
        assert!(permit(other, Pays::Unsaid).is_ok() && permit(amazon, Pays::Said).is_ok());
        let failed = permit(amazon, Pays::Unsaid).unwrap_err();
        assert_eq!(failed.exit, Exit::Usage);
        for told in
            ["101 real uploads of 256MiB (25.2 GiB in all) in 3000 requests", "give --i-pay-for-the-uploads;"]
        {
            assert!(failed.what.contains(told), "{}", failed.what);
        }
    }
}
