//! What stands around the tables. Every number and every answer in it comes from the policy or from a table.

use std::fmt::Write as _;

use chunkwise_core::Policy;

use super::family::Ends;
use super::scene::{SEGMENT, TOTAL};
use super::table::{AGAIN, ALWAYS, ONCE};
use super::words::{again, secs};
use super::{COMMAND, Chapter, Made, Unfit, heading, sections};
use crate::model::Model;

/// The kinds of servers, each with those that differ from it in a few rows.
pub(super) const CHAPTERS: [Chapter; 3] = [
    Chapter {
        name: "Like X",
        model: Model::Parts,
        about: "Numbered segments in any order; what the server holds can't be asked, a segment may be sent twice. \
                Finalize makes the object, Verify can tell whether it did, and processing follows. A session can't be given \
                up: it expires.",
        variants: &[
            (
                "Like X, mute",
                Model::PartsMute,
                "Like X, but the answer to Verify is always \"cannot tell\": X's images are like that. Only the rows that \
                 differ.",
            ),
            (
                "Like X, blind",
                Model::PartsBlind,
                "Like X, but there is no Verify. Only the rows that differ.",
            ),
            (
                "Like X, even",
                Model::PartsUniform,
                "Like X, but all segments except the last must be of one size. Only the rows that differ.",
            ),
        ],
    },
    Chapter {
        name: "Like S3",
        model: Model::Listed,
        about: "Numbered segments with receipts, which Finalize wants back; Probe lists what the server holds. There is no \
                processing. A session can be given up.",
        variants: &[],
    },
    Chapter {
        name: "Like tus",
        model: Model::AppendPrefix,
        about: "One writer; the server owns the offset, Probe tells it, and what arrived of a broken Append is kept. The last \
                Append makes the object: there is no Finalize, no Verify and no processing. A session can be given up.",
        variants: &[(
            "Like tus, all or nothing",
            Model::AppendAtomic,
            "One writer, but a broken Append leaves nothing, a Finalize makes the object, and processing follows. A session \
             can't be given up. Only the rows that differ from those like tus.",
        )],
    },
];

/// Up to the questions.
pub(super) fn beginning() -> String {
    let Policy { retry, timeouts, deadline, processing, sessions, .. } = Policy::default();
    let minutes = |wait: std::time::Duration| wait.as_secs() / 60;
    format!(
        "# When something fails

What goes wrong, and where → what the engine does → what the caller sees → what is sent again.

This page is generated: every cell is what was seen of the running engine in the simulator of `chunkwise-testkit`, with one
kind of fault at one place, on a virtual clock. A test compares it with the engine. To renew it:
`{COMMAND}`

{contents}## How to read it

Look for the kind of server, then for what was under way, then for what happened. There are two severities: the fault strikes
**once**, or **always**: that operation and every later one of its kind.

The upload is of {TOTAL} bytes in segments of {SEGMENT}, so {segments} segments, one at a time, with the default policy: {attempts} tries of one
thing ({failures} of a Status, Verify or Abort), {throttles} if it is throttled or busy; backoffs drawn between zero and a bound that doubles from
{base} s up to {cap} s; {stall} s without a byte taken, {response} s without an answer; a deadline of {deadline} h, {processing} min for the processing; at most {sessions}
sessions; no wait above {longest} min. With n segments at once, up to n can be struck at once.

| in a cell                 | means                                                                     |
|---------------------------|---------------------------------------------------------------------------|
| `Append`, `Verify ×2`, …  | operations beyond those that a calm upload needs, in order of their first |
| `≤0.5 s`                  | after a backoff of at most that; of several, the last one's bound         |
| `90 s as told`            | after the wait that the server named                                      |
| `after 120 s`             | for so long nothing was heard; then the operation was given up            |
| `cut to 5`                | what is not stored is cut into segments of 5 bytes                        |
| `anew (gone)`             | everything anew in a new session, since the old one is gone               |
| `leak?`                   | an event tells that a session may be left that nobody can name or give up |
| `resumes`, `begins anew`  | another process goes on from the newest checkpoint; there was none        |
| `new credentials`         | they are asked for; what was refused goes once more for free              |
| `waits`                   | nothing new starts until the caller goes on                               |
| `write fails`             | an event tells that a checkpoint could not be written                     |
| `→ exhausted, kept`       | the end, and what is kept; a cell without an arrow ends with the object   |
| `kept`                    | there is a checkpoint to resume from                                      |
| `owed`                    | there is a checkpoint that says no more than that the session must go     |
| `nothing`                 | nothing is kept                                                           |
| `~`                       | it depends on the jitter; this is the worst of three runs                 |
| again: `10 (1)`           | 10 bytes went over the wire a second time: 1 segment                      |

Every run was held to the invariants in [ARCHITECTURE.md](../ARCHITECTURE.md). Every end that says `kept` was resumed with all well
again, and came to a good end (or to the same word, where the server itself is the reason), except where the server lied.

## Three principles

1. **A lost reply is a case of its own.** What was never sent is sent again without more ado; what was answered is believed; only what may have been
   done and was not heard of is doubtful.
2. **Nothing is repeated blindly where that could hurt.** A doubtful Finalize is followed by Verify, a doubtful Append by Probe where the server
   owns the offset or lists its segments. \"Not committed\" is believed when seen twice. Where nobody can tell, the error says so.
3. **Every end says what is kept and what to do.** It is one of the words in [How an upload ends](#how-an-upload-ends).

",
        contents = contents(),
        segments = TOTAL / SEGMENT,
        attempts = retry.attempts,
        failures = processing.failures,
        throttles = retry.throttles,
        base = secs(retry.backoff_base),
        cap = secs(retry.backoff_cap),
        stall = timeouts.stall.as_secs(),
        response = timeouts.response.as_secs(),
        deadline = minutes(deadline) / 60,
        processing = minutes(processing.deadline),
        longest = minutes(retry.longest_wait),
    )
}

/// A question, and the rows that answer it: chapter, section, and the first cells of the row.
struct Question {
    asked: &'static str,
    /// In plain words.
    said: &'static str,
    answers: &'static [(&'static str, &'static str, &'static [&'static str])],
}

const MACHINE: &str = "the machine and the caller";

const QUESTIONS: [Question; 12] = [
    Question {
        asked: "My laptop slept for an hour.",
        said: "What was under way is given up and sent again; the time asleep counts for the deadlines, so a long sleep during processing ends the wait. A resume goes on with it.",
        answers: &[
            ("Like X", MACHINE, &["the machine sleeps 1 h", "Append"]),
            ("Like X", MACHINE, &["the machine sleeps 1 h", "Status"]),
        ],
    },
    Question {
        asked: "`kill -9` in the middle.",
        said: "The next process goes on from the newest checkpoint: segments whose answers it did not see go again, a Finalize that may have been done is asked about first.",
        answers: &[
            ("Like X", MACHINE, &["the process dies (kill -9)", "Append"]),
            ("Like X", MACHINE, &["the process dies (kill -9)", "Finalize"]),
        ],
    },
    Question {
        asked: "429 from the server.",
        said: "It waits as long as it was told, up to an hour, and tries the same again. If the wait is longer, the upload ends and can be resumed.",
        answers: &[
            ("Like X", "while Append", &["throttled, for 90 s"]),
            ("Like X", "while Append", &["throttled, for 2 h"]),
        ],
    },
    Question {
        asked: "The connection broke in the middle of a segment.",
        said: "The segment is sent again after a backoff. Where the server keeps what arrived, it is asked how far it came, and only the rest is sent.",
        answers: &[
            ("Like X", "while Append", &["connection cut halfway (middle, last)"]),
            ("Like tus", "while Append", &["connection cut halfway"]),
        ],
    },
    Question {
        asked: "No answer to Finalize.",
        said: "It is never sent again blindly: Verify asks whether the object is there, and only after two times \"not committed\" Finalize goes once more.",
        answers: &[
            ("Like X", "while Finalize", &["reply lost: silence"]),
            ("Like X", "while Finalize", &["request lost: silence"]),
        ],
    },
    Question {
        asked: "Processing never ends.",
        said: "After the processing deadline the upload ends with a checkpoint: a resume goes on asking, nothing is sent again.",
        answers: &[("Like X", "the server's own ways", &["processing never ends"])],
    },
    Question {
        asked: "The disk is full.",
        said: "Where the engine must not go on without a checkpoint, it tries three times and ends. In between, a failed write costs nothing.",
        answers: &[
            ("Like X", "the disk", &["the session (barrier)", "writes fail from then on"]),
            ("Like X", "the disk", &["a stored segment", "writes fail from then on"]),
            ("Like X", "the disk", &["a stored segment", "the write fails once"]),
        ],
    },
    Question {
        asked: "The server does not know the session any more.",
        said: "Seen once it may be a replica that lags; seen twice, everything is sent in a new session. By default there is one such new session.",
        answers: &[
            ("Like X", "while Append", &["session gone"]),
            ("Like X", MACHINE, &["the session expires (asleep 1 h)", "Append"]),
        ],
    },
    Question {
        asked: "413: a proxy takes smaller segments only.",
        said: "What is left is cut smaller, in the same session if the protocol allows it. A proxy that resets instead is recognised after two resets at one size; that takes a new session.",
        answers: &[
            ("Like X", "while Append", &["too large"]),
            ("Like X", "the server's own ways", &["segments above 4 bytes: reset"]),
        ],
    },
    Question {
        asked: "The token expired.",
        said: "The caller is asked for new credentials, and what was refused goes once more. If there are none, the upload ends with a checkpoint.",
        answers: &[
            ("Like X", "while Append", &["credentials expired"]),
            ("Like X", "while Append", &["credentials expired, no new ones"]),
        ],
    },
    Question {
        asked: "The file changed meanwhile.",
        said: "The upload ends at once: parts of two files would make a broken object.",
        answers: &[("Like X", MACHINE, &["the source has changed", "Append"])],
    },
    Question {
        asked: "I cancelled too late.",
        said: "Once Finalize was sent, a cancel asks what became of it, and says so if the object is already there.",
        answers: &[("Like X", MACHINE, &["the caller discards", "Finalize"])],
    },
];

/// What people ask, answered from the tables.
pub(super) fn questions(chapters: &[Made<'_>]) -> Result<String, Unfit> {
    let mut text = String::from("## Questions people ask\n\n");
    for Question { asked, said, answers } in &QUESTIONS {
        let _ = writeln!(text, "- **{asked}** {said}");
        for (chapter, section, cells) in *answers {
            let none = || Unfit::NoSuchRow((*cells).join(" | "));
            let (_, made) = chapters.iter().find(|(there, _)| there.name == *chapter).ok_or_else(none)?;
            let tables = sections(made);
            let found = tables.iter().find(|there| there.name == *section).ok_or_else(none)?;
            let is_it = |row: &&Vec<String>| cells.iter().zip(row.iter()).all(|(cell, there)| cell == there);
            let row = found.table.rows.iter().find(is_it).ok_or_else(none)?;
            let title = heading(chapter, section);
            let _ = write!(text, "  - [{title}](#{}), {}:", anchor(&title), cells.join(", "));
            let told: Vec<_> = found.table.head.iter().zip(row).skip(cells.len()).collect();
            for (head, cell) in told.iter().filter(|(head, cell)| **head != AGAIN || *cell != "-") {
                let _ = match **head {
                    ONCE => write!(text, " once `{cell}`"),
                    ALWAYS => write!(text, " always `{cell}`"),
                    AGAIN => write!(text, " (again {cell})"),
                    _ => write!(text, " `{cell}`"),
                };
            }
            text += "\n";
        }
    }
    text += "\n";
    Ok(text)
}

/// The chapters, with links.
pub(super) fn contents() -> String {
    let mut text = String::from("## Contents\n\n");
    for title in ["How to read it", "Three principles", "Questions people ask"] {
        let _ = writeln!(text, "- [{title}](#{})", anchor(title));
    }
    for Chapter { name, variants, .. } in &CHAPTERS {
        let names = std::iter::once(*name).chain(variants.iter().map(|(name, ..)| *name));
        let links: Vec<_> = names.map(|name| format!("[{name}](#{})", anchor(name))).collect();
        let _ = writeln!(text, "- {}", links.join(" · "));
    }
    let last = "How an upload ends";
    let _ = writeln!(text, "- [{last}](#{})\n", anchor(last));
    text
}

/// The name by which a heading is linked to.
fn anchor(heading: &str) -> String {
    let kept =
        heading.to_lowercase().chars().filter(|c| c.is_alphanumeric() || *c == ' ' || *c == '-').collect();
    let kept: String = kept;
    kept.replace(' ', "-")
}

/// What every end means, with the advice that its error gives.
pub(super) fn ends(ends: &Ends) -> String {
    let mut text = String::from(
        "## How an upload ends\n\nEvery end but the good one is a typed error. Here each that the tables name, with what is kept, \
         who has to do something about it,\nthe error's own advice, and how much a resume sent again once all was well.\n\n",
    );
    for ((name, kept), seen) in &ends.0 {
        let who: Vec<_> = seen.fault.iter().map(String::as_str).collect();
        let _ = writeln!(text, "- **{name}, {kept}** ({})", who.join(", "));
        for advice in &seen.advice {
            let _ = writeln!(text, "  {advice}");
        }
        let _ = match seen.resumed {
            None | Some((0, 0)) => Ok(()),
            Some((least, most)) if least == most => writeln!(text, "  A resume sent {} again.", again(most)),
            Some((least, most)) => {
                writeln!(text, "  A resume sent from {least} to {} bytes again.", again(most))
            }
        };
    }
    text
}
