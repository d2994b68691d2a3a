//! Just enough of HTTP/1.1, and of what X answers.

use std::io::{self, Read, Write};
use std::sync::atomic::Ordering;

use super::{Counters, READ};

/// The longest head of a request.
const MAX_HEAD: usize = 64 << 10;
/// How much of a body is looked at to see which command it is; all of our clients say it at its beginning.
const PEEK: u64 = 1 << 10;

/// A request up to its body.
struct Head {
    method: String,
    path: String,
    length: u64,
    expects: bool,
}

/// Takes requests one after the other until the sender goes away.
pub(super) fn serve<S: Read + Write>(mut stream: S, counters: &Counters) -> io::Result<()> {
    let mut buffer = vec![0; READ];
    let mut filled = 0;
    loop {
        let end = loop {
            if let Some(end) = buffer[..filled].windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            if filled >= MAX_HEAD {
                return Err(malformed("a head without an end"));
            }
            match stream.read(&mut buffer[filled..])? {
                0 => return Ok(()),
                n => filled += n,
            }
        };
        let head = Head::read(&buffer[..end])?;
        if head.expects {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        // What of the body has come with the head, and as much more as it takes to see what it is.
        buffer.copy_within(end..filled, 0);
        filled -= end;
        let peek = usize::try_from(head.length.min(PEEK)).unwrap_or(READ);
        while filled < peek {
            match stream.read(&mut buffer[filled..])? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                n => filled += n,
            }
        }
        let here = filled.min(usize::try_from(head.length).unwrap_or(usize::MAX));
        let answer = answer(&head, &buffer[..here], counters);
        let mut left = head.length - here as u64;
        buffer.copy_within(here..filled, 0);
        filled -= here;
        counters.bytes.fetch_add(here as u64, Ordering::Relaxed);
        while left > 0 {
            let most = READ.min(usize::try_from(left).unwrap_or(READ));
            match stream.read(&mut buffer[..most])? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                n => {
                    left -= n as u64;
                    counters.bytes.fetch_add(n as u64, Ordering::Relaxed);
                }
            }
        }
        counters.requests.fetch_add(1, Ordering::Relaxed);
        stream.write_all(answer.as_bytes())?;
        stream.flush()?;
    }
}

impl Head {
    fn read(bytes: &[u8]) -> io::Result<Self> {
        let text = std::str::from_utf8(bytes).map_err(|_| malformed("a head that is no text"))?;
        let mut lines = text.split("\r\n");
        let mut words = lines.next().unwrap_or_default().split(' ');
        let (Some(method), Some(path)) = (words.next(), words.next()) else {
            return Err(malformed("no request line"));
        };
        let mut head = Self { method: method.to_owned(), path: path.to_owned(), length: 0, expects: false };
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            match name.to_ascii_lowercase().as_str() {
                "content-length" => {
                    head.length =
                        value.trim().parse().map_err(|_| malformed("a length that is no number"))?;
                }
                "expect" => head.expects = true,
                "transfer-encoding" => return Err(malformed("a body without a length")),
                _ => {}
            }
        }
        Ok(head)
    }
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// What X would answer, if all were well: nothing is checked.
fn answer(head: &Head, body: &[u8], counters: &Counters) -> String {
    let (path, query) = head.path.split_once('?').unwrap_or((&head.path, ""));
    let new = || 1_000_000_000_000_000_000 + counters.sessions.fetch_add(1, Ordering::Relaxed);
    match path.strip_prefix("/2/media/upload") {
        Some("/initialize") => return v2(&new().to_string()),
        Some("") => return v2(value(query, "media_id")),
        Some(rest) => {
            return match rest.trim_start_matches('/').split_once('/') {
                Some((_, "append")) => ok(r#"{"data":{}}"#),
                Some((id, "finalize")) => v2(id),
                Some(_) | None => status("404 Not Found", ""),
            };
        }
        None => {}
    }
    match path {
        "/counts" => ok(&serde_json::json!(counters.read()).to_string()),
        "/1.1/media/upload.json" if head.method == "GET" => v1(value(query, "media_id")),
        "/1.1/media/upload.json" => match (has(body, b"INIT"), has(body, b"FINALIZE")) {
            (true, _) => v1(&new().to_string()),
            (false, true) => v1(&digits_after(body, b"media_id")),
            (false, false) => status("204 No Content", ""),
        },
        _ if head.method == "PUT" => ok(""),
        _ => status("404 Not Found", ""),
    }
}

fn v2(id: &str) -> String {
    ok(&format!(r#"{{"data":{{"id":"{id}","media_key":"7_{id}","expires_after_secs":86400}}}}"#))
}

fn v1(id: &str) -> String {
    ok(&format!(r#"{{"media_id":{id},"media_id_string":"{id}","expires_after_secs":86400}}"#))
}

fn ok(body: &str) -> String {
    status("200 OK", body)
}

fn status(status: &str, body: &str) -> String {
    let length = if status.starts_with("204") {
        String::new()
    } else {
        format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len())
    };
    format!("HTTP/1.1 {status}\r\n{length}\r\n{body}")
}

fn value<'a>(query: &'a str, name: &str) -> &'a str {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.into_iter().find(|(key, _)| *key == name).map_or("0", |(_, value)| value)
}

fn has(body: &[u8], word: &[u8]) -> bool {
    body.windows(word.len()).any(|window| window == word)
}

/// The number behind a field's name, in a form or in a part of a multipart body.
fn digits_after(body: &[u8], name: &[u8]) -> String {
    let at = body.windows(name.len()).position(|window| window == name).unwrap_or(0);
    let digits = body[at..].iter().skip_while(|byte| !byte.is_ascii_digit());
    let digits: String =
        digits.take_while(|byte| byte.is_ascii_digit()).map(|byte| char::from(*byte)).collect();
    if digits.is_empty() { "0".to_owned() } else { digits }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    /// Gives what was written, then its end; keeps what is answered.
    struct Wire(Cursor<Vec<u8>>, Vec<u8>);

    impl Read for Wire {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            // In small pieces, as a wire may.
            let most = buffer.len().min(7);
            self.0.read(&mut buffer[..most])
        }
    }

    impl Write for Wire {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.1.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn said(requests: &[&str]) -> (String, Counters) {
        let counters = Counters::default();
        let mut wire = Wire(Cursor::new(requests.concat().into_bytes()), Vec::new());
        serve(&mut wire, &counters).unwrap();
        (String::from_utf8(wire.1).unwrap(), counters)
    }

    #[test]
    fn an_upload_by_v2_is_answered_and_counted() {
        let (answers, counters) = said(&[
            "POST /2/media/upload/initialize HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}",
            "POST /2/media/upload/1000000000000000000/append HTTP/1.1\r\ncontent-length: 5\r\n\r\nabcde",
            "POST /2/media/upload/1000000000000000000/finalize HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}",
        ]);
        assert_eq!(answers.matches("200 OK").count(), 3, "{answers}");
        assert_eq!(answers.matches(r#""id":"1000000000000000000""#).count(), 2, "{answers}");
        assert_eq!(counters.read(), Counts { connections: 0, requests: 3, bytes: 9 });
    }

    #[test]
    fn the_commands_of_v1_are_seen_in_forms_and_parts() {
        let init = "command=INIT&total_bytes=3";
        let part = "--b\r\nContent-Disposition: form-data; name=\"command\"\r\n\r\nFINALIZE\r\n--b\r\n\
                    Content-Disposition: form-data; name=\"media_id\"\r\n\r\n42\r\n--b--\r\n";
        let post = |body: &str| {
            format!("POST /1.1/media/upload.json HTTP/1.1\r\nContent-Length: {}\r\n\r\n{body}", body.len())
        };
        let (answers, _) = said(&[&post(init), &post("command=APPEND&media_id=42"), &post(part)]);
        assert!(answers.contains(r#""media_id":1000000000000000000"#), "{answers}");
        assert!(answers.contains("204 No Content"), "{answers}");
        assert!(answers.contains(r#""media_id":42"#), "{answers}");
    }

    #[test]
    fn a_put_is_continued_and_counted() {
        let (answers, counters) =
            said(&["PUT /x HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc"]);
        assert!(answers.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK"), "{answers}");
        assert_eq!(counters.read().bytes, 3);
    }

    use super::super::Counts;
}
