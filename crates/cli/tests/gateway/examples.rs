//! The contract's examples, run as they are written: the base address and the key are put in, and what an example leaves out.
//!
//! `https://example.com/photo.jpg` is served by a server of this test: the gateway alone, in a mount namespace of its own, sees
//! another `/etc/hosts`, and believes another authority. Where that is not allowed the URL is replaced, which is said.

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use crate::world::{self, Authority, Serving, Started, beside, program, run, sha256, wanted};

const PHOTO: &[u8] = include_bytes!("photo.jpg");
const PHOTO_URL: &str = "https://example.com/photo.jpg";

/// A PNG of one pixel: what stands for `iVBORw0KGgo...`.
const PIXEL: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/// The trial, and the photo where the examples have it.
struct Examples {
    serving: Serving,
    photo_url: String,
    _origin: Started,
    _folder: TempDir,
}

impl Examples {
    /// Each test has an address of its own for `example.com`.
    async fn new(test: u8) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let served = folder.path().join("served");
        std::fs::create_dir(&served).unwrap();
        std::fs::write(served.join("photo.jpg"), PHOTO).unwrap();
        let mut origin = program(world::python());
        origin.arg(beside("origin.py")).arg(&served);
        let address = format!("127.77.0.{test}");
        let hosts = folder.path().join("hosts");
        std::fs::write(&hosts, format!("{address} example.com\n127.0.0.1 localhost\n")).unwrap();
        let mut binary = program("unshare");
        // $0 is the file of hosts.
        let script = "mount --bind \"$0\" /etc/hosts && exec \"$@\"";
        binary.args(["--mount", "sh", "-c", script]).arg(&hosts);
        let mut trial = binary_like(&binary);
        trial.arg("true");
        let may_mount = trial.status().await.is_ok_and(|status| status.success());
        if may_mount && std::net::TcpListener::bind((address.as_str(), 443)).is_ok() {
            let authority = Authority::new();
            let (certificate, key) = authority.vouch(&["example.com"], folder.path());
            let believed = folder.path().join("ca.pem");
            std::fs::write(&believed, authority.pem()).unwrap();
            origin.arg(&address).arg("443").arg(certificate).arg(key);
            let origin = Started::new(origin).await;
            binary.arg(env!("CARGO_BIN_EXE_chunkwise")).env("SSL_CERT_FILE", believed);
            let settings =
                format!("[fetch]\nallow_hosts = [\"example.com\"]\nallow_networks = [\"{address}/32\"]\n");
            let serving = Serving::trial_under(binary, &settings).await;
            return Self { serving, photo_url: PHOTO_URL.to_owned(), _origin: origin, _folder: folder };
        }
        eprintln!(
            "not quite as written: another {PHOTO_URL} can't be had here, a local URL is put in its place"
        );
        origin.arg("127.0.0.1").arg("0");
        let origin = Started::new(origin).await;
        let port = origin.first.trim().to_owned();
        let settings = format!(
            "[fetch]\nallow_hosts = [\"127.0.0.1\"]\nallow_networks = [\"127.0.0.1/32\"]\nallow_ports = [{port}]\n"
        );
        let photo_url = format!("http://127.0.0.1:{port}/photo.jpg");
        Self { serving: Serving::trial(&settings).await, photo_url, _origin: origin, _folder: folder }
    }

    /// An example with the key in it. A shell puts in the base address by itself.
    fn text(&self, example: &str) -> String {
        example.replace("API_KEY", &self.serving.key).replace(PHOTO_URL, &self.photo_url)
    }

    fn text_with_base(&self, example: &str) -> String {
        self.text(example).replace("$BASE", &self.serving.url)
    }

    /// Runs a shell's example.
    async fn sh(&self, example: &str) -> Value {
        let mut sh = program("sh");
        sh.env("BASE", &self.serving.url).arg("-c").arg(self.text(example));
        serde_json::from_str(&run(sh).await).unwrap()
    }

    /// Asserts that the sandbox has the photo under this id.
    async fn assert_photo(&self, media_id: &str) {
        let media = self.serving.sandbox(&format!("media/{media_id}")).await;
        assert_eq!(
            (&media["size"], &media["sha256"]),
            (&PHOTO.len().into(), &sha256(PHOTO).into()),
            "{media}"
        );
    }
}

fn binary_like(command: &Command) -> Command {
    let command = command.as_std();
    let mut again = program(command.get_program());
    again.args(command.get_args());
    again
}

#[tokio::test(flavor = "multi_thread")]
async fn curl() {
    if !wanted(&["curl", "python3"]) {
        return;
    }
    let examples = Examples::new(1).await;
    let by_url = examples.sh(include_str!("examples/upload_url.sh")).await;
    let data = &by_url["data"];
    assert_eq!(
        (&by_url["status"], &by_url["msg"]),
        (&"success".into(), &"Media uploaded successfully".into())
    );
    assert_eq!((&data["media_type"], &data["size"]), (&"image/jpeg".into(), &PHOTO.len().into()));
    examples.assert_photo(data["media_id"].as_str().unwrap()).await;

    let left_out = include_str!("examples/upload_data.sh").replace("iVBORw0KGgo...", PIXEL);
    let by_data = examples.sh(&left_out).await;
    assert_eq!(by_data["data"]["media_type"], "image/png", "{by_data}");
    let media_id = by_data["data"]["media_id"].as_str().unwrap();

    let post = include_str!("examples/create.sh").replace("2058029045372379136", media_id);
    let posted = examples.sh(&post).await;
    let data = &posted["data"];
    assert_eq!((&posted["status"], &data["media_ids"][0]), (&"success".into(), &media_id.into()), "{posted}");
    assert!(data["tweet_id"].as_str().is_some_and(|id| !id.is_empty()), "{posted}");
    let usage = examples.serving.get("/usage").await;
    assert_eq!(usage["calls"], 2, "two uploads, and a post of what is there already: {usage}");
}

/// What `serve --sandbox` prints for people to try, as a shell reads it.
#[tokio::test(flavor = "multi_thread")]
async fn the_curl_that_the_trial_prints() {
    if !wanted(&["curl"]) {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let mut serve = program(env!("CARGO_BIN_EXE_chunkwise"));
    serve.env("TMPDIR", home.path()).args(["serve", "--sandbox"]);
    serve.args(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
    let mut serving = Started::new(serve).await;
    let mut printed = Vec::new();
    while let Some(line) = serving.line().await.filter(|line| !line.starts_with("Ctrl-C")) {
        printed.push(line);
    }
    let curl =
        printed.iter().position(|line| line.starts_with("curl ")).unwrap_or_else(|| panic!("{printed:?}"));
    let mut sh = program("sh");
    sh.arg("-c").arg(printed[curl..].join("\n"));
    let answer: Value = serde_json::from_str(&run(sh).await).unwrap();
    assert_eq!((&answer["status"], &answer["data"]["size"]), (&"success".into(), &70.into()), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn javascript_from_node() {
    if !wanted(&["node", "python3"]) {
        return;
    }
    let examples = Examples::new(2).await;
    let script = examples.serving.home.path().join("upload.mjs");
    std::fs::write(&script, examples.text_with_base(include_str!("examples/upload.js"))).unwrap();
    let mut node = program("node");
    node.arg(&script);
    examples.assert_photo(run(node).await.trim()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn python() {
    if !wanted(&["python3"]) {
        return;
    }
    let mut requests = program(world::python());
    requests.args(["-c", "import requests"]).stderr(std::process::Stdio::null());
    if !requests.status().await.is_ok_and(|status| status.success()) {
        eprintln!("skipped: the python has no requests (CHUNKWISE_PYTHON)");
        return;
    }
    let examples = Examples::new(3).await;
    let mut python = program(world::python());
    python.arg("-c").arg(examples.text_with_base(include_str!("examples/upload.py")));
    examples.assert_photo(run(python).await.trim()).await;
}

/// The same lines as from node, in Chromium, in a page that another port serves: the browser asks with a preflight.
#[tokio::test(flavor = "multi_thread")]
async fn javascript_from_a_page_of_another_origin() {
    let chromium = world::chromium();
    if !wanted(&["node", "python3", &chromium]) {
        return;
    }
    let examples = Examples::new(4).await;
    let script = examples.text_with_base(include_str!("examples/upload.js"));
    let page = format!(
        "<!doctype html><title>elsewhere</title><pre id=result></pre><script type=module>\n\
         console.log = (text) => {{ document.querySelector('#result').textContent = text; }};\n\
         try {{\n{script}}} catch (error) {{ console.log(String(error)); }}\n</script>"
    );
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("index.html"), page).unwrap();
    let mut elsewhere = program(world::python());
    elsewhere.arg(beside("origin.py")).arg(folder.path()).args(["127.0.0.1", "0"]);
    let elsewhere = Started::new(elsewhere).await;
    let mut node = program("node");
    node.env("CHUNKWISE_CHROMIUM", &chromium).env("HOME", folder.path());
    node.arg(beside("elsewhere.mjs")).arg(format!("http://127.0.0.1:{}/", elsewhere.first.trim()));
    let result = run(node).await;
    let media_id = result.trim();
    assert!(!media_id.is_empty() && media_id.bytes().all(|byte| byte.is_ascii_digit()), "{result}");
    examples.assert_photo(media_id).await;
}
