//! The tables of one kind of server, from runs of the engine.

use std::collections::{BTreeMap, BTreeSet};

use chunkwise_core::{Kept, OperationKind, RetryPolicy};

use super::Unfit;
use super::deed::{DEEDS, MISHAPS, WAYS, writes};
use super::reading::{Ending, From, Reading, read};
use super::scene::Scene;
use super::strike::{Group, Strike, all};
use super::table::{AGAIN, ALWAYS, DOES, ONCE, Table, lines};
use super::words::{again, ended, reaction};
use crate::model::Model;
use crate::scenario::{Scenario, Times};
use crate::simulation::watched;

/// Every cell is made three times, with another jitter each; where they differ, the worst is told, and that it is.
const SEEDS: [u64; 3] = [1, 2, 3];

/// The tables of one kind of server, in the order of the page.
#[derive(Clone, Debug)]
pub(super) struct Family {
    pub operations: Vec<(OperationKind, Table)>,
    pub deeds: Table,
    pub disk: Table,
    pub ways: Table,
}

/// How uploads ended, over all that was run.
#[derive(Clone, Debug, Default)]
pub(super) struct Ends(pub BTreeMap<(String, &'static str), EndSeen>);

/// What was seen of one kind of end.
#[derive(Clone, Debug, Default)]
pub(super) struct EndSeen {
    pub advice: BTreeSet<String>,
    pub fault: BTreeSet<String>,
    /// The least and the most bytes that a resume sent again; `None` if there was none.
    pub resumed: Option<(u64, u64)>,
}

/// Runs all there is for this kind of server.
pub(super) fn family(model: Model, ends: &mut Ends) -> Result<Family, Unfit> {
    let mut run = Run { model, ends };
    let mut operations = Vec::new();
    for kind in OperationKind::ALL {
        let table = match kind {
            OperationKind::Append => run.appends()?,
            _ => run.strikes(kind)?,
        };
        if !table.rows.is_empty() {
            operations.push((kind, table));
        }
    }
    Ok(Family { operations, deeds: run.deeds()?, disk: run.disk()?, ways: run.ways()? })
}

struct Run<'a> {
    model: Model,
    ends: &'a mut Ends,
}

/// What a fault once and a fault always come to, as cells.
type Pair = [String; 4];

impl Run<'_> {
    /// Runs it; `None` if what was to strike did not.
    fn reading(
        &mut self,
        from: From,
        before: u64,
        scenario: impl Fn(u64) -> Scenario,
    ) -> Result<Option<Reading>, Unfit> {
        let mut readings = Vec::new();
        for seed in SEEDS {
            let scenario = scenario(seed);
            let watched = watched(&scenario);
            if let Err(breach) = watched.ran {
                return Err(Unfit::Breach { breach, scenario: Box::new(scenario) });
            }
            let Some(reading) = read(&watched, from, &RetryPolicy::default()) else { return Ok(None) };
            readings.push(Reading { again: reading.again.saturating_sub(before), ..reading });
        }
        for reading in &readings {
            self.ends.take_in(reading);
        }
        let varies = readings.iter().any(|reading| told(reading) != told(&readings[0]));
        let worst = readings.into_iter().max_by_key(|reading| (reading.end != Ending::Ready, told(reading)));
        Ok(worst.map(|worst| Reading { varies, ..worst }))
    }

    /// What the setting alone sends again; `None` if the setting alone is the end of it.
    fn before(&self, scene: Scene) -> Option<u64> {
        let watched = watched(&scene.scenario(self.model, 1));
        let reading = read(&watched, From::Beginning, &RetryPolicy::default())?;
        match reading.end {
            Ending::Ready => Some(reading.again),
            Ending::Failed(_) if scene.at.kind == OperationKind::Abort => Some(reading.again),
            Ending::Hollow | Ending::Failed(_) | Ending::None => None,
        }
    }

    fn pair(&mut self, strike: &Strike, scene: Scene) -> Result<Option<Pair>, Unfit> {
        let Some(before) = self.before(scene) else { return Ok(None) };
        let model = self.model;
        let mut cells = Vec::new();
        for times in [Times::Once, Times::Always] {
            let from = From::Deed(scene.deeds());
            let strikes = |seed| strike.scenario(scene, times, model, seed);
            let Some(reading) = self.reading(from, before, strikes)? else { return Ok(None) };
            cells.extend([reaction(&reading), again(reading.again)]);
        }
        Ok(cells.try_into().ok())
    }

    fn strikes(&mut self, kind: OperationKind) -> Result<Table, Unfit> {
        let scene = Scene::of(kind);
        let mut table = Table::new(&["what happens", ONCE, AGAIN, ALWAYS, AGAIN]);
        let mut groups: Vec<(Group, Pair, Vec<&str>)> = Vec::new();
        for strike in all(kind, self.model) {
            let Some(pair) = self.pair(&strike, scene)? else { continue };
            let same = |(group, told, _): &&mut (Group, Pair, Vec<&str>)| {
                strike.group != Group::Own && *group == strike.group && *told == pair
            };
            match groups.iter_mut().find(same) {
                Some((_, _, names)) => names.push(strike.name),
                None => groups.push((strike.group, pair, vec![strike.name])),
            }
        }
        for (_, pair, names) in groups {
            table.rows.extend(lines(names, 40).into_iter().map(|name| row(name, &pair)));
        }
        Ok(table)
    }

    /// Where a segment matters by its place, it has a row of its own.
    fn appends(&mut self) -> Result<Table, Unfit> {
        let mut table = Table::new(&["what happens", ONCE, AGAIN, ALWAYS, AGAIN]);
        for strike in all(OperationKind::Append, self.model) {
            let mut told: Vec<(Pair, Vec<&str>)> = Vec::new();
            for (name, scene) in Scene::appends() {
                let Some(pair) = self.pair(&strike, scene)? else { continue };
                match told.iter_mut().find(|(there, _)| *there == pair) {
                    Some((_, names)) => names.push(name),
                    None => told.push((pair, vec![name])),
                }
            }
            let alone = told.len() == 1;
            for (pair, places) in told {
                let name = if alone {
                    strike.name.to_owned()
                } else {
                    format!("{} ({})", strike.name, places.join(", "))
                };
                table.rows.push(row(name, &pair));
            }
        }
        Ok(table)
    }

    fn deeds(&mut self) -> Result<Table, Unfit> {
        let mut table = Table::new(&["what happens", "while", DOES, AGAIN]);
        let model = self.model;
        for deed in DEEDS {
            for kind in OperationKind::ALL {
                let scene = Scene::of(kind);
                let Some(before) = self.before(scene) else { continue };
                let from = From::Deed(scene.deeds());
                let reading = self.reading(from, before, |seed| deed.scenario(scene, model, seed))?;
                if let Some(reading) = reading {
                    let cells = [deed.name, kind.name(), &reaction(&reading), &again(reading.again)];
                    table.rows.push(cells.map(str::to_owned).into());
                }
            }
        }
        Ok(table)
    }

    fn disk(&mut self) -> Result<Table, Unfit> {
        let mut table = Table::new(&["what is written", "what happens", DOES, AGAIN]);
        let model = self.model;
        for write in writes(model) {
            let calm = read(&watched(&write.scenario(model, 1)), From::Beginning, &RetryPolicy::default());
            let before = calm.map_or(0, |calm| calm.again);
            for (name, mishap) in MISHAPS {
                let (_, from) = mishap.scenario(write, model, 1);
                let reading = self.reading(from, before, |seed| mishap.scenario(write, model, seed).0)?;
                if let Some(reading) = reading {
                    let cells = [write.name, name, &reaction(&reading), &again(reading.again)];
                    table.rows.push(cells.map(str::to_owned).into());
                }
            }
        }
        Ok(table)
    }

    fn ways(&mut self) -> Result<Table, Unfit> {
        let mut table = Table::new(&["what the server does", DOES, AGAIN]);
        let model = self.model;
        for (name, way) in WAYS {
            let Some(first) = way.scenario(model, 1) else { continue };
            let reading = self.reading(From::Beginning, 0, |seed| {
                way.scenario(model, seed).unwrap_or_else(|| first.clone())
            })?;
            if let Some(reading) = reading {
                let cells = [name, &reaction(&reading), &again(reading.again)];
                table.rows.push(cells.map(str::to_owned).into());
            }
        }
        Ok(table)
    }
}

fn row(name: String, pair: &Pair) -> Vec<String> {
    std::iter::once(name).chain(pair.iter().cloned()).collect()
}

/// What of a reading is told.
fn told(reading: &Reading) -> (u64, String) {
    (reading.again, reaction(reading))
}

impl Ends {
    fn take_in(&mut self, reading: &Reading) {
        let Ending::Failed(error) = &reading.end else { return };
        let seen = self.0.entry((ended(&error.kind), super::words::kept(error.kept))).or_default();
        seen.advice.insert(error.advice());
        seen.fault.insert(format!("{:?}", error.kind.fault()).to_lowercase());
        if let (Some(resumed), Some(Kept::Checkpoint)) = (reading.resumed, reading.kept()) {
            let (least, most) = seen.resumed.unwrap_or((resumed, resumed));
            seen.resumed = Some((least.min(resumed), most.max(resumed)));
        }
    }
}
