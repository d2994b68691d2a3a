//! What all connections of a sandbox share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::access::Nonces;
use crate::clock::Clock;
use crate::faults::FaultLedger;
use crate::media_directory::MediaDirectory;
use crate::rate_limit::Windows;
use crate::request_log::RequestLog;
use crate::segment_file::SegmentDirectory;
use crate::session::Sessions;
use crate::settings::{BearerToken, Settings};

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) clock: Clock,
    settings: Mutex<Arc<Settings>>,
    sessions: Mutex<Sessions>,
    windows: Mutex<Windows>,
    faults: Mutex<FaultLedger>,
    log: Mutex<RequestLog>,
    nonces: Mutex<Nonces>,
    pub(crate) segments: SegmentDirectory,
    pub(crate) ca_pem: Option<String>,
    /// Removed with the last user of this.
    pub(crate) directory: MediaDirectory,
}

/// A panic elsewhere leaves plain data behind that is as good as it was.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(crate) fn new(settings: Settings, directory: MediaDirectory, ca_pem: Option<String>) -> Self {
        let mut faults = FaultLedger::default();
        faults.install(settings.faults.clone());
        Self {
            clock: Clock::start(),
            settings: Mutex::new(Arc::new(settings)),
            sessions: Mutex::default(),
            windows: Mutex::default(),
            faults: Mutex::new(faults),
            log: Mutex::default(),
            nonces: Mutex::default(),
            segments: SegmentDirectory::new(directory.path().to_owned()),
            ca_pem,
            directory,
        }
    }

    pub(crate) fn settings(&self) -> Arc<Settings> {
        Arc::clone(&lock(&self.settings))
    }

    /// Changes the settings for every request from now on. A changed fault plan is installed anew.
    pub(crate) fn replace_settings(&self, settings: Settings) {
        let mut current = lock(&self.settings);
        if current.faults != settings.faults {
            lock(&self.faults).install(settings.faults.clone());
        }
        *current = Arc::new(settings);
    }

    fn change_settings(&self, change: impl FnOnce(&mut Settings)) {
        let mut current = lock(&self.settings);
        change(Arc::make_mut(&mut current));
    }

    /// From now on a token is unknown. Whether it was known.
    pub(crate) fn revoke(&self, token: &str) -> bool {
        let mut known = false;
        self.change_settings(|settings| {
            let before = settings.access.bearer.len();
            settings.access.bearer.retain(|bearer| bearer.token.reveal() != token);
            known = settings.access.bearer.len() < before;
        });
        known
    }

    /// From now on a token is accepted.
    pub(crate) fn accept(&self, token: BearerToken) {
        self.change_settings(|settings| {
            settings.access.bearer.retain(|bearer| bearer.token != token.token);
            settings.access.bearer.push(token);
        });
    }

    pub(crate) fn sessions(&self) -> MutexGuard<'_, Sessions> {
        lock(&self.sessions)
    }

    pub(crate) fn windows(&self) -> MutexGuard<'_, Windows> {
        lock(&self.windows)
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, FaultLedger> {
        lock(&self.faults)
    }

    pub(crate) fn log(&self) -> MutexGuard<'_, RequestLog> {
        lock(&self.log)
    }

    pub(crate) fn nonces(&self) -> MutexGuard<'_, Nonces> {
        lock(&self.nonces)
    }

    /// Forgets sessions, media, windows and the log; settings and faults stay, the faults' counts start anew.
    pub(crate) fn reset(&self) {
        let sessions = self.sessions().clear();
        // That removes files, which takes time.
        std::thread::spawn(move || drop(sessions));
        self.windows().clear();
        self.log().clear();
        let plan = self.faults().counts().into_iter().map(|count| count.rule).collect();
        self.faults().install(plan);
    }
}
