//! Request bodies that carry fields and media: multipart, urlencoded, JSON. Media goes to disk as it comes.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::answer::{Dialect, Refusal};
use crate::base64_stream::{Base64Stream, NotBase64};
use crate::exchange::{Exchange, Step, Stop};
use crate::faults::Operation;
use crate::multipart::{Event, MultipartError, Parser, TransferEncoding, boundary_of};
use crate::oauth1::Parameter;
use crate::segment_file::{SegmentFile, SegmentWriter};
use crate::settings::Limits;

/// The most bytes of one text field.
const FIELD_LIMIT: usize = 16 * 1024;

/// Fields by name, and the media if there was one.
#[derive(Debug, Default)]
pub(crate) struct Form {
    pub(crate) fields: BTreeMap<String, String>,
    pub(crate) media: Option<SegmentFile>,
}

impl From<MultipartError> for Refusal {
    fn from(error: MultipartError) -> Self {
        Self::BadRequest(format!("Request body is not valid multipart/form-data: {error}."))
    }
}

impl From<NotBase64> for Refusal {
    fn from(error: NotBase64) -> Self {
        Self::BadRequest(format!("Request body is not valid: {error}."))
    }
}

impl From<MultipartError> for Stop {
    fn from(error: MultipartError) -> Self {
        Self::Refused(error.into())
    }
}

impl From<NotBase64> for Stop {
    fn from(error: NotBase64) -> Self {
        Self::Refused(error.into())
    }
}

fn is_type(content_type: &str, wanted: &str) -> bool {
    content_type.split([';', ',']).next().unwrap_or_default().trim().eq_ignore_ascii_case(wanted)
}

pub(crate) fn is_json(content_type: &str) -> bool {
    is_type(content_type, "application/json")
}

pub(crate) fn is_multipart(content_type: &str) -> bool {
    is_type(content_type, "multipart/form-data")
}

pub(crate) fn is_urlencoded(content_type: &str) -> bool {
    is_type(content_type, "application/x-www-form-urlencoded")
}

/// The most media bytes one request may carry.
fn media_cap(operation: Option<Operation>, limits: &Limits) -> u64 {
    let one_shot = limits.media.image.max(limits.media.gif).max(limits.media.subtitles);
    match operation {
        Some(Operation::Append) => limits.append_bytes,
        Some(Operation::OneShot) => one_shot,
        // v1.1 may tell only behind the media what it is for.
        None => one_shot.max(limits.append_bytes),
        Some(
            Operation::Initialize
            | Operation::Finalize
            | Operation::Status
            | Operation::Metadata
            | Operation::Tweet,
        ) => 0,
    }
}

/// Media on its way to disk.
struct MediaSink {
    writer: SegmentWriter,
    base64: Option<Base64Stream>,
}

impl MediaSink {
    fn new(exchange: &Exchange, encoding: TransferEncoding) -> Self {
        let base64 = match encoding {
            TransferEncoding::Plain => None,
            TransferEncoding::Base64 => Some(Base64Stream::default()),
        };
        Self { writer: exchange.shared.segments.create(), base64 }
    }

    async fn write(&mut self, exchange: &mut Exchange, data: Bytes) -> Step<()> {
        let data = match &mut self.base64 {
            None => data,
            Some(stream) => {
                let mut decoded = Vec::with_capacity(data.len() / 4 * 3 + 3);
                stream.push(&data, &mut decoded)?;
                decoded.into()
            }
        };
        self.writer.write(data).await?;
        exchange.note_media_bytes(self.writer.size());
        if self.writer.size() > media_cap(exchange.operation(), &exchange.settings().limits) {
            return Err(Refusal::TooLarge.into());
        }
        Ok(())
    }

    async fn finish(self) -> Step<SegmentFile> {
        if let Some(stream) = &self.base64 {
            stream.finish()?;
        }
        Ok(self.writer.finish().await?)
    }
}

impl Form {
    /// The query's parameters count as fields too.
    pub(crate) async fn of_query(exchange: &mut Exchange) -> Step<Self> {
        let query = exchange.head.uri.query().unwrap_or_default().to_owned();
        let mut form = Self::default();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()).into_owned() {
            form.add(exchange, name, value).await?;
        }
        Ok(form)
    }

    async fn add(&mut self, exchange: &mut Exchange, name: String, value: String) -> Step<()> {
        field_arrived(exchange, &name, &value).await?;
        if self.fields.insert(name.clone(), value).is_some() {
            return Err(Refusal::BadRequest(format!("{name} is given twice.")).into());
        }
        Ok(())
    }

    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }

    /// Reads a multipart body to its end.
    pub(crate) async fn read_multipart(&mut self, exchange: &mut Exchange) -> Step<()> {
        let limit = exchange.settings().limits.append_body_bytes;
        let is_append = exchange.operation() == Some(Operation::Append);
        if is_append && exchange.announced_length().is_some_and(|length| length > limit) {
            return Err(Refusal::TooLarge.into());
        }
        let mut parser = Parser::new(&boundary_of(exchange.content_type())?)?;
        let mut part = Part::None;
        let mut read = 0;
        while let Some(data) = exchange.next().await? {
            read += data.len() as u64;
            if read > limit && exchange.operation() == Some(Operation::Append) {
                return Err(Refusal::TooLarge.into());
            }
            parser.push(data);
            while let Some(event) = parser.next_event()? {
                part = self.take(exchange, part, event).await?;
            }
        }
        parser.finish()?;
        Ok(())
    }

    async fn take(&mut self, exchange: &mut Exchange, part: Part, event: Event) -> Step<Part> {
        match (part, event) {
            (_, Event::Part(head)) => {
                let encoding = match head.name.as_str() {
                    "media" => head.encoding,
                    // v1.1: base64 by its name (X fact sheet §1.2).
                    "media_data" if exchange.dialect == Dialect::V1 => TransferEncoding::Base64,
                    _ => return Ok(Part::Field { name: head.name, value: Vec::new() }),
                };
                if self.media.is_some() {
                    return Err(Refusal::BadRequest("media is given twice.".into()).into());
                }
                Ok(Part::Media(MediaSink::new(exchange, encoding)))
            }
            (Part::Media(mut sink), Event::Data(data)) => {
                sink.write(exchange, data).await?;
                Ok(Part::Media(sink))
            }
            (Part::Media(sink), Event::PartEnd) => {
                self.media = Some(sink.finish().await?);
                Ok(Part::None)
            }
            (Part::Field { name, mut value }, Event::Data(data)) => {
                value.extend_from_slice(&data);
                if value.len() > FIELD_LIMIT {
                    return Err(Refusal::BadRequest(format!("{name} is too long.")).into());
                }
                Ok(Part::Field { name, value })
            }
            (Part::Field { name, value }, Event::PartEnd) => {
                let value = String::from_utf8(value)
                    .map_err(|_| Refusal::BadRequest(format!("{name} is not UTF-8 text.")))?;
                self.add(exchange, name, value).await?;
                Ok(Part::None)
            }
            // The parser gives no data outside of parts.
            (Part::None, Event::Data(_) | Event::PartEnd) => Ok(Part::None),
        }
    }

    /// Reads an urlencoded body to its end. Its parameters are returned as well: they are signed.
    pub(crate) async fn read_urlencoded(&mut self, exchange: &mut Exchange) -> Step<Vec<Parameter>> {
        let cap = media_cap(None, &exchange.settings().limits);
        // Base64, and every third character of it escaped at worst.
        let body = exchange.collect(cap.saturating_mul(4).saturating_add(65_536)).await?;
        let parameters: Vec<Parameter> = url::form_urlencoded::parse(&body).into_owned().collect();
        drop(body);
        for (name, value) in &parameters {
            if name != "media_data" && name != "media" {
                self.add(exchange, name.clone(), value.clone()).await?;
            }
        }
        Ok(parameters)
    }

    /// Stores the media that an urlencoded body or a JSON value has as base64.
    pub(crate) async fn store_base64(&mut self, exchange: &mut Exchange, text: String) -> Step<()> {
        if self.media.is_some() {
            return Err(Refusal::BadRequest("media is given twice.".into()).into());
        }
        let mut sink = MediaSink::new(exchange, TransferEncoding::Base64);
        sink.write(exchange, text.into()).await?;
        self.media = Some(sink.finish().await?);
        Ok(())
    }
}

/// What is being read.
enum Part {
    None,
    Field { name: String, value: Vec<u8> },
    Media(MediaSink),
}

/// The operation of a v1.1 command.
pub(crate) fn operation_of(command: &str) -> Option<Operation> {
    match command {
        "INIT" => Some(Operation::Initialize),
        "APPEND" => Some(Operation::Append),
        "FINALIZE" => Some(Operation::Finalize),
        "STATUS" => Some(Operation::Status),
        _ => None,
    }
}

/// Some fields tell what the request is about: faults for it must strike as early as can be.
async fn field_arrived(exchange: &mut Exchange, name: &str, value: &str) -> Step<()> {
    match name {
        "command" if exchange.operation().is_none() => match operation_of(value) {
            Some(operation) => exchange.identify(operation).await,
            None => Ok(()),
        },
        "media_id" => {
            exchange.note_media_id(value);
            Ok(())
        }
        "segment_index" => match value.parse() {
            Ok(index) => exchange.note_segment_index(index).await,
            Err(_) => Ok(()),
        },
        _ => Ok(()),
    }
}
