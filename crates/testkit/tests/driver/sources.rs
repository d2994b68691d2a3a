//! Sources that hold the pattern.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chunkwise_core::{ByteRange, Timestamp, UploadSpec};
use chunkwise_driver::{FileSource, GrowingFile, GrowthHandle, Source};
use chunkwise_testkit::Chance;
use chunkwise_testkit::scenario::{self, Scenario};
use chunkwise_testkit::transport::{ModelTransport, content, fill};

/// In memory, or read like a file.
pub(crate) struct PatternSource {
    len: u64,
    resident: bool,
}

impl PatternSource {
    /// Read piece by piece on other threads.
    pub(crate) const fn read(len: u64) -> Self {
        Self { len, resident: false }
    }

    /// In memory already.
    pub(crate) const fn resident(len: u64) -> Self {
        Self { len, resident: true }
    }
}

impl Source for PatternSource {
    fn spec(&self) -> UploadSpec {
        UploadSpec::whole(self.len)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let len = buffer.len().min(self.len.saturating_sub(offset) as usize);
        fill(offset, &mut buffer[..len]);
        Ok(len)
    }

    fn resident(&self, range: ByteRange) -> Option<Bytes> {
        self.resident.then(|| {
            let mut bytes = vec![0; range.len() as usize];
            fill(range.start(), &mut bytes);
            bytes.into()
        })
    }
}

/// Where the bytes of a scenario come from, whatever process asks.
pub(crate) enum Origin {
    Read(u64),
    Resident(u64),
    File(tempfile::NamedTempFile),
    /// It grows to these lengths at these times.
    Growing(tempfile::NamedTempFile, Vec<(Timestamp, u64)>),
}

impl Origin {
    /// As the scenario has it. What can be read once only is no source of the driver's: it is a whole one here.
    pub(crate) fn new(scenario: &Scenario, chance: &mut Chance, begin: Timestamp) -> Self {
        let total = scenario.total;
        let file = || tempfile::NamedTempFile::new().unwrap();
        match (scenario.source, chance.below(3)) {
            (scenario::Source::Growing, _) => {
                let (mut at, mut up_to, mut steps) = (begin, 0, Vec::new());
                while up_to < total {
                    at = at.after(chance.millis(1, 1_500));
                    up_to = (up_to + 1 + chance.below(total / 4 + 60)).min(total);
                    steps.push((at, up_to));
                }
                Self::Growing(file(), steps)
            }
            (scenario::Source::Whole | scenario::Source::Once, 0) => Self::Read(total),
            (scenario::Source::Whole | scenario::Source::Once, 1) => Self::Resident(total),
            (scenario::Source::Whole | scenario::Source::Once, _) => {
                let file = file();
                fs::write(file.path(), content(total as usize)).unwrap();
                Self::File(file)
            }
        }
    }

    /// The source as a process finds it now, and what makes it grow.
    pub(crate) fn open(&self, transport: &ModelTransport) -> (Arc<dyn Source>, Growth) {
        match self {
            Self::Read(total) => (Arc::new(PatternSource::read(*total)), Growth(None)),
            Self::Resident(total) => (Arc::new(PatternSource::resident(*total)), Growth(None)),
            Self::File(file) => (Arc::new(FileSource::open(file.path()).unwrap()), Growth(None)),
            Self::Growing(file, steps) => {
                let total = steps.last().map_or(0, |(_, up_to)| *up_to);
                let now = transport.now();
                let mut due = steps.iter().filter(|(at, _)| *at <= now);
                let available = due.next_back().map_or(0, |(_, up_to)| *up_to);
                grow(file, available);
                let (source, handle) = GrowingFile::open(file.path(), Some(total), available).unwrap();
                let steps: Vec<_> = steps.iter().copied().filter(|(at, _)| *at > now).collect();
                (Arc::new(source), Growth(Some((file.reopen().unwrap(), handle, steps, total))))
            }
        }
    }
}

/// What makes a source grow: the file, whom to tell, when it grows how far, and its whole length.
type Growing = (fs::File, GrowthHandle, Vec<(Timestamp, u64)>, u64);

/// What makes a source grow, if anything does.
pub(crate) struct Growth(Option<Growing>);

impl Growth {
    /// Until it grows no more.
    pub(crate) async fn run(self, transport: &ModelTransport) {
        let Some((file, handle, steps, total)) = self.0 else { return };
        for (at, up_to) in steps {
            tokio::time::sleep(at.since(transport.now())).await;
            let file = &file;
            let have = file.metadata().unwrap().len();
            append(file, have, up_to);
            transport.disturb(Duration::ZERO);
            handle.available(up_to);
        }
        handle.ended(total);
    }
}

fn grow(file: &tempfile::NamedTempFile, up_to: u64) {
    let have = file.as_file().metadata().unwrap().len();
    append(&OpenOptions::new().append(true).open(file.path()).unwrap(), have, up_to);
}

fn append(file: &fs::File, have: u64, up_to: u64) {
    let mut bytes = vec![0; up_to.saturating_sub(have) as usize];
    fill(have, &mut bytes);
    let mut file = file;
    io::Seek::seek(&mut file, io::SeekFrom::Start(have)).unwrap();
    file.write_all(&bytes).unwrap();
}
