//! Which store, and who asks it.

use chunkwise::s3::{AddressStyle, BaseUrl, Checksum, Store, aws_endpoint, aws_region};
use clap::Args;

use crate::exit::Exit;
use crate::failed::Failed;

/// Which store `s3://` means.
#[derive(Args, Clone, Debug, Default)]
#[command(
    next_help_heading = "S3 (credentials from AWS_ACCESS_KEY_ID and its like, ~/.aws, or the machine's metadata)"
)]
pub(crate) struct StoreAddress {
    // The environment is not clap's to read here: for an upload that is resumed it comes behind what its record says.
    /// Another store than Amazon's, as in http://localhost:9000 [env: AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL]
    #[arg(long, value_name = "URL")]
    s3_endpoint: Option<String>,
    /// The store's region [env: AWS_REGION, AWS_DEFAULT_REGION] [default: us-east-1; a resumed upload's is the one it began
    /// with]
    #[arg(long, value_name = "REGION")]
    s3_region: Option<String>,
    /// Where the bucket's name goes: path or host
    #[arg(long, value_name = "STYLE", default_value = "path", value_parser = style)]
    s3_style: AddressStyle,
    /// What the store is: aws, r2 (all parts of one size) or compatible [default: what its endpoint says; a resumed upload
    /// keeps its own, as it does its checksum]
    #[arg(long, value_name = "STORE", value_parser = kind)]
    s3_store: Option<Kind>,
    /// The checksum that every part is sent with: crc32c, crc64nvme, sha256 or none [default: the store's: crc64nvme at
    /// aws, none elsewhere]
    #[arg(long, value_name = "CHECKSUM", value_parser = checked)]
    s3_checksum: Option<Checked>,
}

/// What a store is said to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Aws,
    R2,
    Compatible,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Aws, Self::R2, Self::Compatible];

    const fn name(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::R2 => "r2",
            Self::Compatible => "compatible",
        }
    }

    const fn store(self) -> Store {
        match self {
            Self::Aws => Store::S3,
            Self::R2 => Store::R2,
            Self::Compatible => Store::COMPATIBLE,
        }
    }
}

fn kind(text: &str) -> Result<Kind, String> {
    let kind = Kind::ALL.into_iter().find(|kind| kind.name() == text);
    kind.ok_or_else(|| "it is aws, r2 or compatible".to_owned())
}

/// What is said of the checksum that parts are sent with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Checked {
    By(Checksum),
    Not,
}

impl Checked {
    fn all() -> impl Iterator<Item = Self> {
        Checksum::ALL.into_iter().map(Self::By).chain([Self::Not])
    }

    fn name(self) -> String {
        match self {
            Self::By(checksum) => checksum.name().to_ascii_lowercase(),
            Self::Not => "none".to_owned(),
        }
    }
}

fn checked(text: &str) -> Result<Checked, String> {
    let checked = Checked::all().find(|checked| checked.name() == text);
    checked.ok_or_else(|| "it is crc32c, crc64nvme, sha256 or none".to_owned())
}

fn style(text: &str) -> Result<AddressStyle, String> {
    match text {
        "path" => Ok(AddressStyle::Path),
        "host" => Ok(AddressStyle::VirtualHost),
        _ => Err("it is path or host".to_owned()),
    }
}

impl StoreAddress {
    /// The same, with what the environment says where nothing was given: of S3 alone, or of all of Amazon's services. An
    /// empty variable says nothing.
    pub(crate) fn with_environment(self) -> Self {
        self.or_of(|name| std::env::var(name).ok())
    }

    fn or_of(mut self, variable: impl Fn(&str) -> Option<String>) -> Self {
        let said = |name: &str| variable(name).filter(|value| !value.is_empty());
        let first = |given: Option<&str>, names: [&str; 2]| {
            given.map(ToOwned::to_owned).or_else(|| names.into_iter().find_map(said))
        };
        self.s3_endpoint = first(self.endpoint_given(), ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"]);
        self.s3_region = first(self.region_given(), ["AWS_REGION", "AWS_DEFAULT_REGION"]);
        self
    }

    /// The same; what was not given is as it was when the upload began. Where its record has no region, Amazon's endpoints
    /// name theirs.
    pub(crate) fn or_at(mut self, endpoint: String, region: Option<String>, style: AddressStyle) -> Self {
        let named = || BaseUrl::new(&endpoint).ok().and_then(|at| aws_region(&at).map(ToOwned::to_owned));
        let region = self.region_given().map(ToOwned::to_owned).or(region).or_else(named);
        self.s3_region = region;
        self.s3_endpoint = Some(self.endpoint_given().map_or(endpoint, ToOwned::to_owned));
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

    /// What the store is, and its checksum, as far as that was said: flags and their values.
    pub(crate) fn store_given(&self) -> impl Iterator<Item = (&'static str, String)> {
        let kind = self.s3_store.map(|kind| ("s3-store", kind.name().to_owned()));
        kind.into_iter().chain(self.s3_checksum.map(|checked| ("s3-checksum", checked.name())))
    }

    /// What is known of the store at this endpoint: what was said, and what the endpoint says where nothing was.
    pub(crate) fn store(&self, endpoint: &BaseUrl) -> Store {
        let store = self.s3_store.map_or_else(|| Store::at(endpoint), Kind::store);
        match self.s3_checksum {
            None => store,
            Some(Checked::By(checksum)) => store.with_checksum(Some(checksum)),
            Some(Checked::Not) => store.with_checksum(None),
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
    fn a_store_is_what_is_said_of_it_or_what_its_endpoint_says() {
        let of = |flags: &[&str], endpoint: &str| {
            let mut store = StoreAddress::default();
            for flag in flags {
                match flag.split_once('=').unwrap() {
                    ("store", text) => store.s3_store = Some(kind(text).unwrap()),
                    (_, text) => store.s3_checksum = Some(checked(text).unwrap()),
                }
            }
            store.store(&BaseUrl::new(endpoint).unwrap())
        };
        let (minio, r2) = ("http://minio:9000", "https://0123.r2.cloudflarestorage.com");
        assert_eq!(of(&[], minio), Store::COMPATIBLE);
        assert_eq!(of(&[], r2), Store::R2);
        assert_eq!(of(&["store=r2"], minio), Store::R2);
        assert_eq!(of(&["store=aws", "checksum=none"], minio), Store::S3.with_checksum(None));
        let sums = Store::R2.with_checksum(Some(Checksum::Sha256));
        assert_eq!(of(&["checksum=sha256"], r2), sums);
        assert!(kind("s3").is_err() && checked("md5").is_err());
    }

    #[test]
    fn what_is_said_of_s3_alone_goes_before_what_is_said_of_all_and_of_the_past() {
        let variable = |name: &str| match name {
            // As if they were not there.
            "AWS_ENDPOINT_URL_S3" | "AWS_REGION" => Some(String::new()),
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
        let resumed = |store: StoreAddress, began: &str, region: Option<&str>| {
            let region = region.map(ToOwned::to_owned);
            told(store.or_at(began.to_owned(), region, AddressStyle::Path).or_of(variable))
        };
        let nothing = StoreAddress::default;
        assert_eq!(resumed(nothing(), began, None), (began.into(), "eu-north-1".into()));
        let other = "http://s3.example";
        assert_eq!(resumed(nothing(), other, Some("garage")), (other.into(), "garage".into()));
        assert_eq!(resumed(nothing(), other, None), (other.into(), "eu-west-1".into()));
        let given = |region: &str| StoreAddress { s3_region: Some(region.into()), ..nothing() };
        assert_eq!(resumed(given("r"), began, Some("garage")).1, "r");
        assert_eq!(resumed(given(""), other, Some("garage")).1, "garage");
        let empty = StoreAddress { s3_endpoint: Some(String::new()), ..nothing() };
        assert_eq!(resumed(empty, other, None).0, other);
    }

    #[test]
    fn what_the_environment_says_of_s3_alone_goes_before_what_it_says_of_all() {
        let store = StoreAddress::default().or_of(|name| Some(name.to_ascii_lowercase()));
        assert_eq!(store.endpoint_given(), Some("aws_endpoint_url_s3"));
        assert_eq!(store.region(), "aws_region");
    }
}
