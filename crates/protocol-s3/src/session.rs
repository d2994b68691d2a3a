//! The session: an upload id of the store, with what it belongs to.

use std::fmt;

use chunkwise_core::Session;
use chunkwise_transport::http::percent;
use percent_encoding::percent_decode_str;

use crate::{Object, S3Protocol};

/// The longest upload id, in bytes; S3's have about 130.
const MAX_UPLOAD_ID: usize = 1024;

/// What an object of this upload is recognised by: a number that nobody can guess, written into the object's metadata when
/// the upload is created. An older object of the same name and size does not have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mark(u128);

impl Mark {
    /// The mark of this number; make it at random, once for every upload, and keep it with the upload.
    pub const fn new(number: u128) -> Self {
        Self(number)
    }

    /// Its number.
    pub const fn get(self) -> u128 {
        self.0
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// The session of an upload id: the mark, the object and the id, so that none of them can be taken for another's.
pub(crate) fn session(s3: &S3Protocol, upload_id: &str) -> Option<Session> {
    let fits = !upload_id.is_empty() && upload_id.len() <= MAX_UPLOAD_ID;
    (fits && !upload_id.chars().any(char::is_control))
        .then(|| Session::new(format!("{}{}", prefix(s3.mark, &s3.object), percent::encode(upload_id))))
}

/// The upload id of a session; nothing if it is not one of this upload.
pub(crate) fn upload_id(s3: &S3Protocol, session: &Session) -> Option<String> {
    let encoded = session.as_str().strip_prefix(&prefix(s3.mark, &s3.object))?;
    let id = percent_decode_str(encoded).decode_utf8().ok()?;
    // Only what we would have written ourselves.
    (self::session(s3, &id)? == *session).then(|| id.into_owned())
}

fn prefix(mark: Mark, object: &Object) -> String {
    format!("{mark}/{}/{}/", object.bucket(), percent::encode(object.key()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s3(key: &str, mark: u128) -> S3Protocol {
        S3Protocol::new(Object::new("b", key).unwrap(), "http://localhost".parse().unwrap(), Mark::new(mark))
    }

    #[test]
    fn an_upload_id_comes_back_whatever_is_in_it() {
        let s3 = s3("a/b", 7);
        for id in ["x", "a/b&c=d?e#f%2F", "ä", " "] {
            let session = session(&s3, id).unwrap();
            assert!(session.as_str().is_ascii(), "{session}");
            assert_eq!(upload_id(&s3, &session).as_deref(), Some(id));
        }
        for bad in ["", "a\nb", &"x".repeat(MAX_UPLOAD_ID + 1)] {
            assert_eq!(session(&s3, bad), None);
        }
    }

    #[test]
    fn a_session_of_another_upload_is_none_of_ours() {
        let ours = s3("a/b", 7);
        let session = session(&ours, "x").unwrap();
        assert_eq!(upload_id(&s3("a/c", 7), &session), None);
        assert_eq!(upload_id(&s3("a/b", 8), &session), None);
        for foreign in ["", "x", &format!("{session}%"), &format!("{session}%0a"), &format!("{session}%78")] {
            assert_eq!(upload_id(&ours, &Session::new(foreign)), None, "{foreign}");
        }
    }
}
