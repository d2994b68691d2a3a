//! Values as people write them: sizes, durations, windows.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use bytesize::ByteSize;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// A number of bytes: `4194304`, `4MiB`, `5MB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Size(u64);

impl Size {
    pub(crate) const fn bytes(self) -> u64 {
        self.0
    }

    pub(crate) const fn of(bytes: u64) -> Self {
        Self(bytes)
    }
}

impl FromStr for Size {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        match text.trim().parse::<ByteSize>() {
            Ok(size) if size.as_u64() > 0 => Ok(Self(size.as_u64())),
            Ok(_) | Err(_) => {
                Err(InvalidValue("a size is a positive number of bytes, as in 4194304, 4MiB or 5MB"))
            }
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        ByteSize(self.0).display().iec().fmt(f)
    }
}

/// Bytes per second: `500KB`, `10MiB/s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate(u64);

impl Rate {
    pub(crate) const fn bytes_per_second(self) -> u64 {
        self.0
    }
}

impl FromStr for Rate {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let text = text.trim();
        let size = text.strip_suffix("/s").unwrap_or(text).parse::<Size>();
        let size = size.map_err(|_| {
            InvalidValue("a rate is a positive number of bytes per second, as in 500KB or 10MiB/s")
        })?;
        Ok(Self(size.bytes()))
    }
}

/// A duration: `90s`, `30m`, `1h30m`, `500ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span(Duration);

impl Span {
    pub(crate) const fn duration(self) -> Duration {
        self.0
    }

    pub(crate) const fn of(duration: Duration) -> Self {
        Self(duration)
    }
}

impl FromStr for Span {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        const WRONG: InvalidValue =
            InvalidValue("a duration has units, as in 90s, 30m, 1h30m or 500ms, and is not zero");
        let mut rest = text.trim();
        let mut total = Duration::ZERO;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or(WRONG)?;
            let (number, tail) = rest.split_at(digits);
            let letters = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
            let (unit, tail) = tail.split_at(letters);
            let number: u64 = number.parse().map_err(|_| WRONG)?;
            let millis = match unit {
                "ms" => 1,
                "s" => 1_000,
                "m" => 60_000,
                "h" => 3_600_000,
                "d" => 86_400_000,
                _ => return Err(WRONG),
            };
            let part = number.checked_mul(millis).map(Duration::from_millis).ok_or(WRONG)?;
            total = total.checked_add(part).ok_or(WRONG)?;
            rest = tail;
        }
        if total.is_zero() { Err(WRONG) } else { Ok(Self(total)) }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        for (unit, length) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)] {
            // A day is clearer as 24h.
            if millis >= length && millis.is_multiple_of(length) && (unit != "d" || millis > length) {
                return write!(f, "{}{unit}", millis / length);
            }
        }
        write!(f, "{millis}ms")
    }
}

/// How many segments may be on their way at once: `4`, `adaptive`, `adaptive:16`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Window {
    /// Always this many.
    Fixed(NonZeroU32),
    /// As many as help, up to this many.
    Adaptive(NonZeroU32),
}

impl Window {
    /// The most of an adaptive window that names none.
    const ADAPTIVE_MAX: NonZeroU32 = match NonZeroU32::new(8) {
        Some(max) => max,
        None => NonZeroU32::MIN,
    };
}

impl FromStr for Window {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        const WRONG: InvalidValue = InvalidValue("a window is a positive number, adaptive, or adaptive:MAX");
        match text.trim() {
            "adaptive" => Ok(Self::Adaptive(Self::ADAPTIVE_MAX)),
            text => match text.strip_prefix("adaptive:") {
                Some(max) => max.parse().map(Self::Adaptive).map_err(|_| WRONG),
                None => text.parse().map(Self::Fixed).map_err(|_| WRONG),
            },
        }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(n) => n.fmt(f),
            Self::Adaptive(max) => write!(f, "adaptive:{max}"),
        }
    }
}

/// The account's size limits, by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LimitSet {
    /// Images 5 MiB, GIFs 15 MiB, video 512 MiB.
    #[default]
    Standard,
    /// Video of a post up to 8 GiB.
    LongVideo,
    /// Video of a post up to 16 GiB, of a direct message 1 GiB.
    Premium,
    /// None: X's own answer decides.
    None,
}

impl FromStr for LimitSet {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        const WRONG: InvalidValue = InvalidValue("the limits are standard, long-video, premium or none");
        <Self as clap::ValueEnum>::from_str(text, false).map_err(|_| WRONG)
    }
}

impl fmt::Display for LimitSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Standard => "standard",
            Self::LongVideo => "long-video",
            Self::Premium => "premium",
            Self::None => "none",
        })
    }
}

/// A value that can't be read, with what it should look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct InvalidValue(&'static str);

/// Reads a value of a settings file by the same rules as that of a flag: from a text, a number or a truth value.
pub(crate) fn scalar<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: fmt::Display>,
{
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Scalar {
        Truth(bool),
        Number(i64),
        Text(String),
    }
    let text = match Scalar::deserialize(deserializer)
        .map_err(|_| D::Error::custom("a text, a whole number, true or false is wanted here"))?
    {
        Scalar::Truth(truth) => truth.to_string(),
        Scalar::Number(number) => number.to_string(),
        Scalar::Text(text) => text,
    };
    text.parse().map(Some).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_decimal_and_binary_units() {
        for (text, bytes) in
            [("4194304", 4 << 20), ("4MiB", 4 << 20), ("5MB", 5_000_000), ("1.5GiB", 3 << 29)]
        {
            assert_eq!(text.parse(), Ok(Size(bytes)), "{text}");
        }
        for bad in ["", "0", "-1", "many", "4 elephants"] {
            assert!(bad.parse::<Size>().is_err(), "{bad}");
        }
        assert_eq!("10MiB/s".parse(), Ok(Rate(10 << 20)));
        assert_eq!(Size(4 << 20).to_string(), "4.0 MiB");
    }

    #[test]
    fn durations_have_units_and_read_what_they_write() {
        for (text, secs) in [("90s", 90), ("30m", 1_800), ("1h30m", 5_400), ("24h", 86_400), ("2d", 172_800)]
        {
            let span: Span = text.parse().unwrap();
            assert_eq!(span.duration(), Duration::from_secs(secs), "{text}");
            assert_eq!(span.to_string().parse(), Ok(span));
        }
        assert_eq!(Span(Duration::from_secs(86_400)).to_string(), "24h");
        assert_eq!("500ms".parse(), Ok(Span(Duration::from_millis(500))));
        for bad in ["", "0s", "90", "s", "1w", "1h30", "-5s", "99999999999999999999h", "ü"] {
            assert!(bad.parse::<Span>().is_err(), "{bad}");
        }
    }

    #[test]
    fn windows_are_fixed_or_adaptive() {
        let n = |n| NonZeroU32::new(n).unwrap();
        assert_eq!("4".parse(), Ok(Window::Fixed(n(4))));
        assert_eq!("adaptive".parse(), Ok(Window::Adaptive(n(8))));
        assert_eq!("adaptive:16".parse(), Ok(Window::Adaptive(n(16))));
        for bad in ["0", "adaptive:0", "adaptive:", "-1", "some"] {
            assert!(bad.parse::<Window>().is_err(), "{bad}");
        }
    }
}
