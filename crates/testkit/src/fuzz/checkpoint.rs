//! Checkpoints that somebody else wrote, or that rotted on a disk.

use std::sync::OnceLock;

use chunkwise_core::{
    Checkpoint, Commit, Empty, Finalize, Growth, Profile, Rewind, SourceLength, UploadSpec,
};
use serde_json::Value;

use super::watch::{Watch, there_and_back};
use super::world::{START, World, append, listed, parts, policy};
use super::{Finding, Tape};

/// The most pokes of one run.
const POKES: u32 = 40;

/// Every profile that a checkpoint is tried under. They share one name, so that every checkpoint gets further than that.
fn profiles() -> [Profile; 7] {
    let mut one = listed();
    one.sizing.empty = Empty::OneSegment;
    let implicit = Profile { finalize: Finalize::Implicit, ..parts() };
    let tight =
        Profile { sizing: chunkwise_core::Sizing { max: 20, max_count: 6, ..parts().sizing }, ..parts() };
    [parts(), listed(), implicit, one, tight, append(Commit::Prefix), append(Commit::Atomic)]
}

/// Checkpoints of every stage, as JSON: what is changed by the bytes.
fn bases() -> &'static [Value] {
    static BASES: OnceLock<Vec<Value>> = OnceLock::new();
    BASES.get_or_init(|| {
        let mut bases = Vec::new();
        for profile in profiles() {
            let known = |total| UploadSpec::whole(total);
            let unknown = UploadSpec { length: SourceLength::Unknown, ..UploadSpec::whole(0) };
            for (spec, rewind) in [
                (known(57), Rewind::Possible),
                (known(0), Rewind::Possible),
                (known(20), Rewind::UntilReleased),
                (unknown, Rewind::Possible),
                (unknown, Rewind::UntilReleased),
            ] {
                let spec = UploadSpec { rewind, ..spec };
                let world = World { spec, profile: profile.clone(), policy: policy() };
                let Ok(Some(mut watch)) = Watch::begin(world, START) else { continue };
                let mut keep = |watch: &Watch| bases.extend(serde_json::to_value(watch.checkpoint()));
                for step in 0..30 {
                    let comes = match (spec.length, step) {
                        (SourceLength::Unknown, 1) => watch.grow(35, Growth::Growing),
                        (SourceLength::Unknown, 6) => watch.grow(35, Growth::Ended),
                        (SourceLength::Known(_) | SourceLength::Unknown, _) => Ok(()),
                    };
                    keep(&watch);
                    if comes.is_err() {
                        break;
                    }
                    let discarded = step != 12 || watch.discard().is_ok();
                    if !discarded || !watch.step().is_ok_and(|more| more) {
                        break;
                    }
                }
                keep(&watch);
            }
        }
        bases.dedup();
        bases
    })
}

/// Every number in it.
fn numbers<'a>(value: &'a mut Value, found: &mut Vec<&'a mut Value>) {
    match value {
        Value::Number(_) => found.push(value),
        Value::Array(items) => items.iter_mut().for_each(|item| numbers(item, found)),
        Value::Object(members) => members.values_mut().for_each(|member| numbers(member, found)),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// One of the values in it, by the way that the tape takes.
fn descend<'a>(mut value: &'a mut Value, tape: &mut Tape<'_>) -> &'a mut Value {
    loop {
        // One more than there are: this one itself.
        match value {
            Value::Array(items) => {
                let at = usize::from(tape.byte()) % (items.len() + 1);
                if at == items.len() {
                    return value;
                }
                value = &mut value[at];
            }
            Value::Object(members) => {
                let at = usize::from(tape.byte()) % (members.len() + 1);
                let Some(name) = members.keys().nth(at).cloned() else { return value };
                value = &mut value[name];
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return value,
        }
    }
}

/// Changes something.
fn edit(value: &mut Value, tape: &mut Tape<'_>) {
    match tape.below(8) {
        // Numbers are what the arithmetic relies on.
        0..=4 => {
            let mut found = Vec::new();
            numbers(value, &mut found);
            let at = usize::from(tape.byte()) % found.len().max(1);
            let other =
                found.get(usize::from(tape.byte()) % found.len().max(1)).map(|other| (**other).clone());
            let Some(number) = found.into_iter().nth(at) else { return };
            let was = number.as_u64().unwrap_or(0);
            *number = match tape.below(6) {
                0 => was.saturating_add(1).into(),
                1 => was.saturating_sub(1).into(),
                2 => other.unwrap_or(Value::Null),
                3 => was.saturating_add(10 * u64::from(tape.byte())).into(),
                4 => was.saturating_sub(10 * u64::from(tape.byte())).into(),
                _ => tape.number().into(),
            };
        }
        5 => {
            let other = descend(value, tape).clone();
            *descend(value, tape) = other;
        }
        6 => match descend(value, tape) {
            Value::Array(items) => {
                let at = usize::from(tape.byte()) % items.len().max(1);
                if tape.one_in(2) && !items.is_empty() {
                    items.remove(at);
                } else if let Some(item) = items.get(at).cloned() {
                    items.push(item);
                } else {
                    items.push(serde_json::json!([tape.number(), tape.number()]));
                }
            }
            Value::Object(members) => {
                let name = members.keys().nth(usize::from(tape.byte()) % members.len().max(1)).cloned();
                match name {
                    Some(name) if tape.one_in(2) => drop(members.remove(&name)),
                    Some(name) => {
                        let member = members.get(&name).cloned().unwrap_or(Value::Null);
                        members.insert(tape.byte().to_string(), member);
                    }
                    None => drop(members.insert(tape.byte().to_string(), serde_json::json!([114]))),
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        },
        _ => {
            let words =
                ["Opening", "Transferring", "FinalizeSent", "Processing", "Aborting", "Repeated", "None", ""];
            *descend(value, tape) = match tape.below(5) {
                0 => Value::Null,
                1 => Value::Array(Vec::new()),
                _ => tape.pick(&words).into(),
            };
        }
    }
}

/// Reads the bytes as JSON, or as changes to a checkpoint that is sound, and then as what becomes of the upload.
fn read(bytes: &[u8]) -> Option<(Checkpoint, Tape<'_>)> {
    if bytes.first() == Some(&b'{') {
        let mut documents = serde_json::Deserializer::from_slice(bytes).into_iter::<Checkpoint>();
        let checkpoint = documents.next()?.ok()?;
        let behind = bytes.get(documents.byte_offset()..).unwrap_or_default();
        return Some((checkpoint, Tape::new(behind)));
    }
    let mut tape = Tape::new(bytes);
    let mut value = tape.pick_from(bases())?;
    for _ in 0..tape.below(6) {
        edit(&mut value, &mut tape);
    }
    Some((serde_json::from_value(value).ok()?, tape))
}

/// What a run came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Whether the bytes were a checkpoint at all.
    pub read: bool,
    /// How many profiles accepted it.
    pub accepted: usize,
}

/// Resumes from a checkpoint made of the bytes, under every profile, and goes on under one with the rest of the bytes.
///
/// What is accepted comes back from a disk as it is; going on from it keeps the core's contract, and comes to an end.
///
/// # Errors
///
/// A [`Finding`] if one of these does not hold.
pub fn run(bytes: &[u8]) -> Result<(), Finding> {
    run_and_tell(bytes).map(drop)
}

/// The same, and says how far it came.
///
/// # Errors
///
/// As [`run`].
pub fn run_and_tell(bytes: &[u8]) -> Result<Tally, Finding> {
    let mut tally = Tally::default();
    let Some((checkpoint, mut tape)) = read(bytes) else { return Ok(tally) };
    tally.read = true;
    there_and_back(&checkpoint)?;
    let mut accepted = Vec::new();
    for profile in profiles() {
        let world = World { spec: *checkpoint.spec(), profile, policy: policy() };
        if let Ok(watch) = Watch::resume(checkpoint.clone(), world, START)? {
            there_and_back(&watch.checkpoint())?;
            accepted.push(watch);
        }
    }
    tally.accepted = accepted.len();
    if tape.is_empty() {
        // Nothing but a checkpoint: everybody means well, under every profile.
        accepted.iter_mut().try_for_each(Watch::end_well)?;
    } else if !accepted.is_empty() {
        let at = usize::from(tape.byte()) % accepted.len();
        let mut watch = accepted.swap_remove(at);
        for _ in 0..POKES {
            if tape.is_empty() {
                break;
            }
            watch.poke(&mut tape)?;
        }
        watch.end_well()?;
    }
    Ok(tally)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unchanged_checkpoints_are_of_every_stage_and_accepted() {
        for stage in ["\"Opening\"", "Transferring", "FinalizeSent", "Processing", "Aborting"] {
            assert!(bases().iter().any(|base| base.to_string().contains(stage)), "{stage}");
        }
        let accepted =
            bases().iter().filter(|base| run_and_tell(base.to_string().as_bytes()).unwrap().accepted > 0);
        assert!(accepted.count() > bases().len() / 2);
    }
}
