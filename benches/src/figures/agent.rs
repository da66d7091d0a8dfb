//! P12: what an agent made with the SDK costs by itself.
//! The performance monitor without a coordinator is such an agent, doing real work every 5 s.

use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::process::{cpu_percent, rss_mb};
use crate::report::Figure;
use crate::supervised::binaries;

/// The performance monitor's memory and processor time over a minute.
pub(crate) fn sdk_agent() -> Result<Vec<Figure>> {
    let mut child = Command::new(binaries()?.join("performance-monitor"))
        .arg("--json")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("failed to start the performance monitor")?;
    crate::slots::pause(std::time::Duration::from_secs(8));
    let measured =
        cpu_percent(child.id(), 60).and_then(|percent| Ok((percent, rss_mb(child.id())?)));
    child.kill()?;
    child.wait()?;
    let (percent, rss) = measured?;
    Ok(vec![
        Figure {
            id: "P12",
            what: "performance monitor, an agent made with the SDK: RSS, MB".into(),
            measured: format!("{rss:.1}"),
            yardstick: String::new(),
            goal: "≤ 6",
            met: Some(rss <= 6.0),
        },
        Figure {
            id: "P12",
            what: "the same: CPU over 60 s, sampling every 5 s, % of a core".into(),
            measured: format!("{percent:.2}"),
            yardstick: String::new(),
            goal: "< 0.5 (its own cost, with its work)",
            met: Some(percent < 0.5),
        },
    ])
}
