use proptest::prelude::*;

use super::*;

type Part = (String, Vec<u8>);

/// Feeds `body` in pieces cut at `cuts` and gathers the parts.
fn parse(boundary: &str, body: &[u8], cuts: &[usize]) -> Result<Vec<Part>, MultipartError> {
    let mut parser = Parser::new(boundary)?;
    let mut parts: Vec<Part> = Vec::new();
    let mut ended = 0;
    let mut from = 0;
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (body.len() + 1)).collect();
    cuts.sort_unstable();
    for to in cuts.into_iter().chain([body.len()]) {
        parser.push(Bytes::copy_from_slice(&body[from..to]));
        from = to;
        while let Some(event) = parser.next_event()? {
            match event {
                Event::Part(head) => parts.push((head.name, Vec::new())),
                Event::Data(data) => {
                    assert!(!data.is_empty());
                    parts.last_mut().unwrap().1.extend_from_slice(&data);
                }
                Event::PartEnd => ended += 1,
            }
        }
    }
    parser.finish()?;
    assert_eq!(ended, parts.len());
    Ok(parts)
}

fn encode(boundary: &str, parts: &[Part]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, data) in parts {
        body.extend_from_slice(
            format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n").as_bytes(),
        );
        body.extend_from_slice(data);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    body
}

/// The whole body at once, the slow and obvious way: the first true delimiter from `from` on.
fn naive_delimiter(body: &[u8], boundary: &str, from: usize) -> Option<usize> {
    let delimiter = format!("\r\n--{boundary}");
    (from..body.len()).find(|&at| {
        body[at..]
            .strip_prefix(delimiter.as_bytes())
            .is_some_and(|rest| rest.starts_with(b"\r\n") || rest.starts_with(b"--"))
    })
}

fn naive(boundary: &str, body: &[u8]) -> Vec<Vec<u8>> {
    let mut parts = Vec::new();
    let mut at = boundary.len() + 4;
    loop {
        let data = at + body[at..].windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
        let end = naive_delimiter(body, boundary, data).unwrap();
        parts.push(body[data..end].to_vec());
        at = end + boundary.len() + 6;
        if &body[at - 2..at] == b"--" {
            return parts;
        }
    }
}

/// Data made of what delimiters are made of.
fn nasty_data() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"\r\n--B".to_vec()),
        Just(b"\r\n--Bx".to_vec()),
        Just(b"\r\n--B-x".to_vec()),
        Just(b"\r\n--B\r".to_vec()),
        Just(b"\r\n-".to_vec()),
        Just(b"\r".to_vec()),
        Just(b"\n".to_vec()),
        Just(b"-".to_vec()),
        Just(b"--B--".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..20),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn however_the_body_is_cut_the_parts_are_what_a_naive_search_finds(
        datas in proptest::collection::vec(nasty_data(), 1..4),
        cuts in proptest::collection::vec(any::<usize>(), 0..30),
    ) {
        let parts: Vec<Part> = datas.into_iter().map(|data| ("media".into(), data)).collect();
        let body = encode("B", &parts);
        // Random pieces may make up a true delimiter by chance; then what is left is no form.
        if let Ok(found) = parse("B", &body, &cuts) {
            let found: Vec<Vec<u8>> = found.into_iter().map(|(_, data)| data).collect();
            prop_assert_eq!(found, naive("B", &body));
        } else {
            let at_once = parse("B", &body, &[]);
            prop_assert!(at_once.is_err());
            let has_delimiter = parts.iter().any(|(_, data)| {
                let framed = [&data[..], b"\r\n--B\r\n"].concat();
                naive_delimiter(&framed, "B", 0).unwrap() < data.len()
            });
            prop_assert!(has_delimiter);
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(
        body in proptest::collection::vec(any::<u8>(), 0..300),
        cuts in proptest::collection::vec(any::<usize>(), 0..10),
    ) {
        let _ = parse("B", &body, &cuts);
        let _ = parse("B", &[b"--B\r\nContent-Disposition: form-data; name=a\r\n\r\n", &body[..]].concat(), &cuts);
    }
}

#[test]
fn what_only_looks_like_a_delimiter_is_data() {
    for data in ["\r\n--Bx", "\r\n--B-", "\r\n--B\r\r\n--Bx", "--B--", "\r\n--", "\r", "\r\n\r\n--B \r\n"] {
        let parts = vec![("media".to_owned(), data.as_bytes().to_vec())];
        let body = encode("B", &parts);
        for cut in 0..body.len() {
            assert_eq!(parse("B", &body, &[cut]).unwrap(), parts, "{data:?} cut at {cut}");
        }
    }
}

#[test]
fn headers_are_read_as_clients_write_them() {
    let head = |text: &str| parse_head(format!("{text}\r\n\r\n").as_bytes());
    let plain = head("Content-Disposition: form-data; name=\"media\"; filename=\"a;\\\"b\\\".mp4\"").unwrap();
    assert_eq!((plain.name.as_str(), plain.file_name.as_deref()), ("media", Some("a;\"b\".mp4")));
    assert_eq!(plain.encoding, TransferEncoding::Plain);
    let base64 =
        head("content-transfer-encoding: BASE64\r\ncontent-disposition: form-data;name=media").unwrap();
    assert_eq!((base64.name.as_str(), base64.encoding), ("media", TransferEncoding::Base64));
    assert_eq!(base64.file_name, None);
    assert_eq!(head("Content-Type: text/plain"), Err(MultipartError::NoName));
    assert_eq!(head("Content-Disposition: attachment; name=media"), Err(MultipartError::NoName));
    assert_eq!(head("Content-Disposition form-data"), Err(MultipartError::BadHead));
    let quoted =
        head("Content-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: quoted-printable");
    assert_eq!(quoted, Err(MultipartError::UnknownEncoding));
}

#[test]
fn hostile_bodies_are_refused() {
    let part = "--B\r\nContent-Disposition: form-data; name=a\r\n\r\n";
    let error = |body: String| parse("B", body.as_bytes(), &[]).unwrap_err();
    assert_eq!(error(String::new()), MultipartError::Unfinished);
    assert_eq!(error("garbage".into()), MultipartError::Preamble);
    assert_eq!(error("\r\n\r\n--B\r\n".into()), MultipartError::Preamble);
    assert_eq!(error(format!("{part}data")), MultipartError::Unfinished);
    assert_eq!(error(format!("{part}data\r\n--B\r\n")), MultipartError::Unfinished);
    assert_eq!(error(format!("{part}data\r\n--B--\r\nmore")), MultipartError::Epilogue);
    assert_eq!(error("--B\r\n\r\ndata\r\n--B--".into()), MultipartError::NoName);
    assert_eq!(error(format!("--B\r\nX: {}", "x".repeat(HEAD_LIMIT))), MultipartError::HeadTooLong);
    assert_eq!(
        error(format!("{}--B--", format!("{part}\r\n").repeat(PART_LIMIT + 1))),
        MultipartError::TooManyParts
    );
    assert_eq!(parse("B", b"--B--", &[]), Ok(Vec::new()));
    assert_eq!(parse("B", format!("\r\n{part}x\r\n--B--").as_bytes(), &[]).unwrap().len(), 1);
}

#[test]
fn boundaries_are_found_in_the_content_type() {
    assert_eq!(boundary_of("multipart/form-data; boundary=abc").unwrap(), "abc");
    assert_eq!(boundary_of("Multipart/Form-Data; charset=utf-8; Boundary=\"a b\"").unwrap(), "a b");
    assert_eq!(boundary_of("multipart/form-data, boundary=abc"), Err(MultipartError::NoBoundary));
    assert_eq!(boundary_of("application/json"), Err(MultipartError::NoBoundary));
    assert!(matches!(Parser::new("a\rb"), Err(MultipartError::BadBoundary)));
    assert!(matches!(Parser::new(""), Err(MultipartError::BadBoundary)));
    assert!(matches!(Parser::new(&"x".repeat(71)), Err(MultipartError::BadBoundary)));
}
