//! OAuth 1.0a signatures with HMAC-SHA1 (RFC 5849 §3).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sha1::Sha1;

/// All but RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A name and its value, decoded.
pub type Parameter = (String, String);

/// The `oauth_*` parameters of an `Authorization: OAuth …` header, decoded; `realm` is left out (RFC 5849 §3.4.1.3.1).
/// `None` if the header is malformed or names a parameter twice.
pub fn parse_header(value: &str) -> Option<Vec<Parameter>> {
    let (scheme, rest) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("OAuth") {
        return None;
    }
    let mut parameters: Vec<Parameter> = Vec::new();
    for pair in rest.split(',') {
        let (name, value) = pair.trim().split_once('=')?;
        let value = value.trim().strip_prefix('"')?.strip_suffix('"')?;
        let (name, value) = (decoded(name)?, decoded(value)?);
        if parameters.iter().any(|(known, _)| *known == name) {
            return None;
        }
        if name != "realm" {
            parameters.push((name, value));
        }
    }
    Some(parameters)
}

fn decoded(text: &str) -> Option<String> {
    percent_decode_str(text).decode_utf8().ok().map(String::from)
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// The signature base string (RFC 5849 §3.4.1). `uri` has no query; `parameters` are those of the query, of an urlencoded
/// body and of the header but for the signature, all decoded.
pub fn base_string(method: &str, uri: &str, parameters: &[Parameter]) -> String {
    let mut pairs: Vec<(String, String)> =
        parameters.iter().map(|(name, value)| (encoded(name), encoded(value))).collect();
    pairs.sort();
    let normalized: Vec<String> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("{}&{}&{}", method.to_ascii_uppercase(), encoded(uri), encoded(&normalized.join("&")))
}

/// The signature of a base string, as base64 (RFC 5849 §3.4.2).
pub fn sign(base_string: &str, consumer_secret: &str, token_secret: &str) -> String {
    STANDARD.encode(mac(base_string, consumer_secret, token_secret).finalize().into_bytes())
}

/// Whether `signature` is the base string's.
pub fn verify(base_string: &str, consumer_secret: &str, token_secret: &str, signature: &str) -> bool {
    let Ok(signature) = STANDARD.decode(signature) else { return false };
    mac(base_string, consumer_secret, token_secret).verify_slice(&signature).is_ok()
}

fn mac(base_string: &str, consumer_secret: &str, token_secret: &str) -> Hmac<Sha1> {
    let key = format!("{}&{}", encoded(consumer_secret), encoded(token_secret));
    // HMAC takes a key of any length; an empty one stands for the error that cannot be.
    let mut mac = Hmac::<Sha1>::new_from_slice(key.as_bytes())
        .unwrap_or_else(|_| Hmac::<Sha1>::new(&Default::default()));
    mac.update(base_string.as_bytes());
    mac
}

/// The base string URI (RFC 5849 §3.4.1.2): scheme and host in lower case, no default port, no query.
pub fn base_uri(scheme: &str, host: &str, path: &str) -> String {
    let default_port = if scheme == "https" { ":443" } else { ":80" };
    let host = host.to_ascii_lowercase();
    let host = host.strip_suffix(default_port).unwrap_or(&host);
    format!("{scheme}://{host}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(list: &[(&str, &str)]) -> Vec<Parameter> {
        list.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
    }

    /// The token request of RFC 5849 §1.2.
    #[test]
    fn the_rfcs_token_example_is_reproduced() {
        let parameters = pairs(&[
            ("oauth_consumer_key", "dpf43f3p2l4k3l03"),
            ("oauth_token", "hh5s93j4hdidpola"),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", "137131201"),
            ("oauth_nonce", "walatlh"),
            ("oauth_verifier", "hfdp7dh39dks9884"),
        ]);
        let base = base_string("POST", "https://photos.example.net/token", &parameters);
        let signature = "gKgrFCywp7rO0OXSjdot/IHF7IU=";
        assert_eq!(sign(&base, "kd94hf93k423kf44", "hdhd0244k9j7ao03"), signature);
        assert!(verify(&base, "kd94hf93k423kf44", "hdhd0244k9j7ao03", signature));
        assert!(!verify(&base, "kd94hf93k423kf44", "another", signature));
    }

    /// The resource request of RFC 5849 §1.2, its header parsed.
    #[test]
    fn the_rfcs_last_example_is_reproduced() {
        let header = "OAuth realm=\"Photos\", oauth_consumer_key=\"dpf43f3p2l4k3l03\", \
                      oauth_token=\"nnch734d00sl2jdk\", oauth_signature_method=\"HMAC-SHA1\", \
                      oauth_timestamp=\"137131202\", oauth_nonce=\"chapoH\", \
                      oauth_signature=\"MdpQcU8iPSUjWoN%2FUDMsK2sui9I%3D\"";
        let mut parameters = parse_header(header).unwrap();
        let at = parameters.iter().position(|(name, _)| name == "oauth_signature").unwrap();
        let (_, signature) = parameters.remove(at);
        parameters.extend(pairs(&[("file", "vacation.jpg"), ("size", "original")]));
        let base = base_string("GET", "http://photos.example.net/photos", &parameters);
        assert!(verify(&base, "kd94hf93k423kf44", "pfkkdhi9sl3r4s00", &signature));
    }

    /// The base string of RFC 5849 §3.4.1.1: parameters that repeat, are empty, or need escaping.
    #[test]
    fn the_rfcs_base_string_is_reproduced() {
        let parameters = pairs(&[
            ("b5", "=%3D"),
            ("a3", "a"),
            ("c@", ""),
            ("a2", "r b"),
            ("oauth_consumer_key", "9djdj82h48djs9d2"),
            ("oauth_token", "kkk9d7dh3k39sjv7"),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", "137131201"),
            ("oauth_nonce", "7d8f3e4a"),
            ("c2", ""),
            ("a3", "2 q"),
        ]);
        let expected = "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D\
                        %26c%2540%3D%26c2%3D%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a\
                        %26oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D137131201\
                        %26oauth_token%3Dkkk9d7dh3k39sjv7";
        assert_eq!(
            base_string("post", &base_uri("http", "EXAMPLE.COM:80", "/request"), &parameters),
            expected
        );
    }

    #[test]
    fn malformed_headers_are_refused() {
        for bad in ["OAuth", "Bearer x", "OAuth a", "OAuth a=b", "OAuth a=\"b", "OAuth a=\"1\", a=\"2\""] {
            assert_eq!(parse_header(bad), None, "{bad}");
        }
    }
}
