//! What X does to a video after FINALIZE, as a script.

use serde::{Deserialize, Serialize};

use crate::clock::UnixMillis;

/// `processing_info.error` (X fact sheet §1.4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessingError {
    /// 1 is `InvalidMedia`, 3 is `UnsupportedMedia` (X fact sheet §7).
    pub code: i64,
    /// The error's name.
    pub name: String,
    /// For people.
    pub message: String,
}

impl ProcessingError {
    /// The failure met most often: code 1, `InvalidMedia`.
    pub fn invalid_media() -> Self {
        Self { code: 1, name: "InvalidMedia".into(), message: "Unsupported video format".into() }
    }
}

/// `processing_info` as it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessingInfo {
    /// `pending`, `in_progress`, `succeeded`, `failed`, or whatever a test wants to see a client cope with.
    pub state: String,
    /// Seconds to wait before the next poll.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check_after_secs: Option<u64>,
    /// 0 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress_percent: Option<u8>,
    /// Sent beside any state, not only `failed`: X has been seen to do so (X fact sheet §1.4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ProcessingError>,
}

impl ProcessingInfo {
    fn new(state: &str, check_after_secs: Option<u64>, progress_percent: Option<u8>) -> Self {
        Self { state: state.into(), check_after_secs, progress_percent, error: None }
    }

    fn with_error(mut self, error: ProcessingError) -> Self {
        self.error = Some(error);
        self
    }
}

/// How long a step is shown before the next one takes its place. The last step stays for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Lasts {
    /// In so many answers (FINALIZE's own counts as one of the first step). 0 skips the step.
    Answers(u32),
    /// For so many milliseconds of the sandbox's clock.
    Millis(u64),
}

impl Default for Lasts {
    fn default() -> Self {
        Self::Answers(1)
    }
}

/// One step of a [`ProcessingScript`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessingStep {
    /// What the answers show; `None` leaves `processing_info` out, which means ready (X fact sheet §2.4).
    #[serde(default)]
    pub info: Option<ProcessingInfo>,
    /// When the next step begins. Default: one answer.
    #[serde(default)]
    pub lasts: Lasts,
}

/// The steps of one media's processing, FINALIZE's answer first. Empty means: no processing at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProcessingScript {
    /// In the order they are shown.
    pub steps: Vec<ProcessingStep>,
}

impl ProcessingScript {
    /// One step per answer.
    pub fn of(infos: impl IntoIterator<Item = ProcessingInfo>) -> Self {
        let step = |info| ProcessingStep { info: Some(info), lasts: Lasts::default() };
        Self { steps: infos.into_iter().map(step).collect() }
    }

    /// `pending`, `in_progress` at 30 and 80 percent, `succeeded`; a hint of one second before each. The default.
    pub fn succeeds() -> Self {
        Self::of([
            ProcessingInfo::new("pending", Some(1), None),
            ProcessingInfo::new("in_progress", Some(1), Some(30)),
            ProcessingInfo::new("in_progress", Some(1), Some(80)),
            ProcessingInfo::new("succeeded", None, Some(100)),
        ])
    }

    /// `pending` for `millis` of the sandbox's clock, then `succeeded`.
    pub fn succeeds_after(millis: u64) -> Self {
        let hint = millis.div_ceil(1000).max(1);
        let mut script = Self::of([
            ProcessingInfo::new("pending", Some(hint), None),
            ProcessingInfo::new("succeeded", None, Some(100)),
        ]);
        if let Some(first) = script.steps.first_mut() {
            first.lasts = Lasts::Millis(millis);
        }
        script
    }

    /// `succeeded` already in FINALIZE's answer.
    pub fn already_succeeded() -> Self {
        Self::of([ProcessingInfo::new("succeeded", None, Some(100))])
    }

    /// `failed` already in FINALIZE's answer.
    pub fn already_failed(error: ProcessingError) -> Self {
        Self::of([ProcessingInfo::new("failed", None, None).with_error(error)])
    }

    /// `pending`, `in_progress`, then `failed` with this error.
    pub fn fails(error: ProcessingError) -> Self {
        Self::of([
            ProcessingInfo::new("pending", Some(1), None),
            ProcessingInfo::new("in_progress", Some(1), Some(30)),
            ProcessingInfo::new("failed", None, Some(30)).with_error(error),
        ])
    }

    /// `in_progress` at 99 percent for ever, an error beside it and no hint (X fact sheet §1.4, "stuck state").
    pub fn stuck(error: ProcessingError) -> Self {
        Self::of([
            ProcessingInfo::new("pending", Some(1), None),
            ProcessingInfo::new("in_progress", None, Some(99)).with_error(error),
        ])
    }

    /// Never ends, and says nothing wrong: `in_progress` at 50 percent with a hint.
    pub fn endless() -> Self {
        Self::of([ProcessingInfo::new("in_progress", Some(1), Some(50))])
    }

    /// Like [`succeeds`](Self::succeeds), but no answer has a `check_after_secs`.
    pub fn without_hints() -> Self {
        let mut script = Self::succeeds();
        for info in script.steps.iter_mut().filter_map(|step| step.info.as_mut()) {
            info.check_after_secs = None;
        }
        script
    }

    /// No `processing_info` in any answer: ready at once (X fact sheet §2.4).
    pub fn without_info() -> Self {
        Self { steps: Vec::new() }
    }

    /// A state that X does not document, for ever.
    pub fn unknown_state() -> Self {
        Self::of([ProcessingInfo::new("transmogrifying", Some(1), Some(50))])
    }
}

impl Default for ProcessingScript {
    fn default() -> Self {
        Self::succeeds()
    }
}

/// Which script is played for what. A script is bound to a media when it is finalized.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Processing {
    /// `tweet_video`, `amplify_video`, `dm_video`. Default: [`ProcessingScript::succeeds`].
    pub video: ProcessingScript,
    /// `tweet_gif`, `dm_gif`. Default: [`ProcessingScript::succeeds`].
    pub gif: ProcessingScript,
}

/// A script being played for one media.
#[derive(Debug, Clone)]
pub(crate) struct Playback {
    steps: Vec<ProcessingStep>,
    at: usize,
    entered: UnixMillis,
    shown: u32,
}

impl Playback {
    pub(crate) fn start(script: &ProcessingScript, now: UnixMillis) -> Self {
        Self { steps: script.steps.clone(), at: 0, entered: now, shown: 0 }
    }

    /// Nothing to play: ready at once.
    pub(crate) fn none() -> Self {
        Self { steps: Vec::new(), at: 0, entered: 0, shown: 0 }
    }

    /// Whether there is a script at all.
    pub(crate) fn is_played(&self) -> bool {
        !self.steps.is_empty()
    }

    /// What the next answer shows; counts as shown.
    pub(crate) fn show(&mut self, now: UnixMillis) -> Option<ProcessingInfo> {
        self.settle(now);
        self.shown = self.shown.saturating_add(1);
        self.current().cloned()
    }

    /// Whether a post may use the media.
    pub(crate) fn is_ready(&mut self, now: UnixMillis) -> bool {
        self.settle(now);
        self.current().is_none_or(|info| info.state == "succeeded")
    }

    /// The state shown now, without counting.
    pub(crate) fn state(&self) -> Option<&str> {
        self.current().map(|info| info.state.as_str())
    }

    fn current(&self) -> Option<&ProcessingInfo> {
        self.steps.get(self.at).and_then(|step| step.info.as_ref())
    }

    fn settle(&mut self, now: UnixMillis) {
        while self.at + 1 < self.steps.len() {
            match self.steps.get(self.at).map(|step| step.lasts) {
                Some(Lasts::Answers(count)) if self.shown >= count => self.entered = now,
                Some(Lasts::Millis(millis)) if now >= self.entered.saturating_add(millis) => {
                    self.entered = self.entered.saturating_add(millis);
                }
                Some(Lasts::Answers(_) | Lasts::Millis(_)) | None => return,
            }
            self.at += 1;
            self.shown = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn states(script: &ProcessingScript, times: impl IntoIterator<Item = u64>) -> Vec<Option<String>> {
        let mut playback = Playback::start(script, 0);
        times.into_iter().map(|now| playback.show(now).map(|info| info.state)).collect()
    }

    #[test]
    fn a_step_is_shown_in_as_many_answers_as_it_says() {
        let mut script = ProcessingScript::succeeds();
        script.steps[0].lasts = Lasts::Answers(2);
        let seen = states(&script, [0; 6]);
        let seen: Vec<&str> = seen.iter().map(|state| state.as_deref().unwrap()).collect();
        assert_eq!(seen, ["pending", "pending", "in_progress", "in_progress", "succeeded", "succeeded"]);
    }

    #[test]
    fn a_step_can_follow_the_clock() {
        let script = ProcessingScript::succeeds_after(1500);
        let seen = states(&script, [0, 1499, 1500, 9000]);
        let seen: Vec<&str> = seen.iter().map(|state| state.as_deref().unwrap()).collect();
        assert_eq!(seen, ["pending", "pending", "succeeded", "succeeded"]);
    }

    #[test]
    fn readiness_does_not_count_as_an_answer() {
        let mut playback = Playback::start(&ProcessingScript::succeeds(), 0);
        for _ in 0..10 {
            assert!(!playback.is_ready(0));
        }
        assert_eq!(playback.show(0).unwrap().state, "pending");
        assert!(Playback::start(&ProcessingScript::without_info(), 0).is_ready(0));
        assert!(!Playback::start(&ProcessingScript::unknown_state(), 0).is_ready(0));
    }
}
