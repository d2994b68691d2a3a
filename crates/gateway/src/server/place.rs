//! Places among the uploads at once: of all, and of each key.
//!
//! A place is taken before a body is read: otherwise one key's slow bodies would take the places of all the others (threats
//! T8, T15).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::answer::Refusal;
use crate::store::{Key, KeyId};

/// When a place may be free again.
const SOON: Duration = Duration::from_secs(5);

/// All places, and how many each key has.
#[derive(Debug)]
pub(super) struct Places {
    all: Arc<Semaphore>,
    by_key: Mutex<HashMap<KeyId, u32>>,
}

/// One place; it is given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    key: KeyId,
    #[expect(dead_code, reason = "it is there to be dropped")]
    permit: OwnedSemaphorePermit,
}

impl Places {
    pub(super) fn new(most: u32) -> Arc<Self> {
        let most = usize::try_from(most).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Arc::new(Self { all: Arc::new(Semaphore::new(most)), by_key: Mutex::default() })
    }

    /// A place for this key.
    ///
    /// # Errors
    ///
    /// 429 if the key has as many as it may, 503 if there is none for anybody.
    pub(super) fn take(self: &Arc<Self>, key: &Key) -> Result<Place, Refusal> {
        let mut by_key = self.by_key.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = by_key.get(&key.id).copied().unwrap_or_default();
        if taken >= key.limits.uploads_at_once {
            return Err(Refusal::too_many("This API key has as many uploads under way as it may", SOON));
        }
        let busy = || Refusal::unavailable("Too many uploads are under way; ask again");
        let permit = self.all.clone().try_acquire_owned().map_err(|_| busy())?;
        by_key.insert(key.id.clone(), taken + 1);
        Ok(Place { places: self.clone(), key: key.id.clone(), permit })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut by_key = self.places.by_key.lock().unwrap_or_else(PoisonError::into_inner);
        match by_key.get_mut(&self.key) {
            Some(count) if *count > 1 => *count -= 1,
            Some(_) | None => drop(by_key.remove(&self.key)),
        }
    }
}
