//! `POST /twitter/tweet/create`.

use chunkwise_transport::Secret;

use super::media::Decoded;
use super::scanner::Scanner;
use super::schema::{Kind, Schema, Text, Want};
use super::{IngestLimits, MediaSink, MediaStart, Reason, Rejected, same_media_type, string_or_null};

/// What a request for a post asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateBody {
    /// `auth_token`: who posts.
    pub auth_token: Secret<String>,
    /// `text`.
    pub text: Option<String>,
    /// `media_ids`: media that is uploaded already. Each is made of digits.
    pub media_ids: Vec<String>,
    /// `media_urls`: media to be fetched; they may be signed ones, so they are secrets.
    pub media_urls: Vec<Secret<String>>,
    /// `media`: what was in the body and went to the sink, in order.
    pub media: Vec<DataOfPost>,
    /// `reply_to_tweet_id`, made of digits.
    pub reply_to_tweet_id: Option<String>,
    /// `quote_tweet_id`, made of digits.
    pub quote_tweet_id: Option<String>,
    /// `proxy`: the way to X.
    pub proxy: Option<Secret<String>>,
}

/// A medium of a post that was in the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataOfPost {
    /// `type` as it was given, or the one of the `data:` URI.
    pub media_type: String,
    /// Its length in bytes.
    pub len: u64,
}

/// Reads the body of a request for a post as it streams in.
#[derive(Debug)]
pub struct CreateReader {
    scanner: Scanner,
    fields: Fields,
}

impl CreateReader {
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
    pub fn finish(self) -> Result<CreateBody, Rejected> {
        self.scanner.finish()?;
        let at = self.scanner.at();
        self.fields.finish().map_err(|reason| Rejected { reason, at })
    }

    /// Bytes of memory that it holds at the moment: 52 KiB once there is media, the text and the short strings.
    pub fn buffered(&self) -> usize {
        let fields = &self.fields;
        let secrets = [&fields.auth_token, &fields.proxy].into_iter().flatten().chain(&fields.media_urls);
        let ids = [&fields.text, &fields.reply_to_tweet_id, &fields.quote_tweet_id].into_iter().flatten();
        let types = fields.media.iter().map(|media| media.media_type.capacity()).sum::<usize>();
        self.scanner.held()
            + types
            + secrets.map(|secret| secret.expose().capacity()).sum::<usize>()
            + ids.chain(&fields.media_ids).map(String::capacity).sum::<usize>()
    }
}

#[derive(Clone, Copy, Debug)]
enum Field {
    AuthToken,
    Text,
    MediaIds,
    MediaUrls,
    Media,
    ReplyTo,
    Quote,
    Proxy,
}

impl Field {
    const ALL: [Self; 8] = [
        Self::AuthToken,
        Self::Text,
        Self::MediaIds,
        Self::MediaUrls,
        Self::Media,
        Self::ReplyTo,
        Self::Quote,
        Self::Proxy,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::AuthToken => "auth_token",
            Self::Text => "text",
            Self::MediaIds => "media_ids",
            Self::MediaUrls => "media_urls",
            Self::Media => "media",
            Self::ReplyTo => "reply_to_tweet_id",
            Self::Quote => "quote_tweet_id",
            Self::Proxy => "proxy",
        }
    }

    fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name() == name)
    }
}

/// The names of what is in `media`, for what is said of them.
const DATA: &str = "media[].data";
const TYPE: &str = "media[].type";

/// What a value belongs to.
#[derive(Clone, Copy, Debug, Default)]
enum Within {
    /// The request.
    #[default]
    Request,
    /// An array of the request's.
    List,
    /// One of `media`.
    Item,
}

/// One of `media`, as far as it has come.
#[derive(Debug, Default)]
struct Item {
    data: Option<Decoded>,
    media_type: Option<String>,
}

#[derive(Debug, Default)]
struct Fields {
    limits: IngestLimits,
    within: Within,
    /// The member of the request whose value comes, or of which elements come.
    field: Option<Field>,
    media_count: u32,
    item: Item,
    auth_token: Option<Secret<String>>,
    text: Option<String>,
    media_ids: Vec<String>,
    media_urls: Vec<Secret<String>>,
    media: Vec<DataOfPost>,
    reply_to_tweet_id: Option<String>,
    quote_tweet_id: Option<String>,
    proxy: Option<Secret<String>>,
}

impl Schema for Fields {
    fn known(&self, name: &str) -> Option<&'static str> {
        match (self.within, name) {
            (Within::Request | Within::List, _) => Field::of(name).map(Field::name),
            (Within::Item, "data") => Some(DATA),
            (Within::Item, "type") => Some(TYPE),
            (Within::Item, _) => None,
        }
    }

    fn member(&mut self, name: &str, kind: Kind) -> Result<Want, Reason> {
        if let Within::Item = self.within {
            return match name {
                "data" => string_or_null(DATA, kind, Want::Media(DATA)),
                "type" => {
                    let text = Text { field: TYPE, most: self.limits.short, prose: false };
                    string_or_null(TYPE, kind, Want::Text(text))
                }
                _ => Ok(Want::Skip),
            };
        }
        self.field = Field::of(name);
        let Some(field) = self.field else { return Ok(Want::Skip) };
        let text = |most, prose| Want::Text(Text { field: field.name(), most, prose });
        let want = match field {
            Field::AuthToken => text(self.limits.auth_token, false),
            Field::Text => text(self.limits.text, true),
            Field::ReplyTo | Field::Quote => text(self.limits.short, false),
            Field::Proxy => text(self.limits.proxy, false),
            Field::MediaIds | Field::MediaUrls | Field::Media => {
                return match kind {
                    Kind::Array => {
                        self.within = Within::List;
                        Ok(Want::Enter)
                    }
                    Kind::Null => Ok(Want::Skip),
                    Kind::String | Kind::Object | Kind::Number | Kind::Boolean => {
                        Err(Reason::WrongType { field: field.name(), expected: "an array" })
                    }
                };
            }
        };
        string_or_null(field.name(), kind, want)
    }

    fn element(&mut self, kind: Kind) -> Result<Want, Reason> {
        let (field, most, expected) = match self.field {
            Some(Field::MediaIds) => ("media_ids", self.limits.short, "an array of strings"),
            Some(Field::MediaUrls) => ("media_urls", self.limits.media_url, "an array of strings"),
            Some(Field::Media) => ("media", 0, "an array of objects"),
            _ => return Ok(Want::Skip),
        };
        let limit = self.limits.media_of_a_post;
        if self.media_count == limit {
            return Err(Reason::TooManyMedia { limit });
        }
        self.media_count += 1;
        match (kind, self.field) {
            (Kind::Object, Some(Field::Media)) => {
                self.within = Within::Item;
                self.item = Item::default();
                Ok(Want::Enter)
            }
            (Kind::String, Some(Field::MediaIds | Field::MediaUrls)) => {
                Ok(Want::Text(Text { field, most, prose: false }))
            }
            _ => Err(Reason::WrongType { field, expected }),
        }
    }

    fn text(&mut self, text: String) -> Result<(), Reason> {
        if let Within::Item = self.within {
            self.item.media_type = (!text.is_empty()).then_some(text);
            return Ok(());
        }
        if text.is_empty() {
            return match (self.within, self.field) {
                (Within::List, Some(field)) => Err(Reason::Empty { field: field.name() }),
                _ => Ok(()),
            };
        }
        match self.field {
            Some(Field::AuthToken) => self.auth_token = Some(Secret::new(text)),
            Some(Field::Text) => self.text = Some(text),
            Some(Field::MediaIds) => self.media_ids.push(id("media_ids", text)?),
            Some(Field::MediaUrls) => self.media_urls.push(Secret::new(text)),
            Some(Field::ReplyTo) => self.reply_to_tweet_id = Some(id("reply_to_tweet_id", text)?),
            Some(Field::Quote) => self.quote_tweet_id = Some(id("quote_tweet_id", text)?),
            Some(Field::Proxy) => self.proxy = Some(Secret::new(text)),
            Some(Field::Media) | None => {}
        }
        Ok(())
    }

    fn media_begins<'a>(&'a mut self, named: Option<&'a str>) -> Result<MediaStart<'a>, Reason> {
        let given = self.item.media_type.as_deref();
        if let (Some(given), Some(named)) = (given, named)
            && !same_media_type(given, named)
        {
            return Err(Reason::MediaTypeContradiction { field: TYPE });
        }
        Ok(MediaStart { index: self.media.len(), media_type: given.or(named) })
    }

    fn media_ended(&mut self, decoded: Decoded) -> Result<(), Reason> {
        self.item.data = Some(decoded);
        Ok(())
    }

    fn left(&mut self) -> Result<(), Reason> {
        match self.within {
            Within::Item => {
                self.within = Within::List;
                let item = std::mem::take(&mut self.item);
                self.media.push(item.finish()?);
            }
            Within::List | Within::Request => self.within = Within::Request,
        }
        Ok(())
    }
}

impl Item {
    fn finish(self) -> Result<DataOfPost, Reason> {
        let Decoded { len, named } = self.data.ok_or(Reason::Missing { field: DATA })?;
        let media_type = match (self.media_type, named) {
            (Some(given), Some(named)) if !same_media_type(&given, &named) => {
                return Err(Reason::MediaTypeContradiction { field: TYPE });
            }
            (Some(told), _) | (None, Some(told)) => told,
            (None, None) => return Err(Reason::MediaTypeRequired { field: TYPE }),
        };
        Ok(DataOfPost { media_type, len })
    }
}

impl Fields {
    fn finish(self) -> Result<CreateBody, Reason> {
        let empty = self.text.is_none() && self.media_count == 0 && self.quote_tweet_id.is_none();
        if empty {
            return Err(Reason::NothingToPost);
        }
        Ok(CreateBody {
            auth_token: self.auth_token.ok_or(Reason::Missing { field: "auth_token" })?,
            text: self.text,
            media_ids: self.media_ids,
            media_urls: self.media_urls,
            media: self.media,
            reply_to_tweet_id: self.reply_to_tweet_id,
            quote_tweet_id: self.quote_tweet_id,
            proxy: self.proxy,
        })
    }
}

/// A decimal number of at most 20 digits: what fits into 64 bits, near enough.
fn id(field: &'static str, text: String) -> Result<String, Reason> {
    if text.len() > 20 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Reason::NotAnId { field });
    }
    Ok(text)
}
