//! Which store, and who asks it.

use chunkwise::s3::{AddressStyle, BaseUrl, aws_endpoint};
use clap::Args;

use crate::exit::Exit;
use crate::failed::Failed;

/// Which store `s3://` means.
#[derive(Args, Clone, Debug, Default)]
#[command(
    next_help_heading = "S3 (credentials from AWS_ACCESS_KEY_ID and its like, ~/.aws, or the machine's metadata)"
)]
pub(crate) struct StoreAddress {
    /// Another store than Amazon's, as in http://localhost:9000
    #[arg(long, value_name = "URL", env = "AWS_ENDPOINT_URL_S3", hide_env_values = true)]
    s3_endpoint: Option<String>,
    /// The store's region [default: us-east-1]
    #[arg(long, value_name = "REGION", env = "AWS_REGION", hide_env_values = true)]
    s3_region: Option<String>,
    /// Where the bucket's name goes: path or host
    #[arg(long, value_name = "STYLE", default_value = "path", value_parser = style)]
    s3_style: AddressStyle,
}

fn style(text: &str) -> Result<AddressStyle, String> {
    match text {
        "path" => Ok(AddressStyle::Path),
        "host" => Ok(AddressStyle::VirtualHost),
        _ => Err("it is path or host".to_owned()),
    }
}

impl StoreAddress {
    /// The same; what was not given is as it was when the upload began.
    pub(crate) fn or_at(mut self, endpoint: String, style: AddressStyle) -> Self {
        self.s3_endpoint.get_or_insert(endpoint);
        self.s3_style = style;
        self
    }

    /// The region that was said, if one was.
    pub(crate) fn region_given(&self) -> Option<&str> {
        self.s3_region.as_deref().filter(|region| !region.is_empty())
    }

    /// The endpoint that was said, if one was.
    pub(crate) fn endpoint_given(&self) -> Option<&str> {
        self.s3_endpoint.as_deref().filter(|endpoint| !endpoint.is_empty())
    }

    /// The style, if it is another than what is meant where none is said.
    pub(crate) const fn style_given(&self) -> Option<&'static str> {
        match self.s3_style {
            AddressStyle::Path => None,
            AddressStyle::VirtualHost => Some("host"),
        }
    }

    pub(crate) fn region(&self) -> &str {
        self.region_given().unwrap_or("us-east-1")
    }

    pub(crate) const fn style(&self) -> AddressStyle {
        self.s3_style
    }

    /// The address that was given, or Amazon's.
    pub(crate) fn endpoint(&self) -> Result<BaseUrl, Failed> {
        let usage = |error: &dyn std::fmt::Display| {
            Failed::new(Exit::Usage, format!("--s3-endpoint (or AWS_ENDPOINT_URL_S3) can't be used: {error}"))
        };
        match self.endpoint_given() {
            Some(endpoint) => BaseUrl::new(endpoint).map_err(|error| usage(&error)),
            None => aws_endpoint(self.region()).ok_or_else(|| {
                let region = self.region();
                Failed::new(
                    Exit::Usage,
                    format!("{region:?} is no region: give --s3-region, or --s3-endpoint"),
                )
            }),
        }
    }
}
