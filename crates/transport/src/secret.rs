//! Redaction by type.

use std::fmt;

use zeroize::Zeroize;

/// A value that must not be seen: neither `Debug` nor `Display` shows it, and its memory is overwritten when it goes.
///
/// That is of this value alone. What was copied out of it (into a header, say) or left behind when it moved is not found
/// again; against who can read a process's memory it is a help and no more.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    /// Hides the value.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself; the one place where it leaves its cover.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T: Zeroize> From<T> for Secret<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl<T: Zeroize> fmt::Display for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_prints_it() {
        let secret = Secret::new("hunter2".to_owned());
        assert_eq!(format!("{secret} {secret:?} {:#?}", Some(&secret)).matches("hunter2").count(), 0);
        assert_eq!(secret.expose(), "hunter2");
    }
    #[test]
    fn what_it_held_is_overwritten_when_it_goes() {
        /// Tells what it was overwritten with.
        struct Watched<'a>(String, &'a std::cell::RefCell<Vec<String>>);

        impl Zeroize for Watched<'_> {
            fn zeroize(&mut self) {
                self.0.zeroize();
                self.1.borrow_mut().push(self.0.clone());
            }
        }

        let left = std::cell::RefCell::new(Vec::new());
        let secret = Secret::new(Watched("hunter2".to_owned(), &left));
        assert!(left.borrow().is_empty() && secret.expose().0 == "hunter2");
        drop(secret);
        assert_eq!(*left.borrow(), [""]);
    }
}
