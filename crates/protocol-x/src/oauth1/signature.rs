//! The signature base string and its signature (RFC 5849 §3.4).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use http::{Method, Uri};
use percent_encoding::{percent_decode, percent_encode};
use sha1::Sha1;

use chunkwise_transport::http::percent::{self, RESERVED};

/// The parameters that are signed: names and values, encoded.
#[derive(Default)]
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Adds a parameter by its decoded name and value.
    pub(super) fn add(&mut self, name: &[u8], value: &[u8]) {
        let encode = |bytes: &[u8]| percent_encode(bytes, RESERVED).to_string();
        self.0.push((encode(name), encode(value)));
    }

    /// Adds the parameters of a query or an urlencoded form, where `+` is a space (RFC 5849 §3.4.1.3.1).
    pub(super) fn add_form(&mut self, form: &[u8]) {
        let decode = |text: &[u8]| {
            let spaced: Vec<u8> = text.iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect();
            percent_decode(&spaced).collect::<Vec<u8>>()
        };
        for pair in form.split(|b| *b == b'&').filter(|pair| !pair.is_empty()) {
            let mut halves = pair.splitn(2, |b| *b == b'=');
            let (name, value) = (halves.next().unwrap_or_default(), halves.next().unwrap_or_default());
            self.add(&decode(name), &decode(value));
        }
    }

    /// In the order of the encoded bytes, as one text (RFC 5849 §3.4.1.3.2).
    fn normalized(mut self) -> String {
        self.0.sort_unstable();
        let pairs: Vec<String> = self.0.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("&")
    }
}

/// The address without its query, in lower case where case does not matter, without a default port
/// (RFC 5849 §3.4.1.2). Nothing if it is not absolute.
pub(super) fn base_uri(uri: &Uri) -> Option<String> {
    let scheme = uri.scheme_str()?.to_ascii_lowercase();
    let host = uri.host()?.to_ascii_lowercase();
    let port = match (scheme.as_str(), uri.port_u16()) {
        ("http", Some(80)) | ("https", Some(443)) | (_, None) => String::new(),
        (_, Some(port)) => format!(":{port}"),
    };
    let path = if uri.path().is_empty() { "/" } else { uri.path() };
    Some(format!("{scheme}://{host}{port}{path}"))
}

/// The text that is signed (RFC 5849 §3.4.1.1).
pub(super) fn base_string(method: &Method, base_uri: &str, parameters: Parameters) -> String {
    format!(
        "{}&{}&{}",
        percent::encode(&method.as_str().to_ascii_uppercase()),
        percent::encode(base_uri),
        percent::encode(&parameters.normalized())
    )
}

/// The signature (RFC 5849 §3.4.2).
pub(super) fn sign(base_string: &str, consumer_secret: &str, token_secret: &str) -> Option<String> {
    let key = format!("{}&{}", percent::encode(consumer_secret), percent::encode(token_secret));
    // HMAC takes keys of any length.
    let mut mac = Hmac::<Sha1>::new_from_slice(key.as_bytes()).ok()?;
    mac.update(base_string.as_bytes());
    Some(STANDARD.encode(mac.finalize().into_bytes()))
}
