//! The grammar of numbers (RFC 8259 §6).

use crate::ingest::Reason;

/// Where in a number.
#[derive(Clone, Copy, Debug)]
pub(super) enum Number {
    Minus,
    Zero,
    Integer,
    Point,
    Fraction,
    Exponent,
    Sign,
    Power,
}

impl Number {
    /// After its first byte.
    pub(super) const fn first(byte: u8) -> Self {
        match byte {
            b'-' => Self::Minus,
            b'0' => Self::Zero,
            _ => Self::Integer,
        }
    }

    /// Where it is after this byte; None if the number is over before it.
    pub(super) const fn after(self, byte: u8) -> Result<Option<Self>, Reason> {
        const DIGIT: Result<Option<Number>, Reason> = Err(Reason::Syntax { expected: "a digit" });
        Ok(Some(match (self, byte) {
            (Self::Minus, b'0') => Self::Zero,
            (Self::Minus, b'1'..=b'9') | (Self::Integer, b'0'..=b'9') => Self::Integer,
            (Self::Zero | Self::Integer, b'.') => Self::Point,
            (Self::Point | Self::Fraction, b'0'..=b'9') => Self::Fraction,
            (Self::Zero | Self::Integer | Self::Fraction, b'e' | b'E') => Self::Exponent,
            (Self::Exponent, b'+' | b'-') => Self::Sign,
            (Self::Exponent | Self::Sign | Self::Power, b'0'..=b'9') => Self::Power,
            (Self::Minus | Self::Point | Self::Exponent | Self::Sign, _) => return DIGIT,
            (Self::Zero | Self::Integer | Self::Fraction | Self::Power, _) => return Ok(None),
        }))
    }
}
