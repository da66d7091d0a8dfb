//! The lifecycle's types in the document. The crate itself depends on nothing, so their shape is repeated here; the compiler
//! compares the two.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use lifecycle::{Budget, Cause, Goal, Hang, Parts, Phase, StartKind, Surrender, Why};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_with::{DeserializeAs, SerializeAs, serde_as};

use super::Monotonic;

#[serde_as]
#[derive(Serialize, Deserialize)]
#[serde(remote = "Parts")]
pub(super) struct PartsDef {
    #[serde(with = "GoalDef")]
    goal: Goal,
    #[serde(with = "PhaseDef")]
    phase: Phase,
    dependencies_ready: bool,
    #[serde(with = "BudgetDef")]
    budget: Budget,
    is_queued: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Goal", rename_all = "snake_case")]
enum GoalDef {
    Up,
    Down,
}

#[serde_as]
#[derive(Serialize, Deserialize)]
#[serde(remote = "Phase", rename_all = "snake_case")]
enum PhaseDef {
    Stopped,
    Scheduled,
    Waiting {
        #[serde(with = "StartKindDef")]
        kind: StartKind,
    },
    Spawning,
    Starting {
        #[serde_as(as = "Monotonic")]
        since: Instant,
        #[serde_as(as = "Monotonic")]
        ready_by: Instant,
        random: f64,
    },
    Running {
        #[serde_as(as = "Monotonic")]
        since: Instant,
        random: f64,
        #[serde_as(as = "Monotonic")]
        ready_at: Instant,
        #[serde_as(as = "Monotonic")]
        last_sign: Instant,
        #[serde_as(as = "Monotonic")]
        awaited_from: Instant,
        #[serde_as(as = "Option<Monotonic>")]
        silent_at: Option<Instant>,
        #[serde_as(as = "Option<Monotonic>")]
        old_at: Option<Instant>,
    },
    Unhealthy {
        #[serde(with = "HangDef")]
        hang: Hang,
        healthy: Duration,
        #[serde_as(as = "Monotonic")]
        kill_at: Instant,
        killed: bool,
    },
    Stopping {
        #[serde(with = "WhyDef")]
        why: Why,
        #[serde_as(as = "Monotonic")]
        kill_at: Instant,
        killed: bool,
    },
    Backoff {
        #[serde_as(as = "Monotonic")]
        until: Instant,
        #[serde(with = "CauseDef")]
        cause: Cause,
        #[serde_as(as = "Option<HangDef>")]
        hang: Option<Hang>,
    },
    Exited {
        #[serde(with = "CauseDef")]
        cause: Cause,
        #[serde_as(as = "Option<HangDef>")]
        hang: Option<Hang>,
    },
    Fatal {
        #[serde_as(as = "Option<Monotonic>")]
        retry_at: Option<Instant>,
        #[serde(with = "SurrenderDef")]
        surrender: Surrender,
        #[serde(with = "CauseDef")]
        cause: Cause,
        #[serde_as(as = "Option<HangDef>")]
        hang: Option<Hang>,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "StartKind", rename_all = "snake_case")]
enum StartKindDef {
    Wanted,
    Restart,
    Retry,
    Scheduled,
    Renewal,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Why", rename_all = "snake_case")]
enum WhyDef {
    Asked,
    Old { age: Duration },
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Hang", rename_all = "snake_case")]
enum HangDef {
    NotReady { within: Duration },
    Silent { within: Duration },
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Cause", rename_all = "snake_case")]
pub(super) enum CauseDef {
    Exited(i32),
    Signaled(i32),
    OutOfMemory,
    SpawnFailed(i32),
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Surrender", rename_all = "snake_case")]
enum SurrenderDef {
    Window {
        restarts_max: u32,
        window: Duration,
    },
    ShortLived {
        in_a_row: u32,
        stable_after: Duration,
    },
    RetryFailed {
        stable_after: Duration,
    },
}

#[serde_as]
#[derive(Serialize, Deserialize)]
#[serde(remote = "Budget")]
struct BudgetDef {
    failures: u32,
    #[serde_as(as = "VecDeque<Monotonic>")]
    restarts: VecDeque<Instant>,
    is_on_probation: bool,
}

/// Lets a definition stand inside an `Option`, which serde alone does not.
macro_rules! usable_inside {
    ($($def:ty => $type:ty),+) => {$(
        impl SerializeAs<$type> for $def {
            fn serialize_as<S: Serializer>(value: &$type, serializer: S) -> Result<S::Ok, S::Error> {
                Self::serialize(value, serializer)
            }
        }

        impl<'de> DeserializeAs<'de, $type> for $def {
            fn deserialize_as<D: Deserializer<'de>>(deserializer: D) -> Result<$type, D::Error> {
                Self::deserialize(deserializer)
            }
        }
    )+};
}

usable_inside!(PartsDef => Parts, HangDef => Hang, CauseDef => Cause);
