//! Which addresses are X itself.

use chunkwise_transport::http::BaseUrl;
use http::Uri;

/// Whether this is X itself, under any of its names: `x.com`, `twitter.com`, and all that is below them.
pub fn is_x(base_url: &BaseUrl) -> bool {
    let uri = base_url.as_str().parse::<Uri>().ok();
    let host = uri.as_ref().and_then(Uri::host).unwrap_or_default().to_ascii_lowercase();
    let host = host.trim_end_matches('.');
    let below = |domain| host.strip_suffix(domain).is_some_and(|name| name.is_empty() || name.ends_with('.'));
    ["x.com", "twitter.com"].into_iter().any(below)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x_itself_is_known_by_every_name() {
        for x in [
            "https://api.x.com",
            "https://upload.x.com/1.1",
            "https://api.twitter.com",
            "https://upload.twitter.com",
            "http://X.com:80",
            "https://API.Twitter.Com.:443/",
            "https://ton.twitter.com",
        ] {
            assert!(is_x(&BaseUrl::new(x).unwrap()), "{x}");
        }
        assert!(is_x(&crate::Api::V2.default_base_url()) && is_x(&crate::Api::V1_1.default_base_url()));
        for other in [
            "http://127.0.0.1:8080",
            "https://x.com.example",
            "https://netflix.com",
            "http://[::1]/x.com",
            "http://x",
        ] {
            assert!(!is_x(&BaseUrl::new(other).unwrap()), "{other}");
        }
    }
}
