//! A destination, as it stands behind `--to`.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use chunkwise::s3::Object;
use chunkwise::tus::Endpoint;

/// Where an upload goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum To {
    /// To X, or to what stands in for it.
    #[default]
    X,
    Elsewhere(Place),
}

/// A place other than X.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A bucket. A key that is empty or ends with a slash is a folder: the file keeps its name.
    S3 {
        /// The bucket.
        bucket: String,
        /// The key, or the folder.
        key: String,
    },
    /// A tus server, at this address.
    Tus(String),
}

impl FromStr for To {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.eq_ignore_ascii_case("x") {
            return Ok(Self::X);
        }
        text.parse().map(Self::Elsewhere)
    }
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once("://") {
            Some(("s3", path)) => {
                let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
                // Any name of a file stands for those to come.
                let probe =
                    if key.is_empty() || key.ends_with('/') { format!("{key}file") } else { key.into() };
                Object::new(bucket, &probe).map_err(|error| error.to_string())?;
                Ok(Self::S3 { bucket: bucket.to_owned(), key: key.to_owned() })
            }
            Some(("tus+http" | "tus+https", _)) => {
                let endpoint = text.trim_start_matches("tus+");
                Endpoint::new(endpoint).map_err(|error| error.to_string())?;
                Ok(Self::Tus(endpoint.to_owned()))
            }
            Some(_) | None => {
                Err("it is x, s3://bucket/key, or tus+https:// and the address of a tus server".to_owned())
            }
        }
    }
}

impl fmt::Display for Place {
    /// As people know it: the bucket, or the server, without a query, which may hold a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::S3 { bucket, .. } => write!(f, "s3://{bucket}"),
            Self::Tus(endpoint) => f.write_str(endpoint.split('?').next().unwrap_or_default()),
        }
    }
}

impl Place {
    /// As it is written behind `--to`. A query may hold a key: an address with one is not repeated, and what stands for it is
    /// no destination.
    pub(crate) fn written(&self) -> String {
        match self {
            Self::S3 { bucket, key } if key.is_empty() => format!("s3://{bucket}"),
            Self::S3 { bucket, key } => format!("s3://{bucket}/{key}"),
            Self::Tus(endpoint) if endpoint.contains('?') => "(the address again, with its query)".to_owned(),
            Self::Tus(endpoint) => format!("tus+{endpoint}"),
        }
    }

    /// Whether every file has a name of its own there.
    pub(crate) fn takes_several(&self) -> bool {
        match self {
            Self::Tus(_) => true,
            Self::S3 { key, .. } => key.is_empty() || key.ends_with('/'),
        }
    }

    /// The first two of these files that would become one object there, and that object.
    pub(super) fn clash<'a>(
        &self,
        files: impl Iterator<Item = &'a Path>,
    ) -> Option<(&'a Path, &'a Path, Object)> {
        let (bucket, key) = match self {
            // The server gives every upload an address of its own.
            Self::Tus(_) => return None,
            Self::S3 { bucket, key } => (bucket, key),
        };
        let mut taken = HashMap::new();
        for file in files {
            // What can't be an object is told of when it is its turn.
            let Ok(object) = object(bucket, key, Some(file)) else { continue };
            if let Some(before) = taken.insert(object.clone(), file) {
                return Some((before, file, object));
            }
        }
        None
    }
}

/// The object for this file under a key, or in a folder, of a bucket.
///
/// # Errors
///
/// Why it can't have that name.
pub(super) fn object(bucket: &str, key: &str, file: Option<&Path>) -> Result<Object, String> {
    let key = if key.is_empty() || key.ends_with('/') {
        let name = file.and_then(Path::file_name).and_then(|name| name.to_str());
        format!("{key}{}", name.ok_or("what has no name needs a key: s3://bucket/key")?)
    } else {
        key.to_owned()
    };
    Object::new(bucket, &key).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_is_x_a_key_or_a_tus_server() {
        let s3 =
            |bucket: &str, key: &str| To::Elsewhere(Place::S3 { bucket: bucket.into(), key: key.into() });
        for (text, to) in [
            ("x", To::X),
            ("s3://media/clips/a b.mp4", s3("media", "clips/a b.mp4")),
            ("s3://media", s3("media", "")),
            ("s3://media/clips/", s3("media", "clips/")),
            (
                "tus+https://tus.example/files/",
                To::Elsewhere(Place::Tus("https://tus.example/files/".into())),
            ),
        ] {
            assert_eq!(text.parse(), Ok(to), "{text}");
        }
        for wrong in [
            "",
            "y",
            "s3:/media",
            "s3://",
            "s3://me dia/key",
            "https://tus.example/",
            "tus://tus.example",
            "tus+https://",
        ] {
            assert!(wrong.parse::<To>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_place_is_written_as_it_is_read_but_for_a_query() {
        for text in
            ["s3://media", "s3://media/clips/", "s3://media/a b.mp4", "tus+https://tus.example/files/"]
        {
            assert_eq!(text.parse::<Place>().unwrap().written(), text);
        }
        let keyed: Place = "tus+https://tus.example/files/?key=hunter2".parse().unwrap();
        assert!(!keyed.written().contains("hunter2") && keyed.written().parse::<To>().is_err());
    }

    #[test]
    fn files_of_one_name_clash_in_a_folder_of_a_bucket_alone() {
        let clash = |to: &str, files: [&'static str; 3]| {
            let place: Place = to.parse().unwrap();
            let clash = place.clash(files.into_iter().map(Path::new));
            clash.map(|(one, other, object)| (one.to_owned(), other.to_owned(), object.to_string()))
        };
        let (one, other) = ("a/clip.mp4", "b/clip.mp4");
        let both = Some((one.into(), other.into(), "s3://media/x/clip.mp4".into()));
        assert_eq!(clash("s3://media/x/", [one, "c.mp4", other]), both);
        assert_eq!(clash("s3://media/x/", [one, "b/Clip.mp4", "c.mp4"]), None);
        assert_eq!(clash("tus+https://tus.example/files/", [one, one, other]), None);
    }

    #[test]
    fn a_folder_in_a_bucket_takes_the_names_of_files() {
        let name = |key, file: Option<&str>| {
            object("media", key, file.map(Path::new)).map(|object| object.to_string())
        };
        assert_eq!(name("clips/", Some("/tmp/a.mp4")), Ok("s3://media/clips/a.mp4".into()));
        assert_eq!(name("", Some("a.mp4")), Ok("s3://media/a.mp4".into()));
        assert_eq!(name("b.mp4", Some("a.mp4")), Ok("s3://media/b.mp4".into()));
        assert_eq!(name("b.mp4", None), Ok("s3://media/b.mp4".into()));
        assert!(name("clips/", None).is_err());
    }
}
