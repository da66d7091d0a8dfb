//! P13: how fast LangSmith runs are stored. The yardstick is a loop of plain inserts of the same rows into the same table with
//! its indexes. Neither bridge nor pipes are in it.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::report::Figure;
use crate::supervised::binaries;

/// P13: the writer with its roll-ups beside a plain loop, both with the same rows.
pub(crate) fn runs_stored() -> Result<Vec<Figure>> {
    let (plain, writer) = rates()?;
    Ok(vec![Figure {
        id: "P13",
        what: "LangSmith runs stored per second with their roll-ups by minute, hour and day".into(),
        measured: format!("{writer:.0} ({:.0} %)", writer / plain * 100.0),
        yardstick: format!("plain loop {plain:.0}"),
        goal: "≥ half of the loop",
        met: Some(writer >= plain / 2.0),
    }])
}

/// Runs per second of the plain loop.
pub(super) fn plain_rate() -> Result<f64> {
    Ok(rates()?.0)
}

/// Runs per second of the plain loop and of the writer.
fn rates() -> Result<(f64, f64)> {
    let output = Command::new(binaries()?.join("examples/trace_rate"))
        .arg("--json")
        .output()
        .context("failed to start shared-state's example `trace_rate`")?;
    ensure!(
        output.status.success(),
        "storing runs ended with {}",
        output.status
    );
    let rates: Value = serde_json::from_slice(&output.stdout)
        .context("failed to read what `trace_rate` printed")?;
    Ok((number(&rates, "plain")?, number(&rates, "writer")?))
}

fn number(figures: &Value, name: &str) -> Result<f64> {
    figures[name]
        .as_f64()
        .with_context(|| format!("there is no {name} in {figures}"))
}
