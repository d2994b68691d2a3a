//! From bytes, size and claims to what X will be told, or why it would refuse.

use crate::category::{MediaCategory, Use};
use crate::content::{Animation, Content, HEAD_LEN};
use crate::error::{Begin, Claim, MediaError};
use crate::gif::{GifMotion, GifWalk};
use crate::limits::Limits;
use crate::media_type::{MediaKind, MediaType};
use crate::rules::Rules;
use crate::sniff::{least_size, sniff};

/// What is known of media besides its content, and what the caller wants: the question to which [`Media`] is
/// the answer.
///
/// What decides the type, strongest first:
///
/// 1. [`media_type`](Self::media_type), the caller's own word: the content is not asked.
/// 2. The content, wherever it is recognised.
/// 3. [`declared`](Self::declared), then the extension of [`file_name`](Self::file_name), if the content says
///    nothing *and* the type is one that may begin without a signature (MP4, QuickTime, MPEG-TS, SubRip).
///
/// ```
/// use chunkwise_media::{Inspection, MediaCategory, MediaError, MediaType};
/// let inspection = Inspection::new().file_name("holiday.png");
///
/// let png = b"\x89PNG\r\n\x1A\n\0\0\0\x0DIHDR\0\0\0\x01\0\0\0\x01\x08\0\0\0\0\0\0\0\0";
/// let media = inspection.inspect(png, 70_000)?;
/// assert_eq!((media.media_type, media.category), (MediaType::Png, MediaCategory::TweetImage));
///
/// let error = inspection.inspect(b"\xFF\xD8\xFF\xE0", 70_000).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "the content is image/jpeg but its name says image/png: correct that, or give the media type yourself"
/// );
/// # Ok::<(), MediaError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[must_use]
pub struct Inspection {
    destined_for: Use,
    named: Option<MediaType>,
    declared: Option<MediaType>,
    media_type: Option<MediaType>,
    category: Option<MediaCategory>,
    on_contradiction: OnContradiction,
    limits: Limits,
    rules: Rules,
}

/// What to do when the content is one type and a claim says another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum OnContradiction {
    /// Refuse: one of the two is a mistake, and the user can say which.
    #[default]
    Refuse,
    /// Believe the content and note the claim in [`Media::contradicted`]: right for claims that nobody made
    /// on purpose, such as the header and the path of a downloaded URL.
    BelieveContent,
}

impl Inspection {
    /// Media for a post, nothing claimed, nothing overridden, X's standard limits.
    pub fn new() -> Self {
        Self::default()
    }

    /// What the media will be attached to; a post if not said.
    pub fn destined_for(self, destined_for: Use) -> Self {
        Self { destined_for, ..self }
    }

    /// The file's name, of which only the extension counts; folders before it are ignored.
    pub fn file_name(self, file_name: &str) -> Self {
        Self { named: MediaType::from_file_name(file_name), ..self }
    }

    /// A type that came along with the media and may be wrong.
    pub fn declared(self, declared: MediaType) -> Self {
        Self { declared: Some(declared), ..self }
    }

    /// The type, whatever the content says.
    pub fn media_type(self, media_type: MediaType) -> Self {
        Self { media_type: Some(media_type), ..self }
    }

    /// The category, whatever type and use say. Its size limit still holds, and one that is beyond doubt for another
    /// kind of media is refused ([`MediaError::WrongCategory`]).
    pub fn category(self, category: MediaCategory) -> Self {
        Self { category: Some(category), ..self }
    }

    /// What to do when content and claim differ; [`OnContradiction::Refuse`] if not said.
    pub fn on_contradiction(self, on_contradiction: OnContradiction) -> Self {
        Self { on_contradiction, ..self }
    }

    /// The size limits; [`Limits::standard`] if not said.
    pub fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// What media may be inside, for [`check`](Self::check); [`Rules::standard`] if not said.
    pub fn rules(self, rules: Rules) -> Self {
        Self { rules, ..self }
    }

    pub(crate) const fn held_to(&self) -> Rules {
        self.rules
    }

    pub(crate) fn gif_limit(&self) -> Option<u64> {
        let category = MediaCategory::of(MediaType::Gif, Animation::Animated, self.destined_for);
        self.category.or(category).and_then(|category| self.limits.limit(category))
    }

    pub(crate) fn has_name(&self) -> bool {
        self.named.is_some()
    }

    /// Judges media of which the first bytes are at hand: [`HEAD_LEN`] of them, or all if there are fewer.
    /// Pure: no I/O.
    ///
    /// A GIF whose first image is larger than `head` can't be told still from animated this way and counts as
    /// a GIF that may be animated; an [`Inspector`] finds out.
    ///
    /// # Errors
    ///
    /// [`MediaError`] says why X would not take it.
    pub fn inspect(&self, head: &[u8], size: u64) -> Result<Media, MediaError> {
        let mut inspector = self.inspector();
        inspector.push(head);
        inspector.finish(size)
    }

    /// Begins to judge media whose bytes come in pieces.
    pub fn inspector(&self) -> Inspector {
        Inspector { inspection: *self, head: Vec::new(), gif: GifWalk::new(), seen: 0 }
    }

    /// The claims, stronger one first.
    fn claims(&self) -> impl Iterator<Item = Claim> {
        [self.declared.map(Claim::Declared), self.named.map(Claim::FileName)].into_iter().flatten()
    }

    fn refuses(&self) -> bool {
        match self.on_contradiction {
            OnContradiction::Refuse => true,
            OnContradiction::BelieveContent => false,
        }
    }

    /// The type, on what ground, and the claim that had to yield.
    fn decide(
        &self,
        content: Content,
        head: &[u8],
    ) -> Result<(MediaType, Ground, Option<Claim>), MediaError> {
        if let Some(media_type) = self.media_type {
            return Ok((media_type, Ground::Caller, None));
        }
        match content {
            Content::Media { media_type, .. } => {
                let wrong = self.claims().find(|claim| !claim.media_type().agrees_with(media_type));
                match wrong {
                    Some(claim) if self.refuses() => {
                        Err(MediaError::Contradiction { content: media_type, claim })
                    }
                    Some(_) | None => Ok((media_type, Ground::Content, wrong)),
                }
            }
            Content::Foreign(content) => {
                Err(MediaError::Unsupported { content, claim: self.claims().next() })
            }
            Content::Unknown => self.believe_claim(head),
        }
    }

    /// Content that says nothing: a claim may speak for it.
    fn believe_claim(&self, head: &[u8]) -> Result<(MediaType, Ground, Option<Claim>), MediaError> {
        let begin = Begin::of(head);
        let wrong = self.claims().find(|claim| !claim.media_type().may_lack_signature());
        let possible = self.claims().find(|claim| claim.media_type().may_lack_signature());
        match (wrong, possible) {
            (None, Some(claim)) => Ok((claim.media_type(), Ground::Claim(claim), None)),
            (Some(wrong), Some(claim)) if !self.refuses() => {
                Ok((claim.media_type(), Ground::Claim(claim), Some(wrong)))
            }
            (Some(claim), Some(_) | None) => Err(MediaError::Unconfirmed { claim, begin }),
            (None, None) => Err(MediaError::Unrecognised { begin }),
        }
    }
}

/// What X will be told of the media.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Media {
    /// Its type.
    pub media_type: MediaType,
    /// Its category, within whose limit `size` is.
    pub category: MediaCategory,
    /// Its size in bytes, never 0.
    pub size: u64,
    /// Whether it moves.
    pub animation: Animation,
    /// On what ground the type was decided.
    pub ground: Ground,
    /// A claim that said otherwise and was not believed ([`OnContradiction::BelieveContent`]): worth a
    /// warning.
    pub contradicted: Option<Claim>,
}

/// On what ground a type was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ground {
    /// The caller gave it.
    Caller,
    /// The content is unmistakable.
    Content,
    /// The content says nothing, so a claim was believed.
    Claim(Claim),
}

/// Judges media whose bytes come in pieces: push them from the first on, until enough is known or there are
/// no more, then finish. Keeps [`HEAD_LEN`] bytes at most.
///
/// ```
/// use chunkwise_media::{Inspection, MediaType, Wanted};
/// let mut inspector = Inspection::new().inspector();
/// let mut pieces = [&b"RIFF\x04\0\0\0"[..], b"WEBP"].into_iter();
/// while let Some(piece) = pieces.next() {
///     if inspector.push(piece) == Wanted::Nothing {
///         break;
///     }
/// }
/// assert_eq!(inspector.finish(12)?.media_type, MediaType::WebP);
/// # Ok::<(), chunkwise_media::MediaError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Inspector {
    inspection: Inspection,
    head: Vec<u8>,
    gif: GifWalk,
    seen: u64,
}

/// Whether an [`Inspector`] can use more bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// The next bytes, if there are any.
    More,
    /// Nothing: more bytes would change nothing.
    Nothing,
}

impl Inspector {
    /// Takes the next bytes.
    pub fn push(&mut self, bytes: &[u8]) -> Wanted {
        let room = HEAD_LEN.saturating_sub(self.head.len()).min(bytes.len());
        self.head.extend_from_slice(bytes.get(..room).unwrap_or_default());
        self.seen = self.seen.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        match self.gif.push(bytes) {
            GifMotion::Undecided => Wanted::More,
            GifMotion::Still | GifMotion::Animated | GifMotion::NotGif if self.head.len() < HEAD_LEN => {
                Wanted::More
            }
            GifMotion::Still | GifMotion::Animated | GifMotion::NotGif => Wanted::Nothing,
        }
    }

    /// The same with a type that is claimed and may be wrong, and is learnt only behind the bytes: as in a JSON body
    /// whose `media_type` comes last.
    #[must_use]
    pub fn declared(mut self, declared: MediaType) -> Self {
        self.inspection = self.inspection.declared(declared);
        self
    }

    /// Judges by what was pushed, for media of `size` bytes in all.
    ///
    /// # Errors
    ///
    /// [`MediaError`] says why X would not take it.
    pub fn finish(self, size: u64) -> Result<Media, MediaError> {
        self.judge(Some(size))
    }

    pub(crate) fn head(&self) -> &[u8] {
        &self.head
    }

    pub(crate) const fn held_to(&self) -> Rules {
        self.inspection.held_to()
    }

    /// Without a size nothing is said of it, and the media counts as what was seen of it.
    pub(crate) fn judge(&self, size: Option<u64>) -> Result<Media, MediaError> {
        if size == Some(0) {
            return Err(MediaError::Empty);
        }
        let content = sniff(&self.head);
        let (media_type, ground, contradicted) = self.inspection.decide(content, &self.head)?;
        if let (Ground::Content, Some(size)) = (ground, size)
            && let Some(least_size) = least_size(media_type, &self.head).filter(|&least| least > size)
        {
            return Err(MediaError::Truncated { media_type, size, least_size });
        }
        let animation = self.animation(media_type, content, size.unwrap_or(u64::MAX));
        let destined_for = self.inspection.destined_for;
        let category = self
            .inspection
            .category
            .or_else(|| MediaCategory::of(media_type, animation, destined_for))
            .ok_or(MediaError::NoCategory { media_type, destined_for })?;
        if category.rules_out(media_type.kind()) {
            return Err(MediaError::WrongCategory { media_type, category });
        }
        let size = size.unwrap_or(self.seen);
        self.inspection.limits.check(category, size)?;
        Ok(Media { media_type, category, size, animation, ground, contradicted })
    }

    fn animation(&self, media_type: MediaType, content: Content, size: u64) -> Animation {
        match (media_type.kind(), content) {
            (MediaKind::Video | MediaKind::Subtitles | MediaKind::Model, _) => Animation::NotApplicable,
            // The walk went further than the head.
            (MediaKind::Gif, _) => {
                let motion = if self.seen >= size { self.gif.finish() } else { self.gif.motion() };
                match motion {
                    GifMotion::Still => Animation::Still,
                    GifMotion::Animated => Animation::Animated,
                    GifMotion::Undecided | GifMotion::NotGif => Animation::Unknown,
                }
            }
            (MediaKind::Image, Content::Media { media_type: found, animation }) if found == media_type => {
                animation
            }
            (MediaKind::Image, _) => Animation::Unknown,
        }
    }
}
