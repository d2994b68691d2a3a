//! The link as a pipe that requests share.

use std::time::Duration;

use chunkwise_core::{OpId, Timestamp};

use super::Link;

/// What is being sent, and how fast.
#[derive(Clone, Debug)]
pub(super) struct Pipe {
    flows: Vec<Flow>,
    /// Bytes per second, for all and for one.
    rate: f64,
    limit: f64,
    /// When the rate changes, and what to; the next one last.
    changes: Vec<(Timestamp, f64)>,
    now: Timestamp,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Flow {
    pub(super) op: OpId,
    /// Bytes that are to go before it ends.
    pub(super) len: u64,
    left: f64,
    weight: f64,
    rate: f64,
}

impl Flow {
    pub(super) const fn new(op: OpId, len: u64, weight: f64) -> Self {
        Self { op, len, left: len as f64, weight, rate: 0.0 }
    }

    /// Bytes that have gone.
    pub(super) fn gone(&self) -> u64 {
        (self.len as f64 - self.left).max(0.0) as u64
    }
}

/// What is less than this has gone: half a byte.
const NOTHING: f64 = 0.5;

impl Pipe {
    pub(super) fn new(link: &Link, start: Timestamp) -> Self {
        let later = link.bandwidth.later.iter().rev();
        Self {
            flows: Vec::new(),
            rate: link.bandwidth.first as f64,
            limit: link.per_connection.map_or(f64::INFINITY, |limit| limit as f64),
            changes: later.map(|(from, rate)| (start.after(*from), *rate as f64)).collect(),
            now: start,
        }
    }

    pub(super) fn begin(&mut self, flow: Flow) {
        self.flows.push(flow);
        self.share();
    }

    pub(super) fn remove(&mut self, op: OpId) {
        self.flows.retain(|flow| flow.op != op);
        self.share();
    }

    pub(super) fn flows(&self) -> &[Flow] {
        &self.flows
    }

    /// When a flow ends or the rate changes.
    pub(super) fn next(&self) -> Option<Timestamp> {
        let end = |flow: &Flow| {
            let micros = (flow.left.max(0.0) / flow.rate.max(1e-9) * 1e6).ceil();
            self.now.after(Duration::from_micros(micros as u64))
        };
        let change = self.changes.last().map(|(at, _)| *at);
        self.flows.iter().map(end).chain(change).min()
    }

    /// Goes on to this time, not beyond [`next`](Self::next); gives what has ended.
    pub(super) fn advance(&mut self, now: Timestamp) -> Vec<Flow> {
        let seconds = now.since(self.now).as_secs_f64();
        self.now = self.now.max(now);
        for flow in &mut self.flows {
            flow.left -= flow.rate * seconds;
        }
        let mut changed = false;
        while let Some((_, rate)) = self.changes.pop_if(|(at, _)| *at <= now) {
            (self.rate, changed) = (rate, true);
        }
        let ended: Vec<_> = self.flows.extract_if(.., |flow| flow.left < NOTHING).collect();
        if changed || !ended.is_empty() {
            self.share();
        }
        ended
    }

    /// Every flow gets its weight's share, at most its limit; what one can't take is for the others.
    fn share(&mut self) {
        let (mut rate, mut weights) = (self.rate, self.flows.iter().map(|flow| flow.weight).sum::<f64>());
        // The light ones hit their limit last.
        self.flows.sort_by(|a, b| b.weight.total_cmp(&a.weight).then(a.op.cmp(&b.op)));
        for flow in &mut self.flows {
            flow.rate = (rate * flow.weight / weights).min(self.limit);
            rate -= flow.rate;
            weights -= flow.weight;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_secs(1_000);

    fn pipe(link: &Link, flows: &[(u64, f64)]) -> Pipe {
        let mut pipe = Pipe::new(link, START);
        for (id, (len, weight)) in (0..).zip(flows) {
            pipe.begin(Flow::new(OpId::from_raw(id), *len, *weight));
        }
        pipe
    }

    /// When each flow ends, in milliseconds.
    fn ends(mut pipe: Pipe) -> Vec<(u64, u128)> {
        let mut ends = Vec::new();
        while !pipe.flows().is_empty() {
            let at = pipe.next().unwrap();
            for flow in pipe.advance(at) {
                ends.push((flow.op.get(), at.since(START).as_millis()));
            }
        }
        ends.sort_unstable();
        ends
    }

    #[test]
    fn flows_share_by_weight_and_what_one_leaves_is_the_others() {
        let link = Link::new(Duration::ZERO, 1_000);
        // 750 and 250 bytes per second until the second 1, then all is the second's.
        assert_eq!(ends(pipe(&link, &[(750, 3.0), (1_250, 1.0)])), [(0, 1_000), (1, 2_000)]);
    }

    #[test]
    fn a_connection_has_its_limit_and_the_rest_is_for_the_others() {
        let link = Link::new(Duration::ZERO, 1_000).per_connection(600);
        assert_eq!(ends(pipe(&link, &[(600, 3.0), (400, 1.0)])), [(0, 1_000), (1, 1_000)]);
        assert_eq!(ends(pipe(&link, &[(1_200, 1.0)])), [(0, 2_000)]);
    }

    #[test]
    fn a_change_of_the_rate_counts_from_its_time_on() {
        let link = Link::new(Duration::ZERO, 1_000).halved(Duration::from_secs(1), Duration::from_secs(3));
        // 1,000 in the first second, 1,000 in the next two, and 500 in half of one.
        assert_eq!(ends(pipe(&link, &[(2_500, 1.0)])), [(0, 3_500)]);
    }
}
