//! Callers without any contract: events in every order, time forward and back, another policy at each step.
//! `step` must be total, and what it asks for must still make sense.

use std::time::{Duration, Instant};

use lifecycle::{Effect, Event, Goal, Lifecycle, Phase, Policy};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

use crate::config;
use crate::input::{cause, policy};
use crate::invariants::settles;

/// An event, how far the clock moves before it, whether forward, and which policy rules.
type Step = (Event, u64, bool, prop::sample::Index);

/// Later than any time that a sequence subtracts.
const BASE: Duration = Duration::from_secs(365 * 86_400);

fn event(base: Instant) -> impl Strategy<Value = Event> {
    prop_oneof![
        Just(Event::Start),
        Just(Event::Stop),
        Just(Event::Kill),
        any::<bool>().prop_map(|ready| Event::Dependencies { ready }),
        Just(Event::Enable),
        Just(Event::Due),
        Just(Event::Reset),
        Just(Event::Reconfigured),
        any::<f64>().prop_map(|random| Event::Spawned { random }),
        // Any number at all: infinite, negative, none.
        (cause(), any::<f64>()).prop_map(|(cause, random)| Event::Gone { cause, random }),
        Just(Event::Ready),
        Just(Event::Heartbeat),
        (0..200_000_u64).prop_map(move |ms| Event::Deadline {
            awake_since: base + Duration::from_millis(ms)
        }),
    ]
}

/// Policies at the ends of what the configuration admits, and odd factors.
fn wide_policy() -> impl Strategy<Value = Policy> {
    (policy(), any::<f64>(), any::<bool>()).prop_map(|(mut policy, factor, is_long)| {
        policy.backoff_factor = factor;
        if is_long {
            policy.backoff_max = Duration::from_secs(86_400);
            policy.fatal_retry = Some(BASE);
            policy.heartbeat_timeout = Some(Duration::from_secs(30 * 86_400));
            policy.restarts_max = 1_000_000;
            policy.short_lived_max = u32::MAX;
        }
        policy
    })
}

fn steps(base: Instant) -> impl Strategy<Value = Vec<Step>> {
    let step = (
        event(base),
        0..20_000_u64,
        any::<bool>(),
        any::<prop::sample::Index>(),
    );
    vec(step, 0..80)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn step_is_total(
        policies in vec(wide_policy(), 1..4),
        steps in steps(Instant::now() + BASE),
        dependencies_ready in any::<bool>(),
    ) {
        let mut machine = Lifecycle::new(dependencies_ready);
        let mut now = Instant::now() + BASE;
        for (event, ms, is_forward, index) in steps {
            let moved = Duration::from_millis(ms);
            now = if is_forward { now + moved } else { now - moved };
            let policy = index.get(&policies);
            let before = machine.clone();
            let effect = machine.step(event, now, policy);
            asks_only_for_what_makes_sense(&before, event, effect, &machine)?;
            what_means_nothing_changes_nothing(&before, event, &machine)?;
            settles(&machine, now, policy)?;
        }
    }
}

fn asks_only_for_what_makes_sense(
    before: &Lifecycle,
    event: Event,
    effect: Option<Effect>,
    after: &Lifecycle,
) -> TestCaseResult {
    let is_gone = matches!(event, Event::Gone { .. });
    let has_come = before.phase() == &Phase::Spawning && matches!(event, Event::Spawned { .. });
    let is_living = (before.phase().has_process() && !is_gone) || has_come;
    let is_on_its_way = before.phase() == &Phase::Spawning && !is_gone;
    match effect {
        Some(Effect::Spawn(_)) => {
            prop_assert!(!is_living && !is_on_its_way && after.goal() == Goal::Up);
        }
        Some(Effect::RequestStop | Effect::SignalHang | Effect::Kill) => prop_assert!(is_living),
        Some(Effect::GiveUp) => prop_assert!(is_gone),
        Some(Effect::LeaveOut(_)) => {
            prop_assert!(event == Event::Due && after.goal() == Goal::Up);
        }
        None => {}
    }
    prop_assert_eq!(after.phase().has_process(), is_living);
    Ok(())
}

fn what_means_nothing_changes_nothing(
    before: &Lifecycle,
    event: Event,
    after: &Lifecycle,
) -> TestCaseResult {
    let phase = before.phase();
    let means_something = match event {
        Event::Spawned { .. } => phase == &Phase::Spawning,
        Event::Gone { .. } => phase == &Phase::Spawning || phase.has_process(),
        Event::Ready | Event::Heartbeat => phase.has_process(),
        Event::Deadline { .. } => before.deadline().is_some(),
        Event::Due => before.goal() == Goal::Up,
        Event::Start
        | Event::Enable
        | Event::Reset
        | Event::Reconfigured
        | Event::Stop
        | Event::Kill
        | Event::Dependencies { .. } => true,
    };
    prop_assert!(means_something || before == after, "{event:?} in {phase:?}");
    Ok(())
}
