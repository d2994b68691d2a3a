//! How much of a request is taken in.

/// The caps on a request's body. Each is checked while the body streams in, so nothing beyond it is ever held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IngestLimits {
    /// The whole body on the wire, in bytes. Default 787,476,208: 512 MiB as base64 (4/3) with a tenth for escapes
    /// (.NET writes `+` as `\u002B`: 7.8 %; PHP `/` as `\/`: 1.6 %), and 64 KiB for the rest.
    pub body: u64,
    /// Every byte that is not within a media string or a post's text, white space included. Default 64 KiB.
    pub beside_media: u64,
    /// One medium, decoded, in bytes. Default 512 MiB, X's largest (`MediaSink` may refuse less, by type).
    pub media: u64,
    /// `auth_token`, in bytes of UTF-8. Default 4 KiB.
    pub auth_token: usize,
    /// `proxy`. Default 2 KiB.
    pub proxy: usize,
    /// `media_url`, and each of `media_urls`. Default 8 KiB.
    pub media_url: usize,
    /// Every other short string (a media type, a category, an id) and the header of a `data:` URI. Default 256.
    pub short: usize,
    /// `alt_text`. Default 8 KiB: X takes 1000 characters.
    pub alt_text: usize,
    /// `text`. Default 100,000: X's longest post is 25,000 characters of at most four bytes. Escaped, it may be six times
    /// as long on the wire.
    pub text: usize,
    /// Members of an object. Default 32.
    pub members: u32,
    /// A member's name, in bytes. Default 256.
    pub name: usize,
    /// How deep the body may be nested, itself included. Default 8.
    pub depth: usize,
    /// Media of a post: ids, URLs and data together. Default 4, as many as X takes.
    pub media_of_a_post: u32,
}

impl Default for IngestLimits {
    fn default() -> Self {
        Self {
            body: 787_476_208,
            beside_media: 64 << 10,
            media: 512 << 20,
            auth_token: 4 << 10,
            proxy: 2 << 10,
            media_url: 8 << 10,
            short: 256,
            alt_text: 8 << 10,
            text: 100_000,
            members: 32,
            name: 256,
            depth: 8,
            media_of_a_post: 4,
        }
    }
}
