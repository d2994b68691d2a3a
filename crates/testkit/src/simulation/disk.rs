//! The disk: what checkpoints are on it, and what a crash in the middle of a write leaves.

use chunkwise_core::Checkpoint;

use crate::invariants::Breach;

/// The checkpoints that were written, oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk {
    kept: Vec<Checkpoint>,
    writes: u32,
}

impl Disk {
    pub(super) const fn new() -> Self {
        Self { kept: Vec::new(), writes: 0 }
    }

    /// A write begins; its number.
    pub(super) const fn begin(&mut self) -> u32 {
        self.writes += 1;
        self.writes - 1
    }

    pub(super) const fn writes(&self) -> u32 {
        self.writes
    }

    pub(super) fn keep(&mut self, checkpoint: Checkpoint) {
        self.kept.push(checkpoint);
    }

    pub(super) const fn len(&self) -> usize {
        self.kept.len()
    }

    /// Loses everything but the oldest so many.
    pub(super) fn truncate(&mut self, keep: usize) {
        self.kept.truncate(keep);
    }

    /// A write that breaks off after a part of the bytes: what is there can't be read, so the one before it counts.
    pub(super) fn tear(checkpoint: &Checkpoint, permille: u64) -> Result<(), Breach> {
        let rule = "the checkpoint's form";
        let bytes = serde_json::to_vec(checkpoint).map_err(|e| Breach { rule, detail: e.to_string() })?;
        let torn = &bytes[..(bytes.len() as u64 * permille.min(999) / 1_000) as usize];
        match serde_json::from_slice::<Checkpoint>(torn) {
            Err(_) => Ok(()),
            Ok(_) => Err(Breach { rule, detail: format!("a part of it can be read: {torn:?}") }),
        }
    }

    /// What another process finds: the newest one, as it comes back from its bytes.
    pub(super) fn newest(&self) -> Result<Option<Checkpoint>, Breach> {
        let Some(newest) = self.kept.last() else { return Ok(None) };
        let rule = "the checkpoint's form";
        let bytes = serde_json::to_vec(newest).map_err(|e| Breach { rule, detail: e.to_string() })?;
        let back: Checkpoint =
            serde_json::from_slice(&bytes).map_err(|e| Breach { rule, detail: e.to_string() })?;
        if back != *newest {
            return Err(Breach { rule, detail: format!("{newest:?} came back as {back:?}") });
        }
        Ok(Some(back))
    }
}
