//! P4 and P5: the coordinator's memory by the number of its agents, and what it costs when little happens.
//! The agents speak the protocol.

use std::time::Duration;

use anyhow::Result;

use crate::process::{cpu_percent, pss_mb};
use crate::report::Figure;
use crate::supervised::{Supervised, Work};

const START_LIMIT: Duration = Duration::from_secs(180);
/// A quiet agent sends its first heartbeat, then none for this long.
const QUIET_MS: u64 = 3_600_000;

/// P4: proportional set size with 10, 100 and 1 000 protocol agents that beat every 10 s.
pub(crate) fn memory_by_agents() -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for (count, limit_mb, goal) in [(10, 8.0, "≤ 8"), (100, 9.0, "≤ 9"), (1_000, 20.0, "≤ 20")]
    {
        let supervised = Supervised::start(count, Work::Beat { period_ms: 10_000 })?;
        supervised.wait_running(count, START_LIMIT)?;
        crate::slots::pause(Duration::from_secs(12)); // one round of heartbeats
        let pss = pss_mb(supervised.pid())?;
        figures.push(Figure {
            id: "P4",
            what: format!("coordinator's PSS with {count} protocol agents, MB"),
            measured: format!("{pss:.1}"),
            yardstick: String::new(),
            goal,
            met: Some(pss <= limit_mb),
        });
        supervised.stop()?;
    }
    Ok(figures)
}

/// P5: share of a core with 1 000 agents, quiet and beating every 10 s.
pub(crate) fn idle_processor_time(count: usize) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for (period_ms, what, limit, goal) in [
        (QUIET_MS, "quiet agents", 0.05, "0.0"),
        (10_000, "agents beating every 10 s", 1.5, "≤ 1.5"),
    ] {
        let supervised = Supervised::start(count, Work::Beat { period_ms })?;
        supervised.wait_running(count, START_LIMIT)?;
        crate::slots::pause(Duration::from_secs(10)); // starting is over
        let percent = cpu_percent(supervised.pid(), 60)?;
        figures.push(Figure {
            id: "P5",
            what: format!("coordinator's CPU over 60 s with {count} {what}, % of a core"),
            measured: format!("{percent:.2}"),
            yardstick: String::new(),
            goal,
            met: Some(percent <= limit),
        });
        supervised.stop()?;
    }
    Ok(figures)
}
