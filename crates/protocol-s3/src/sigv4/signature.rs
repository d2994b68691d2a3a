//! What is signed, and how. Source: S3 API Reference, "Authenticating Requests (AWS Signature Version 4)".

use std::fmt::Write as _;

use chunkwise_core::Timestamp;
use chunkwise_transport::http::percent;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderName, Uri, header};
use percent_encoding::percent_decode_str;
use sha2::{Digest as _, Sha256};

/// What a signature is good for: a day, a region, a service.
#[derive(Debug)]
pub(super) struct Scope {
    date: String,
    text: String,
    region: String,
}

impl Scope {
    pub(super) fn new(now: Timestamp, region: &str) -> Self {
        let date = basic_date(now);
        let text = format!("{}/{region}/s3/aws4_request", &date[..8]);
        Self { date, text, region: region.to_owned() }
    }

    /// The time, as in `20130524T000000Z`.
    pub(super) fn date(&self) -> &str {
        &self.date
    }

    /// As credentials carry it: the access key before it.
    pub(super) fn credential(&self, access_key_id: &str) -> String {
        format!("{access_key_id}/{}", self.text)
    }

    /// The signature of a canonical request.
    pub(super) fn sign(&self, secret: &str, canonical: &str) -> Option<String> {
        let digest = hex(&Sha256::digest(canonical.as_bytes()));
        let to_sign = format!("AWS4-HMAC-SHA256\n{}\n{}\n{digest}", self.date, self.text);
        let mut key = hmac(format!("AWS4{secret}").as_bytes(), &self.date[..8])?;
        for step in [self.region.as_str(), "s3", "aws4_request", &to_sign] {
            key = hmac(&key, step)?;
        }
        Some(hex(&key))
    }
}

/// The headers that are signed, in order: every one of the request's that is sent as it is, and the host.
pub(super) fn signed_headers(headers: &HeaderMap) -> Vec<&str> {
    let free = [header::ACCEPT, header::USER_AGENT, header::AUTHORIZATION];
    let signed = headers.keys().filter(|name| !free.contains(name)).map(HeaderName::as_str);
    let mut names: Vec<&str> = signed.chain([header::HOST.as_str()]).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The text whose digest is signed. Nothing if the address is not absolute, or a header is no text.
pub(super) fn canonical_request(
    method: &http::Method,
    uri: &Uri,
    headers: &HeaderMap,
    signed: &[&str],
    payload: &str,
) -> Option<String> {
    // The path is sent encoded as it is to be signed; S3's is not normalized.
    let path = if uri.path().is_empty() { "/" } else { uri.path() };
    let mut text = format!("{method}\n{path}\n{}\n", canonical_query(uri.query().unwrap_or_default()));
    for name in signed {
        let value = if *name == "host" { host(uri)? } else { values(headers, name)? };
        // Writing to a String can't fail.
        let _ = writeln!(text, "{name}:{value}");
    }
    let _ = write!(text, "\n{}\n{payload}", signed.join(";"));
    Some(text)
}

fn values(headers: &HeaderMap, name: &str) -> Option<String> {
    let values = headers.get_all(name).iter().map(|value| {
        let words: Vec<&str> = value.to_str().ok()?.split_ascii_whitespace().collect();
        Some(words.join(" "))
    });
    Some(values.collect::<Option<Vec<_>>>()?.join(","))
}

/// The host as it is sent: with a port unless it is the scheme's own.
fn host(uri: &Uri) -> Option<String> {
    let host = uri.host()?.to_ascii_lowercase();
    Some(match (uri.scheme_str(), uri.port_u16()) {
        (_, None) | (Some("http"), Some(80)) | (Some("https"), Some(443)) => host,
        (_, Some(port)) => format!("{host}:{port}"),
    })
}

fn canonical_query(query: &str) -> String {
    let encode = |text: &str| percent::encode(&percent_decode_str(text).decode_utf8_lossy());
    let mut pairs: Vec<(String, String)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (encode(name), encode(value))
        })
        .collect();
    // By name: in a whole pair `=` would come behind the `-` of a longer name.
    pairs.sort_unstable();
    let pairs: Vec<String> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

pub(super) fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hmac(key: &[u8], text: &str) -> Option<Vec<u8>> {
    // HMAC takes keys of any length.
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(text.as_bytes());
    Some(mac.finalize().into_bytes().to_vec())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// A time as ISO 8601's basic format has it. Days to dates by Howard Hinnant's `civil_from_days`.
fn basic_date(at: Timestamp) -> String {
    let secs = at.as_micros() / 1_000_000;
    let (days, second) = (secs / 86_400, secs % 86_400);
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute) = (second / 3600, second / 60 % 60);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{:02}Z", second % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_sorted_by_name_and_then_by_value() {
        assert_eq!(canonical_query("a-b=1&a=2&a=10&b"), "a=10&a=2&a-b=1&b=");
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (secs, date) in [
            (0, "19700101T000000Z"),
            (951_782_400, "20000229T000000Z"),
            (951_868_799, "20000229T235959Z"),
            (1_369_353_600, "20130524T000000Z"),
            (1_700_000_000, "20231114T221320Z"),
            (4_107_542_400, "21000301T000000Z"),
        ] {
            assert_eq!(basic_date(Timestamp::from_secs(secs)), date);
        }
    }
}
