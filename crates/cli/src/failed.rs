//! What is said when something does not work: what happened, what is kept, how to go on, how to give it up.

use chunkwise::core::{ErrorKind, Failure, ProblemKind, Refusal, UploadError};
use chunkwise::driver::{DriverError, Left, SourceError, StartError, StoreError, UploadId};
use chunkwise::media::{FileError, FileProblem};
use chunkwise::s3::S3Error;
use chunkwise::tus::TusError;
use chunkwise::x::{Destination, XError};

use crate::credentials::CredentialsError;
use crate::exit::{Exit, Exits};
use crate::flags::Flags;
use crate::moment::moment;
use crate::render::shown;
use crate::settings::SettingsError;

/// A failure, ready to be told.
#[derive(Clone, Debug)]
pub(crate) struct Failed {
    pub(crate) exit: Exit,
    /// One sentence: what happened, and what to do about it.
    pub(crate) what: String,
    pub(crate) kept: Kept,
    /// The media id, if X has given one that may still be of use.
    pub(crate) media_id: Option<String>,
    /// Where to go on, where that is not the address or API of this command.
    pub(crate) elsewhere: Option<Box<Destination>>,
}

/// What is left on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// Nothing was begun.
    NothingBegun,
    /// Something was begun, and nothing is left of it.
    Nothing,
    /// A checkpoint, up to date.
    Checkpoint(UploadId),
    /// A checkpoint that was there before and has not been touched.
    Untouched(UploadId),
    /// A checkpoint that was there before, has not been touched, and can't be gone on from as things are.
    Unusable(UploadId),
    /// A checkpoint that may lag behind what was sent.
    Earlier(UploadId),
}

impl Failed {
    pub(crate) fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self { exit, what: what.into(), kept: Kept::NothingBegun, media_id: None, elsewhere: None }
    }

    /// The failure of an upload that was to be resumed: its checkpoint is still there unless the error says more.
    pub(crate) fn resuming(self, id: &UploadId) -> Self {
        match self.kept {
            Kept::NothingBegun => Self { kept: Kept::Untouched(id.clone()), ..self },
            Kept::Nothing
            | Kept::Checkpoint(_)
            | Kept::Untouched(_)
            | Kept::Unusable(_)
            | Kept::Earlier(_) => self,
        }
    }

    /// The failure of a running upload. One whose task broke down says nothing of its checkpoint: it is still there.
    pub(crate) fn running(self, id: &UploadId) -> Self {
        match self.kept {
            Kept::NothingBegun => Self { kept: Kept::Earlier(id.clone()), ..self },
            Kept::Nothing
            | Kept::Checkpoint(_)
            | Kept::Untouched(_)
            | Kept::Unusable(_)
            | Kept::Earlier(_) => self,
        }
    }

    /// The same, with the name of what it is about, unless that is told already.
    pub(crate) fn about(self, what: &str) -> Self {
        let told = self.what.contains(what) || self.what.contains(&shown(what));
        if told { self } else { Self { what: format!("{what}: {}", self.what), ..self } }
    }

    /// The command that goes on with the upload.
    pub(crate) fn go_on(&self, flags: &Flags, id: &UploadId) -> String {
        match &self.elsewhere {
            Some(destination) => flags.to(&destination.api, &destination.base_url).resume(id),
            None => flags.resume(id),
        }
    }

    /// Why an upload could not be resumed.
    pub(crate) fn resumed(error: XError, id: &UploadId) -> Self {
        match error {
            XError::Store(error) | XError::Start(StartError::Store(error)) => {
                let kept = match &error {
                    // There is nothing to go on with, or somebody else is at it.
                    StoreError::NotFound { .. } | StoreError::Locked { .. } => Kept::NothingBegun,
                    StoreError::Damaged { .. } | StoreError::Newer { .. } => Kept::Unusable(id.clone()),
                    StoreError::Unreadable { .. } | StoreError::Unwritable { .. } => {
                        Kept::Untouched(id.clone())
                    }
                };
                Self { kept, ..Self::from(error) }
            }
            // Before the file is as it was, or there again, going on can't work.
            error @ (XError::Start(StartError::Resume { .. } | StartError::SourceChanged { .. })
            | XError::FileGone { .. }
            | XError::NoPath { .. }) => Self { kept: Kept::Unusable(id.clone()), ..Self::from(error) },
            error => Self::from(error).resuming(id),
        }
    }
}

impl Kept {
    /// Its name in JSON.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::NothingBegun | Self::Nothing => "nothing",
            Self::Checkpoint(_) | Self::Untouched(_) => "checkpoint",
            Self::Unusable(_) => "unusable_checkpoint",
            Self::Earlier(_) => "earlier_checkpoint",
        }
    }

    /// The upload that something is kept of.
    pub(crate) const fn upload(&self) -> Option<&UploadId> {
        match self {
            Self::NothingBegun | Self::Nothing => None,
            Self::Checkpoint(id) | Self::Untouched(id) | Self::Unusable(id) | Self::Earlier(id) => Some(id),
        }
    }

    /// The upload that can be gone on with.
    pub(crate) const fn resumable(&self) -> Option<&UploadId> {
        match self {
            Self::NothingBegun | Self::Nothing | Self::Unusable(_) => None,
            Self::Checkpoint(id) | Self::Untouched(id) | Self::Earlier(id) => Some(id),
        }
    }

    /// What is kept, for people; nothing if nothing was begun.
    pub(crate) fn sentence(&self) -> Option<String> {
        match self {
            Self::NothingBegun => None,
            Self::Nothing => Some("nothing".to_owned()),
            Self::Checkpoint(id) => Some(format!("what the server has of it, as upload {id}")),
            Self::Untouched(id) => Some(format!("upload {id}, as it was")),
            Self::Unusable(id) => Some(format!("the checkpoint of upload {id}, as it was")),
            Self::Earlier(id) => Some(format!("upload {id}, as of an earlier checkpoint")),
        }
    }
}

impl From<SettingsError> for Failed {
    fn from(error: SettingsError) -> Self {
        Self::new(Exit::Config, error.to_string())
    }
}

impl From<CredentialsError> for Failed {
    fn from(error: CredentialsError) -> Self {
        let exit = match &error {
            CredentialsError::Settings(_) => Exit::Config,
            CredentialsError::Missing
            | CredentialsError::Both
            | CredentialsError::BothInEnvironment
            | CredentialsError::Incomplete { .. }
            | CredentialsError::Unreadable { .. }
            | CredentialsError::Empty { .. }
            | CredentialsError::NotText { .. }
            | CredentialsError::NotAToken { .. }
            | CredentialsError::NotCredentials { .. } => Exit::Auth,
        };
        Self::new(exit, error.to_string())
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        let mut what = error.to_string();
        if matches!(&error, StoreError::NotFound { .. }) {
            what.push_str("; `chunkwise uploads` shows those there are");
        }
        Self::new(error.exit(), what)
    }
}

impl From<&FileError> for Failed {
    fn from(error: &FileError) -> Self {
        let mut what = error.to_string();
        // How to raise the limit is ours to say.
        if matches!(&error.problem, FileProblem::Media(chunkwise::media::MediaError::TooLarge(_))) {
            what.push_str(" (--limits long-video, premium or none)");
        }
        Self::new(error.kind().exit(), what)
    }
}

impl From<XError> for Failed {
    fn from(error: XError) -> Self {
        let what = error.to_string();
        match error {
            XError::Media(error) => Self::from(&*error),
            XError::Source(error) => Self::new(error.exit(), what),
            XError::Start(error) => started(&error, what),
            XError::Store(error) => Self::from(error),
            XError::Upload(error) => ended(&error, Of::Media),
            XError::NoMedia => Self { kept: Kept::Nothing, ..Self::new(Exit::Protocol, what) },
            XError::AltText { id, media_id, failure } => Self {
                kept: Kept::Checkpoint(id),
                media_id: Some(media_id.to_string()),
                ..Self::new(failure.exit(), format!("{what}; the media id is good, resume to set the text"))
            },
            XError::BadAltText(_) => Self::new(Exit::Usage, what),
            XError::NotToX(_) => Self::new(Exit::Config, what),
            XError::OtherAddress { found, .. } => {
                Self { elsewhere: Some(found), ..Self::new(Exit::Config, what) }
            }
            XError::NoPath { .. } | XError::FileGone { .. } => Self::new(Exit::NoInput, what),
            // The list may grow within a version of the library; here that can only be a bug.
            _ => Self::new(Exit::Bug, what),
        }
    }
}

impl From<S3Error> for Failed {
    fn from(error: S3Error) -> Self {
        let what = error.to_string();
        match error {
            S3Error::Source(error) => Self::new(error.exit(), what),
            S3Error::Start(error) => started(&error, what),
            S3Error::Store(error) => Self::from(error),
            S3Error::Upload(error) => ended(&error, Of::Object),
            S3Error::NotToS3(_) | S3Error::OtherStore { .. } => Self::new(Exit::Config, what),
            S3Error::NoPath { id } => from_a_stream(id),
            S3Error::FileGone { id, .. } => {
                Self { kept: Kept::Unusable(id), ..Self::new(Exit::NoInput, what) }
            }
            S3Error::Delete { failure, .. } => Self::new(failure.exit(), what),
            S3Error::Random(_) => Self::new(Exit::Io, what),
            _ => Self::new(Exit::Bug, what),
        }
    }
}

impl From<TusError> for Failed {
    fn from(error: TusError) -> Self {
        let what = error.to_string();
        match error {
            TusError::Discovery(failure) => Self::new(failure.exit(), what),
            TusError::Unsupported(_) | TusError::NotToTus(_) | TusError::OtherEndpoint { .. } => {
                Self::new(Exit::Config, what)
            }
            TusError::Terminate { failure, .. } => Self::new(failure.exit(), what),
            TusError::Metadata(_) => Self::new(Exit::Usage, what),
            TusError::Source(error) => Self::new(error.exit(), what),
            TusError::Start(error) => started(&error, what),
            TusError::Store(error) => Self::from(error),
            TusError::Upload(error) => ended(&error, Of::Object),
            TusError::NoPath { id } => from_a_stream(id),
            TusError::FileGone { id, .. } => {
                Self { kept: Kept::Unusable(id), ..Self::new(Exit::NoInput, what) }
            }
            _ => Self::new(Exit::Bug, what),
        }
    }
}

/// What has no file and did not go to X came from standard input.
fn from_a_stream(id: UploadId) -> Failed {
    let what = format!(
        "upload {id} came from standard input, which is gone: it can only be discarded, and started anew"
    );
    Failed { kept: Kept::Unusable(id), ..Failed::new(Exit::NoInput, what) }
}

fn started(error: &StartError, what: String) -> Failed {
    let kept = match error {
        StartError::SourceChanged { id, .. } | StartError::Resume { id, .. } => Kept::Unusable(id.clone()),
        _ => Kept::NothingBegun,
    };
    Failed { kept, ..Failed::new(error.exit(), what) }
}

/// What an upload was to come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    /// A media of X's, whose session is its media id.
    Media,
    /// An object elsewhere. What its session is called is for the server alone.
    Object,
}

impl Of {
    /// What to do next. The engine does not know what X's tokens need.
    fn advice(self, error: &UploadError) -> String {
        match (self, &*error.kind) {
            (Self::Media, ErrorKind::Refused { failure: Failure::Answered(problem), .. })
                if problem.kind == ProblemKind::Refused(Refusal::Forbidden) =>
            {
                "Get a user token with the scope media.write (OAuth 1.0a: read and write), then upload again."
                    .to_owned()
            }
            (Self::Media | Self::Object, _) => error.advice(),
        }
    }
}

fn ended(error: &DriverError, of: Of) -> Failed {
    let (exit, what) = (error.exit(), told(error));
    match error {
        DriverError::Upload { error, left, fault } => {
            let what = match fault {
                Some(fault) if says_what_to_do(fault) => what,
                Some(_) | None => format!("{what}. {}", of.advice(error)),
            };
            // What has changed is not what can be gone on with.
            let changed = matches!(&*error.kind, ErrorKind::SourceChanged);
            // What is wrong with the source is said with what to do about it.
            let (kept, what) = match left {
                Left::Checkpoint(id) if changed => (Kept::Unusable(id.clone()), what),
                Left::Checkpoint(id) => (Kept::Checkpoint(id.clone()), what),
                Left::EarlierCheckpoint(id, error) => {
                    (Kept::Earlier(id.clone()), format!("{what} The last checkpoint is missing: {error}."))
                }
                Left::Nothing => (Kept::Nothing, what),
            };
            let media_id = error.session.as_ref().filter(|_| of == Of::Media && names_media(&error.kind));
            Failed { kept, media_id: media_id.map(ToString::to_string), ..Failed::new(exit, what) }
        }
        DriverError::Panicked(_) => {
            let what = format!("{what}. This is a bug in chunkwise, please report it.");
            Failed::new(exit, what)
        }
    }
}

/// What happened, with times as people read them.
fn told(error: &DriverError) -> String {
    match error {
        DriverError::Upload { error: UploadError { kind, .. }, .. } => match &**kind {
            ErrorKind::Throttled { operation, until } => {
                let until = moment(*until);
                format!("the server takes no {operation} before {until}, which is too long to wait")
            }
            _ => error.to_string(),
        },
        DriverError::Panicked(_) => error.to_string(),
    }
}

/// Whether the error about a source says itself what to do.
const fn says_what_to_do(fault: &SourceError) -> bool {
    match fault {
        SourceError::Missing { .. }
        | SourceError::NotAFile { .. }
        | SourceError::Changed { .. }
        | SourceError::Absent => true,
        SourceError::Unreadable { .. } | SourceError::Broken { .. } => false,
    }
}

/// Whether the media id may be of use to whoever uploaded, although the upload did not end well.
const fn names_media(kind: &ErrorKind) -> bool {
    match kind {
        ErrorKind::FinalizeUnknown { .. }
        | ErrorKind::ProcessingFailed { .. }
        | ErrorKind::StillProcessing { .. }
        | ErrorKind::StatusLost { .. }
        | ErrorKind::Integrity { .. } => true,
        ErrorKind::Refused { .. }
        | ErrorKind::Misconfigured { .. }
        | ErrorKind::Credentials { .. }
        | ErrorKind::Exhausted { .. }
        | ErrorKind::Throttled { .. }
        | ErrorKind::Deadline { .. }
        | ErrorKind::TooLarge { .. }
        | ErrorKind::SessionLost { .. }
        | ErrorKind::SourceChanged
        | ErrorKind::SourceUnreadable { .. }
        | ErrorKind::SizeMismatch { .. }
        | ErrorKind::Protocol { .. }
        | ErrorKind::Persist
        | ErrorKind::Cancelled
        | ErrorKind::Discarded(_) => false,
    }
}
