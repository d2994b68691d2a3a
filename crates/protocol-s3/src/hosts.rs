//! Whose store an endpoint is.

use chunkwise_transport::http::BaseUrl;
use http::Uri;

use crate::Store;

/// Amazon's domains; those in use for S3 are below them. Source: AWS General Reference, "Amazon S3 endpoints and quotas".
const AMAZON: [&str; 4] = ["amazonaws.com", "amazonaws.com.cn", "amazonaws.eu", "api.aws"];

/// Cloudflare's domain for R2, below which every account has a host. Source: R2 documentation, "S3 API compatibility".
const R2: [&str; 1] = ["r2.cloudflarestorage.com"];

/// Whether this is a store of Amazon's own, under any of its names.
pub fn is_amazon(endpoint: &BaseUrl) -> bool {
    is_below(endpoint, &AMAZON)
}

impl Store {
    /// What the store at this endpoint is known to be: [`Store::S3`] at Amazon's, [`Store::R2`] at Cloudflare's,
    /// [`Store::COMPATIBLE`] at any other.
    pub fn at(endpoint: &BaseUrl) -> Self {
        if is_amazon(endpoint) {
            Self::S3
        } else if is_below(endpoint, &R2) {
            Self::R2
        } else {
            Self::COMPATIBLE
        }
    }
}

/// Whether an endpoint's host is one of these domains, or below one.
fn is_below(endpoint: &BaseUrl, domains: &[&str]) -> bool {
    let uri = endpoint.as_str().parse::<Uri>().ok();
    let host = uri.as_ref().and_then(Uri::host).unwrap_or_default().to_ascii_lowercase();
    let host = host.trim_end_matches('.');
    let below = |domain| host.strip_suffix(domain).is_some_and(|name| name.is_empty() || name.ends_with('.'));
    domains.iter().any(below)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_known_by_its_endpoint() {
        for (endpoint, store) in [
            ("https://s3.eu-central-1.amazonaws.com", Store::S3),
            ("https://0123abcd.r2.cloudflarestorage.com", Store::R2),
            ("https://0123abcd.EU.r2.cloudflarestorage.com/", Store::R2),
            ("https://notr2.cloudflarestorage.com", Store::COMPATIBLE),
            ("http://127.0.0.1:9000", Store::COMPATIBLE),
        ] {
            assert_eq!(Store::at(&BaseUrl::new(endpoint).unwrap()), store, "{endpoint}");
        }
    }

    #[test]
    fn amazon_is_known_by_every_name() {
        for amazon in [
            "https://s3.eu-central-1.amazonaws.com",
            "https://S3.us-east-1.AMAZONAWS.com.:443/",
            "http://s3.cn-north-1.amazonaws.com.cn",
            "https://s3.dualstack.us-east-1.amazonaws.com",
            "https://s3.eusc-de-east-1.amazonaws.eu",
            "https://s3.us-east-1.api.aws",
        ] {
            assert!(is_amazon(&BaseUrl::new(amazon).unwrap()), "{amazon}");
        }
        for region in ["us-east-1", "cn-north-1"] {
            assert!(is_amazon(&crate::aws_endpoint(region).unwrap()), "{region}");
        }
        for other in [
            "http://127.0.0.1:9000",
            "https://amazonaws.com.example",
            "https://notamazonaws.com",
            "http://[::1]",
        ] {
            assert!(!is_amazon(&BaseUrl::new(other).unwrap()), "{other}");
        }
    }
}
