//! `POST /twitter/media/upload`.

use chunkwise_transport::Secret;

use super::media::Decoded;
use super::scanner::Scanner;
use super::schema::{Kind, Schema, Text, Want};
use super::{IngestLimits, MediaSink, MediaStart, Reason, Rejected, same_media_type, string_or_null};

/// What an upload request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadBody {
    /// `auth_token`: who uploads.
    pub auth_token: Secret<String>,
    /// The media.
    pub media: UploadMedia,
    /// `media_category`, as it was given.
    pub media_category: Option<String>,
    /// `alt_text`.
    pub alt_text: Option<String>,
    /// `proxy`: the way to X.
    pub proxy: Option<Secret<String>>,
}

/// Where the media of an upload request is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UploadMedia {
    /// It is to be fetched.
    Url {
        /// `media_url`; it may be a signed one, so it is a secret.
        url: Secret<String>,
        /// `media_type`, as it was given.
        media_type: Option<String>,
    },
    /// It was in the body and went to the sink.
    Data {
        /// `media_type` as it was given, or the one of the `data:` URI.
        media_type: String,
        /// Its length in bytes.
        len: u64,
    },
}

/// Reads the body of an upload request as it streams in.
#[derive(Debug)]
pub struct UploadReader {
    scanner: Scanner,
    fields: Fields,
}

impl UploadReader {
    /// A reader with these caps.
    pub fn new(limits: IngestLimits) -> Self {
        Self { scanner: Scanner::new(limits), fields: Fields { limits, ..Fields::default() } }
    }

    /// Takes in the next bytes of the body; what is decoded of them goes to the sink.
    ///
    /// # Errors
    ///
    /// Once the body is wrong: then it stays so, and the rest need not be read.
    pub fn push(&mut self, bytes: &[u8], sink: &mut dyn MediaSink) -> Result<(), Rejected> {
        self.scanner.push(bytes, &mut self.fields, sink)
    }

    /// The body is complete.
    ///
    /// # Errors
    ///
    /// If it is not, or if what it asks for makes no sense.
    pub fn finish(self) -> Result<UploadBody, Rejected> {
        self.scanner.finish()?;
        let at = self.scanner.at();
        self.fields.finish().map_err(|reason| Rejected { reason, at })
    }

    /// Bytes of memory that it holds at the moment: 52 KiB once there is media, and the short strings.
    pub fn buffered(&self) -> usize {
        let fields = &self.fields;
        let secrets = [&fields.auth_token, &fields.media_url, &fields.proxy];
        let texts = [&fields.media_type, &fields.media_category, &fields.alt_text];
        let kept = secrets.into_iter().flatten().map(|secret| secret.expose().capacity()).sum::<usize>();
        self.scanner.held() + kept + texts.into_iter().flatten().map(String::capacity).sum::<usize>()
    }
}

#[derive(Clone, Copy, Debug)]
enum Field {
    AuthToken,
    MediaUrl,
    MediaData,
    MediaType,
    MediaCategory,
    AltText,
    Proxy,
}

impl Field {
    const ALL: [Self; 7] = [
        Self::AuthToken,
        Self::MediaUrl,
        Self::MediaData,
        Self::MediaType,
        Self::MediaCategory,
        Self::AltText,
        Self::Proxy,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::AuthToken => "auth_token",
            Self::MediaUrl => "media_url",
            Self::MediaData => "media_data",
            Self::MediaType => "media_type",
            Self::MediaCategory => "media_category",
            Self::AltText => "alt_text",
            Self::Proxy => "proxy",
        }
    }

    fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name() == name)
    }
}

#[derive(Debug, Default)]
struct Fields {
    limits: IngestLimits,
    /// The member whose value comes.
    field: Option<Field>,
    auth_token: Option<Secret<String>>,
    media_url: Option<Secret<String>>,
    /// Whether there is media in the body, be it not complete yet.
    media_begun: bool,
    media_data: Option<Decoded>,
    media_type: Option<String>,
    media_category: Option<String>,
    alt_text: Option<String>,
    proxy: Option<Secret<String>>,
}

impl Schema for Fields {
    fn known(&self, name: &str) -> Option<&'static str> {
        Field::of(name).map(Field::name)
    }

    fn member(&mut self, name: &str, kind: Kind) -> Result<Want, Reason> {
        self.field = Field::of(name);
        let Some(field) = self.field else { return Ok(Want::Skip) };
        let text = |most, prose| Want::Text(Text { field: field.name(), most, prose });
        let limits = &self.limits;
        let want = match field {
            Field::AuthToken => text(limits.auth_token, false),
            Field::MediaUrl => text(limits.media_url, false),
            Field::MediaData => Want::Media(field.name()),
            Field::MediaType | Field::MediaCategory => text(limits.short, false),
            Field::AltText => text(limits.alt_text, true),
            Field::Proxy => text(limits.proxy, false),
        };
        string_or_null(field.name(), kind, want)
    }

    fn element(&mut self, _: Kind) -> Result<Want, Reason> {
        Ok(Want::Skip)
    }

    fn text(&mut self, text: String) -> Result<(), Reason> {
        if text.is_empty() {
            return Ok(());
        }
        match self.field {
            Some(Field::AuthToken) => self.auth_token = Some(Secret::new(text)),
            Some(Field::MediaUrl) if self.media_begun => return Err(Reason::NotOneMedia),
            Some(Field::MediaUrl) => self.media_url = Some(Secret::new(text)),
            Some(Field::MediaType) => self.media_type = Some(text),
            Some(Field::MediaCategory) => self.media_category = Some(text),
            Some(Field::AltText) => self.alt_text = Some(text),
            Some(Field::Proxy) => self.proxy = Some(Secret::new(text)),
            Some(Field::MediaData) | None => {}
        }
        Ok(())
    }

    fn media_begins<'a>(&'a mut self, named: Option<&'a str>) -> Result<MediaStart<'a>, Reason> {
        if self.media_url.is_some() {
            return Err(Reason::NotOneMedia);
        }
        self.media_begun = true;
        let given = self.media_type.as_deref();
        if let (Some(given), Some(named)) = (given, named)
            && !same_media_type(given, named)
        {
            return Err(Reason::MediaTypeContradiction { field: "media_type" });
        }
        Ok(MediaStart { index: 0, media_type: given.or(named) })
    }

    fn media_ended(&mut self, decoded: Decoded) -> Result<(), Reason> {
        self.media_data = Some(decoded);
        Ok(())
    }

    fn left(&mut self) -> Result<(), Reason> {
        Ok(())
    }
}

impl Fields {
    fn finish(self) -> Result<UploadBody, Reason> {
        let media = match (self.media_url, self.media_data) {
            (Some(url), None) => UploadMedia::Url { url, media_type: self.media_type },
            (None, Some(Decoded { len, named })) => {
                let media_type = match (self.media_type, named) {
                    (Some(given), Some(named)) if !same_media_type(&given, &named) => {
                        return Err(Reason::MediaTypeContradiction { field: "media_type" });
                    }
                    (Some(told), _) | (None, Some(told)) => told,
                    (None, None) => return Err(Reason::MediaTypeRequired { field: "media_type" }),
                };
                UploadMedia::Data { media_type, len }
            }
            (None, None) | (Some(_), Some(_)) => return Err(Reason::NotOneMedia),
        };
        Ok(UploadBody {
            auth_token: self.auth_token.ok_or(Reason::Missing { field: "auth_token" })?,
            media,
            media_category: self.media_category,
            alt_text: self.alt_text,
            proxy: self.proxy,
        })
    }
}
