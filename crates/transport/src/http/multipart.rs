//! A multipart/form-data body around a payload: a head with the text fields and the file part's header, and a tail.

use std::borrow::Cow;

use bytes::Bytes;
use http::HeaderValue;

use super::RequestBody;

/// The part of a form that is the payload.
#[derive(Clone, Copy, Debug)]
pub struct FilePart<'a> {
    /// The field's name.
    pub name: &'a str,
    /// The file's name; without one, some servers read the part as text.
    pub file_name: &'a str,
    /// The file's type, as in `video/mp4`.
    pub content_type: &'a str,
}

/// A multipart body whose last part is the payload, and its Content-Type.
///
/// The text fields come first, so that a server knows what comes before its bytes arrive. `nonce` must be a number that
/// nobody can guess, new for every request. Names are escaped as browsers do it (WHATWG HTML, "Multipart form data").
///
/// # Errors
///
/// None that a caller can bring about: the boundary is of a fixed form.
pub fn multipart(
    nonce: u128,
    fields: &[(&str, &str)],
    file: FilePart<'_>,
) -> Result<(HeaderValue, RequestBody), http::Error> {
    // 128 unguessable bits: no source can hold the boundary by chance or by intent.
    let boundary = format!("chunkwise-{nonce:032x}");
    let mut head = String::new();
    let mut push = |pieces: &[&str]| pieces.iter().for_each(|piece| head.push_str(piece));
    for (name, value) in fields {
        push(&["--", &boundary, "\r\nContent-Disposition: form-data; name=\"", &escaped(name), "\"\r\n\r\n"]);
        push(&[value, "\r\n"]);
    }
    let FilePart { name, file_name, content_type } = file;
    push(&["--", &boundary, "\r\nContent-Disposition: form-data; name=\"", &escaped(name)]);
    push(&["\"; filename=\"", &escaped(file_name), "\"\r\nContent-Type: "]);
    push(&[&printable(content_type), "\r\n\r\n"]);
    let tail = format!("\r\n--{boundary}--\r\n");
    let content_type = HeaderValue::try_from(format!("multipart/form-data; boundary={boundary}"))?;
    Ok((content_type, RequestBody::Payload { head: Bytes::from(head), tail: Bytes::from(tail).into() }))
}

/// Nearly always there is nothing to escape, and nothing is copied.
fn escaped(name: &str) -> Cow<'_, str> {
    if !name.bytes().any(|b| matches!(b, b'\r' | b'\n' | b'"')) {
        return Cow::Borrowed(name);
    }
    Cow::Owned(name.replace('\r', "%0D").replace('\n', "%0A").replace('"', "%22"))
}

fn printable(text: &str) -> Cow<'_, str> {
    if !text.bytes().any(|b| b.is_ascii_control()) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().filter(|c| !c.is_ascii_control()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Tail;

    #[test]
    fn a_name_can_t_leave_its_quotes() {
        let file = FilePart { name: "a\"b", file_name: "c\r\nd\"", content_type: "x/y\r\nz: 1" };
        let (content_type, body) = multipart(7, &[("e\n\"", "f")], file).unwrap();
        let boundary = "chunkwise-00000000000000000000000000000007";
        assert_eq!(content_type, format!("multipart/form-data; boundary={boundary}"));
        let head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"e%0A%22\"\r\n\r\nf\r\n--{boundary}\r\n\
             Content-Disposition: form-data; name=\"a%22b\"; filename=\"c%0D%0Ad%22\"\r\nContent-Type: x/yz: 1\r\n\r\n"
        );
        let tail = format!("\r\n--{boundary}--\r\n");
        let RequestBody::Payload { head: before, tail: Tail::Fixed(behind) } = body else {
            panic!("{body:?}")
        };
        assert_eq!((before, behind), (head.into(), tail.into()));
    }
}
