//! A tus server of a few hundred lines, strict to the letter of tus 1.0.0, with scripted faults. It knows nothing of the
//! codec that it tests.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use base64::Engine as _;
use socket2::SockRef;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What goes wrong with one request.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// So many bytes of the body are stored; then the connection is reset.
    Cut(usize),
    /// All is done that was asked for, and the connection is reset instead of an answer.
    Lose,
    /// This is answered, and nothing done.
    Answer(&'static str),
    /// All is done, and another offset is told.
    Offset(u64),
    /// A byte of the body is another than was sent.
    Spoil,
    /// Nothing is stored, and that is said politely.
    Nothing,
    /// All is done, and the answer has this header too.
    With(String),
}

/// A request as it came, and how it was answered (0: not at all).
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: usize,
    pub(crate) status: u16,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Stored {
    pub(crate) bytes: Vec<u8>,
    pub(crate) length: Option<u64>,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) concat: Option<String>,
}

/// How the server is.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) extensions: &'static str,
    pub(crate) max_size: Option<u64>,
    pub(crate) token: Option<&'static str>,
    /// What goes before the path of an upload in its `Location`.
    pub(crate) located_at: String,
    /// What `Upload-Expires` says at a creation.
    pub(crate) expires: Option<String>,
    /// How long a body is held before it counts as taken.
    pub(crate) holds: Duration,
    /// Whether bytes must come with a digest.
    pub(crate) wants_checksums: bool,
}

impl Default for Settings {
    fn default() -> Self {
        let extensions = "creation,creation-with-upload,creation-defer-length,checksum,expiration,termination,concatenation";
        Self {
            extensions,
            max_size: None,
            token: None,
            located_at: String::new(),
            expires: None,
            holds: Duration::ZERO,
            wants_checksums: false,
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) uploads: BTreeMap<String, Stored>,
    pub(crate) seen: Vec<Seen>,
    faults: VecDeque<(&'static str, Fault)>,
    settings: Settings,
    created: u32,
    /// How many bodies are coming in just now, and how many did at most.
    coming: (usize, usize),
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
    accepting: JoinHandle<()>,
}

struct Answer {
    status: u16,
    headers: Vec<String>,
    body: &'static str,
}

fn answer(status: u16, body: &'static str) -> Answer {
    Answer { status, headers: Vec::new(), body }
}

impl Answer {
    fn with(mut self, header: String) -> Self {
        self.headers.push(header);
        self
    }
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::with(Settings::default()).await
    }

    pub(crate) async fn with(settings: Settings) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State { settings, ..State::default() }));
        let shared = Arc::clone(&state);
        let accepting = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Self { address, state, accepting }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}/files/", self.address)
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// The next request of this method comes to this.
    pub(crate) fn next(&self, method: &'static str, fault: Fault) -> &Self {
        self.state().faults.push_back((method, fault));
        self
    }

    pub(crate) fn set(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.state().settings);
    }

    /// Methods and statuses in the order they came.
    pub(crate) fn log(&self) -> Vec<String> {
        self.state().seen.iter().map(|seen| format!("{} {}", seen.method, seen.status)).collect()
    }

    pub(crate) fn count(&self, line: &str) -> usize {
        self.log().iter().filter(|seen| *seen == line).count()
    }

    pub(crate) fn most_at_once(&self) -> usize {
        self.state().coming.1
    }

    /// The bytes behind the URL that an upload ended with.
    pub(crate) fn bytes(&self, url: &str) -> Vec<u8> {
        let path = url.strip_prefix(&format!("http://{}", self.address)).unwrap_or(url);
        self.state().uploads[path].bytes.clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve(mut stream: TcpStream, state: Arc<Mutex<State>>) {
    stream.set_nodelay(true).unwrap();
    let mut buffer = Vec::new();
    while let Some(head_end) = read_head(&mut stream, &mut buffer).await {
        let head = String::from_utf8(buffer[..head_end].to_vec()).unwrap();
        buffer.drain(..head_end + 4);
        if exchange(&mut stream, &mut buffer, &head, &state).await.is_none() {
            // A reset and no orderly end: what the peer still sends must not look taken.
            let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
            return;
        }
    }
}

async fn read_head(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<usize> {
    loop {
        if let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            return Some(end);
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
}

/// One request and its answer; nothing if the connection is to be reset.
async fn exchange(
    stream: &mut TcpStream,
    buffer: &mut Vec<u8>,
    head: &str,
    state: &Arc<Mutex<State>>,
) -> Option<()> {
    let mut lines = head.split("\r\n");
    let mut words = lines.next()?.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let announced: usize = headers.get("content-length").map_or(0, |len| len.parse().unwrap());
    let fault = state.lock().unwrap().take_fault(&method);
    let wanted = match &fault {
        Some(Fault::Cut(at)) => announced.min(*at),
        _ => announced,
    };
    {
        let mut state = state.lock().unwrap();
        state.coming.0 += 1;
        state.coming.1 = state.coming.1.max(state.coming.0);
    }
    while buffer.len() < wanted && stream.read_buf(buffer).await.ok()? > 0 {}
    let body: Vec<u8> = buffer.drain(..wanted.min(buffer.len())).collect();
    let is_whole = body.len() == announced;
    let holds = state.lock().unwrap().settings.holds;
    tokio::time::sleep(holds).await;
    let mut seen = Seen { method, path, headers, body: body.len(), status: 0 };
    let answered = {
        let mut state = state.lock().unwrap();
        state.coming.0 -= 1;
        let made = match &fault {
            Some(Fault::Answer(text)) => {
                seen.status = text.split(' ').next().unwrap().parse().unwrap();
                state.seen.push(seen.clone());
                None
            }
            Some(Fault::Nothing) => Some(state.handle(&seen, &[])),
            Some(Fault::Spoil) => {
                let mut spoilt = body.clone();
                spoilt[0] ^= 1;
                Some(state.handle(&seen, &spoilt))
            }
            _ => Some(state.handle(&seen, &body)),
        };
        made.map(|mut made| {
            match &fault {
                Some(Fault::Offset(told)) => {
                    made.headers.retain(|header| !header.starts_with("Upload-Offset"));
                    made.headers.push(format!("Upload-Offset: {told}"));
                }
                Some(Fault::With(header)) => made.headers.push(header.clone()),
                _ => {}
            }
            let silent = matches!(fault, Some(Fault::Lose | Fault::Cut(_))) || !is_whole;
            seen.status = if silent { 0 } else { made.status };
            state.seen.push(seen.clone());
            (!silent).then_some(made)
        })
    };
    let text = match (answered, fault) {
        (Some(None), _) => return None,
        (None, Some(Fault::Answer(text))) => {
            format!("HTTP/1.1 {text}\r\nContent-Length: 0\r\n\r\n")
        }
        (None, _) => unreachable!("only a scripted answer is none of ours"),
        (Some(Some(made)), _) => {
            let mut text = format!("HTTP/1.1 {} X\r\nTus-Resumable: 1.0.0\r\n", made.status);
            for header in &made.headers {
                text.push_str(header);
                text.push_str("\r\n");
            }
            // An answer to a HEAD has no body, and a 204 no length.
            if made.status != 204 {
                text.push_str(&format!("Content-Length: {}\r\n", made.body.len()));
            }
            text.push_str("\r\n");
            if seen.method != "HEAD" {
                text.push_str(made.body);
            }
            text
        }
    };
    stream.write_all(text.as_bytes()).await.ok()
}

impl State {
    fn take_fault(&mut self, method: &str) -> Option<Fault> {
        let nth = self.faults.iter().position(|(of, _)| *of == method)?;
        self.faults.remove(nth).map(|(_, fault)| fault)
    }

    /// What a request does, and the answer. `body` is as much of it as arrived.
    fn handle(&mut self, seen: &Seen, body: &[u8]) -> Answer {
        let header = |name: &str| seen.headers.get(name).map(String::as_str);
        if seen.method == "OPTIONS" {
            assert!(header("tus-resumable").is_none(), "not in an OPTIONS");
            let mut options = answer(204, "")
                .with("Tus-Version: 1.0.0,0.2.2".to_owned())
                .with(format!("Tus-Extension: {}", self.settings.extensions));
            if let Some(max_size) = self.settings.max_size {
                options = options.with(format!("Tus-Max-Size: {max_size}"));
            }
            return options;
        }
        if header("tus-resumable") != Some("1.0.0") {
            return answer(412, "another version").with("Tus-Version: 1.0.0".to_owned());
        }
        let token = self.settings.token;
        if token.is_some_and(|token| header("authorization") != Some(&format!("Bearer {token}"))) {
            return answer(401, "who are you?");
        }
        match header("upload-checksum") {
            Some(checksum) if checksum != sha1(body) => return answer(460, "another digest"),
            None if self.settings.wants_checksums && !body.is_empty() => return answer(400, "no digest"),
            Some(_) | None => {}
        }
        if seen.method == "POST" {
            return if seen.path == "/files/" {
                self.create(seen, body)
            } else {
                answer(404, "no such endpoint")
            };
        }
        let Some(upload) = self.uploads.get_mut(&seen.path) else { return answer(404, "no such upload") };
        match seen.method.as_str() {
            "HEAD" => {
                let told = answer(200, "")
                    .with(format!("Upload-Offset: {}", upload.bytes.len()))
                    .with("Cache-Control: no-store".to_owned());
                match upload.length {
                    Some(length) => told.with(format!("Upload-Length: {length}")),
                    None => told.with("Upload-Defer-Length: 1".to_owned()),
                }
            }
            "PATCH" => {
                let patched = upload.patch(seen, body);
                match &self.settings.expires {
                    Some(expires) if patched.status == 204 => {
                        patched.with(format!("Upload-Expires: {expires}"))
                    }
                    _ => patched,
                }
            }
            "DELETE" if self.settings.extensions.contains("termination") => {
                self.uploads.remove(&seen.path);
                answer(204, "")
            }
            _ => answer(405, "not here"),
        }
    }

    fn create(&mut self, seen: &Seen, body: &[u8]) -> Answer {
        let header = |name: &str| seen.headers.get(name).map(String::as_str);
        let mut upload = Stored::default();
        if let Some(text) = header("upload-metadata") {
            let Some(metadata) = metadata(text) else { return answer(400, "invalid Upload-Metadata") };
            upload.metadata = metadata;
        }
        upload.length = header("upload-length").map(|length| length.parse().unwrap());
        upload.concat = header("upload-concat").map(str::to_owned);
        match (upload.length, header("upload-defer-length"), &upload.concat) {
            (None, None, Some(list)) if list.starts_with("final;") => {
                for url in list["final;".len()..].split(' ') {
                    let Some(part) = self.uploads.get(url) else { return answer(404, "no such part") };
                    if part.concat.as_deref() != Some("partial") {
                        return answer(400, "a part that is none");
                    }
                    if part.length != Some(part.bytes.len() as u64) {
                        return answer(400, "a part is not finished");
                    }
                    upload.bytes.extend_from_slice(&part.bytes);
                }
                upload.length = Some(upload.bytes.len() as u64);
            }
            (Some(_), None, None) | (None, Some("1"), None) => {}
            (Some(_), None, Some(partial)) if partial == "partial" => {}
            _ => return answer(400, "Upload-Length or Upload-Defer-Length, and one of them"),
        }
        if upload.length > self.settings.max_size && self.settings.max_size.is_some() {
            return answer(413, "too large");
        }
        let mut made = answer(201, "");
        if !body.is_empty() {
            if header("content-type") != Some("application/offset+octet-stream") {
                return answer(415, "another type");
            }
            if self.settings.extensions.contains("creation-with-upload") {
                upload.bytes.extend_from_slice(body);
                if upload.length.is_some_and(|length| length < upload.bytes.len() as u64) {
                    return answer(413, "more than announced");
                }
            }
        }
        if self.settings.extensions.contains("creation-with-upload") {
            made = made.with(format!("Upload-Offset: {}", upload.bytes.len()));
        }
        self.created += 1;
        let path = format!("/files/{}", self.created);
        made = made.with(format!("Location: {}{path}", self.settings.located_at));
        if let Some(expires) = &self.settings.expires {
            made = made.with(format!("Upload-Expires: {expires}"));
        }
        self.uploads.insert(path, upload);
        made
    }
}

impl Stored {
    fn patch(&mut self, seen: &Seen, body: &[u8]) -> Answer {
        let header = |name: &str| seen.headers.get(name).map(String::as_str);
        if self.concat.as_deref().is_some_and(|concat| concat.starts_with("final")) {
            return answer(403, "a final upload");
        }
        if header("content-type") != Some("application/offset+octet-stream") {
            return answer(415, "another type");
        }
        if header("upload-offset") != Some(&self.bytes.len().to_string()) {
            return answer(409, "another offset");
        }
        if let Some(length) = header("upload-length") {
            if self.length.is_some() {
                return answer(400, "the length is known");
            }
            self.length = Some(length.parse().unwrap());
        }
        if self.length.is_some_and(|length| length < (self.bytes.len() + body.len()) as u64) {
            return answer(413, "more than announced");
        }
        self.bytes.extend_from_slice(body);
        answer(204, "").with(format!("Upload-Offset: {}", self.bytes.len()))
    }
}

fn sha1(bytes: &[u8]) -> String {
    use sha1::Digest as _;
    format!("sha1 {}", base64::engine::general_purpose::STANDARD.encode(sha1::Sha1::digest(bytes)))
}

fn metadata(text: &str) -> Option<BTreeMap<String, String>> {
    let pair = |pair: &str| {
        let (key, value) = pair.split_once(' ').unwrap_or((pair, ""));
        let value = base64::engine::general_purpose::STANDARD.decode(value).ok()?;
        (!key.is_empty()).then_some((key.to_owned(), String::from_utf8(value).ok()?))
    };
    text.split(',').map(pair).collect()
}
