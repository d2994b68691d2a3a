//! `chunkwise upload URL`: media that is fetched, and goes to X while it still arrives where its length is known.
//!
//! What is fetched is in a file without a name, which is gone with this process, however that ends; so an upload of a URL
//! can't be gone on with. It is begun anew.

mod options;
mod spool;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chunkwise::Secret;
use chunkwise::driver::{FileSource, GrowthHandle, Source};
use chunkwise::media::{
    FirstLook, Inspection, Inspector, Media, MediaError, OnContradiction, Wanted as More,
};
use chunkwise::x::XUploader;
use chunkwise_fetch::{FetchError, Fetched, FetchedBody, Fetcher, PublicReason};
use tokio_util::sync::CancellationToken;

pub(crate) use self::options::{FetchOptions, Fetching, label};
use self::spool::Spool;
use crate::exit::{Exit, Exits};
use crate::failed::{Failed, Kept};
use crate::flags::Flags;
use crate::render::{Done, Render, Slot, Start, Started};
use crate::upload::{Wanted, end, follow_media, going};

/// How far the fetch is, is told not more often than this.
const NOT_MORE_OFTEN: Duration = Duration::from_millis(500);

/// What all URLs of a command share.
pub(crate) struct Job<'a> {
    pub(crate) render: &'a dyn Render,
    pub(crate) stop: &'a CancellationToken,
    pub(crate) media: &'a Wanted,
    pub(crate) uploader: &'a XUploader,
    pub(crate) flags: &'a Flags,
    pub(crate) fetching: &'a Fetching,
}

impl Job<'_> {
    /// One URL, from its fetch to the end of its upload.
    pub(crate) async fn one(&self, slot: Slot, url: &Secret<String>) -> Exit {
        let told = Told { render: self.render, slot, label: label(url.expose()), last: None };
        let name = told.label.clone();
        let ending = self.carried(told, url).await;
        end(self.render, slot, &name, self.flags, ending)
    }

    async fn carried(&self, mut told: Told<'_>, url: &Secret<String>) -> Result<Done, Failed> {
        let Fetching { fetcher, folder } = self.fetching;
        let slot = told.slot;
        let name = told.label.clone();
        let arrival = async { arrive(fetcher, folder, self.media.inspection(), url, &mut told).await };
        let arrived = tokio::select! {
            biased;
            () = self.stop.cancelled() => return Err(interrupted()),
            arrived = arrival => arrived?,
        };
        match arrived {
            Arrived::Whole(source, media) => self.sent(slot, &name, source, media).await,
            Arrived::Growing(source, media, rest) => {
                let bringing = rest.bring(told);
                let sending = self.sent(slot, &name, source, media);
                tokio::pin!(bringing, sending);
                tokio::select! {
                    brought = &mut bringing => {
                        // What broke the source is the reason, whatever the upload says of it; it has its end to come to.
                        let sent = sending.await;
                        if self.stop.is_cancelled() {
                            return sent;
                        }
                        brought?;
                        sent
                    }
                    // It has failed: nobody waits for the rest.
                    sent = &mut sending => sent,
                }
            }
        }
    }

    async fn sent(
        &self,
        slot: Slot,
        name: &str,
        source: Arc<dyn Source>,
        media: Media,
    ) -> Result<Done, Failed> {
        let handle = self.media.described(self.uploader.upload_source(source, media)).start().await?;
        let destination = handle.destination();
        let id = handle.id().clone();
        let started = Started {
            id: id.clone(),
            file: Some(PathBuf::from(name)),
            going: going(destination),
            total: Some(media.size),
            start: Start::Anew,
        };
        let ended = follow_media(self.render, self.stop, slot, handle, started).await;
        let Err(failed) = ended else { return ended };
        // There is nothing to go on with: what was fetched is gone.
        let _ = self.uploader.driver().forget(&id).await;
        let failed = if failed.exit == Exit::Interrupted { interrupted() } else { failed };
        Err(Failed { kept: Kept::Nothing, elsewhere: None, ..failed })
    }
}

fn interrupted() -> Failed {
    let what = "interrupted; what was fetched is gone: the same command begins anew";
    Failed { kept: Kept::Nothing, ..Failed::new(Exit::Interrupted, what) }
}

/// Tells how far a fetch is.
struct Told<'a> {
    render: &'a dyn Render,
    slot: Slot,
    label: String,
    last: Option<Instant>,
}

impl Told<'_> {
    fn tell(&mut self, got: u64, total: Option<u64>) {
        let due = self.last.is_none_or(|last| last.elapsed() >= NOT_MORE_OFTEN);
        if due || total == Some(got) {
            self.last = Some(Instant::now());
            self.render.fetched(self.slot, &self.label, got, total);
        }
    }

    fn warn(&self, looked: &FirstLook) -> Result<(), Failed> {
        let file = PathBuf::from(&self.label);
        if let Some(finding) = looked.refusal() {
            return Err(Failed::new(Exit::BadMedia, finding.to_string()));
        }
        looked.findings.iter().for_each(|finding| self.render.warning(&file, finding));
        Ok(())
    }
}

/// Media from a URL.
enum Arrived {
    /// It is here, and was looked into.
    Whole(Arc<dyn Source>, Media),
    /// It still comes, and what it is is known.
    Growing(Arc<dyn Source>, Media, Box<Rest>),
}

/// Fetches the media at a URL: as far as it takes to know what it is, if its length is known; otherwise all of it.
async fn arrive(
    fetcher: &Fetcher,
    folder: &std::path::Path,
    inspection: Inspection,
    url: &Secret<String>,
    told: &mut Told<'_>,
) -> Result<Arrived, Failed> {
    let Fetched { media_type, len, extension, mut body, .. } = fetcher.get(url).await.map_err(failed)?;
    let mut inspection = inspection.on_contradiction(OnContradiction::BelieveContent);
    if let Some(declared) = media_type.and_then(|told| told.parse().ok()) {
        inspection = inspection.declared(declared);
    }
    if let Some(extension) = extension {
        inspection = inspection.file_name(&format!("media.{extension}"));
    }
    let mut inspector: Inspector = inspection.inspector();
    let mut spool = Spool::new(folder)?;
    while let Some(piece) = body.next_chunk().await.map_err(failed)? {
        spool.write(&piece).await?;
        told.tell(spool.len(), len);
        let more = inspector.push(&piece);
        let Some(len) = len.filter(|len| more == More::Nothing && spool.len() < *len) else { continue };
        let looked = inspector.first_look(Some(len)).map_err(|error| bad(&error))?;
        told.warn(&looked)?;
        let (source, growth) = spool.growing(len).await?;
        let rest = Rest { body, spool, growth, inspection, len, has_looked: looked.structure.is_some() };
        return Ok(Arrived::Growing(Arc::new(source), looked.media, Box::new(rest)));
    }
    told.tell(spool.len(), Some(spool.len()));
    let (checked, source): (_, FileSource) = spool.whole(inspection).await?;
    if let Some(finding) = checked.refusal() {
        return Err(Failed::new(Exit::BadMedia, finding.to_string()));
    }
    let file = PathBuf::from(&told.label);
    checked.warnings().for_each(|finding| told.render.warning(&file, finding));
    Ok(Arrived::Whole(Arc::new(source), checked.media))
}

/// What is still to come.
struct Rest {
    body: FetchedBody,
    spool: Spool,
    growth: GrowthHandle,
    inspection: Inspection,
    len: u64,
    /// What is inside was seen in the first bytes.
    has_looked: bool,
}

impl Rest {
    /// Brings it in, and looks into it before its last bytes may go. If that fails, the source that grows with it is broken,
    /// and so is its upload.
    async fn bring(self, mut told: Told<'_>) -> Result<(), Failed> {
        let Self { mut body, mut spool, growth, inspection, len, has_looked } = self;
        while let Some(piece) = body.next_chunk().await.map_err(failed)? {
            spool.write(&piece).await?;
            told.tell(spool.len(), Some(len));
            if spool.len() < len {
                spool.flush().await?;
                growth.available(spool.len());
            }
        }
        if !has_looked {
            let checked = spool.check(inspection).await?;
            if let Some(finding) = checked.refusal() {
                return Err(Failed::new(Exit::BadMedia, finding.to_string()));
            }
            let file = PathBuf::from(&told.label);
            checked.warnings().for_each(|finding| told.render.warning(&file, finding));
        }
        spool.flush().await?;
        growth.ended(spool.len());
        Ok(())
    }
}

fn bad(error: &MediaError) -> Failed {
    Failed::new(error.kind().exit(), error.to_string())
}

/// Why a URL could not be fetched, in as few words as a stranger gets: it may be a stranger's URL that somebody passed on.
fn failed(error: FetchError) -> Failed {
    let (exit, what) = match error.public() {
        PublicReason::BadUrl => (
            Exit::Usage,
            "it is no http or https URL of usual length, without credentials and with a usual port (--allow-port)"
                .to_owned(),
        ),
        PublicReason::NotFetched => (
            Exit::NoInput,
            "it could not be fetched: check the address (-v tells more); what is in a private network has to be \
             allowed with --allow-host or --allow-network"
                .to_owned(),
        ),
        PublicReason::TooLarge { limit } => (
            Exit::BadMedia,
            format!("it is larger than {limit} bytes (--limits long-video, premium or none)"),
        ),
        PublicReason::Unsupported => {
            (Exit::NoInput, "it was answered packed, or without an end that can be told".to_owned())
        }
        PublicReason::Interrupted => (
            Exit::Temporary,
            "it broke off, came too slowly or had another length than announced: try again".to_owned(),
        ),
    };
    Failed { kept: Kept::Nothing, ..Failed::new(exit, what) }
}
