//! What was true at one moment, and the figures that need two of them. It asks nobody itself.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use super::usage::{Meter, Usage};
use crate::control::{AgentStatus, CoordinatorStatus};
use crate::proc_tree::Processes;

/// Heartbeats come seconds apart: over a shorter time their rate would jump between nothing and much.
const RATE_OVER: Duration = Duration::from_secs(10);

/// All that is shown.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    pub(super) coordinator: CoordinatorStatus,
    pub(super) own: Usage,
    /// In the order of start.
    pub(super) rows: Vec<Row>,
}

/// One instance.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) status: AgentStatus,
    /// Of its whole process tree; nothing where no process lives.
    pub(super) usage: Usage,
    /// Absent until two samples are there.
    pub(super) heartbeats_per_s: Option<f64>,
}

/// Makes samples, and keeps what the next one is compared with.
#[derive(Debug, Default)]
pub(super) struct Sampler {
    meter: Meter,
    heartbeats: HashMap<String, VecDeque<(Instant, u64)>>,
}

impl Sampler {
    pub(super) fn sample(
        &mut self,
        coordinator: CoordinatorStatus,
        agents: Vec<AgentStatus>,
        processes: &Processes,
        at: Instant,
    ) -> Sample {
        let mut heartbeats = HashMap::new();
        let rows = agents
            .into_iter()
            .map(|status| {
                let known = self.heartbeats.remove(&status.name).unwrap_or_default();
                let (known, heartbeats_per_s) = rate(known, at, status.heartbeats);
                heartbeats.insert(status.name.clone(), known);
                let tree = status.pid.map(|pid| processes.tree_of(pid));
                let members = tree.iter().flatten().map(|(_, process)| *process);
                Row {
                    usage: self.meter.of_tree(members, at),
                    heartbeats_per_s,
                    status,
                }
            })
            .collect();
        let own = processes.find(i32::try_from(coordinator.pid).unwrap_or(0));
        let own = self.meter.of_one(own, at);
        self.heartbeats = heartbeats;
        self.meter.turn(at);
        Sample {
            coordinator,
            own,
            rows,
        }
    }
}

fn rate(
    mut known: VecDeque<(Instant, u64)>,
    at: Instant,
    count: u64,
) -> (VecDeque<(Instant, u64)>, Option<f64>) {
    // A coordinator that was started again counts from nothing.
    if known.back().is_some_and(|(_, before)| *before > count) {
        known.clear();
    }
    known.push_back((at, count));
    while known.len() > 2 && at - known[1].0 >= RATE_OVER {
        known.pop_front();
    }
    let per_s = known.front().and_then(|(since, before)| {
        let elapsed_s = (at - *since).as_secs_f64();
        #[expect(
            clippy::cast_precision_loss,
            reason = "a rate is shown with two digits"
        )]
        let heartbeats = (count - before) as f64;
        (elapsed_s > 0.0).then(|| heartbeats / elapsed_s)
    });
    (known, per_s)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_of_the_last_ten_seconds_and_begin_anew_with_the_coordinator() {
        let start = Instant::now();
        let at = |s: u64| start + Duration::from_secs(s);
        let (mut known, mut per_s) = rate(VecDeque::new(), at(0), 100);
        assert_eq!(per_s, None);
        for s in 1..=20 {
            (known, per_s) = rate(known, at(s), 100 + s.min(10) * 5);
            assert!(known.len() <= 12);
        }
        assert_eq!(per_s, Some(0.0), "the first ten seconds are over");
        let (known, per_s) = rate(known, at(21), 3);
        assert_eq!(per_s, None);
        assert_eq!(rate(known, at(22), 5).1, Some(2.0));
    }
}
