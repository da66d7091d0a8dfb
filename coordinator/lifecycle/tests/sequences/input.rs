//! Random policies, acts and events, within what the configuration admits and made small enough to meet each other.
//! What is done with them stands in `world` and `any_order`.

use std::time::Duration;

use lifecycle::{Cause, MaxAge, Overlap, Policy, Readiness, Restart};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

/// What the world does next.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Act {
    /// The operator.
    Start,
    Stop,
    Kill,
    Reset,
    /// The coordinator begins, or takes it up again.
    Enable,
    /// A time of the schedule.
    Due,
    /// The same rules again.
    Reconfigure,
    /// Others become ready, or no longer are.
    Dependencies(bool),
    /// From now on starting a process works, or fails with this random number at hand.
    SpawnsFail(Option<f64>),
    /// The process, if there is one, ends.
    End(Cause, f64),
    SayReady,
    Beat,
    /// Time passes, and the caller meets every deadline.
    WaitMs(u64),
    /// Time passes until the next deadline has come.
    WaitForDeadline,
    /// Time passes, and the caller sleeps through it.
    SleepMs(u64),
    /// The caller asks although no deadline has come.
    AskTooEarly,
}

pub(crate) fn acts() -> impl Strategy<Value = Vec<Act>> {
    vec(act(), 0..60)
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => Just(Act::Start),
        2 => Just(Act::Stop),
        1 => Just(Act::Kill),
        1 => Just(Act::Reset),
        2 => Just(Act::Enable),
        5 => Just(Act::Due),
        1 => Just(Act::Reconfigure),
        1 => any::<bool>().prop_map(Act::Dependencies),
        1 => option::of(random()).prop_map(Act::SpawnsFail),
        8 => (cause(), random()).prop_map(|(cause, random)| Act::End(cause, random)),
        2 => Just(Act::SayReady),
        4 => Just(Act::Beat),
        4 => (0..20_000_u64).prop_map(Act::WaitMs),
        6 => Just(Act::WaitForDeadline),
        2 => (0..20_000_u64).prop_map(Act::SleepMs),
        2 => Just(Act::AskTooEarly),
    ]
}

pub(crate) fn cause() -> impl Strategy<Value = Cause> {
    prop_oneof![
        (0..3_i32).prop_map(Cause::Exited),
        (1..16_i32).prop_map(Cause::Signaled),
        Just(Cause::OutOfMemory),
        Just(Cause::SpawnFailed(2)),
    ]
}

fn random() -> impl Strategy<Value = f64> {
    prop_oneof![Just(0.0), 0.0..1.0, Just(1.0_f64.next_down())]
}

pub(crate) fn policy() -> impl Strategy<Value = Policy> {
    let restart = prop_oneof![
        3 => Just(Restart::Always),
        2 => Just(Restart::OnFailure),
        1 => Just(Restart::Never),
    ];
    let readiness = prop_oneof![
        (100..10_000_u64).prop_map(|ms| Readiness::Says {
            within: ms_long(ms)
        }),
        (0..5_000_u64).prop_map(|ms| Readiness::Lives { after: ms_long(ms) }),
    ];
    let backoff = (
        0..2_000_u64,
        prop_oneof![Just(1.0), 1.0..100.0],
        0..20_000_u64,
    );
    // Often one of them so wide that the other one decides.
    let stable_after = prop_oneof![Just(0), 0..10_000_u64];
    let window = prop_oneof![1_000..10_000_u64, 10_000..120_000_u64];
    let short_lived_max = prop_oneof![1..6_u32, Just(1_000)];
    let limits = (stable_after, 1..6_u32, window, short_lived_max);
    let fatal = (option::of(1_000..30_000_u64), any::<bool>());
    let age = option::weighted(0.5, (1_000..60_000_u64, 0.0..1.0_f64)).prop_map(|age| {
        age.map(|(ms, variance)| MaxAge {
            after: ms_long(ms),
            variance,
        })
    });
    let schedule = prop_oneof![
        Just(None),
        Just(Some(Overlap::Skip)),
        Just(Some(Overlap::Queue)),
    ];
    let times = (
        option::of(100..10_000_u64),
        0..3_000_u64,
        0..8_000_u64,
        age,
        schedule,
    );
    (restart, readiness, backoff, limits, fatal, times).prop_map(
        |(restart, readiness, backoff, limits, fatal, times)| Policy {
            restart,
            success_exit_codes: vec![0, 2],
            backoff_initial: ms_long(backoff.0),
            backoff_factor: backoff.1,
            backoff_max: ms_long(backoff.0 + backoff.2),
            stable_after: ms_long(limits.0),
            restarts_max: limits.1,
            restart_window: ms_long(limits.2),
            short_lived_max: limits.3,
            fatal_retry: fatal.0.map(ms_long),
            essential: fatal.1,
            readiness,
            heartbeat_timeout: times.0.map(ms_long),
            watchdog_grace: ms_long(times.1),
            stop_timeout: ms_long(times.2),
            max_age: times.3,
            schedule: times.4,
        },
    )
}

fn ms_long(ms: u64) -> Duration {
    Duration::from_millis(ms)
}
