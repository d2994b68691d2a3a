//! Which store, and who asks it.

use chunkwise::s3::{AddressStyle, BaseUrl, aws_endpoint, aws_region};
use clap::Args;

use crate::exit::Exit;
use crate::failed::Failed;

/// Which store `s3://` means.
#[derive(Args, Clone, Debug, Default)]
#[command(
    next_help_heading = "S3 (credentials from AWS_ACCESS_KEY_ID and its like, ~/.aws, or the machine's metadata)"
)]
pub(crate) struct StoreAddress {
    /// Another store than Amazon's, as in http://localhost:9000 (or AWS_ENDPOINT_URL)
    #[arg(long, value_name = "URL", env = "AWS_ENDPOINT_URL_S3", hide_env_values = true)]
    s3_endpoint: Option<String>,
    /// The store's region (or AWS_DEFAULT_REGION) [default: us-east-1]
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
    /// The same, with what the environment says under the names for all of Amazon's services, where nothing was said of
    /// S3 alone.
    pub(crate) fn with_environment(self) -> Self {
        self.or_of(|name| std::env::var(name).ok())
    }

    fn or_of(mut self, variable: impl Fn(&str) -> Option<String>) -> Self {
        let said = |name| variable(name).filter(|value| !value.is_empty());
        self.s3_endpoint = self.s3_endpoint.or_else(|| said("AWS_ENDPOINT_URL"));
        self.s3_region = self.s3_region.or_else(|| said("AWS_DEFAULT_REGION"));
        self
    }

    /// The same; what was not given is as it was when the upload began. Amazon's endpoints name their region.
    pub(crate) fn or_at(mut self, endpoint: String, style: AddressStyle) -> Self {
        if self.region_given().is_none() {
            self.s3_region =
                BaseUrl::new(&endpoint).ok().and_then(|at| aws_region(&at).map(ToOwned::to_owned));
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_s3_alone_goes_before_what_is_said_of_all_and_of_the_past() {
        let variable = |name: &str| match name {
            "AWS_ENDPOINT_URL" => Some("http://all.example".to_owned()),
            "AWS_DEFAULT_REGION" => Some("eu-west-1".to_owned()),
            _ => None,
        };
        let told = |store: StoreAddress| (store.endpoint().unwrap().to_string(), store.region().to_owned());
        let said = StoreAddress {
            s3_endpoint: Some("http://s3.example".into()),
            s3_region: Some("r".into()),
            ..StoreAddress::default()
        };
        assert_eq!(told(said.or_of(variable)), ("http://s3.example".into(), "r".into()));
        assert_eq!(
            told(StoreAddress::default().or_of(variable)),
            ("http://all.example".into(), "eu-west-1".into())
        );
        let began = "https://s3.eu-north-1.amazonaws.com";
        let resumed = StoreAddress::default().or_at(began.to_owned(), AddressStyle::Path).or_of(variable);
        assert_eq!(told(resumed), (began.into(), "eu-north-1".into()));
        let other = StoreAddress::default().or_at("http://s3.example".to_owned(), AddressStyle::Path);
        assert_eq!(other.region(), "us-east-1");
    }
}
