//! Upload sessions and the media they become.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::answer::Refusal;
use crate::clock::UnixMillis;
use crate::media_kind::{Category, Kind, MediaId};
use crate::processing::{Playback, ProcessingInfo};
use crate::segment_file::{MediaReader, SegmentFile};
use crate::settings::{DuplicateSegment, Gap, SecondFinalize, Settings, UnknownSession};

/// The epoch of X's ids, in Unix milliseconds.
const ID_EPOCH: u64 = 1_288_834_974_657;

/// What a session was opened for.
#[derive(Debug, Clone)]
pub(crate) struct Opening {
    pub(crate) owner: String,
    pub(crate) additional_owners: Vec<String>,
    pub(crate) total_bytes: u64,
    pub(crate) media_type: Option<String>,
    /// As given; v1.1 finalizes without one synchronously.
    pub(crate) named_category: Option<Category>,
    /// The one that counts.
    pub(crate) category: Option<Category>,
}

/// The pieces of one segment: more than one only where duplicates accumulate.
type Pieces = Vec<Arc<SegmentFile>>;

#[derive(Debug)]
enum State {
    Receiving,
    Finalized { processing: Playback },
}

#[derive(Debug)]
pub(crate) struct Session {
    opening: Opening,
    expires_at: UnixMillis,
    segments: BTreeMap<u16, Pieces>,
    state: State,
    pub(crate) alt_text: Option<String>,
}

impl Session {
    pub(crate) fn size(&self) -> u64 {
        self.segments.values().flatten().map(|file| file.size()).sum()
    }

    pub(crate) fn category(&self) -> Option<Category> {
        self.opening.category
    }

    pub(crate) fn media_type(&self) -> Option<&str> {
        self.opening.media_type.as_deref()
    }

    pub(crate) fn media_key(&self, id: MediaId) -> Option<String> {
        self.opening.category.map(|category| format!("{}_{id}", category.key_prefix()))
    }

    /// As a client of v1.1 named it: without one there is no key (X fact sheet §1.1).
    pub(crate) fn named_category(&self) -> Option<Category> {
        self.opening.named_category
    }

    pub(crate) fn expires_at(&self) -> UnixMillis {
        self.expires_at
    }

    pub(crate) fn reader(&self) -> MediaReader {
        MediaReader::new(self.segments.values().flatten().cloned().collect())
    }

    fn is_expired(&self, now: UnixMillis) -> bool {
        now >= self.expires_at
    }

    fn is_owned_by(&self, user: &str) -> bool {
        self.opening.owner == user || self.opening.additional_owners.iter().any(|owner| owner == user)
    }
}

/// Where a media is in its life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaState {
    /// Between INIT and FINALIZE.
    Receiving,
    /// Finalized; `processing_info.state` as it would be shown next, `None` if there is none.
    Finalized {
        /// X's word, or the script's.
        processing: Option<String>,
    },
    /// Its session, or the media itself, has expired.
    Expired,
}

/// What the sandbox holds of a media.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaInfo {
    /// Its id.
    pub id: MediaId,
    /// The user who opened the session.
    pub owner: String,
    /// Where it is in its life.
    pub state: MediaState,
    /// The category that counts: named, or assumed from the type.
    pub category: Option<Category>,
    /// As named at INIT.
    pub media_type: Option<String>,
    /// As promised at INIT.
    pub total_bytes: u64,
    /// What has been stored so far.
    pub size: u64,
    /// Of what has been stored so far, in order of the indices; lower-case hexadecimal. Computed when asked for.
    pub sha256: String,
    /// Index and size of each segment, in order.
    pub segments: Vec<(u16, u64)>,
    /// Set by the metadata operation.
    pub alt_text: Option<String>,
    /// Unix seconds.
    pub expires_at: u64,
}

/// What finalize and status tell about a media.
#[derive(Debug, Clone)]
pub(crate) struct Described {
    pub(crate) id: MediaId,
    pub(crate) media_key: Option<String>,
    pub(crate) named_category: Option<Category>,
    pub(crate) kind: Option<Kind>,
    pub(crate) media_type: Option<String>,
    pub(crate) size: u64,
    pub(crate) expires_after_secs: u64,
    pub(crate) processing: Option<ProcessingInfo>,
}

/// What a new segment meets.
#[derive(Debug)]
pub(crate) enum Storing {
    /// Stored. When the session expires.
    Stored { expires_at: UnixMillis },
    /// The index is taken: the pieces have to be compared before it can be decided.
    Taken { pieces: Pieces },
}

/// Whether a taken index holds the same bytes, if that has been found out.
#[derive(Debug)]
pub(crate) struct Comparison {
    /// What was compared.
    pub(crate) pieces: Pieces,
    pub(crate) same: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Sessions {
    sessions: HashMap<MediaId, Session>,
    last_id: u64,
}

impl Sessions {
    /// Ids grow with time and are never given twice, nor by two sandboxes that start a millisecond apart.
    pub(crate) fn new_id(&mut self, now: UnixMillis) -> MediaId {
        let by_time = now.saturating_sub(ID_EPOCH) << 22;
        self.last_id = by_time.max(self.last_id + 1);
        MediaId::new(self.last_id)
    }

    pub(crate) fn open(&mut self, opening: Opening, lifetime_secs: u64, now: UnixMillis) -> MediaId {
        let id = self.new_id(now);
        let expires_at = now.saturating_add(lifetime_secs.saturating_mul(1000));
        let segments = BTreeMap::new();
        let session = Session { opening, expires_at, segments, state: State::Receiving, alt_text: None };
        self.sessions.insert(id, session);
        id
    }

    pub(crate) fn ids(&self) -> Vec<MediaId> {
        let mut ids: Vec<MediaId> = self.sessions.keys().copied().collect();
        ids.sort_unstable();
        ids
    }

    pub(crate) fn any(&self, id: MediaId) -> Option<&Session> {
        self.sessions.get(&id)
    }

    /// Takes every session away; the caller drops them, which removes files, off the lock.
    pub(crate) fn clear(&mut self) -> Vec<Session> {
        self.sessions.drain().map(|(_, session)| session).collect()
    }

    pub(crate) fn expire(&mut self, id: MediaId, now: UnixMillis) -> bool {
        let session = self.sessions.get_mut(&id);
        session.map(|session| session.expires_at = session.expires_at.min(now)).is_some()
    }

    /// A session that lives and is this user's.
    pub(crate) fn live(&mut self, id: &str, user: &str, now: UnixMillis) -> Option<(MediaId, &mut Session)> {
        let id: MediaId = id.parse().ok()?;
        let session = self.sessions.get_mut(&id)?;
        (session.is_owned_by(user) && !session.is_expired(now)).then_some((id, session))
    }

    fn known(
        &mut self,
        id: &str,
        user: &str,
        now: UnixMillis,
        answer: UnknownSession,
    ) -> Result<(MediaId, &mut Session), Refusal> {
        self.live(id, user, now).ok_or_else(|| Refusal::NoSuchSession { id: id.into(), answer })
    }

    /// Whether a segment may come at all: asked before its bytes are read, where that is possible.
    pub(crate) fn check_receiving(
        &mut self,
        id: &str,
        user: &str,
        now: UnixMillis,
        settings: &Settings,
    ) -> Result<(), Refusal> {
        let (_, session) = self.known(id, user, now, settings.undocumented.unknown_session)?;
        match session.state {
            State::Receiving => Ok(()),
            State::Finalized { .. } => Err(Refusal::AlreadyFinalized),
        }
    }

    /// Stores a segment whose bytes are all there, or says what has to be compared first.
    #[expect(clippy::too_many_arguments, reason = "each is a fact of the one request")]
    pub(crate) fn store(
        &mut self,
        id: &str,
        user: &str,
        index: u16,
        file: &Arc<SegmentFile>,
        comparison: Option<&Comparison>,
        now: UnixMillis,
        settings: &Settings,
    ) -> Result<Storing, Refusal> {
        self.check_receiving(id, user, now, settings)?;
        let (_, session) = self.known(id, user, now, settings.undocumented.unknown_session)?;
        let expires_at = session.expires_at;
        let pieces = session.segments.entry(index).or_default();
        if pieces.is_empty() {
            pieces.push(Arc::clone(file));
            return Ok(Storing::Stored { expires_at });
        }
        let unchanged = |compared: &&Comparison| {
            compared.pieces.len() == pieces.len()
                && compared.pieces.iter().zip(&*pieces).all(|(one, other)| Arc::ptr_eq(one, other))
        };
        let Some(compared) = comparison.filter(unchanged) else {
            return Ok(Storing::Taken { pieces: pieces.clone() });
        };
        let switches = &settings.undocumented;
        let policy =
            if compared.same { switches.duplicate_same_bytes } else { switches.duplicate_other_bytes };
        match policy {
            DuplicateSegment::Replace => *pieces = vec![Arc::clone(file)],
            DuplicateSegment::Accumulate => pieces.push(Arc::clone(file)),
            DuplicateSegment::Reject => return Err(Refusal::DuplicateSegment),
        }
        Ok(Storing::Stored { expires_at })
    }

    /// `synchronous_limit`: v1.1's limit for what has no category.
    pub(crate) fn finalize(
        &mut self,
        id: &str,
        user: &str,
        synchronous_limit: Option<u64>,
        now: UnixMillis,
        settings: &Settings,
    ) -> Result<Described, Refusal> {
        let switches = &settings.undocumented;
        let (id, session) = self.known(id, user, now, switches.unknown_session)?;
        if let State::Finalized { processing } = &mut session.state {
            return match switches.second_finalize {
                SecondFinalize::Reject => Err(Refusal::AlreadyFinalized),
                SecondFinalize::Repeat => {
                    let shown = processing.show(now);
                    Ok(session.describe(id, now, shown))
                }
            };
        }
        let gapless = session.segments.keys().enumerate().all(|(at, index)| usize::from(*index) == at);
        if session.size() != session.opening.total_bytes || (switches.gap == Gap::Reject && !gapless) {
            return Err(Refusal::SizeMismatch);
        }
        let category = match synchronous_limit {
            Some(limit) if session.opening.named_category.is_none() => {
                if session.size() > limit {
                    return Err(Refusal::LargeSynchronous);
                }
                None
            }
            Some(_) | None => session.opening.category,
        };
        let mut processing = match category.filter(|category| category.is_processed()).map(Category::kind) {
            Some(Kind::Gif) => Playback::start(&settings.processing.gif, now),
            Some(Kind::Video) => Playback::start(&settings.processing.video, now),
            Some(Kind::Image | Kind::Text | Kind::Model) | None => Playback::none(),
        };
        let shown = processing.show(now);
        session.state = State::Finalized { processing };
        session.expires_at = now.saturating_add(settings.lifetimes.media_secs.saturating_mul(1000));
        Ok(session.describe(id, now, shown))
    }

    /// `None`: nothing to tell. What has not been finalized, and what is ready without processing (images above all), has
    /// no status (X fact sheet §1.4, §2.5).
    pub(crate) fn status(&mut self, id: &str, user: &str, now: UnixMillis) -> Option<Described> {
        let (id, session) = self.live(id, user, now)?;
        let State::Finalized { processing } = &mut session.state else { return None };
        if !processing.is_played() {
            return None;
        }
        let shown = processing.show(now);
        Some(session.describe(id, now, shown))
    }

    /// The kind of each media a post wants to carry; the ids that can't be (X fact sheet §6).
    pub(crate) fn attach(
        &mut self,
        ids: &[String],
        user: &str,
        now: UnixMillis,
    ) -> Result<Vec<Kind>, Vec<String>> {
        let mut kinds = Vec::new();
        let mut invalid = Vec::new();
        for id in ids {
            let ready = self.live(id, user, now).and_then(|(_, session)| {
                let category = session.opening.category.filter(|category| category.attachable_to_post())?;
                match &mut session.state {
                    State::Finalized { processing } => processing.is_ready(now).then_some(category.kind()),
                    State::Receiving => None,
                }
            });
            match ready {
                Some(kind) => kinds.push(kind),
                None => invalid.push(id.clone()),
            }
        }
        if invalid.is_empty() { Ok(kinds) } else { Err(invalid) }
    }

    /// Everything but the digest.
    pub(crate) fn info(&self, id: MediaId, now: UnixMillis) -> Option<MediaInfo> {
        let session = self.sessions.get(&id)?;
        let state = match &session.state {
            _ if session.is_expired(now) => MediaState::Expired,
            State::Receiving => MediaState::Receiving,
            State::Finalized { processing } => {
                MediaState::Finalized { processing: processing.state().map(String::from) }
            }
        };
        let size_of = |pieces: &Pieces| pieces.iter().map(|file| file.size()).sum();
        Some(MediaInfo {
            id,
            owner: session.opening.owner.clone(),
            state,
            category: session.opening.category,
            media_type: session.opening.media_type.clone(),
            total_bytes: session.opening.total_bytes,
            size: session.size(),
            sha256: String::new(),
            segments: session.segments.iter().map(|(index, pieces)| (*index, size_of(pieces))).collect(),
            alt_text: session.alt_text.clone(),
            expires_at: session.expires_at / 1000,
        })
    }
}

impl Session {
    fn describe(&self, id: MediaId, now: UnixMillis, processing: Option<ProcessingInfo>) -> Described {
        Described {
            id,
            media_key: self.media_key(id),
            named_category: self.named_category(),
            kind: self
                .media_type()
                .and_then(crate::media_kind::kind_of)
                .or_else(|| self.category().map(Category::kind)),
            media_type: self.opening.media_type.clone(),
            size: self.size(),
            expires_after_secs: self.expires_at().saturating_sub(now) / 1000,
            processing,
        }
    }
}
