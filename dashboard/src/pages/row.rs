//! One row of the fleet page: everything about one instance at a glance.
//! It orders nothing and is rendered once for all browsers.
//!
//! For tests: the row has `data-instance`, `data-state`, `data-pid` and `data-status`; its cells `.cell-state`,
//! `.cell-message`, `.cell-uptime`, `.cell-restarts` and `.cell-heartbeat`.

use maud::{Markup, html};
use shared_state::InstanceRow;

use super::pieces;
use crate::bars::Paths;
use crate::sparks::Spark;
use crate::text::clean;
use crate::{verdict, words};

/// Figures shown under the message; the agent page has all.
const FIGURES_MAX: usize = 4;

/// What a row is made of.
#[derive(Clone, Copy, Debug)]
pub struct RowFacts<'a> {
    /// Which, and what is true of it.
    pub instance: &'a InstanceRow,
    /// Restarts in 24 hours.
    pub restarts_24h: u64,
    /// Its heartbeat bar.
    pub paths: &'a Paths,
    /// Slots of the bar.
    pub slots: usize,
    /// Share of the processor.
    pub cpu: Option<&'a Spark>,
    /// Memory.
    pub memory: Option<&'a Spark>,
}

/// The element's id.
pub fn id(instance_id: i64) -> String {
    format!("i{instance_id}")
}

/// The row.
pub fn row(facts: &RowFacts<'_>) -> Markup {
    let row = facts.instance;
    let tone = match verdict::complaint(row) {
        Some(status) => pieces::status_tone(status),
        None => verdict::tone(row.state),
    };
    html! {
        tr.{ "tone-" (tone.class()) } id=(id(row.instance_id)) data-instance=(clean(&row.name)) data-state=(row.state.as_str())
            data-pid=[row.pid] data-status=[verdict::status(row)] {
            th.cell-name scope="row" { a href={ "/agents/" (row.instance_id) } { (clean(&row.name)) } }
            td.cell-state { (pieces::state_badge(row.state)) }
            td.cell-message { (message(row)) }
            td.cell-uptime.num data-label="up" {
                @match row.started_ms.filter(|_| row.pid.is_some()) {
                    Some(ms) => (pieces::since(ms)),
                    None => span.none { "–" },
                }
            }
            td.cell-restarts.num data-label="restarts" title={ (row.restarts) " restarts since registration" } {
                @if facts.restarts_24h > 0 { strong { (facts.restarts_24h) } } @else { span.none { "0" } }
            }
            td.cell-heartbeat.num data-label="heartbeat" { (heartbeat(row)) }
            td.cell-bar { (bar(facts.paths, facts.slots)) }
            td.cell-cpu data-label="CPU" { (spark(facts.cpu, row.pid.is_some())) }
            td.cell-memory data-label="memory" { (spark(facts.memory, row.pid.is_some())) }
        }
    }
}

/// What it says while it is well, else why it is not.
fn message(row: &InstanceRow) -> Markup {
    let beat = row.heartbeat.as_ref().filter(|_| row.pid.is_some());
    html! {
        span.said {
            @if let Some(status) = verdict::complaint(row) { (pieces::status_badge(status)) " " }
            @match beat {
                Some(beat) if !beat.message.is_empty() => span.words { (clean(&beat.message)) },
                _ => span.words.muted { (clean(&row.reason)) },
            }
        }
        @if let Some(ms) = row.next_attempt_ms { span.next { " next attempt " (pieces::until(ms)) } }
        @if let Some(beat) = beat {
            @if !beat.metrics.is_empty() {
                span.figures {
                    @for (name, value) in beat.metrics.iter().take(FIGURES_MAX) {
                        span.figure { (clean(name)) " " b { (words::figure(name, *value)) } }
                    }
                    @if beat.metrics.len() > FIGURES_MAX { span.figure { "+" (beat.metrics.len() - FIGURES_MAX) } }
                }
            }
        }
    }
}

/// The age of the last one, against its deadline.
pub fn heartbeat(row: &InstanceRow) -> Markup {
    let limit_ms = row.heartbeat_timeout_ms.filter(|_| row.pid.is_some());
    html! {
        @match &row.heartbeat {
            Some(beat) if row.pid.is_some() => {
                (pieces::age(beat.ts_ms, limit_ms))
                @if let Some(ms) = limit_ms { span.limit { " / " (words::duration(ms)) } }
            },
            _ if row.heartbeat_timeout_ms.is_none() => span.none title="this agent sends no heartbeats" { "none" },
            _ => span.none { "–" },
        }
    }
}

fn bar(paths: &Paths, slots: usize) -> Markup {
    html! {
        svg.bar viewBox={ "0 0 " (slots) " 1" } preserveAspectRatio="none" role="img" aria-label=(told(paths)) {
            path.ground d={ "M0 .5h" (slots) } {}
            @for (class, path) in [("good", &paths.ok), ("warn", &paths.degraded), ("bad", &paths.errors)] {
                @if !path.is_empty() { path.(class) d=(path) {} }
            }
        }
    }
}

/// The bar in words.
fn told(paths: &Paths) -> &'static str {
    match (
        paths.errors.is_empty(),
        paths.degraded.is_empty(),
        paths.ok.is_empty(),
    ) {
        (false, ..) => "heartbeats, some with status error",
        (true, false, _) => "heartbeats, some with status degraded",
        (true, true, false) => "heartbeats, all ok",
        (true, true, true) => "no heartbeats",
    }
}

/// The line stays as history; without a process there is no present value.
fn spark(spark: Option<&Spark>, lives: bool) -> Markup {
    html! {
        @match spark {
            Some(spark) => {
                svg.spark viewBox="0 0 60 16" preserveAspectRatio="none" aria-hidden="true" { path d=(spark.path) {} }
                @if lives { span.num { (words::figure(spark.name, spark.last)) } } @else { span.none { "–" } }
            },
            None => span.none { "–" },
        }
    }
}
