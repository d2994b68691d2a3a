//! A plain HTTP/1.1 client over a socket: it sends exactly the bytes it is told to, and sees how a connection ends.

use std::io;
use std::net::SocketAddr;

use chunkwise_sandbox::{MediaId, MediaInfo, Sandbox, credentials};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) const BOUNDARY: &str = "x1y2z3";

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (known, value) = line.split_once(':')?;
            known.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}\n{}", self.head, self.text());
        self
    }
}

/// One request, ready to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: &'static str,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn new(method: &'static str, target: impl Into<String>) -> Self {
        let request = Self { method, target: target.into(), headers: Vec::new(), body: Vec::new() };
        request.bearer(credentials::USER_TOKEN)
    }

    pub(crate) fn get(target: impl Into<String>) -> Self {
        Self::new("GET", target)
    }

    pub(crate) fn post(target: impl Into<String>) -> Self {
        Self::new("POST", target)
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self.headers.push((name.into(), value.into()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    pub(crate) fn body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.header("content-type", content_type)
    }

    pub(crate) fn multipart(self, parts: &[Part<'_>]) -> Self {
        self.body(&format!("multipart/form-data; boundary={BOUNDARY}"), multipart(parts))
    }

    pub(crate) fn head_bytes(&self) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        if !self.headers.iter().any(|(name, _)| name == "host") {
            head.push_str("host: 127.0.0.1\r\n");
        }
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if self.method != "GET" {
            head.push_str(&format!("content-length: {}\r\n", self.body.len()));
        }
        head.push_str("\r\n");
        head.into_bytes()
    }

    /// Sends it on a connection of its own. An error is how the connection ended instead of an answer.
    pub(crate) async fn try_send(&self, to: SocketAddr) -> io::Result<Answer> {
        let mut stream = TcpStream::connect(to).await?;
        stream.write_all(&self.head_bytes()).await?;
        stream.write_all(&self.body).await?;
        read_answer(&mut stream).await
    }

    pub(crate) async fn send(&self, sandbox: &Sandbox) -> Answer {
        self.try_send(sandbox.http_address()).await.unwrap()
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Part<'a> {
    pub(crate) head: &'a str,
    pub(crate) body: &'a [u8],
}

pub(crate) fn field<'a>(head: &'a str, value: &'a str) -> Part<'a> {
    Part { head, body: value.as_bytes() }
}

pub(crate) const MEDIA: &str = "Content-Disposition: form-data; name=\"media\"; filename=\"blob\"\r\nContent-Type: application/octet-stream";
pub(crate) const BARE_MEDIA: &str = "Content-Disposition: form-data; name=\"media\"";
pub(crate) const INDEX: &str = "Content-Disposition: form-data; name=\"segment_index\"";

pub(crate) fn multipart(parts: &[Part<'_>]) -> Vec<u8> {
    let mut body = Vec::new();
    for part in parts {
        body.extend_from_slice(format!("--{BOUNDARY}\r\n{}\r\n\r\n", part.head).as_bytes());
        body.extend_from_slice(part.body);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    body
}

/// Reads one answer: by its content-length, or in chunks, or to the end.
pub(crate) async fn read_answer(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Answer> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    };
    let body = bytes.split_off(head_end);
    let head = String::from_utf8(bytes).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let mut answer = Answer { status, head, body };
    let length: usize = match answer.header("content-length") {
        Some(length) => length.parse().unwrap(),
        None if status == 204 => 0,
        None => panic!("no content-length in {}", answer.head),
    };
    while answer.body.len() < length {
        if stream.read_buf(&mut answer.body).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(answer)
}

/// Bytes that differ everywhere, so that a misplaced one shows.
pub(crate) fn pattern(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn init_request(total: usize, media_type: &str, category: &str) -> Request {
    Request::post("/2/media/upload/initialize")
        .json(&json!({ "total_bytes": total, "media_type": media_type, "media_category": category }))
}

/// Opens a v2 session for a video of this size.
pub(crate) async fn init(sandbox: &Sandbox, total: usize) -> String {
    let answer = init_request(total, "video/mp4", "tweet_video").send(sandbox).await.expect(200);
    answer.json()["data"]["id"].as_str().unwrap().to_owned()
}

pub(crate) fn append_request(id: &str, index: usize, bytes: &[u8]) -> Request {
    let index = index.to_string();
    let parts = [field(INDEX, &index), Part { head: MEDIA, body: bytes }];
    Request::post(format!("/2/media/upload/{id}/append")).multipart(&parts)
}

pub(crate) async fn append(sandbox: &Sandbox, id: &str, index: usize, bytes: &[u8]) -> Answer {
    append_request(id, index, bytes).send(sandbox).await
}

pub(crate) fn finalize_request(id: &str) -> Request {
    Request::post(format!("/2/media/upload/{id}/finalize")).json(&json!({}))
}

pub(crate) async fn finalize(sandbox: &Sandbox, id: &str) -> Answer {
    finalize_request(id).send(sandbox).await
}

pub(crate) fn status_request(id: &str) -> Request {
    Request::get(format!("/2/media/upload?command=STATUS&media_id={id}"))
}

pub(crate) async fn status(sandbox: &Sandbox, id: &str) -> Answer {
    status_request(id).send(sandbox).await
}

/// A finished video.
pub(crate) async fn upload(sandbox: &Sandbox, bytes: &[u8]) -> String {
    let id = init(sandbox, bytes.len()).await;
    append(sandbox, &id, 0, bytes).await.expect(200);
    finalize(sandbox, &id).await.expect(200);
    id
}

/// A finished image.
pub(crate) async fn upload_image(sandbox: &Sandbox) -> String {
    let answer = init_request(4, "image/png", "tweet_image").send(sandbox).await.expect(200);
    let id = answer.json()["data"]["id"].as_str().unwrap().to_owned();
    append(sandbox, &id, 0, b"\x89PNG").await.expect(200);
    finalize(sandbox, &id).await.expect(200);
    id
}

pub(crate) async fn info(sandbox: &Sandbox, id: &str) -> MediaInfo {
    let id: MediaId = id.parse().unwrap();
    sandbox.media(id).await.unwrap().unwrap()
}

pub(crate) async fn start() -> Sandbox {
    Sandbox::builder().start().await.unwrap()
}
