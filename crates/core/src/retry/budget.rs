//! The retry budget: it refills only when the committed set grows.

/// How many retries an upload may still make before a segment must be stored.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Budget {
    left: u32,
    full: u32,
}

impl Budget {
    pub(crate) const fn new(full: u32) -> Self {
        Self { left: full, full }
    }

    /// Takes one; says whether there was one.
    pub(crate) const fn take(&mut self) -> bool {
        match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }

    /// The committed set grew: one comes back.
    pub(crate) const fn grew(&mut self) {
        if self.left < self.full {
            self.left += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_growth_refills_it_and_never_above_full() {
        let mut budget = Budget::new(2);
        assert!(budget.take() && budget.take() && !budget.take());
        budget.grew();
        assert!(budget.take() && !budget.take());
        for _ in 0..5 {
            budget.grew();
        }
        assert!(budget.take() && budget.take() && !budget.take());
    }
}
