//! The rule that X itself is measured only by those who said so twice.

use chunkwise::x::{BaseUrl, is_x};

use super::cost::Cost;
use super::setting::exact_size;
use crate::exit::Exit;
use crate::failed::Failed;

/// What was said about measuring X itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Never,
    /// The one flag; this other one is missing.
    Once {
        missing: &'static str,
    },
    Twice,
}

impl Told {
    pub(super) const fn of(real_x: bool, i_pay: bool) -> Self {
        match (real_x, i_pay) {
            (false, false) => Self::Never,
            (true, false) => Self::Once { missing: "--i-pay-for-the-uploads" },
            (false, true) => Self::Once { missing: "--real-x" },
            (true, true) => Self::Twice,
        }
    }
}

/// Lets every address pass but X's own; that one too for those who said so twice.
///
/// # Errors
///
/// What it would cost, and what is missing. Nothing was sent.
pub(super) fn permit(url: &BaseUrl, told: Told, cost: Cost) -> Result<(), Failed> {
    if !is_x(url) {
        return Ok(());
    }
    let missing = match told {
        Told::Twice => return Ok(()),
        Told::Never => "give both --real-x and --i-pay-for-the-uploads".to_owned(),
        Told::Once { missing } => format!("give {missing} too"),
    };
    let Cost { uploads, size, requests } = cost;
    Err(Failed::new(
        Exit::Usage,
        format!(
            "{url} is X itself: this would be {uploads} real uploads of {} in {requests} requests, which count against \
             your account's rate limits and are for your app to pay; nothing was sent. If you want that, {missing}; \
             without --url a sandbox on this machine is measured",
            exact_size(size)
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x_itself_is_measured_only_by_those_who_said_so_twice() {
        let (x, other) = ("https://api.x.com", "http://127.0.0.1:8080");
        let cost = Cost { uploads: 126, size: 64 << 20, requests: 13_000 };
        let permit =
            |url: &str, real_x, i_pay| permit(&BaseUrl::new(url).unwrap(), Told::of(real_x, i_pay), cost);
        for (real_x, i_pay) in [(false, false), (true, false), (false, true), (true, true)] {
            assert!(permit(other, real_x, i_pay).is_ok());
            assert_eq!(permit(x, real_x, i_pay).is_ok(), real_x && i_pay);
        }
        for (real_x, i_pay, missing) in [
            (false, false, "give both --real-x and --i-pay-for-the-uploads;"),
            (true, false, "give --i-pay-for-the-uploads too;"),
            (false, true, "give --real-x too;"),
        ] {
            let failed = permit(x, real_x, i_pay).unwrap_err();
            assert_eq!(failed.exit, Exit::Usage);
            assert!(failed.what.contains("126 real uploads of 64MiB in 13000 requests"), "{}", failed.what);
            assert!(failed.what.contains(missing), "{}", failed.what);
        }
    }
}
