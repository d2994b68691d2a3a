//! What is to be uploaded, as it stands on the command line: a file, a URL to be fetched, or standard input.

use std::ffi::OsString;
use std::path::PathBuf;

use chunkwise::Secret;

/// A file, a URL, or standard input. A URL may be signed, so `Debug` shows none.
#[derive(Clone, Debug)]
pub(crate) enum Given {
    File(PathBuf),
    Url(Secret<String>),
    /// What `-` stands for. A file of that name is `./-`.
    Stdin,
}

impl From<OsString> for Given {
    fn from(text: OsString) -> Self {
        let is_url = |text: &str| {
            let scheme = text.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
            matches!(scheme.as_deref(), Some("http" | "https"))
        };
        match text.to_str() {
            Some("-") => Self::Stdin,
            Some(url) if is_url(url) => Self::Url(Secret::new(url.to_owned())),
            Some(_) | None => Self::File(PathBuf::from(text)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_like_a_url_is_one() {
        for (text, url) in [
            ("https://a.example/clip.mp4", true),
            ("HTTP://a.example", true),
            ("clip.mp4", false),
            ("./http://odd", false),
            ("ftp://a.example/clip.mp4", false),
            ("https:/a.example", false),
        ] {
            assert_eq!(matches!(Given::from(OsString::from(text)), Given::Url(_)), url, "{text}");
        }
        assert!(matches!(Given::from(OsString::from("-")), Given::Stdin));
        assert!(matches!(Given::from(OsString::from("./-")), Given::File(_)));
        assert!(!format!("{:?}", Given::from(OsString::from("https://secret"))).contains("secret"));
    }
}
