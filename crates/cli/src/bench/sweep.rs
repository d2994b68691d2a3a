//! The sweep: all settings once, then all of them again, so that what disturbs the machine for a while strikes all alike.

use tokio_util::sync::CancellationToken;

use super::cell::{Cell, State};
use super::setting::Setting;
use super::speaks::Speaks;
use super::target::Target;
use super::telling::Telling;
use crate::exit::Exit;
use crate::failed::Failed;

/// The settings and what came of them.
#[derive(Debug)]
pub(super) struct Sweep {
    pub(super) speaks: Speaks,
    /// Bytes of each upload.
    pub(super) size: u64,
    pub(super) rounds: u32,
    pub(super) cells: Vec<Cell>,
    pub(super) ended: Ended,
}

/// How a sweep ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// Every round was made.
    Complete,
    /// It was stopped; what was measured is there.
    Interrupted,
}

impl Sweep {
    pub(super) fn new(settings: Vec<Setting>, speaks: Speaks, size: u64, rounds: u32) -> Self {
        let cells = settings.into_iter().map(|setting| Cell::new(setting, speaks, size)).collect();
        Self { speaks, size, rounds, cells, ended: Ended::Complete }
    }

    /// Settings that can be measured, with the requests of one upload.
    pub(super) fn planned(&self) -> impl Iterator<Item = (Setting, u64)> + Clone {
        self.cells.iter().filter_map(|cell| match cell.state {
            State::Goes { requests } => Some((cell.setting, requests)),
            State::Failed { .. } | State::Unplannable(_) => None,
        })
    }

    /// Measures. What fails is left out from then on, the rest goes on.
    ///
    /// # Errors
    ///
    /// If nothing can be uploaded at all: then the first upload, which is to warm up, fails.
    pub(super) async fn run(
        &mut self,
        target: &Target,
        stop: &CancellationToken,
        telling: &Telling,
    ) -> Result<(), Failed> {
        if target.is_real()
            && let Some((setting, _)) = self.planned().last()
        {
            telling.warming_up();
            let troubles = |trouble: String| telling.trouble(&trouble);
            match target.measure(setting, self.size, 0, stop, &troubles).await {
                Ok(_) => {}
                Err(failed) if failed.exit == Exit::Interrupted => {
                    self.ended = Ended::Interrupted;
                    return Ok(());
                }
                Err(failed) => return Err(failed),
            }
        }
        for round in 1..=self.rounds {
            for cell in &mut self.cells {
                match cell.state {
                    State::Goes { .. } => {}
                    State::Failed { .. } | State::Unplannable(_) => continue,
                }
                telling.measuring(round, cell.setting);
                match target.measure(cell.setting, self.size, round, stop, &|_| ()).await {
                    Ok(sample) => {
                        cell.samples.push(sample);
                        telling.measured(round, cell.setting, self.size, &sample);
                    }
                    Err(failed) if failed.exit == Exit::Interrupted => {
                        self.ended = Ended::Interrupted;
                        return Ok(());
                    }
                    Err(failed) => {
                        telling.failed(round, self.rounds - round, cell.setting, &failed.what);
                        cell.state = State::Failed { exit: failed.exit, reason: failed.what };
                    }
                }
            }
        }
        Ok(())
    }
}
