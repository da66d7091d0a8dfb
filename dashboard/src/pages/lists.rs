//! The pages of alerts and of events: newest first, filtered by the URL.
//! They read nothing.
//!
//! For tests: `#alerts tr[data-alert][data-firing]`, `#events tr[data-event][data-level]`.

use maud::{Markup, html};
use shared_state::{AlertRecord, EventRecord};

use super::pieces;
use super::shell::{self, Frame};
use crate::parts::{List, Part, Parts};
use crate::query::Theme;
use crate::text::clean;
use crate::verdict::{self, Tone};
use crate::view::View;
use crate::words;

/// Levels by which events can be filtered.
pub const LEVELS: [(&str, u8); 4] = [("debug", 0), ("info", 1), ("warn", 2), ("error", 3)];

/// What changes on the page of alerts.
pub fn alerts_parts(view: &View, alerts: &[AlertRecord]) -> Parts {
    let mut parts = Parts {
        single: shell::parts(view, "Alerts"),
        lists: Vec::new(),
    };
    let rows = alerts.iter().map(|row| {
        let id = format!("a{}", row.alert_id);
        Part::new(id.clone(), alert(&id, row)).into()
    });
    parts.lists.push(List {
        id: "alerts",
        items: rows.collect(),
    });
    let firing = alerts.iter().filter(|row| row.firing).count();
    let empty = html! {
        div #empty {
            @if alerts.is_empty() {
                (pieces::empty("No alerts", "Agents raise alerts, such as the performance-monitor when a threshold is passed. None was raised yet."))
            } @else if firing == 0 { p.muted { "Nothing is firing; below is the history." } }
        }
    };
    parts.single.push(Part::new("empty", empty));
    parts
}

/// The page of alerts.
pub fn alerts_page(parts: &Parts, theme: Theme) -> Markup {
    let frame = Frame {
        title: "Alerts",
        place: "Alerts",
        stream: Some("/events/alerts"),
        theme,
    };
    let content = html! {
        h1 { "Alerts" }
        (parts.part("empty"))
        div.scroll tabindex="0" role="region" aria-label="Alerts" {
            table.list.wide {
                thead { tr {
                    th scope="col" { "State" } th scope="col" { "Severity" } th scope="col" { "Alert" } th scope="col" { "Agent" }
                    th.num scope="col" { "Value" } th scope="col" { "Since" } th scope="col" { "Resolved" }
                } }
                tbody #alerts { @if let Some(list) = parts.list("alerts") { (list) } }
            }
        }
    };
    shell::page(&frame, parts, content)
}

fn alert(id: &str, row: &AlertRecord) -> Markup {
    let (word, tone) = match (row.firing, row.critical) {
        (false, _) => ("resolved", Tone::Idle),
        (true, true) => ("firing", Tone::Bad),
        (true, false) => ("firing", Tone::Warn),
    };
    html! {
        tr id=(id) data-alert=(clean(&row.key)) data-firing=(row.firing) {
            td { span.status.(tone.class()) { (pieces::icon(if row.firing { "unhealthy" } else { "ok" })) (word) } }
            td { (if row.critical { "critical" } else { "warning" }) }
            td {
                strong { (clean(&row.message)) } " " code.muted { (clean(&row.key)) }
                @if let Some(text) = &row.recommendation { div.muted { (clean(text)) } }
                @if let Some(evidence) = &row.evidence {
                    details { summary { "Evidence" } pre { (clean(&evidence.to_string())) } }
                }
            }
            td { a href={ "/agents/" (row.instance_id) } { (clean(&row.instance)) } }
            td.num {
                @match row.value { Some(value) => (words::number(value)), None => span.none { "–" } }
                @if let Some(threshold) = row.threshold { span.limit { " / " (words::number(threshold)) } }
            }
            td { (pieces::moment(row.since_ms)) }
            td { @match row.resolved_ms { Some(ms) => (pieces::moment(ms)), None => span.none { "–" } } }
        }
    }
}

/// What changes on the page of events.
pub fn events_parts(view: &View, events: &[EventRecord], level: u8) -> Parts {
    let mut parts = Parts {
        single: shell::parts(view, "Events"),
        lists: Vec::new(),
    };
    let rows = events.iter().map(|row| {
        let id = format!("e{}", row.event_id);
        Part::new(id.clone(), event(&id, row, true)).into()
    });
    parts.lists.push(List {
        id: "events",
        items: rows.collect(),
    });
    let empty = html! {
        div #empty {
            @if events.is_empty() {
                (pieces::empty("No events", if level > 0 { "Nothing of this level has happened; choose a lower one." } else { "Nothing has happened yet." }))
            }
        }
    };
    parts.single.push(Part::new("empty", empty));
    parts
}

/// The page of events.
pub fn events_page(
    parts: &Parts,
    level: u8,
    before: Option<i64>,
    older: Option<i64>,
    theme: Theme,
) -> Markup {
    // Older pages do not change.
    let stream = before.is_none().then_some("/events/events");
    let frame = Frame {
        title: "Events",
        place: "Events",
        stream,
        theme,
    };
    let content = html! {
        div.title-line {
            h1 { "Events" }
            nav.ranges aria-label="Least level" {
                @for (name, value) in LEVELS {
                    a href={ "?level=" (name) } data-range=(name) aria-current=[(value == level).then_some("true")] { (name) }
                }
            }
        }
        (parts.part("empty"))
        div.scroll tabindex="0" role="region" aria-label="Events" {
            table.list.wide { tbody #events { @if let Some(list) = parts.list("events") { (list) } } }
        }
        p.pager {
            @if before.is_some() { a href={ "?level=" (LEVELS[usize::from(level.min(3))].0) } { "Newest" } " " }
            @if let Some(older) = older {
                a href={ "?level=" (LEVELS[usize::from(level.min(3))].0) "&before=" (older) } { "Older" }
            }
        }
    };
    shell::page(&frame, parts, content)
}

/// One event.
pub fn event(id: &str, row: &EventRecord, with_agent: bool) -> Markup {
    let (level, tone) = verdict::level(row.level);
    html! {
        tr id=(id) data-event=(clean(&row.kind)) data-level=(level) {
            td.when { (pieces::moment(row.ts_ms)) }
            td { (pieces::tag(level, tone)) }
            @if with_agent {
                td {
                    @match (row.instance_id, &row.instance) {
                        (Some(id), Some(name)) => a href={ "/agents/" (id) } { (clean(name)) },
                        _ => span.muted { "coordinator" },
                    }
                }
            }
            td {
                (clean(&row.message)) " " code.muted { (clean(&row.kind)) }
                @if let Some(data) = &row.data {
                    details { summary { "Data" } pre { (clean(&data.to_string())) } }
                }
            }
        }
    }
}
