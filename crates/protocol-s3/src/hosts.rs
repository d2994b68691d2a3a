//! Whose store an endpoint is.

use chunkwise_transport::http::BaseUrl;
use http::Uri;

/// Amazon's domains; those in use for S3 are below them. Source: AWS General Reference, "Amazon S3 endpoints and quotas".
const AMAZON: [&str; 4] = ["amazonaws.com", "amazonaws.com.cn", "amazonaws.eu", "api.aws"];

/// Whether this is a store of Amazon's own, under any of its names.
pub fn is_amazon(endpoint: &BaseUrl) -> bool {
    let uri = endpoint.as_str().parse::<Uri>().ok();
    let host = uri.as_ref().and_then(Uri::host).unwrap_or_default().to_ascii_lowercase();
    let host = host.trim_end_matches('.');
    let below = |domain| host.strip_suffix(domain).is_some_and(|name| name.is_empty() || name.ends_with('.'));
    AMAZON.into_iter().any(below)
}

#[cfg(test)]
mod tests {
    use super::*;

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
