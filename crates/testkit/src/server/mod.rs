//! Model servers: what a careful reader of the protocols would build, knowing nothing of the engine.
//!
//! A [`Server`] holds sessions, answers operations, and can say at any time which object it made: as ranges of the
//! source, in order. It keeps no bytes; that the right bytes stand for a range is for whoever carries them to check.

mod append;
mod lies;
mod parts;
mod processing;
mod single;

use std::time::Duration;

use bytes::Bytes;
use chunkwise_core::{
    Action, ByteRange, Commitment, Delay, Final, Last, OperationKind, ProblemKind, Refusal, Reply, Session,
    Taken, Timestamp, Verdict,
};

use self::append::Bytewise;
pub use self::lies::Lie;
use self::parts::Numbered;
use self::processing::Processor;
use self::single::Single;
use crate::invariants::Breach;
use crate::model::Model;

/// How a server behaves, beyond what its kind is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ServerSettings {
    /// Which kind of server.
    pub model: Model,
    /// What it does with segments that are larger than it likes.
    pub limit: Limit,
    /// From which offset of the source on it dislikes them: what lies before it may have been stored at a larger size.
    pub limit_from: u64,
    /// How many Status operations find it processing still.
    pub polls: u32,
    /// What comes of the processing.
    pub processing: ProcessingEnds,
    /// What it answers to a segment that it holds already.
    pub repeats: Repeats,
    /// How long a session lives; `None`: for ever.
    pub lifetime: Option<Duration>,
    /// How much it loses of what it acknowledged, once.
    pub memory: Memory,
    /// How many segments a page of its list has; at least 1.
    pub page: u32,
    /// How many Aborts it takes before it confirms one.
    pub abort_rounds: u32,
    /// How much of an Append that arrived whole it takes.
    pub appetite: Appetite,
}

impl ServerSettings {
    /// A server of this kind that does nothing unusual: no limit, one poll, no expiry.
    pub const fn plain(model: Model) -> Self {
        Self {
            model,
            limit: Limit::None,
            limit_from: 0,
            polls: 1,
            processing: ProcessingEnds::Ready,
            repeats: Repeats::Overwrite,
            lifetime: None,
            memory: Memory::Good,
            page: 3,
            abort_rounds: 1,
            appetite: Appetite::All,
        }
    }
}

/// What a server does with segments that are larger than it likes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    /// It takes any.
    None,
    /// Above so many bytes it says "too large".
    Answered(u64),
    /// Above so many bytes it says "too large", and what it would take.
    Named(u64),
    /// Above so many bytes it breaks the connection.
    Reset(u64),
}

/// What comes of the processing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProcessingEnds {
    /// The object is ready.
    Ready,
    /// It fails.
    Fails,
    /// It never ends.
    Never,
}

/// What a server of the parts family answers to a segment that it holds already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Repeats {
    /// It takes it in place of the one it has.
    Overwrite,
    /// It says that it has it.
    Tell,
    /// It refuses it.
    Refuse,
}

/// How well a server remembers what it acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Memory {
    /// It keeps it.
    Good,
    /// Once it loses a part: the first segment at Finalize (parts), or the second half at the next Append (append).
    LosesOnce,
}

/// How much of an Append that arrived whole a server of the append family takes, and says so (a 308 with a shorter range).
/// One whose broken Appends leave nothing takes all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Appetite {
    /// All of it.
    All,
    /// At most so many bytes of one Append; at least 1.
    AtMost(u64),
    /// Nothing behind this offset, for ever, and yet it answers with its cursor.
    NothingBehind(u64),
}

/// How much of a request reached the server before the connection broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Arrived {
    /// All of it.
    Whole,
    /// So many bytes of its payload; then nothing.
    Part(u64),
}

/// What the server does with a request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// A good answer.
    Reply(Reply),
    /// A bad one.
    Problem(ProblemKind),
    /// It breaks the connection.
    Reset,
}

/// Where a session is, as the server sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SessionState {
    /// It takes data.
    Open,
    /// It is one object.
    Committed,
    /// It was given up.
    Aborted,
}

/// A model server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Server {
    settings: ServerSettings,
    sessions: Vec<Held>,
    /// Credentials of an older generation are not valid.
    generation: u64,
    memory: Memory,
}

/// A session as the server holds it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Held {
    /// How many bytes its object will have, once that was said.
    total: Option<u64>,
    content: Content,
    state: SessionState,
    expires: Option<Timestamp>,
    processor: Processor,
    abort_rounds: u32,
    /// It confirmed an Abort: nothing of it is left.
    emptied: bool,
    /// It said that its object is ready.
    told_ready: bool,
    /// It lost something, and knows.
    forgot: bool,
    /// How many Finalizes found it committed.
    finalized_again: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Content {
    Numbered(Numbered),
    Bytewise(Bytewise),
    Single(Single),
}

impl Server {
    /// A server without a session; where none is opened by request, with the one that everybody shares.
    pub fn new(settings: ServerSettings) -> Self {
        let memory = settings.memory;
        let mut server = Self { settings, sessions: Vec::new(), generation: 0, memory };
        if server.settings.model.sends_once() {
            server.sessions.push(server.held(None, Content::Single(Single::default()), None));
        }
        server
    }

    /// How it behaves.
    pub const fn settings(&self) -> &ServerSettings {
        &self.settings
    }

    /// The generation of credentials that is valid now.
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// New credentials are valid from now on, and the old ones are not.
    pub const fn rotate(&mut self) {
        self.generation += 1;
    }

    /// Every session it ever opened; where none is opened by request, the one without a name.
    pub fn sessions(&self) -> impl Iterator<Item = Session> {
        let once = self.settings.model.sends_once();
        let name = move |n| if once { Session::new("") } else { Session::new(format!("s{n}")) };
        (0..self.sessions.len()).map(name)
    }

    fn number(&self, session: &Session) -> Option<usize> {
        if self.settings.model.sends_once() {
            return session.as_str().is_empty().then_some(0);
        }
        session.as_str().strip_prefix('s')?.parse().ok()
    }

    fn session(&self, session: &Session) -> Option<&Held> {
        self.sessions.get(self.number(session)?)
    }

    /// How many objects a session has become: more than one where a single request makes it, and came again.
    pub fn objects(&self, session: &Session) -> usize {
        self.session(session).map_or(0, |held| match (&held.content, held.state) {
            (Content::Single(single), _) => single.made(),
            (Content::Numbered(_) | Content::Bytewise(_), SessionState::Committed) => 1,
            (Content::Numbered(_) | Content::Bytewise(_), SessionState::Open | SessionState::Aborted) => 0,
        })
    }

    /// Where a session is; `None` if it was never opened.
    pub fn state(&self, session: &Session) -> Option<SessionState> {
        self.session(session).map(|held| held.state)
    }

    /// How often a Finalize came for a session that was committed already.
    pub fn finalized_again(&self, session: &Session) -> u32 {
        self.session(session).map_or(0, |held| held.finalized_again)
    }

    /// Whether it ever said that the session's object is ready.
    pub fn told_ready(&self, session: &Session) -> bool {
        self.session(session).is_some_and(|held| held.told_ready)
    }

    /// Whether it holds data that nobody can use and nobody has given up, or not to the end.
    pub fn is_left_open(&self, now: Timestamp, session: &Session) -> bool {
        let open = |held: &Held| match held.state {
            SessionState::Open => held.expires.is_none_or(|at| at > now),
            SessionState::Aborted => !held.emptied,
            SessionState::Committed => false,
        };
        self.session(session).is_some_and(open)
    }

    /// What a session holds: ranges of the source, in the order in which they make the object.
    pub fn object(&self, session: &Session) -> Vec<ByteRange> {
        self.session(session).map_or_else(Vec::new, |held| match &held.content {
            Content::Numbered(numbered) => numbered.object(),
            Content::Bytewise(bytewise) => bytewise.object(),
            Content::Single(single) => single.object(),
        })
    }

    /// Whether the object that a session holds is a source of this length: all of its ranges, in order.
    ///
    /// # Errors
    ///
    /// [`Breach`], with what it is instead.
    pub fn check_object(&self, session: &Session, total: u64) -> Result<(), Breach> {
        let object = self.object(session);
        let mut end = 0;
        let whole = object.iter().all(|range| {
            let fits = range.start() == end;
            end = range.end();
            fits
        });
        if whole && end == total {
            return Ok(());
        }
        Err(Breach { rule: "the object", detail: format!("{session} is {object:?}") })
    }

    /// Performs an operation that reached it, whole or in part. Of a part nobody hears an answer.
    pub fn perform(&mut self, now: Timestamp, action: &Action, arrived: Arrived) -> Answer {
        let answer = self.answer(now, action, arrived);
        let number = action.session().and_then(|session| self.number(session));
        let held = number.and_then(|n| self.sessions.get_mut(n));
        if let (Some(held), Answer::Reply(reply)) = (held, &answer) {
            match reply {
                Reply::Completed(_) | Reply::Verified(Verdict::Committed(Commitment::Ready(_))) => {
                    held.told_ready = true;
                }
                Reply::Aborted => held.emptied = true,
                _ => {}
            }
        }
        answer
    }

    fn answer(&mut self, now: Timestamp, action: &Action, arrived: Arrived) -> Answer {
        let whole = arrived == Arrived::Whole;
        let session = match action {
            Action::Init { .. } if self.settings.model.sends_once() => {
                return Answer::Problem(ProblemKind::Refused(Refusal::Invalid));
            }
            Action::Init { total } if whole => return Answer::Reply(self.open(now, *total)),
            Action::Init { .. } => return Answer::Reset,
            Action::Append { session, .. }
            | Action::Probe { session, .. }
            | Action::Finalize { session, .. }
            | Action::Status { session }
            | Action::Verify { session, .. }
            | Action::Abort { session, .. } => session,
        };
        let Some((n, held)) = self.number(session).and_then(|n| Some((n, self.sessions.get_mut(n)?))) else {
            return Answer::Problem(ProblemKind::SessionGone);
        };
        if held.state == SessionState::Open && held.expires.is_some_and(|at| at <= now) {
            return match action.kind() {
                OperationKind::Verify => Answer::Reply(Reply::Verified(Verdict::NotCommitted)),
                _ => Answer::Problem(ProblemKind::SessionGone),
            };
        }
        let settings = &self.settings;
        match action {
            Action::Append { segment, last, .. } => {
                if segment.range.start() >= settings.limit_from
                    && let Some(answer) = settings.limit.objects(segment.range.len())
                {
                    return answer;
                }
                match &mut held.content {
                    Content::Numbered(numbered) => {
                        if held.state != SessionState::Open {
                            return Answer::Problem(ProblemKind::SessionGone);
                        }
                        if !whole {
                            return Answer::Reset;
                        }
                        numbered.append(settings, *segment)
                    }
                    Content::Bytewise(bytewise) => {
                        // It is said before the bytes come.
                        if *last == Last::End && held.state == SessionState::Open {
                            held.total = held.total.or(Some(segment.range.end()));
                        }
                        let forgets = held.state == SessionState::Open
                            && bytewise.cursor() > 1
                            && std::mem::replace(&mut self.memory, Memory::Good) == Memory::LosesOnce;
                        if forgets {
                            bytewise.lose_half();
                        }
                        let answer = bytewise.append(settings, held.state, segment.range, arrived);
                        let cursor = bytewise.cursor();
                        let done = held.total == Some(cursor) && settings.model == Model::AppendPrefix;
                        if done && held.state == SessionState::Open && answer != Answer::Reset {
                            held.state = SessionState::Committed;
                            return Answer::Reply(Reply::Completed(result(n, cursor)));
                        }
                        answer
                    }
                    Content::Single(single) => match single.append(segment.range, arrived) {
                        Ok(nth) => {
                            (held.state, held.total) = (SessionState::Committed, Some(segment.range.end()));
                            Answer::Reply(Reply::Completed(result(nth, segment.range.len())))
                        }
                        Err(answer) => answer,
                    },
                }
            }
            // It knows one request, and no other.
            _ if settings.model.sends_once() => Answer::Problem(ProblemKind::Refused(Refusal::Invalid)),
            _ if !whole => Answer::Reset,
            Action::Probe { page, .. } => match (&held.content, held.state) {
                (Content::Numbered(numbered), SessionState::Open) => numbered.probe(settings, page.as_ref()),
                (Content::Bytewise(bytewise), SessionState::Open) => {
                    // The bytes of a broken Append may have been the last ones.
                    let cursor = bytewise.cursor();
                    if held.total == Some(cursor) && settings.model == Model::AppendPrefix {
                        held.state = SessionState::Committed;
                        return Answer::Reply(Reply::Completed(result(n, cursor)));
                    }
                    Answer::Reply(Reply::Advanced { cursor, expires: None })
                }
                (Content::Bytewise(bytewise), SessionState::Committed)
                    if settings.model == Model::AppendPrefix =>
                {
                    Answer::Reply(Reply::Completed(result(n, bytewise.cursor())))
                }
                (_, SessionState::Committed | SessionState::Aborted) | (Content::Single(_), _) => {
                    Answer::Problem(ProblemKind::SessionGone)
                }
            },
            Action::Finalize { total, receipts, .. } => {
                match held.state {
                    SessionState::Open => {}
                    SessionState::Committed => {
                        held.finalized_again += 1;
                        return Answer::Problem(ProblemKind::SessionGone);
                    }
                    SessionState::Aborted => return Answer::Problem(ProblemKind::SessionGone),
                }
                let refused = match &mut held.content {
                    Content::Numbered(numbered) => {
                        if !numbered.is_empty()
                            && std::mem::replace(&mut self.memory, Memory::Good) == Memory::LosesOnce
                        {
                            numbered.lose_first();
                            held.forgot = true;
                            return Answer::Problem(ProblemKind::SegmentsMissing);
                        }
                        numbered.finalize(*total, receipts.as_deref(), held.forgot)
                    }
                    Content::Bytewise(bytewise) => {
                        (bytewise.cursor() != *total).then_some(ProblemKind::SizeMismatch)
                    }
                    Content::Single(_) => Some(ProblemKind::SegmentsMissing),
                };
                if let Some(problem) = refused {
                    return Answer::Problem(problem);
                }
                (held.state, held.total) = (SessionState::Committed, Some(*total));
                Answer::Reply(held.processor.status(settings, result(n, *total)))
            }
            Action::Status { .. } => match held.state {
                SessionState::Committed => {
                    let made = result(n, held.total.unwrap_or(0));
                    Answer::Reply(held.processor.status(settings, made))
                }
                SessionState::Open | SessionState::Aborted => Answer::Problem(ProblemKind::SessionGone),
            },
            Action::Verify { .. } => Answer::Reply(match (settings.model.verifies(), held.state) {
                (false, _) => Reply::Verified(Verdict::CannotTell),
                (true, SessionState::Committed) => {
                    held.processor.verified(settings, result(n, held.total.unwrap_or(0)))
                }
                (true, SessionState::Open | SessionState::Aborted) => Reply::Verified(Verdict::NotCommitted),
            }),
            Action::Abort { taken, .. } => match (held.state, taken) {
                (SessionState::Committed, _) => Answer::Problem(ProblemKind::SessionGone),
                // It lists what it holds.
                (SessionState::Open, Taken::Yes) => Answer::Problem(ProblemKind::Transient),
                (SessionState::Open, Taken::No) | (SessionState::Aborted, _) => {
                    held.state = SessionState::Aborted;
                    match held.abort_rounds.checked_sub(1) {
                        Some(left) => {
                            held.abort_rounds = left;
                            Answer::Reply(Reply::AbortPending)
                        }
                        None => Answer::Reply(Reply::Aborted),
                    }
                }
            },
            Action::Init { .. } => Answer::Reset,
        }
    }

    fn open(&mut self, now: Timestamp, total: Option<u64>) -> Reply {
        let session = Session::new(format!("s{}", self.sessions.len()));
        let expires = self.settings.lifetime.map(Delay::After);
        let content = if self.settings.model.is_parts() {
            Content::Numbered(Numbered::new(self.sessions.len()))
        } else {
            Content::Bytewise(Bytewise::default())
        };
        self.sessions.push(self.held(total, content, expires.map(|expires| expires.until(now))));
        Reply::Opened { session, expires }
    }

    fn held(&self, total: Option<u64>, content: Content, expires: Option<Timestamp>) -> Held {
        Held {
            total,
            content,
            state: SessionState::Open,
            expires,
            processor: Processor::new(&self.settings),
            abort_rounds: self.settings.abort_rounds,
            emptied: false,
            told_ready: false,
            forgot: false,
            finalized_again: 0,
        }
    }
}

impl Limit {
    /// What it answers to a segment of so many bytes, if it does not like it.
    const fn objects(self, len: u64) -> Option<Answer> {
        match self {
            Self::Answered(most) if len > most => {
                Some(Answer::Problem(ProblemKind::TooLarge { ceiling: None }))
            }
            Self::Named(most) if len > most => {
                Some(Answer::Problem(ProblemKind::TooLarge { ceiling: Some(most) }))
            }
            Self::Reset(most) if len > most => Some(Answer::Reset),
            Self::None | Self::Answered(_) | Self::Named(_) | Self::Reset(_) => None,
        }
    }
}

fn result(n: usize, total: u64) -> Final {
    Final { id: format!("s{n}").into(), size: Some(total), expires_at: None, body: Bytes::new() }
}
