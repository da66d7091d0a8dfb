//! What must hold of age, of schedules and of a reset, one function for each, named as a sentence.
//! What concerns starts, stops and failures stands in `invariants`.

use lifecycle::{Effect, Event, Goal, Left, Overlap, Phase, Start, StartKind, Why};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

use crate::world::{History, Moment};

fn spawn(moment: &Moment) -> Option<Start> {
    match moment.effect {
        Some(Effect::Spawn(start)) => Some(start),
        _ => None,
    }
}

pub(crate) fn no_process_is_replaced_before_its_age_or_runs_beyond_it(
    history: &History,
) -> TestCaseResult {
    for moment in &history.moments {
        let is_asked = matches!(moment.event, Event::Deadline { .. });
        let is_replaced = is_asked && moment.effect == Some(Effect::RequestStop);
        let Some(age) = history.policy.max_age else {
            prop_assert!(!is_replaced, "{moment:#?}");
            continue;
        };
        let Some(spawned_at) = moment.facts.spawned_at.filter(|_| moment.facts.is_living) else {
            continue;
        };
        let lived_s = (moment.now - spawned_at).as_secs_f64();
        let (least_s, most_s) = (
            age.after.as_secs_f64() * (1.0 - age.variance),
            age.after.as_secs_f64() * (1.0 + age.variance),
        );
        prop_assert!(!is_replaced || lived_s >= least_s - 1e-6, "{moment:#?}");
        // Nor is it late, unless the caller slept or it was not ready yet.
        let in_time = |at: std::time::Instant| (at - spawned_at).as_secs_f64() <= least_s;
        let is_awake = moment.awake_since <= spawned_at;
        if is_replaced && is_awake && moment.facts.ready_at.is_some_and(in_time) {
            prop_assert!(lived_s <= most_s + 1e-6, "{moment:#?}");
        }
        // One that becomes ready only now is judged at its next deadline.
        let ran = matches!(moment.before.phase(), Phase::Running { .. });
        let runs = ran && matches!(moment.after.phase(), Phase::Running { .. });
        prop_assert!(
            !(is_asked && runs) || lived_s <= most_s + 1e-6,
            "{moment:#?}"
        );
    }
    Ok(())
}

pub(crate) fn a_replacement_for_age_is_no_failure(history: &History) -> TestCaseResult {
    for moment in &history.moments {
        let was_old = matches!(
            moment.before.phase(),
            Phase::Stopping {
                why: Why::Old { .. },
                ..
            }
        );
        let is_gone = matches!(moment.event, Event::Gone { .. });
        if was_old && is_gone && moment.before.goal() == Goal::Up {
            let follows = matches!(
                moment.after.phase(),
                Phase::Spawning | Phase::Waiting { .. }
            );
            prop_assert!(follows, "{moment:#?}");
            if let Some(start) = spawn(moment) {
                prop_assert_eq!(start.kind, StartKind::Renewal, "{:#?}", moment);
            }
        }
    }
    Ok(())
}

pub(crate) fn a_due_time_starts_nothing_beside_a_run_and_nothing_unwanted(
    history: &History,
) -> TestCaseResult {
    for moment in &history.moments {
        if moment.event != Event::Due {
            continue;
        }
        let is_free = matches!(
            moment.before.phase(),
            Phase::Scheduled | Phase::Exited { .. }
        );
        prop_assert!(spawn(moment).is_none() || is_free, "{moment:#?}");
        if !moment.facts.is_wanted || history.policy.schedule.is_none() {
            prop_assert_eq!(moment.effect, None, "{:#?}", moment);
            prop_assert_eq!(&moment.before, &moment.after);
        } else if !is_free {
            prop_assert!(
                matches!(moment.effect, Some(Effect::LeaveOut(_))),
                "nobody is told: {moment:#?}"
            );
            prop_assert_eq!(moment.before.phase(), moment.after.phase());
        }
    }
    Ok(())
}

pub(crate) fn a_run_that_was_put_off_follows_the_one_before_and_never_more_than_one_waits(
    history: &History,
) -> TestCaseResult {
    for moment in &history.moments {
        prop_assert!(moment.facts.queued <= 1, "{moment:#?}");
        if moment.effect == Some(Effect::LeaveOut(Left::Queued)) {
            prop_assert_eq!(history.policy.schedule, Some(Overlap::Queue));
        }
        let finished = matches!(moment.after.phase(), Phase::Exited { .. });
        let is_gone = matches!(moment.event, Event::Gone { .. });
        if moment.facts.is_followed {
            prop_assert!(!finished, "none follows: {moment:#?}");
        } else if is_gone {
            let is_scheduled =
                spawn(moment).is_some_and(|start| start.kind == StartKind::Scheduled);
            prop_assert!(!is_scheduled, "one follows unasked: {moment:#?}");
        }
    }
    Ok(())
}

pub(crate) fn reset_makes_the_next_attempt_now_and_disturbs_nothing_that_lives(
    history: &History,
) -> TestCaseResult {
    for moment in &history.moments {
        let mut machine = moment.after.clone();
        let effect = machine.step(Event::Reset, moment.now, &history.policy);
        match moment.after.phase() {
            Phase::Backoff { .. } | Phase::Fatal { .. } => {
                let is_tried = matches!(machine.phase(), Phase::Spawning | Phase::Waiting { .. });
                prop_assert!(is_tried, "after {moment:#?}");
            }
            phase => {
                prop_assert_eq!(effect, None, "after {:#?}", moment);
                prop_assert_eq!(machine.phase(), phase);
            }
        }
        prop_assert_eq!(machine.goal(), moment.after.goal());
    }
    Ok(())
}
