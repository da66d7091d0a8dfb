//! Waits for conditions and tells what was seen last when they do not come.
//! It does not know what is waited for.

use std::fmt::Debug;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Generous, since the machine may be busy; nothing takes this long when it works.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Short against everything that is waited for, long against one look at a database.
const LOOK_EVERY: Duration = Duration::from_millis(15);

/// Waits until `look` gives `Ok`. Panics after [`PATIENCE`] with what the last look saw.
pub fn wait_for_condition<T, Seen: Debug>(what: &str, look: impl FnMut() -> Result<T, Seen>) -> T {
    wait_for_condition_within(what, PATIENCE, look)
}

/// The same with a limit of its own.
pub fn wait_for_condition_within<T, Seen: Debug>(
    what: &str,
    timeout: Duration,
    mut look: impl FnMut() -> Result<T, Seen>,
) -> T {
    let deadline = Instant::now() + timeout;
    loop {
        match look() {
            Ok(value) => return value,
            Err(seen) if Instant::now() > deadline => {
                panic!("waited {timeout:?} for: {what}; last seen: {seen:#?}")
            }
            Err(_) => let_time_pass(LOOK_EVERY),
        }
    }
}

/// For tests whose subject is that something does *not* happen, and between two looks.
#[expect(
    clippy::disallowed_methods,
    reason = "time that passes is the subject here; everything else waits for a condition"
)]
pub fn let_time_pass(time: Duration) {
    std::thread::sleep(time);
}

/// Milliseconds since 1970 UTC, as the rows have them.
pub fn now_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("the clock is set");
    i64::try_from(since.as_millis()).expect("it is not yet the year 292 000 000")
}
