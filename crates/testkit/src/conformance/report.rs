//! What the suite found, as a table.

use std::fmt;

use super::case::Case;

/// What a case came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is as it ought to be.
    Passed,
    /// It is not: how.
    Failed(String),
    /// It was not asked: why.
    NotAsked(&'static str),
}

/// What the suite found of one subject.
#[derive(Clone, Debug)]
pub struct Report {
    subject: String,
    verdicts: Vec<(Case, Verdict)>,
}

/// What is not as it ought to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed(String);

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failed {}

impl Report {
    pub(super) fn new(subject: &str, verdicts: Vec<(Case, Verdict)>) -> Self {
        Self { subject: subject.to_owned(), verdicts }
    }

    /// The subject's name.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Every case, with what it came to.
    pub fn verdicts(&self) -> &[(Case, Verdict)] {
        &self.verdicts
    }

    /// What this case came to.
    pub fn verdict(&self, case: Case) -> Option<&Verdict> {
        self.verdicts.iter().find(|(of, _)| *of == case).map(|(_, verdict)| verdict)
    }

    /// How many cases passed.
    pub fn count(&self) -> usize {
        self.verdicts.iter().filter(|(_, verdict)| *verdict == Verdict::Passed).count()
    }

    /// Whether every case that was asked has passed, and any was.
    ///
    /// # Errors
    ///
    /// [`Failed`], with every case that did not and why.
    pub fn passed(&self) -> Result<(), Failed> {
        let failed: Vec<_> = self
            .verdicts
            .iter()
            .filter_map(|(case, verdict)| match verdict {
                Verdict::Failed(what) => Some(format!("{}: {what}", case.name())),
                Verdict::Passed | Verdict::NotAsked(_) => None,
            })
            .collect();
        match (failed.is_empty(), self.count()) {
            (true, 0) => Err(Failed(format!("{}: no case was asked", self.subject))),
            (true, _) => Ok(()),
            (false, _) => Err(Failed(format!("{}:\n  {}", self.subject, failed.join("\n  ")))),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Table(std::slice::from_ref(self)).fmt(f)?;
        for (case, verdict) in &self.verdicts {
            match verdict {
                Verdict::Failed(what) => writeln!(f, "{}: {what}", case.name())?,
                Verdict::Passed | Verdict::NotAsked(_) => {}
            }
        }
        Ok(())
    }
}

/// Several subjects side by side: a row for every case, a column for every subject.
#[derive(Clone, Copy, Debug)]
pub struct Table<'a>(pub &'a [Report]);

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cases = Case::all();
        let width = cases.iter().map(|case| case.name().len()).max().unwrap_or(0);
        write!(f, "| {:width$} |", "case")?;
        for report in self.0 {
            write!(f, " {:>6} |", report.subject)?;
        }
        write!(f, "\n|{}|", "-".repeat(width + 2))?;
        for report in self.0 {
            write!(f, "{}:|", "-".repeat(report.subject.len().max(6) + 1))?;
        }
        writeln!(f)?;
        for case in cases {
            write!(f, "| {:width$} |", case.name())?;
            for report in self.0 {
                let width = report.subject.len().max(6);
                let word = match report.verdict(case) {
                    Some(Verdict::Passed) => "yes",
                    Some(Verdict::Failed(_)) => "FAILED",
                    Some(Verdict::NotAsked(_)) | None => "",
                };
                write!(f, " {word:>width$} |")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
