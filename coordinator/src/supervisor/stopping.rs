//! The orderly end: everything down in reverse order of start, dependents before what they need, then nothing is left.
//! A second signal takes away the grace.

use std::time::{Duration, Instant};

use tracing::{info, warn};

use super::ticking::{count_states, ticks};
use super::{Ending, Supervisor, Wish};
use crate::agent_task::Command;
use crate::own_events::record_event;

/// Processes that agents left behind are killed; one that the kernel does not let go must not keep the coordinator.
const LEFT_BEHIND_LIMIT: Duration = Duration::from_secs(5);
/// What was heard last has to get into the writer's queue, which takes what it takes only while the disk hangs.
const LAST_FACTS_LIMIT: Duration = Duration::from_secs(10);

impl Supervisor {
    /// Ends all agents and all that they left.
    pub(crate) async fn end_all(&mut self, ending: &Ending) {
        let why = match ending {
            Ending::Asked(why) | Ending::GaveUp(why) => why.clone(),
        };
        info!("stopping all agents: {why}");
        self.systemd.tell_stopping();
        record_event(&self.shared.writer, 1, "coordinator_stopping", why);
        self.stop_agents().await;
        self.end_left_behind().await;
        self.shared.commands.borrow_mut().clear();
        let finished = tokio::time::timeout(LAST_FACTS_LIMIT, async {
            while self.tasks.join_next().await.is_some() {}
        });
        if finished.await.is_err() {
            warn!("the last rows of some agents found no room in time");
        }
        info!("all agents are down: {}", count_states(&self.shared));
    }

    async fn stop_agents(&mut self) {
        let mut told = vec![false; self.instances.len()];
        let mut ticks = ticks();
        let mut changes = self.shared.board.watch();
        loop {
            for index in self.stoppable(&told) {
                told[index] = true;
                self.shared.send(index, Command::Stop).await;
            }
            if told.iter().all(|told| *told) && self.are_down(0..told.len()) {
                return;
            }
            tokio::select! {
                biased;
                wish = self.signals.next() => match wish {
                    Wish::ChildEnded => self.reap(),
                    Wish::End(signal) => {
                        warn!("{signal} was received again: everything is killed");
                        for index in 0..told.len() {
                            self.shared.send(index, Command::Kill).await;
                        }
                        told.fill(true);
                    }
                    // A terminal that closes sends it too, and everything is ending anyway.
                    Wish::HangUp | Wish::Upgrade => {}
                },
                _ = changes.changed() => {}
                _ = ticks.tick() => self.tick(),
            }
        }
    }

    /// Those whose dependents are down, last started first.
    fn stoppable(&self, told: &[bool]) -> Vec<usize> {
        let is_free = |index: &usize| {
            let mut dependents = self.dependencies.needed_by(*index).iter().copied();
            !told[*index] && dependents.all(|other| told[other] && self.are_down([other]))
        };
        (0..told.len()).rev().filter(is_free).collect()
    }

    fn are_down(&self, indices: impl IntoIterator<Item = usize>) -> bool {
        let views = self.shared.board.views();
        indices
            .into_iter()
            .all(|index| views[index].pid.is_none() && !views[index].goal_up)
    }

    async fn end_left_behind(&mut self) {
        let deadline = Instant::now() + LEFT_BEHIND_LIMIT;
        loop {
            self.reap();
            if self.children.list_strangers().is_empty() {
                return;
            }
            self.kill_left_behind();
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                warn!("some processes that agents left behind could not be killed");
                return;
            }
            let _ = tokio::time::timeout(
                left.min(Duration::from_millis(200)),
                self.signals.child.recv(),
            )
            .await;
        }
    }
}
