//! A point in time that outlives its process: nanoseconds of the kernel's monotonic clock.
//! A restart of the machine ends its meaning, but also every process that it is told about.

use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_with::{DeserializeAs, SerializeAs};

/// Writes an [`Instant`] as a number.
#[derive(Debug)]
pub(crate) struct Monotonic;

/// The clock now, as both know it. Between the two readings passes next to nothing.
fn now() -> (Instant, Duration) {
    let clock = clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(Duration::ZERO, Duration::from);
    (Instant::now(), clock)
}

impl SerializeAs<Instant> for Monotonic {
    fn serialize_as<S: Serializer>(instant: &Instant, serializer: S) -> Result<S::Ok, S::Error> {
        let (now, clock) = now();
        let since_boot = match instant.checked_duration_since(now) {
            Some(ahead) => clock.saturating_add(ahead),
            None => clock.saturating_sub(now.saturating_duration_since(*instant)),
        };
        since_boot.serialize(serializer)
    }
}

impl<'de> DeserializeAs<'de, Instant> for Monotonic {
    fn deserialize_as<D: Deserializer<'de>>(deserializer: D) -> Result<Instant, D::Error> {
        let since_boot = Duration::deserialize(deserializer)?;
        let (now, clock) = now();
        let then = match since_boot.checked_sub(clock) {
            Some(ahead) => now.checked_add(ahead),
            None => now.checked_sub(clock.saturating_sub(since_boot)),
        };
        then.ok_or_else(|| serde::de::Error::custom("a time is out of range"))
    }
}
