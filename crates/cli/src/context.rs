//! What every command is given.

use std::sync::Arc;

use indicatif::MultiProgress;
use tokio_util::sync::CancellationToken;

use crate::args::OutputOptions;
use crate::exit::Exit;
use crate::failed::Failed;
use crate::interrupt;
use crate::render::{Render, renderer};
use crate::settings::Layers;

/// What every command is given.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) output: OutputOptions,
    pub(crate) layers: Layers,
    pub(crate) terminal: MultiProgress,
}

impl Context {
    /// Somebody who tells of this many uploads, and a token that the first Ctrl-C cancels. What is stored is kept then.
    pub(crate) fn watch(&self, uploads: usize) -> Result<(Arc<dyn Render>, CancellationToken), Failed> {
        self.watch_telling(uploads, "stopping: what is stored is kept (once more to stop at once)")
    }

    /// The same with what is said at the first Ctrl-C.
    pub(crate) fn watch_telling(
        &self,
        uploads: usize,
        stopping: &'static str,
    ) -> Result<(Arc<dyn Render>, CancellationToken), Failed> {
        let render: Arc<dyn Render> = renderer(&self.output, uploads, &self.terminal).into();
        let told = Arc::clone(&render);
        let stop = interrupt::listen(move || told.note(stopping));
        let stop =
            stop.map_err(|error| Failed::new(Exit::Io, format!("signals can't be listened to: {error}")))?;
        Ok((render, stop))
    }
}
