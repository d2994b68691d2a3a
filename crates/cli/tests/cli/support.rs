//! The real binary against a real sandbox.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use chunkwise::driver::{CheckpointStore as _, DirectoryStore, Listed, UploadId};
use chunkwise_sandbox::{
    BearerToken, LoggedRequest, MediaInfo, Operation, ProcessingScript, Sandbox, Settings, credentials,
};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tokio::process::Command;

/// A real H.264 + AAC video of 67,426 bytes.
pub(crate) const CLIP: &[u8] = include_bytes!("../../assets/clip.mp4");

/// Stands in every credential of every test; it must never be seen.
pub(crate) const CANARY: &str = "canary-0d9f61c2";

/// How long anything may take: much longer than it does.
const PATIENCE: Duration = Duration::from_secs(60);

/// A sandbox, and a home of its own for the binary.
pub(crate) struct World {
    pub(crate) sandbox: Sandbox,
    pub(crate) home: TempDir,
}

/// A run of the binary that has ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|_| ()).await
    }

    /// With other sandbox settings. Media are ready at once, unless they say otherwise.
    pub(crate) async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let home = tempfile::tempdir().unwrap();
        let directory = home.path().to_owned();
        let sandbox = Sandbox::builder()
            .with(|settings| {
                settings.listen.directory = Some(directory);
                settings.processing.video = ProcessingScript::already_succeeded();
                settings.processing.gif = ProcessingScript::already_succeeded();
                settings.access.bearer.push(BearerToken::of_user(token(), credentials::USER_ID));
                settings.access.oauth1[0].consumer_secret = chunkwise_sandbox::Secret::new(CANARY);
            })
            .with(change)
            .start()
            .await
            .unwrap();
        Self { sandbox, home }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// A file of this content in the home.
    pub(crate) fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// An MP4 of this size: the clip and a padding of its own.
    pub(crate) fn video(&self, name: &str, size: usize) -> PathBuf {
        let mut video = CLIP.to_vec();
        let padding = size - video.len();
        video.extend_from_slice(&u32::try_from(padding).unwrap().to_be_bytes());
        video.extend_from_slice(b"free");
        video.extend((8..padding).map(|i| (i * 7 + i / 251) as u8));
        self.file(name, &video)
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.path("state")
    }

    /// The binary, with nothing of this machine's environment but the sandbox's address and a token.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = bare(self.home.path(), args);
        command.env("CHUNKWISE_BASE_URL", self.sandbox.base_url());
        command.env("CHUNKWISE_TOKEN", token());
        command
    }

    pub(crate) async fn run(&self, args: &[&str]) -> Ran {
        self.finish(self.command(args)).await
    }

    /// Runs to the end; no output and no checkpoint may hold a secret.
    pub(crate) async fn finish(&self, command: Command) -> Ran {
        let ran = finish(command).await;
        self.assert_no_secret_on_disk();
        ran
    }

    pub(crate) fn assert_no_secret_on_disk(&self) {
        let Ok(entries) = std::fs::read_dir(self.state()) else { return };
        for entry in entries {
            let path = entry.unwrap().path();
            let content = std::fs::read(&path).unwrap_or_default();
            assert!(!String::from_utf8_lossy(&content).contains(CANARY), "{} holds a secret", path.display());
        }
    }

    /// What the sandbox holds of a media.
    pub(crate) async fn media(&self, id: &str) -> MediaInfo {
        self.sandbox.media(id.parse().unwrap()).await.unwrap().expect("the sandbox has that media")
    }

    /// Asserts that the sandbox assembled exactly what is in the file.
    pub(crate) async fn assert_same(&self, media_id: &str, file: &Path) {
        let content = std::fs::read(file).unwrap();
        let media = self.media(media_id).await;
        assert_eq!((media.size, media.sha256), (content.len() as u64, sha256(&content)));
    }

    pub(crate) fn appends(&self) -> Vec<LoggedRequest> {
        self.sandbox
            .log()
            .into_iter()
            .filter(|request| request.operation == Some(Operation::Append))
            .collect()
    }

    /// Waits until the sandbox has answered so many Appends well.
    pub(crate) async fn until_stored(&self, segments: usize) {
        until(|| self.sandbox_stored() >= segments).await;
    }

    fn sandbox_stored(&self) -> usize {
        let committed = chunkwise_sandbox::Effect::Committed;
        self.appends().iter().filter(|request| request.effect == committed).count()
    }

    /// The checkpoints there are.
    pub(crate) async fn unfinished(&self) -> Vec<Listed> {
        DirectoryStore::new(self.state()).list().await.unwrap()
    }

    /// The one checkpoint there is.
    pub(crate) async fn only_unfinished(&self) -> UploadId {
        let mut listed = self.unfinished().await;
        assert_eq!(listed.len(), 1);
        listed.remove(0).id
    }

    /// The indices of the segments that the one checkpoint holds as stored.
    pub(crate) async fn held_as_stored(&self) -> Vec<u64> {
        let mut listed = self.unfinished().await;
        assert_eq!(listed.len(), 1);
        let checkpoint = listed.remove(0).record.unwrap().checkpoint;
        let stored = checkpoint.stored_ranges().cloned().unwrap_or_default();
        let segments = checkpoint.plan().segments().filter(|segment| stored.contains(segment.range));
        segments.map(|segment| u64::from(segment.index.get())).collect()
    }
}

/// The token that the sandboxes of these tests accept.
pub(crate) fn token() -> String {
    format!("token-{CANARY}")
}

/// The binary in this home, with an empty environment.
pub(crate) fn bare(home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chunkwise"));
    command.env_clear().env("HOME", home).env("CHUNKWISE_STATE_DIR", home.join("state"));
    command.current_dir(home).args(args).stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Runs to the end; no output may hold a secret.
pub(crate) async fn finish(mut command: Command) -> Ran {
    let output =
        tokio::time::timeout(PATIENCE, command.stdout(Stdio::piped()).stderr(Stdio::piped()).output());
    let output = output.await.expect("it ends").unwrap();
    Ran::of(output)
}

impl Ran {
    pub(crate) fn of(output: std::process::Output) -> Self {
        let stdout = String::from_utf8(output.stdout).unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        let ran = Self { code: output.status.code().unwrap_or(-1), stdout, stderr };
        for shown in [&ran.stdout, &ran.stderr] {
            assert!(!shown.contains(CANARY), "a secret is shown: {ran:?}");
            assert!(!shown.contains("panicked"), "{ran:?}");
        }
        ran
    }

    /// Asserts success and gives the media id, the only line on stdout.
    pub(crate) fn media_id(&self) -> &str {
        assert_eq!(self.code, 0, "{self:?}");
        let id = self.stdout.strip_suffix('\n').unwrap();
        assert!(id.bytes().all(|byte| byte.is_ascii_digit()) && !id.is_empty(), "{self:?}");
        id
    }

    /// Asserts a failure with this code, of which the first line is exactly this.
    pub(crate) fn assert_error(&self, code: i32, sentence: &str) {
        let first = self.stderr.lines().find(|line| line.starts_with("error: ")).unwrap_or_default();
        assert_eq!((self.code, first), (code, &*format!("error: {sentence}")), "{self:?}");
        assert_eq!(self.stdout, "", "{self:?}");
    }

    /// The same after lines that told what happened on the way.
    pub(crate) fn assert_error_ending(&self, code: i32, sentence: &str) {
        let line = format!("error: {sentence}");
        assert!(self.code == code && self.stdout.is_empty(), "{self:?}");
        assert!(self.stderr.lines().any(|told| told == line), "{line:?} is not in {self:?}");
    }

    /// The command behind a word of a failure.
    pub(crate) fn printed(&self, word: &str) -> String {
        let line = self.stderr.lines().find_map(|line| line.trim().strip_prefix(word));
        line.unwrap_or_else(|| panic!("no {word:?} in {self:?}")).trim().to_owned()
    }

    /// stdout as JSON, line by line.
    pub(crate) fn json(&self) -> Vec<serde_json::Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// Waits for a condition.
pub(crate) async fn until(condition: impl Fn() -> bool) {
    let waited = tokio::time::timeout(PATIENCE, async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    waited.await.expect("it happens");
}

pub(crate) fn sha256(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
