//! Responsible for what is known of one configured project: where reading has come, what stops it, what is under way.
//! It asks nothing and stores nothing.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use agent_sdk::Status;

use crate::ahead::PagesAhead;
use crate::api_choice::NotFound;
use crate::day_count::DayCount;
use crate::figures::Figures;
use crate::plan::{Policy, Step, next_step, older_step, sweep_step};
use crate::progress::Progress;
use crate::project::Project;
use crate::pull::{Pull, PullKind};
use crate::reading::SeenRun;
use crate::trouble::Trouble;

/// In so many steps one is for what changed lately and one for what is old, if there is anything: an eighth of the rate each.
const STEPS_OF_A_ROUND: u32 = 8;

/// One configured project.
#[derive(Debug)]
pub(crate) struct Place {
    /// As it is configured.
    pub(crate) name: String,
    /// Absent until it is found.
    pub(crate) project: Option<Project>,
    pub(crate) progress: Progress,
    pub(crate) figures: Figures,
    /// What stops it now.
    pub(crate) trouble: Option<Trouble>,
    /// Troubles in a row.
    pub(crate) failures: u32,
    /// Nothing is asked before.
    pub(crate) rest_until: Instant,
    /// How long the last wait was.
    pub(crate) rest: Duration,
    /// Answers in a row that refused a window for good.
    pub(crate) refusals: BTreeMap<PullKind, u32>,
    pub(crate) count: Option<DayCount>,
    /// The earliest start seen in the older window that is being read; the server sends the newest runs first.
    pub(crate) reached_ms: Option<i64>,
    /// How many steps of this round are done.
    pub(crate) steps: u32,
    /// The next pages, asked for while the last was being stored.
    pub(crate) ahead: PagesAhead,
    pub(crate) not_found: NotFound,
    /// Smaller than configured once an answer was too large.
    pub(crate) page_size: u32,
}

impl Place {
    /// A project that nothing is known of.
    pub(crate) fn new(name: String, page_size: u32) -> Self {
        Self {
            name,
            project: None,
            progress: Progress::new(),
            figures: Figures::default(),
            trouble: None,
            failures: 0,
            rest_until: Instant::now(),
            rest: Duration::ZERO,
            refusals: BTreeMap::new(),
            count: None,
            reached_ms: None,
            steps: 0,
            ahead: PagesAhead::default(),
            not_found: NotFound::default(),
            page_size,
        }
    }

    /// What comes next for it, and how urgent that is; absent while it rests.
    pub(crate) fn next(&self, now: Instant, now_ms: i64, policy: &Policy) -> Option<(u8, Step)> {
        if self.rest_until > now {
            return None;
        }
        let step = next_step(&self.progress, now_ms, policy);
        let rank = step.rank();
        match (&self.project, step) {
            (None, step) => Some((0, step)),
            (Some(_), Step::Rest { .. }) => None,
            (Some(_), step) => {
                let other = in_turn(&self.progress, self.steps, now_ms, policy);
                Some((rank, other.unwrap_or(step)))
            }
        }
    }

    /// How many of the coming steps, of `steps_max`, are left to the one that is next.
    pub(crate) fn steps_in_a_row(
        &self,
        progress: &Progress,
        next: &Step,
        steps_max: usize,
        now_ms: i64,
        policy: &Policy,
    ) -> usize {
        let steps = (self.steps..).take(steps_max);
        let others = steps.map(|step| in_turn(progress, step % STEPS_OF_A_ROUND, now_ms, policy));
        let is_next = |other: &Option<Step>| other.as_ref().is_none_or(|other| other == next);
        others.take_while(is_next).count()
    }

    /// A step is about to be done.
    pub(crate) fn note_step(&mut self) {
        self.steps = (self.steps + 1) % STEPS_OF_A_ROUND;
    }

    /// How long there is nothing to do for it.
    pub(crate) fn rest(&self, now: Instant, now_ms: i64, policy: &Policy) -> Duration {
        let waits = self.rest_until.saturating_duration_since(now);
        match next_step(&self.progress, now_ms, policy) {
            Step::Rest { until_ms } if self.project.is_some() => {
                let rest_ms = u64::try_from(until_ms - now_ms).unwrap_or(0);
                waits.max(Duration::from_millis(rest_ms))
            }
            _ => waits,
        }
    }

    /// How much time is still to be read.
    pub(crate) fn left_ms(&self) -> i64 {
        // The very first window is the newest part of what is to be read.
        let is_first = self.progress.watermark_ms.is_none();
        let is_reading = is_first || self.progress.pull(PullKind::Backfill).is_some();
        let reached_ms = self.reached_ms.filter(|_| is_reading);
        self.progress.backfill.map_or(0, |rest| {
            rest.to_ms.min(reached_ms.unwrap_or(rest.to_ms)) - rest.from_ms
        })
    }

    /// How it is, in one line for people.
    pub(crate) fn describe(&self) -> (Status, String) {
        if let Some(trouble) = &self.trouble {
            let wait = self.rest.as_secs_f64();
            return (
                trouble.status(),
                format!("{trouble}; next try in {wait:.1} s"),
            );
        }
        let name = &self.name;
        if self.project.is_none() {
            return (Status::Ok, format!("looking for project `{name}`"));
        }
        let stored = self.figures.runs_stored;
        let text = match (self.progress.watermark_ms, self.progress.backfill) {
            (None, _) => format!("project `{name}`: reading the newest runs, {stored} stored"),
            (Some(_), Some(rest)) => {
                let hours = (rest.to_ms - rest.from_ms) / 3_600_000;
                format!("project `{name}`: {hours} h of older runs to read, {stored} stored")
            }
            (Some(_), None) => format!("project `{name}`: up to date, {stored} stored since start"),
        };
        (Status::Ok, text)
    }

    /// The first page of a window is about to be read: its runs are counted if it is a whole day that is over.
    pub(crate) fn begin_count(&mut self, pull: &Pull, now_ms: i64, policy: &Policy) {
        if matches!(pull.kind, PullKind::Backfill | PullKind::Day) {
            self.count = DayCount::of(pull, now_ms, policy);
        }
    }

    /// Whether this window's runs are being counted. A day that is read to be counted begins anew otherwise.
    pub(crate) fn is_counting(&self, pull: &Pull) -> bool {
        let count = self.count.as_ref();
        count.is_some_and(|count| (count.kind, count.span) == (pull.kind, pull.span))
    }

    /// A page of the window was read; the count, where the window is complete and all of it was counted.
    pub(crate) fn count_page(
        &mut self,
        pull: &Pull,
        seen: &[SeenRun],
        is_last: bool,
    ) -> Option<u64> {
        if !self.is_counting(pull) {
            return None;
        }
        let count = self.count.as_mut()?;
        seen.iter().for_each(|run| count.note(run));
        is_last.then(|| count.runs())
    }
}

/// What is new could take all of the rate for ever, where that is low or much is followed: so the rest has its turn.
fn in_turn(progress: &Progress, step: u32, now_ms: i64, policy: &Policy) -> Option<Step> {
    let sweep = || sweep_step(progress, now_ms, policy);
    let older = || older_step(progress, now_ms);
    match step {
        3 => sweep().or_else(older),
        7 => older().or_else(sweep),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::DAY_MS;
    use crate::plan::tests::{NOW_MS, policy};
    use crate::pull::Span;

    #[test]
    fn the_first_window_counts_as_read_as_far_as_it_has_come() {
        let mut place = Place::new("default".into(), 100);
        assert_eq!(place.left_ms(), 0, "nobody knows yet");
        let (from_ms, to_ms) = (NOW_MS - 1_000, NOW_MS);
        place.progress.backfill = Some(crate::pull::Span { from_ms, to_ms });
        assert_eq!(place.left_ms(), 1_000);
        place.reached_ms = Some(NOW_MS - 400);
        assert_eq!(place.left_ms(), 600);
    }

    #[test]
    fn what_is_always_new_leaves_its_turn_to_what_changed_and_to_what_is_old() {
        let mut place = Place::new("default".into(), 100);
        place.project = Some(Project {
            id: "id".into(),
            name: "default".into(),
            tenant_id: None,
        });
        let hour_ago_ms = NOW_MS - 3_600_000;
        place.progress.watermark_ms = Some(hour_ago_ms); // a live window is due in every step of this test
        place.progress.reread_from_ms = Some(hour_ago_ms);
        place.progress.ended_to_ms = Some(hour_ago_ms);
        place.progress.backfill = Some(Span {
            from_ms: NOW_MS - 5 * DAY_MS,
            to_ms: NOW_MS - DAY_MS,
        });
        let kinds = (0..8).map(|_| {
            let next = place.next(Instant::now(), NOW_MS, &policy());
            place.note_step();
            match next {
                Some((_, Step::ReadPage(pull))) => pull.kind,
                other => panic!("there is always a page: {other:?}"),
            }
        });
        let kinds: Vec<PullKind> = kinds.collect();
        use PullKind::{Backfill, Ended, Live};
        let wanted = [Live, Live, Live, Ended, Live, Live, Live, Backfill];
        assert_eq!(kinds, wanted);
    }
    #[test]
    fn neither_sweep_keeps_the_other_from_its_turn() {
        let mut progress = Progress::new();
        progress.watermark_ms = Some(NOW_MS);
        progress.reread_from_ms = Some(NOW_MS);
        let mut kind = |ended_hours_ago: i64, feedback_hours_ago: i64| {
            progress.ended_to_ms = Some(NOW_MS - ended_hours_ago * 3_600_000);
            progress.feedback_to_ms = Some(NOW_MS - feedback_hours_ago * 3_600_000);
            match sweep_step(&progress, NOW_MS, &policy()) {
                Some(Step::ReadPage(pull)) => pull.kind,
                other => panic!("both are due: {other:?}"),
            }
        };
        assert_eq!(kind(3, 2), PullKind::Ended);
        assert_eq!(kind(2, 3), PullKind::Feedback);
    }
}
