//! What must hold in every history, one function for each, named as a sentence.
//! They trust the world's own facts; of the machine they read what they judge.

use std::time::{Duration, Instant};

use lifecycle::{
    Cause, Effect, Event, Goal, Lifecycle, Phase, Policy, Readiness, Start, StartKind, Surrender,
};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

use crate::world::{History, Moment};

pub(crate) fn never_two_processes_at_once(history: &History) -> TestCaseResult {
    for moment in &history.moments {
        if spawn(moment).is_some() {
            prop_assert!(!moment.facts.is_living, "one lives: {moment:#?}");
            prop_assert!(!moment.facts.is_asked_for, "one is on its way: {moment:#?}");
        }
    }
    Ok(())
}

pub(crate) fn never_spawns_while_the_goal_is_down(history: &History) -> TestCaseResult {
    for moment in &history.moments {
        prop_assert!(
            spawn(moment).is_none() || moment.facts.is_wanted,
            "{moment:#?}"
        );
        prop_assert_eq!(
            moment.after.goal() == Goal::Up,
            moment.facts.is_wanted,
            "{:#?}",
            moment
        );
    }
    Ok(())
}

pub(crate) fn never_signals_nobody(history: &History) -> TestCaseResult {
    for moment in &history.moments {
        let signals = matches!(
            moment.effect,
            Some(Effect::RequestStop | Effect::SignalHang | Effect::Kill)
        );
        prop_assert!(!signals || moment.facts.is_living, "{moment:#?}");
    }
    Ok(())
}

pub(crate) fn never_acts_before_the_deadline(history: &History) -> TestCaseResult {
    for moment in &history.moments {
        let is_asked = matches!(moment.event, Event::Deadline { .. });
        let has_come = moment.before.deadline().is_some_and(|at| at <= moment.now);
        if is_asked && !has_come {
            prop_assert_eq!(moment.effect, None, "{:#?}", moment);
            prop_assert_eq!(&moment.before, &moment.after);
        }
        let waited = match (moment.before.phase(), moment.effect) {
            (_, Some(Effect::SignalHang)) => true,
            (_, Some(Effect::Kill)) => moment.event != Event::Kill,
            (Phase::Backoff { .. } | Phase::Fatal { .. }, Some(Effect::Spawn(_))) => {
                ![Event::Start, Event::Enable, Event::Reset].contains(&moment.event)
            }
            _ => false,
        };
        prop_assert!(!waited || (is_asked && has_come), "{moment:#?}");
    }
    Ok(())
}

pub(crate) fn never_more_restarts_in_any_window_than_allowed(history: &History) -> TestCaseResult {
    let mut restarts: Vec<Instant> = Vec::new();
    for moment in &history.moments {
        if [Event::Start, Event::Enable, Event::Reset].contains(&moment.event) {
            restarts.clear();
        }
        if spawn(moment).is_some_and(|start| start.kind == StartKind::Restart) {
            restarts.push(moment.now);
            let window = history.policy.restart_window;
            let in_window = restarts.iter().filter(|at| moment.now - **at < window);
            let count = u32::try_from(in_window.count()).unwrap_or(u32::MAX);
            prop_assert!(count <= history.policy.restarts_max, "{count}: {moment:#?}");
        }
    }
    Ok(())
}

pub(crate) fn never_more_short_lived_in_a_row_than_allowed(history: &History) -> TestCaseResult {
    for moment in &history.moments {
        let short_lived = moment.facts.short_lived;
        if spawn(moment).is_some_and(|start| start.kind == StartKind::Restart) {
            prop_assert!(short_lived < history.policy.short_lived_max, "{moment:#?}");
        }
        if let (Event::Gone { .. }, Phase::Fatal { surrender, .. }) =
            (moment.event, moment.after.phase())
            && let Surrender::ShortLived { in_a_row, .. } = surrender
            && !matches!(moment.before.phase(), Phase::Fatal { .. })
        {
            prop_assert_eq!(*in_a_row, short_lived, "{:#?}", moment);
            prop_assert!(short_lived >= history.policy.short_lived_max, "{moment:#?}");
        }
    }
    Ok(())
}

pub(crate) fn stop_then_gone_always_ends_down(history: &History) -> TestCaseResult {
    for moment in &history.moments {
        let mut machine = moment.after.clone();
        machine.step(Event::Stop, moment.now, &history.policy);
        let effect = machine.step(
            Event::Gone {
                cause: Cause::Exited(1),
                random: 0.0,
            },
            moment.now,
            &history.policy,
        );
        prop_assert_eq!(effect, None, "after {:#?}", moment);
        prop_assert_eq!(machine.phase(), &Phase::Stopped, "after {:#?}", moment);
        prop_assert_eq!(machine.goal(), Goal::Down);
    }
    Ok(())
}

pub(crate) fn stop_is_followed_by_kill_in_time(history: &History) -> TestCaseResult {
    for moment in &history.moments {
        let mut machine = moment.after.clone();
        let asked = machine.step(Event::Stop, moment.now, &history.policy);
        if asked == Some(Effect::RequestStop) {
            let deadline = machine.deadline().expect("a stop has an end");
            prop_assert!(
                deadline <= moment.now + history.policy.stop_timeout,
                "{moment:#?}"
            );
            // Nor is it put off by anything that happens on the way.
            machine.step(Event::Stop, moment.now, &history.policy);
            machine.step(Event::Heartbeat, deadline, &history.policy);
            let awake_since = deadline;
            let then = machine.step(Event::Deadline { awake_since }, deadline, &history.policy);
            prop_assert_eq!(then, Some(Effect::Kill), "after {:#?}", moment);
        }
    }
    Ok(())
}

pub(crate) fn every_phase_that_waits_for_time_has_a_deadline(history: &History) -> TestCaseResult {
    let policy = &history.policy;
    for moment in &history.moments {
        let waits = match moment.after.phase() {
            Phase::Starting { .. }
            | Phase::Unhealthy { .. }
            | Phase::Stopping { .. }
            | Phase::Backoff { .. } => true,
            Phase::Running { .. } => policy.heartbeat_timeout.is_some() || policy.max_age.is_some(),
            Phase::Fatal { .. } => policy.fatal_retry.is_some() && !policy.essential,
            Phase::Stopped
            | Phase::Scheduled
            | Phase::Waiting { .. }
            | Phase::Spawning
            | Phase::Exited { .. } => false,
        };
        prop_assert_eq!(moment.after.deadline().is_some(), waits, "{:#?}", moment);
    }
    Ok(())
}

/// Else the caller would be woken again and again for the same one.
pub(crate) fn a_deadline_that_came_is_settled(history: &History) -> TestCaseResult {
    for moment in &history.moments {
        settles(&moment.after, moment.now, &history.policy)?;
    }
    Ok(())
}

/// A grace of zero follows at once upon what it is the grace of, hence more than one step.
pub(crate) fn settles(machine: &Lifecycle, now: Instant, policy: &Policy) -> TestCaseResult {
    let Some(deadline) = machine.deadline() else {
        return Ok(());
    };
    let (mut machine, now) = (machine.clone(), deadline.max(now));
    for awake_since in [now - Duration::from_secs(86_400 * 1_000), now] {
        for _ in 0..4 {
            machine.step(Event::Deadline { awake_since }, now, policy);
        }
        prop_assert!(machine.deadline().is_none_or(|at| at > now), "{machine:#?}");
    }
    Ok(())
}

pub(crate) fn a_goal_of_down_leaves_nothing_but_an_ending(history: &History) -> TestCaseResult {
    for moment in &history.moments {
        let is_ending = matches!(
            moment.after.phase(),
            Phase::Stopped | Phase::Spawning | Phase::Stopping { .. }
        );
        prop_assert!(moment.facts.is_wanted || is_ending, "{moment:#?}");
    }
    Ok(())
}

pub(crate) fn backoff_is_never_above_its_cap(history: &History) -> TestCaseResult {
    for moment in &history.moments {
        if let Some(delay) = new_delay(moment) {
            prop_assert!(
                delay <= history.policy.backoff_max,
                "{delay:?}: {moment:#?}"
            );
        }
    }
    Ok(())
}

pub(crate) fn delays_and_attempts_count_failures_in_a_row(history: &History) -> TestCaseResult {
    let policy = &history.policy;
    for moment in &history.moments {
        let short_lived = moment.facts.short_lived;
        if let Some(start) = spawn(moment) {
            prop_assert_eq!(start.attempt, short_lived + 1, "{:#?}", moment);
        }
        if let Some(delay) = new_delay(moment) {
            let exponent = i32::try_from(short_lived.saturating_sub(1)).expect("a short history");
            let growth = policy.backoff_factor.powi(exponent);
            let bound_s = policy.backoff_initial.as_secs_f64() * growth;
            prop_assert!(
                delay.as_secs_f64() <= bound_s + 1e-9,
                "{delay:?}: {moment:#?}"
            );
        }
    }
    Ok(())
}

pub(crate) fn fatal_of_an_essential_agent_gives_up_and_never_retries(
    history: &History,
) -> TestCaseResult {
    for moment in &history.moments {
        let is_fatal = |machine: &Lifecycle| matches!(machine.phase(), Phase::Fatal { .. });
        let becomes_fatal = is_fatal(&moment.after) && !is_fatal(&moment.before);
        let gives_up = moment.effect == Some(Effect::GiveUp);
        prop_assert_eq!(
            gives_up,
            becomes_fatal && history.policy.essential,
            "{:#?}",
            moment
        );
        if history.policy.essential {
            let retries = spawn(moment).is_some_and(|start| start.kind == StartKind::Retry);
            prop_assert!(!retries, "{moment:#?}");
        }
    }
    Ok(())
}

pub(crate) fn never_judges_silence_that_it_slept_through(history: &History) -> TestCaseResult {
    for moment in &history.moments {
        if moment.effect != Some(Effect::SignalHang) {
            continue;
        }
        let (since, allowed) = match (moment.before.phase(), history.policy.readiness) {
            (Phase::Running { .. }, _) => {
                (moment.facts.last_sign, history.policy.heartbeat_timeout)
            }
            (_, Readiness::Says { within }) => (moment.facts.spawned_at, Some(within)),
            (_, Readiness::Lives { .. }) => (None, None),
        };
        let (Some(since), Some(allowed)) = (since, allowed) else {
            return Err(TestCaseError::fail(format!(
                "nothing was awaited: {moment:#?}"
            )));
        };
        let silence = moment.now - since.max(moment.awake_since);
        prop_assert!(
            silence >= allowed,
            "{silence:?} of {allowed:?}: {moment:#?}"
        );
    }
    Ok(())
}

pub(crate) fn what_finished_is_started_by_hand_or_schedule_only(
    history: &History,
) -> TestCaseResult {
    for moment in &history.moments {
        if matches!(moment.before.phase(), Phase::Exited { .. }) {
            let by_hand = [Event::Start, Event::Enable].contains(&moment.event);
            let is_due = moment.event == Event::Due && history.policy.schedule.is_some();
            prop_assert!(spawn(moment).is_none() || by_hand || is_due, "{moment:#?}");
            prop_assert_eq!(moment.before.deadline(), None);
        }
    }
    Ok(())
}

fn spawn(moment: &Moment) -> Option<Start> {
    match moment.effect {
        Some(Effect::Spawn(start)) => Some(start),
        _ => None,
    }
}

/// The delay that begins in this moment.
fn new_delay(moment: &Moment) -> Option<Duration> {
    match (moment.event, moment.after.phase()) {
        (Event::Gone { .. }, Phase::Backoff { until, .. }) => Some(*until - moment.now),
        _ => None,
    }
}
