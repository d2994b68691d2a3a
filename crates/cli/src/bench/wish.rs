//! Where the uploads go, as it stands on the command line.

use super::cost::Pays;
use super::link::Wanted;
use super::speaks::Speaks;
use super::x_itself::Told;
use crate::args::{ConnectionOptions, CredentialOptions, Untold};
use crate::exit::Exit;
use crate::failed::Failed;
use crate::flags::Flags;
use crate::to::{Place, StoreAddress, To};
use crate::values::Size;

/// What is uploaded over a link where nothing has to be sent: a video as large as X takes, since how fast a setting is depends
/// on how many segments there are to fill the link with. In segments of 256 KiB it would have more of them than X takes.
const SIZE_OF_A_LINK: Size = Size::of(512_000_000);

/// Where the uploads go, as it stands on the command line.
pub(super) enum Wish {
    Sandbox,
    Endpoint { url: Untold, api: Option<String>, told: Told },
    Elsewhere { place: Place, store: StoreAddress, pays: Pays },
    Link(Wanted),
    LinkOverSockets(Wanted),
}

impl Wish {
    /// What is for an endpoint is of no use without one, and what is for X's own nowhere else.
    pub(super) fn check(
        &self,
        credentials: &CredentialOptions,
        connection: &ConnectionOptions,
    ) -> Result<(), Failed> {
        let CredentialOptions { token_file, credentials_file, token_stdin } = credentials;
        let oauth = [("--credentials-file", credentials_file.is_some())];
        let token = [("--token-file", token_file.is_some()), ("--token-stdin", *token_stdin)];
        let way = [
            ("--proxy", connection.proxy.is_some()),
            ("--no-proxy-env", connection.no_proxy_env.is_some()),
            ("--ca-file", connection.ca_file.is_some()),
        ];
        let given =
            |flags: &[(&'static str, bool)]| flags.iter().find(|(_, given)| *given).map(|(flag, _)| *flag);
        let wrong = match self {
            Self::Endpoint { .. } => None,
            Self::Elsewhere { place: Place::Tus(_), .. } => given(&oauth).map(|flag| {
                format!("{flag} is for X: a tus server's token is CHUNKWISE_TUS_TOKEN, or in --token-file")
            }),
            Self::Elsewhere { place: Place::S3 { .. }, .. } => given(&token).or(given(&oauth)).map(|flag| {
                format!("{flag} is not for S3: its keys are AWS_ACCESS_KEY_ID and its like; leave it out")
            }),
            Self::Sandbox | Self::Link(_) | Self::LinkOverSockets(_) => {
                given(&[&token[..], &oauth, &way].concat())
                    .map(|flag| format!("{flag} is for an endpoint: give --url or --to too, or leave it out"))
            }
        };
        wrong.map_or(Ok(()), |what| Err(Failed::new(Exit::Usage, what)))
    }

    pub(super) fn speaks(&self) -> Speaks {
        match self {
            Self::Elsewhere { place, .. } => Speaks::from(place),
            Self::Sandbox | Self::Endpoint { .. } | Self::Link(_) | Self::LinkOverSockets(_) => Speaks::X,
        }
    }

    /// What is uploaded each time, and how many segments at once there are at most, unless other numbers are said.
    pub(super) fn scale(&self) -> (Size, u32) {
        match self {
            Self::Link(_) => (SIZE_OF_A_LINK, 32),
            Self::Sandbox | Self::Endpoint { .. } | Self::Elsewhere { .. } | Self::LinkOverSockets(_) => {
                (self.speaks().size(), 8)
            }
        }
    }

    /// What is said at the first Ctrl-C.
    pub(super) const fn stopping(&self) -> &'static str {
        match self {
            Self::Elsewhere { .. } => {
                "stopping: what was uploaded is removed, what was measured is shown (once more to stop at once)"
            }
            Self::Sandbox | Self::Endpoint { .. } | Self::Link(_) | Self::LinkOverSockets(_) => {
                "stopping: what was measured is shown (once more to stop at once)"
            }
        }
    }

    /// The command that uploads there, but for what is recommended and the file.
    pub(super) fn command(&self, flags: &Flags) -> String {
        match self {
            Self::Elsewhere { place, store, .. } => flags.upload(place, store),
            Self::Sandbox | Self::Endpoint { .. } | Self::Link(_) | Self::LinkOverSockets(_) => {
                "chunkwise upload".to_owned()
            }
        }
    }
}

/// Reads where to: a folder of a bucket, or a tus server.
pub(super) fn elsewhere(text: &str) -> Result<Place, String> {
    match text.parse()? {
        To::X => Err("X's protocol is measured with --url".to_owned()),
        To::Elsewhere(place) if place.takes_several() => Ok(place),
        To::Elsewhere(_) => {
            Err("a bench overwrites and deletes no object of yours: it makes a name of its own, and \
                                 wants a bucket or a folder, as in s3://bucket or s3://bucket/folder/"
                .to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_may_be_somebodys_is_no_place_for_a_bench() {
        for good in ["s3://media", "s3://media/", "s3://media/a/b/", "tus+https://tus.example/files/"] {
            assert!(elsewhere(good).is_ok(), "{good}");
        }
        for (bad, why) in [
            ("s3://media/clip.mp4", "overwrites and deletes no object of yours"),
            ("x", "--url"),
            ("https://tus.example", "tus+https://"),
        ] {
            let told = elsewhere(bad).unwrap_err();
            assert!(told.contains(why), "{bad}: {told}");
        }
    }
}
