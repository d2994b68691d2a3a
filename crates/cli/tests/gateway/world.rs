//! The processes that a test needs; they end with it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// A real H.264 + AAC video of 67,426 bytes.
const CLIP: &[u8] = include_bytes!("../../assets/clip.mp4");

/// How long anything may take: much longer than it does.
const PATIENCE: Duration = Duration::from_secs(90);

/// Whether tests against foreign programs are wanted, and these are here. If not, that is said.
pub(crate) fn wanted(programs: &[&str]) -> bool {
    if std::env::var_os("CHUNKWISE_FOREIGN").is_none_or(|value| value != "1") {
        eprintln!("skipped: set CHUNKWISE_FOREIGN=1 to run it against {}", programs.join(", "));
        return false;
    }
    for program in programs {
        let path = std::env::var_os("PATH").unwrap_or_default();
        if !std::env::split_paths(&path).any(|folder| folder.join(program).is_file()) {
            eprintln!("skipped: {program} is not installed");
            return false;
        }
    }
    true
}

pub(crate) fn chromium() -> String {
    std::env::var("CHUNKWISE_CHROMIUM").unwrap_or_else(|_| "chromium".into())
}

pub(crate) fn python() -> OsString {
    std::env::var_os("CHUNKWISE_PYTHON").unwrap_or_else(|| "python3".into())
}

/// A file beside these tests.
pub(crate) fn beside(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/gateway").join(name)
}

/// A program with nothing of this machine's environment but where programs are.
pub(crate) fn program(name: impl Into<OsString>) -> Command {
    let mut command = Command::new(name.into());
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Runs to the end, which must be a good one; what it printed.
pub(crate) async fn run(mut command: Command) -> String {
    let output = command.stdout(Stdio::piped()).stderr(Stdio::piped()).output();
    let output = tokio::time::timeout(PATIENCE, output).await.expect("it ends").unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{command:?}\n{stdout}\n{}", String::from_utf8_lossy(&output.stderr));
    stdout
}

/// What curl gets, as JSON.
pub(crate) async fn curl(args: &[&str]) -> Value {
    let mut command = program("curl");
    command.arg("--silent").args(args);
    let answer = run(command).await;
    serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{error}: {args:?} {answer}"))
}

/// Waits for a condition.
pub(crate) async fn until(what: &str, condition: impl Fn() -> bool) {
    let waited = tokio::time::timeout(PATIENCE, async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    assert!(waited.await.is_ok(), "it never came to be: {what}");
}

/// An MP4 of this size: the clip and a padding of its own.
pub(crate) fn video(size: usize, seed: usize) -> Vec<u8> {
    let mut video = CLIP.to_vec();
    let padding = size - video.len();
    video.extend_from_slice(&u32::try_from(padding).unwrap().to_be_bytes());
    video.extend_from_slice(b"free");
    video.extend((8..padding).map(|i| (i * 7 + i / 251 + seed * 13) as u8));
    video
}

pub(crate) fn sha256(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A process that says in its first line where it is.
pub(crate) struct Started {
    _child: Child,
    pub(crate) first: String,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Started {
    pub(crate) async fn new(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut started = Self { _child: child, first: String::new(), lines };
        started.first = started.line().await.unwrap_or_else(|| panic!("{command:?} ended"));
        started
    }

    /// The next line that it prints; none at its end.
    pub(crate) async fn line(&mut self) -> Option<String> {
        tokio::time::timeout(PATIENCE, self.lines.next_line()).await.expect("it goes on").unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.first).unwrap()
    }
}

/// `chunkwise serve` as a process, with a home of its own.
pub(crate) struct Serving {
    process: Started,
    pub(crate) home: TempDir,
    pub(crate) url: String,
    /// An API key.
    pub(crate) key: String,
}

impl Serving {
    /// `serve --sandbox` with these settings.
    pub(crate) async fn trial(settings: &str) -> Self {
        Self::trial_under(program(env!("CARGO_BIN_EXE_chunkwise")), settings).await
    }

    /// The same, with the command that runs the binary: its arguments are still to come.
    pub(crate) async fn trial_under(command: Command, settings: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let process = start(command, home.path(), settings, &["--sandbox"]).await;
        let said = process.json();
        let key = said["api_key"].as_str().unwrap().to_owned();
        Self { url: said["url"].as_str().unwrap().to_owned(), key, home, process }
    }

    /// `serve` with these settings, a folder and a key of its own.
    pub(crate) async fn with(settings: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("gateway");
        std::fs::create_dir(&folder).unwrap();
        let mut keys = program(env!("CARGO_BIN_EXE_chunkwise"));
        keys.args(["--json", "keys", "--gateway-dir"]).arg(&folder).args(["create", "test"]);
        let said: Value = serde_json::from_str(&run(keys).await).unwrap();
        let binary = program(env!("CARGO_BIN_EXE_chunkwise"));
        let process =
            start(binary, home.path(), settings, &["--gateway-dir", folder.to_str().unwrap()]).await;
        let url = process.json()["url"].as_str().unwrap().to_owned();
        Self { url, key: said["api_key"].as_str().unwrap().to_owned(), home, process }
    }

    /// What the sandbox in X's place says at this path of its control.
    pub(crate) async fn sandbox(&self, path: &str) -> Value {
        let sandbox = self.process.json()["sandbox_url"].as_str().unwrap().to_owned();
        curl(&[&format!("{sandbox}/_sandbox/{path}")]).await
    }

    /// Changes what goes wrong in the sandbox.
    pub(crate) async fn faults(&self, plan: &str) {
        let sandbox = self.process.json()["sandbox_url"].as_str().unwrap().to_owned();
        let mut put = program("curl");
        put.args(["--silent", "--fail", "-X", "PUT", "-d", plan]).arg(format!("{sandbox}/_sandbox/faults"));
        run(put).await;
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let authorization = format!("Authorization: Bearer {}", self.key);
        curl(&["-H", &authorization, &format!("{}{path}", self.url)]).await
    }

    /// `POST` of this JSON, from a file: it may be long.
    pub(crate) async fn post(&self, path: &str, headers: &[&str], body: &Value) -> Value {
        let file = tempfile::NamedTempFile::new_in(self.home.path()).unwrap();
        std::fs::write(file.path(), body.to_string()).unwrap();
        let authorization = format!("Authorization: Bearer {}", self.key);
        let data = format!("@{}", file.path().display());
        let url = format!("{}{path}", self.url);
        let mut args =
            vec!["-H", &authorization, "-H", "Content-Type: application/json", "--data-binary", &data];
        for header in headers {
            args.extend(["-H", header]);
        }
        args.push(&url);
        curl(&args).await
    }
}

async fn start(mut command: Command, home: &Path, settings: &str, args: &[&str]) -> Started {
    let file = home.join("gateway.toml");
    std::fs::write(&file, settings).unwrap();
    // Its temporary files go with its home, however it ends.
    command.env("HOME", home).env("TMPDIR", home).current_dir(home);
    command.args(["--json", "serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--settings"]);
    command.arg(&file).args(args);
    Started::new(command).await
}

/// A certificate authority of our own, and what it has vouched for.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "authority for tests");
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// Writes a certificate for these names, and its key.
    pub(crate) fn vouch(&self, names: &[&str], folder: &Path) -> (PathBuf, PathBuf) {
        let key = KeyPair::generate().unwrap();
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &self.0).unwrap();
        let files = (folder.join("certificate.pem"), folder.join("key.pem"));
        std::fs::write(&files.0, certificate.pem()).unwrap();
        std::fs::write(&files.1, key.serialize_pem()).unwrap();
        files
    }
}
