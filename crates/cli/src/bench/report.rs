//! What was measured, for programs.

use serde_json::{Map, Value, json};

use super::cell::{Cell, State};
use super::owed::{Left, Why};
use super::recommend::Recommendation;
use super::setting::Setting;
use super::sweep::{Ended, Sweep};
use crate::exit::Exit;
use crate::render::document;
use crate::values::Window;

/// A finished sweep, with all that is told of it.
pub(super) struct Report<'a> {
    /// What was measured, in words.
    pub(super) target: &'a str,
    pub(super) sweep: &'a Sweep,
    /// The size of the files that are meant.
    pub(super) meant_for: u64,
    pub(super) recommended: Option<&'a Recommendation>,
    /// What has to be typed before the flags.
    pub(super) command: &'a str,
    /// What is left at the other end.
    pub(super) left: &'a [Left],
    pub(super) exit: Exit,
}

impl Report<'_> {
    /// One object for every setting.
    pub(super) fn cells(&self) -> Vec<Value> {
        self.sweep
            .cells
            .iter()
            .map(|cell| document("bench_cell", fields(cell, self.sweep.size).into()))
            .collect()
    }

    /// The object about the whole.
    pub(super) fn result(&self) -> Value {
        let Self { target, sweep, meant_for, recommended, command, left, exit } = self;
        let interrupted = match sweep.ended {
            Ended::Complete => false,
            Ended::Interrupted => true,
        };
        let recommended = recommended.map(|found| {
            let mut fields = setting_fields(found.setting);
            fields.insert("flags".to_owned(), found.setting.flags().into());
            fields.insert("command".to_owned(), format!("{command} {} FILE", found.setting.flags()).into());
            fields.insert("bytes_per_second".to_owned(), (found.summary.rate as u64).into());
            fields.insert("reason".to_owned(), found.reason.clone().into());
            fields.insert("notes".to_owned(), found.notes.clone().into());
            fields.insert("tolerance".to_owned(), found.tolerance.into());
            fields.insert("fastest".to_owned(), setting_fields(found.fastest).into());
            fields
        });
        let left: Vec<_> = left
            .iter()
            .map(|Left { what, why }| {
                let message = match why {
                    Why::Unable => None,
                    Why::Failed(why) => Some(why),
                };
                json!({ "what": what, "message": message })
            })
            .collect();
        document(
            "bench",
            json!({
                "ok": *exit == Exit::Ok, "exit_code": exit.code(), "target": target, "size": sweep.size,
                "for": meant_for, "rounds": sweep.rounds, "interrupted": interrupted, "recommended": recommended,
                "left": left,
            }),
        )
    }

    /// Both in one, for a file.
    pub(super) fn file(&self) -> Value {
        let mut result = self.result();
        if let Some(members) = result.as_object_mut() {
            members.insert("cells".to_owned(), self.cells().into());
        }
        result
    }
}

fn fields(cell: &Cell, size: u64) -> Map<String, Value> {
    let mut fields = setting_fields(cell.setting);
    let summary = cell.summary(size);
    let (state, requests, message) = match &cell.state {
        State::Goes { requests } if summary.is_some() => ("measured", Some(*requests), None),
        State::Goes { requests } => ("not_measured", Some(*requests), None),
        State::Failed { reason, .. } => ("failed", None, Some(reason.clone())),
        State::Unplannable(why) => ("unplannable", None, Some(why.to_string())),
    };
    let rest = json!({
        "state": state, "message": message, "requests": requests, "rounds": cell.samples.len(),
        "bytes_per_second": summary.map(|summary| summary.rate as u64),
        "spread": summary.map(|summary| summary.spread),
        "slowest": summary.map(|summary| summary.range.0 as u64),
        "fastest": summary.map(|summary| summary.range.1 as u64),
        "whole_bytes_per_second": summary.and_then(|summary| summary.whole).map(|whole| whole as u64),
        "retries": summary.map(|summary| summary.retries),
    });
    if let Value::Object(rest) = rest {
        fields.extend(rest);
    }
    fields
}

/// A setting's own fields.
pub(super) fn setting_fields(setting: Setting) -> Map<String, Value> {
    let most = match setting.window {
        Window::Fixed(lanes) | Window::Adaptive(lanes) => lanes.get(),
    };
    Map::from_iter([
        ("chunk_size".to_owned(), setting.chunk.bytes().into()),
        ("in_flight".to_owned(), most.into()),
        ("window".to_owned(), setting.window.to_string().into()),
    ])
}

/// Bytes per second in MB/s, in three digits at least.
pub(super) fn megabytes(rate: f64) -> String {
    let megabytes = rate / 1e6;
    match megabytes {
        ..9.995 => format!("{megabytes:.2}"),
        ..99.95 => format!("{megabytes:.1}"),
        _ => format!("{megabytes:.0}"),
    }
}
