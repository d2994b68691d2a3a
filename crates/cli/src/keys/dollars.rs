//! Money as people write it.

use chunkwise_gateway::store::MicroDollars;

/// Dollars as in `5`, `0.25` or `-1.5`, exactly: more digits than there are millionths are refused, and so is nothing.
pub(super) fn parse(text: &str) -> Result<MicroDollars, String> {
    const WRONG: &str = "an amount is in dollars with up to six decimals, as in 5 or 0.25, and not zero";
    let micros = || {
        let (sign, digits) = match text.strip_prefix('-') {
            Some(digits) => (-1, digits),
            None => (1, text),
        };
        let (whole, parts) = digits.split_once('.').unwrap_or((digits, "0"));
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number(whole) || !is_number(parts) || parts.len() > 6 {
            return None;
        }
        let whole = whole.parse::<i64>().ok()?.checked_mul(1_000_000)?;
        let parts = format!("{parts:0<6}").parse::<i64>().ok()?;
        whole.checked_add(parts)?.checked_mul(sign).filter(|micros| *micros != 0)
    };
    micros().map(MicroDollars::new).ok_or_else(|| WRONG.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_read_exactly_or_not_at_all() {
        for (text, micros) in [
            ("5", 5_000_000),
            ("0.25", 250_000),
            ("0.1", 100_000),
            ("12.345678", 12_345_678),
            ("-1.5", -1_500_000),
            ("0.000001", 1),
            ("9223372036854.775807", i64::MAX),
        ] {
            assert_eq!(parse(text), Ok(MicroDollars::new(micros)), "{text}");
        }
        for bad in [
            "",
            "-",
            ".",
            "5.",
            ".5",
            "0",
            "-0.0",
            "1e3",
            "0.0000001",
            "$5",
            "1,000",
            "--5",
            "+5",
            "5 ",
            "\u{665}",
            "9223372036854.775808",
            "99999999999999999999",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
