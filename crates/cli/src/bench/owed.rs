//! What a bench has put somewhere, and how it is removed from there.

use chunkwise::core::Discard;
use chunkwise::driver::UploadId;
use chunkwise::s3::Deleted;

use crate::exit::Exit;
use crate::failed::Failed;
use crate::to::Elsewhere;

/// Something at the other end that is still to be removed.
pub(super) struct Owed {
    uploader: Elsewhere,
    thing: Thing,
}

enum Thing {
    /// An object, by its address.
    Object(String),
    /// An object that a bucket with versions keeps when it is deleted.
    Version(String),
    /// An upload that did not end well, and where its object would be, if that is known.
    Upload { id: UploadId, address: Option<String> },
    /// An upload that has ended somehow, of which nobody knows where.
    Somewhere,
}

/// What is left at the other end, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Left {
    /// Where.
    pub(super) what: String,
    pub(super) why: Why,
}

/// Why something is left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// The server has no way to forget an upload, which was said before the first.
    Unable,
    /// It could not be removed.
    Failed(String),
}

impl Left {
    /// In a line for people.
    pub(super) fn sentence(&self) -> String {
        match &self.why {
            Why::Unable => format!("stays there: {}", self.what),
            Why::Failed(why) => format!("left there: {} ({why}); remove it yourself", self.what),
        }
    }
}

impl Owed {
    /// An object that is there.
    pub(super) const fn object(uploader: Elsewhere, address: String) -> Self {
        Self { uploader, thing: Thing::Object(address) }
    }

    /// What there may be of an upload that did not end well.
    pub(super) const fn upload(uploader: Elsewhere, id: UploadId, address: Option<String>) -> Self {
        Self { uploader, thing: Thing::Upload { id, address } }
    }

    /// Removes it.
    ///
    /// # Errors
    ///
    /// What is still owed, and why.
    pub(super) async fn settle(self) -> Result<(), (Self, Failed)> {
        let Self { uploader, thing } = self;
        let address = match thing {
            Thing::Object(address) => address,
            Thing::Upload { id, address } => match uploader.discard(&id).await {
                Ok(
                    Discard::NothingToDo
                    | Discard::Confirmed
                    | Discard::ExpiresByItself
                    | Discard::LeftBehind,
                ) => return Ok(()),
                Ok(Discard::AlreadyCommitted(Some(object))) => object.id.to_string(),
                Ok(Discard::AlreadyCommitted(None) | Discard::Unknown) => match address {
                    Some(address) => address,
                    None => {
                        let failed = Failed::new(Exit::Temporary, "nobody can tell what became of an upload");
                        return Err((Self { uploader, thing: Thing::Somewhere }, failed));
                    }
                },
                Ok(Discard::Unconfirmed { failure }) => {
                    let why = failure.map_or_else(|| "no answer".to_owned(), |failure| failure.to_string());
                    let what = format!("the server did not confirm that it forgot an upload: {why}");
                    let thing = Thing::Upload { id, address };
                    return Err((Self { uploader, thing }, Failed::new(Exit::Temporary, what)));
                }
                Err(failed) => return Err((Self { uploader, thing: Thing::Upload { id, address } }, failed)),
            },
            thing @ Thing::Version(_) => return Err((Self { uploader, thing }, versioned())),
            thing @ Thing::Somewhere => {
                let failed = Failed::new(Exit::Temporary, "nobody can tell what became of an upload");
                return Err((Self { uploader, thing }, failed));
            }
        };
        match uploader.remove(&address).await {
            Ok(Deleted::Gone) => Ok(()),
            Ok(Deleted::Hidden) => Err((Self { uploader, thing: Thing::Version(address) }, versioned())),
            Err(failed) => Err((Self { uploader, thing: Thing::Object(address) }, failed)),
        }
    }

    /// Tells that it stays.
    pub(super) fn left(self, failed: &Failed) -> Left {
        let what = match self.thing {
            Thing::Object(address) => address,
            Thing::Version(address) => format!("the versions of {address}"),
            Thing::Upload { address: Some(address), .. } => {
                format!("what there is of an upload to {address}")
            }
            Thing::Upload { address: None, .. } | Thing::Somewhere => "what there is of an upload".to_owned(),
        };
        Left { what, why: Why::Failed(failed.what.clone()) }
    }
}

fn versioned() -> Failed {
    Failed::new(
        Exit::Config,
        "the bucket keeps versions of what is deleted: every upload would stay there; measure in a bucket without \
         versioning",
    )
}
