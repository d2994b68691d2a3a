//! JSON read with goodwill: numbers that came as text, fractions, negative and absurd values.
//!
//! Every reading is bounded and total; what makes no sense counts as not said.

use std::time::Duration;

use serde_json::{Map, Value};

/// The largest body that is read as JSON: 64 KiB. X's answers have a few hundred bytes.
pub(crate) const MAX_JSON: usize = 64 << 10;

/// The longest text that is taken for a number.
const MAX_NUMBER: usize = 32;

/// The body's JSON value; nothing if it is not JSON or too large.
pub(crate) fn parse(body: &[u8]) -> Option<Value> {
    if body.len() > MAX_JSON {
        return None;
    }
    serde_json::from_slice(body).ok()
}

/// The text of a field.
pub(crate) fn text<'a>(object: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    object.get(key).and_then(Value::as_str)
}

/// A whole number from 0: fractions are rounded up, negative numbers are none.
pub(crate) fn uint(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64().or_else(|| number.as_f64().filter(|n| *n >= 0.0).map(ceil)),
        Value::String(text) => text_uint(text),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A whole number from 0 out of a text, as in a header.
pub(crate) fn text_uint(text: &str) -> Option<u64> {
    let text = text.trim();
    if text.len() > MAX_NUMBER {
        return None;
    }
    text.parse().ok().or_else(|| text.parse::<f64>().ok().filter(|n| n.is_finite() && *n >= 0.0).map(ceil))
}

/// The conversion saturates by definition of the language.
fn ceil(number: f64) -> u64 {
    number.ceil() as u64
}

/// A number of seconds in a field; zero counts as not said.
pub(crate) fn seconds(object: &Map<String, Value>, key: &str) -> Option<Duration> {
    object.get(key).and_then(uint).filter(|secs| *secs > 0).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_read_in_every_dress() {
        for (value, number) in [
            (json!(5), Some(5)),
            (json!(18446744073709551615u64), Some(u64::MAX)),
            (json!("5"), Some(5)),
            (json!(" 5 "), Some(5)),
            (json!(4.2), Some(5)),
            (json!("4.2"), Some(5)),
            (json!(1e300), Some(u64::MAX)),
            (json!(-1), None),
            (json!("-1"), None),
            (json!("soon"), None),
            (json!("NaN"), None),
            (json!("inf"), None),
            (json!("0".repeat(99)), None),
            (json!(null), None),
            (json!(true), None),
            (json!([5]), None),
        ] {
            assert_eq!(uint(&value), number, "{value}");
        }
    }

    #[test]
    fn only_a_bounded_body_is_parsed() {
        assert!(parse(b"{}").is_some());
        assert!(parse(&[b' '; 10]).is_none());
        let mut large = vec![b' '; MAX_JSON];
        large.extend_from_slice(b"{}");
        assert!(parse(&large).is_none());
        assert!(parse("[".repeat(5000).as_bytes()).is_none(), "nesting is bounded");
    }
}
