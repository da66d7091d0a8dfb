//! When an instance with a schedule runs next. It tells the lifecycle that a time has come; what follows is decided there.
//! The wall clock may jump: no time comes twice, and many that were missed are one.

use std::time::{Duration, Instant};

use coordinator_config::{AgentConfig, Schedule};
use lifecycle::{Event, Phase};
use serde::{Deserialize, Serialize};
use serde_with::serde_as;
use shared_state::TimeMs;

use super::AgentTask;
use crate::clock::wall_ms;
use crate::handover::Monotonic;

/// No timer follows the wall clock when it is set or the machine has slept: it is looked at this often at least.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The next time of a schedule.
#[serde_as]
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NextRun {
    /// When the wall clock shows this.
    At { wall_ms: TimeMs },
    /// Of an interval, which no clock concerns.
    After {
        #[serde_as(as = "Monotonic")]
        at: Instant,
    },
}

impl NextRun {
    /// The first one from now on; `None` without a schedule.
    pub(super) fn first(agent: &AgentConfig, now: Instant, wall_ms: TimeMs) -> Option<Self> {
        match agent.schedule.as_ref()? {
            Schedule::Every(interval) => Some(Self::After {
                at: now + *interval,
            }),
            cron @ Schedule::Cron(_) => {
                let wall_ms = cron.next_after_ms(wall_ms, agent.time_zone.as_ref())?;
                Some(Self::At { wall_ms })
            }
        }
    }

    /// The one after this: neither before now nor before this, so that none comes twice and missed ones are one.
    fn following(self, agent: &AgentConfig, now: Instant, wall_ms: TimeMs) -> Option<Self> {
        match self {
            Self::At { wall_ms: this_ms } => Self::first(agent, now, wall_ms.max(this_ms)),
            Self::After { at } => match Self::first(agent, at, wall_ms) {
                Some(Self::After { at }) if at <= now => Self::first(agent, now, wall_ms),
                next => next,
            },
        }
    }

    fn has_come(self, now: Instant, wall_ms: TimeMs) -> bool {
        match self {
            Self::At { wall_ms: this_ms } => this_ms <= wall_ms,
            Self::After { at } => at <= now,
        }
    }

    /// When to look at it again.
    fn look_at(self, now: Instant, wall_ms: TimeMs) -> Instant {
        match self {
            Self::At { wall_ms: this_ms } => {
                let left_ms = u64::try_from(this_ms.saturating_sub(wall_ms)).unwrap_or(0);
                now + Duration::from_millis(left_ms).min(LOOK_EVERY)
            }
            Self::After { at } => at,
        }
    }

    fn wall_ms(self, now: Instant, wall_ms: TimeMs) -> TimeMs {
        match self {
            Self::At { wall_ms: this_ms } => this_ms,
            Self::After { at } => {
                let left_ms = at.saturating_duration_since(now).as_millis();
                wall_ms.saturating_add(i64::try_from(left_ms).unwrap_or(i64::MAX))
            }
        }
    }
}

impl AgentTask {
    /// When the lifecycle or the schedule wants to be asked.
    pub(super) fn next_look(&self) -> Option<Instant> {
        let deadline = self.lifecycle.deadline();
        match self.next_run {
            None => deadline,
            Some(next) => {
                let look_at = next.look_at(Instant::now(), wall_ms());
                Some(deadline.map_or(look_at, |deadline| deadline.min(look_at)))
            }
        }
    }

    /// Tells the lifecycle if a time of the schedule has come.
    pub(super) fn meet_schedule(&mut self) {
        let (now, wall_ms) = (Instant::now(), wall_ms());
        let Some(next) = self.next_run.filter(|next| next.has_come(now, wall_ms)) else {
            return;
        };
        // First, so that what is told of the run already names the one after it.
        self.next_run = next.following(&self.instance.config, now, wall_ms);
        self.step(Event::Due);
    }

    /// Another schedule begins anew; the same one goes on.
    pub(super) fn follow_schedule(&mut self, before: &AgentConfig) {
        let agent = &self.instance.config;
        if (&agent.schedule, &agent.time_zone) != (&before.schedule, &before.time_zone) {
            self.next_run = NextRun::first(agent, Instant::now(), wall_ms());
        }
    }

    /// Its next run, where that is what it waits for.
    pub(super) fn awaited_run(&self) -> Option<NextRun> {
        match self.lifecycle.phase() {
            Phase::Scheduled | Phase::Exited { .. } => self.next_run,
            Phase::Stopped
            | Phase::Waiting { .. }
            | Phase::Spawning
            | Phase::Starting { .. }
            | Phase::Running { .. }
            | Phase::Unhealthy { .. }
            | Phase::Stopping { .. }
            | Phase::Backoff { .. }
            | Phase::Fatal { .. } => None,
        }
    }

    /// The same on the wall clock.
    pub(super) fn awaited_run_ms(&self, now: Instant, wall_ms: TimeMs) -> Option<TimeMs> {
        self.awaited_run().map(|next| next.wall_ms(now, wall_ms))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const MINUTE_MS: TimeMs = 60_000;

    fn agent(schedule: &str) -> AgentConfig {
        let text = format!("[agents.a]\ncommand = \"a\"\nschedule = \"{schedule}\"\n");
        let config = coordinator_config::parse(&text, Path::new("agents.toml"));
        config.unwrap().agents.remove(0)
    }

    fn at(minute: TimeMs) -> NextRun {
        NextRun::At {
            wall_ms: minute * MINUTE_MS,
        }
    }

    #[test]
    fn a_clock_that_is_put_back_brings_no_time_twice() {
        let (agent, now) = (agent("* * * * *"), Instant::now());
        let first = NextRun::first(&agent, now, MINUTE_MS / 2).unwrap();
        assert_eq!(first, at(1));
        assert!(first.has_come(now, MINUTE_MS));
        let second = first.following(&agent, now, MINUTE_MS).unwrap();
        assert_eq!(second, at(2));
        // Back to before the first: it waits for the second.
        assert!(!second.has_come(now, MINUTE_MS / 2));
        assert!(!second.has_come(now, MINUTE_MS));
        assert_eq!(first.following(&agent, now, 0), Some(at(2)));
    }

    #[test]
    fn what_was_missed_is_one_run() {
        let (cron, now) = (agent("* * * * *"), Instant::now());
        let next = at(1).following(&cron, now, 100 * MINUTE_MS).unwrap();
        assert_eq!(next, at(101));
        let every = agent("every 10s");
        let missed = NextRun::After { at: now };
        let later = now + Duration::from_secs(3_600);
        let next = missed.following(&every, later, 0).unwrap();
        let at = later + Duration::from_secs(10);
        assert_eq!(next, NextRun::After { at });
    }

    #[test]
    fn an_interval_does_not_drift_by_being_met_late() {
        let (every, now) = (agent("every 10s"), Instant::now());
        let late = now + Duration::from_millis(300);
        let next = NextRun::After { at: now }
            .following(&every, late, 0)
            .unwrap();
        let at = now + Duration::from_secs(10);
        assert_eq!(next, NextRun::After { at });
    }

    #[test]
    fn the_wall_clock_is_looked_at_soon_however_far_the_time_is() {
        let now = Instant::now();
        assert_eq!(at(1_000).look_at(now, 0), now + LOOK_EVERY);
        assert_eq!(
            at(1).look_at(now, MINUTE_MS - 500),
            now + Duration::from_millis(500)
        );
        assert_eq!(at(1).look_at(now, 2 * MINUTE_MS), now);
    }
}
