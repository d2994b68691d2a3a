//! Where the bytes go: an object's name.

use std::fmt;
use std::str::FromStr;

use chunkwise_transport::http::percent;

/// An object: a key in a bucket. It is written as `s3://bucket/key`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Object {
    bucket: Box<str>,
    key: Box<str>,
}

impl Object {
    /// The object of this key in this bucket.
    ///
    /// The bucket has letters, digits, `.`, `_` and `-`; the key 1 to 1,024 bytes without control characters (no XML can hold
    /// them), and no `.` or `..` between its slashes (some stores take those for folders). Source: S3 User Guide, "Object key
    /// naming guidelines", "General purpose bucket naming rules".
    ///
    /// # Errors
    ///
    /// [`InvalidObject`] if one of them is not so.
    pub fn new(bucket: &str, key: &str) -> Result<Self, InvalidObject> {
        let in_bucket = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let begins = bucket.starts_with(|c: char| c.is_ascii_alphanumeric());
        if !begins || bucket.len() > 255 || bucket.contains("..") || !bucket.chars().all(in_bucket) {
            return Err(InvalidObject::Bucket);
        }
        let bounded = (1..=1024).contains(&key.len());
        let leads_away = key.split('/').any(|part| matches!(part, "." | ".."));
        if !bounded || leads_away || key.chars().any(char::is_control) {
            return Err(InvalidObject::Key);
        }
        Ok(Self { bucket: bucket.into(), key: key.into() })
    }

    /// Its bucket.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// Its key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The key as it goes into a path.
    pub(crate) fn key_path(&self) -> String {
        self.key.split('/').map(percent::encode).collect::<Vec<_>>().join("/")
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.key)
    }
}

impl FromStr for Object {
    type Err = InvalidObject;

    fn from_str(address: &str) -> Result<Self, InvalidObject> {
        let rest = address.strip_prefix("s3://").ok_or(InvalidObject::Address)?;
        let (bucket, key) = rest.split_once('/').ok_or(InvalidObject::Key)?;
        Self::new(bucket, key)
    }
}

/// Why this can't be an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidObject {
    /// The address is not one of an object.
    #[error("the address of an object is s3://bucket/key")]
    Address,
    /// The bucket's name is none.
    #[error("a bucket's name has letters, digits, dots and hyphens, and begins with a letter or a digit")]
    Bucket,
    /// The key can't be used.
    #[error("a key has 1 to 1,024 bytes, no control characters, and no \".\" or \"..\" between its slashes")]
    Key,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_written_as_its_address() {
        let object: Object = "s3://media.example/a b/größe=1.mp4".parse().unwrap();
        assert_eq!((object.bucket(), object.key()), ("media.example", "a b/größe=1.mp4"));
        assert_eq!(object.key_path(), "a%20b/gr%C3%B6%C3%9Fe%3D1.mp4");
        assert_eq!(object.to_string(), "s3://media.example/a b/größe=1.mp4");
    }

    #[test]
    fn what_leads_elsewhere_is_no_object() {
        use InvalidObject::{Address, Bucket, Key};
        for (address, why) in [
            ("https://b/k", Address),
            ("s3://b", Key),
            ("s3://b/", Key),
            ("s3:///k", Bucket),
            ("s3://.b/k", Bucket),
            ("s3://b..c/k", Bucket),
            ("s3://b@c/k", Bucket),
            ("s3://b:80/k", Bucket),
            ("s3://b/../c", Key),
            ("s3://b/a/./c", Key),
            ("s3://b/a\nc", Key),
        ] {
            assert_eq!(address.parse::<Object>(), Err(why), "{address}");
        }
        assert_eq!(Object::new("b", &"k".repeat(1025)), Err(Key));
        assert!(Object::new("b", &"k".repeat(1024)).is_ok());
    }
}
