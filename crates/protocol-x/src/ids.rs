//! X's ids: digits, always kept as text, since they exceed what a double can hold (X fact sheet §6).

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Whether a text is one of X's ids: one to nineteen digits (X fact sheet §2.2, §2.3).
fn is_id(text: &str) -> bool {
    (1..=19).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

/// A text that is none of X's ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an id of X; those have one to nineteen digits")]
pub struct InvalidId;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Its digits.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(digits: &str) -> Result<Self, InvalidId> {
                if is_id(digits) { Ok(Self(digits.into())) } else { Err(InvalidId) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<$name> for Arc<str> {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    };
}

id! {
    /// The id of a media: the session while it is uploaded, and what a post names afterwards.
    MediaId
}

id! {
    /// The id of a post.
    PostId
}

id! {
    /// The id of a user.
    UserId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_one_to_nineteen_digits() {
        assert_eq!("1880028106020515840".parse::<MediaId>().unwrap().as_str(), "1880028106020515840");
        for bad in ["", "12345678901234567890", "12/../34", "-1", "1.5", " 1", "١", "12a", "1%2F2"] {
            assert_eq!(bad.parse::<MediaId>(), Err(InvalidId), "{bad:?}");
        }
    }
}
