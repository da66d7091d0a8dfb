//! The page of one instance: what is true now, charts, invocations, events, log, configuration.
//! It reads nothing: its facts are handed to it.
//!
//! For tests: `#agent[data-instance][data-state][data-pid]`, `.tile[data-tile]`, `#charts figure[data-series]`,
//! `#invocations tr`, `#events tr`, `#spans a[data-range]`, `#config`.

use maud::{Markup, html};
use shared_state::{
    AgentRow, EventRecord, InstanceRow, InstanceState, InvocationRecord, SeriesRow,
};

use super::lists;
use super::log::{self, Log};
use super::pieces;
use super::row;
use super::shell::{self, Frame};
use crate::parts::{List, Part, Parts};
use crate::query::{SPANS, Span, Theme};
use crate::text::clean;
use crate::verdict::{self, Tone};
use crate::view::View;
use crate::words;

/// What the page shows.
#[derive(Clone, Debug)]
pub struct AgentFacts {
    /// What is true now.
    pub instance: InstanceRow,
    /// Its configuration.
    pub agent: Option<AgentRow>,
    /// The newest, newest first.
    pub invocations: Vec<InvocationRecord>,
    /// The newest, newest first.
    pub events: Vec<EventRecord>,
    /// Those that have a chart.
    pub series: Vec<SeriesRow>,
    /// How many more there are.
    pub series_more: usize,
    /// Restarts in 24 hours.
    pub restarts_24h: u64,
}

/// What changes on the page; `facts` is absent while the database cannot be read.
pub fn parts(view: &View, facts: Option<&AgentFacts>) -> Parts {
    let mut parts = Parts {
        single: shell::parts(view, ""),
        lists: Vec::new(),
    };
    let Some(facts) = facts else {
        return parts;
    };
    parts.single.push(Part::new("agent", head(facts)));
    parts
        .single
        .push(Part::new("figures", figures(&facts.instance)));
    parts.single.push(Part::new("config", config(facts)));
    let figures = facts.series.iter().map(|series| {
        let id = format!("c{}", series.series_id);
        Part::new(id.clone(), chart(&id, series, &facts.instance)).into()
    });
    parts.lists.push(List {
        id: "charts",
        items: figures.collect(),
    });
    let invocations = facts.invocations.iter().map(|row| {
        let id = format!("v{}", row.invocation_id);
        Part::new(id.clone(), invocation(&id, row)).into()
    });
    parts.lists.push(List {
        id: "invocations",
        items: invocations.collect(),
    });
    let events = facts.events.iter().map(|event| {
        let id = format!("e{}", event.event_id);
        Part::new(id.clone(), lists::event(&id, event, false)).into()
    });
    parts.lists.push(List {
        id: "events",
        items: events.collect(),
    });
    parts
}

/// The page.
pub fn page(parts: &Parts, facts: &AgentFacts, log: &Log, span: Span, theme: Theme) -> Markup {
    let instance = &facts.instance;
    let stream = format!("/events/agents/{}", instance.instance_id);
    let name = clean(&instance.name);
    let frame = Frame {
        title: &name,
        place: "",
        stream: Some(&stream),
        theme,
    };
    let content = html! {
        p.crumbs { a href="/" { "Fleet" } " / " span { (clean(&instance.agent)) } }
        (parts.part("agent"))
        (parts.part("figures"))
        section.card aria-labelledby="charts-title" {
            div.card-head { h2 #charts-title { "Charts" } (spans(span)) }
            div #charts.charts data-id=(instance.instance_id) { @if let Some(list) = parts.list("charts") { (list) } }
            @if facts.series.is_empty() {
                (pieces::empty("No figures yet", "An agent reports figures with its heartbeats, the performance-monitor those of its process."))
            }
            @if facts.series_more > 0 { p.muted { (facts.series_more) " more figures are in the API." } }
            p #chart-said.hidden aria-live="polite" {}
        }
        (log::section(log))
        div.columns {
            section.card aria-labelledby="invocations-title" {
                h2 #invocations-title { "Invocations" }
                div.scroll tabindex="0" role="group" aria-labelledby="invocations-title" {
                    table.list {
                        thead { tr {
                            th scope="col" { "Started" } th.num scope="col" { "Lasted" } th scope="col" { "End" }
                            th.num scope="col" { "Pid" } th.num scope="col" { "Attempt" } th.num scope="col" { "Heartbeats" }
                        } }
                        tbody #invocations { @if let Some(list) = parts.list("invocations") { (list) } }
                    }
                    @if facts.invocations.is_empty() { (pieces::empty("Never started", "No process of this instance was started yet.")) }
                }
            }
            section.card aria-labelledby="events-title" {
                h2 #events-title { "Events" }
                div.scroll tabindex="0" role="group" aria-labelledby="events-title" {
                    table.list { tbody #events { @if let Some(list) = parts.list("events") { (list) } } }
                    @if facts.events.is_empty() { (pieces::empty("No events", "Nothing worth a line has happened yet.")) }
                }
            }
        }
        (parts.part("config"))
    };
    shell::page(&frame, parts, content)
}

fn head(facts: &AgentFacts) -> Markup {
    let row = &facts.instance;
    let complaint = verdict::complaint(row);
    let beat = row.heartbeat.as_ref().filter(|_| row.pid.is_some());
    let tile = |name: &str, value: Markup| html! { div.tile data-tile=(name) { dt { (name) } dd { (value) } } };
    let none = || html! { span.none { "–" } };
    html! {
        div #agent data-instance=(clean(&row.name)) data-state=(row.state.as_str()) data-pid=[row.pid]
            data-status=[verdict::status(row)] {
            div.title-line {
                h1 { (clean(&row.name)) }
                (pieces::state_badge(row.state))
                @if let Some(status) = complaint { (pieces::status_badge(status)) }
                @if row.removed { (pieces::tag("no longer in agents.toml", Tone::Warn)) }
            }
            p.lead {
                @match beat {
                    // Of any other state the coordinator knows better than the agent.
                    Some(beat) if row.state == InstanceState::Running && !beat.message.is_empty() => (clean(&beat.message)),
                    _ => (clean(&row.reason)),
                }
            }
            dl.tiles {
                (tile("in this state", html! { (pieces::since(row.since_ms)) }))
                (tile("uptime", row.started_ms.filter(|_| row.pid.is_some()).map_or_else(none, pieces::since)))
                (tile("heartbeat", row::heartbeat(row)))
                (tile("pid", row.pid.map_or_else(none, |pid| html! { (pid) })))
                (tile("restarts", html! { (row.restarts) span.limit { " · " (facts.restarts_24h) " in 24 h" } }))
                @if let Some(exit) = &row.last_exit { (tile("last exit", html! { (clean(exit)) })) }
                @if let Some(ms) = row.next_attempt_ms { (tile("next attempt", pieces::until(ms))) }
                (tile("goal", html! { (if row.goal_up { "up" } else { "down" }) }))
                (tile("protocol", html! { (clean(&row.protocol)) }))
            }
        }
    }
}

/// The figures of the newest heartbeat.
fn figures(row: &InstanceRow) -> Markup {
    let metrics = row
        .heartbeat
        .as_ref()
        .filter(|_| row.pid.is_some())
        .map(|beat| &beat.metrics);
    html! {
        dl #figures.tiles.figures-now {
            @for (name, value) in metrics.into_iter().flatten() {
                div.tile data-figure=(clean(name)) { dt { (clean(name)) } dd { (words::figure(name, *value)) } }
            }
        }
    }
}

fn spans(span: Span) -> Markup {
    html! {
        nav #spans.ranges aria-label="Range of the charts" {
            @for (n, (name, _)) in SPANS.iter().enumerate() {
                a href={ "?range=" (name) } data-range=(name) aria-current=[(span == Span::Last(n)).then_some("true")] { (name) }
            }
            @if let Span::Between(from, to) = span {
                span.custom { (pieces::moment(from)) " – " (pieces::moment(to)) }
            }
        }
    }
}

fn chart(id: &str, series: &SeriesRow, instance: &InstanceRow) -> Markup {
    // What the monitor measured of it, beside what it says of itself.
    let is_process = series.subject.strip_prefix("agent:") == Some(&instance.name);
    html! {
        figure id=(id) data-series=(series.series_id) data-name=(clean(&series.name)) data-keep {
            figcaption {
                span.chart-name { (clean(&series.name)) }
                @if is_process { span.muted { " process" } }
                @else if !series.subject.is_empty() { span.muted { " " (clean(&series.subject)) } }
                output.chart-value {}
            }
            div.plot { p.muted.loading { "loading …" } }
            details.chart-table { summary { "Table" } div.scroll tabindex="0" {} }
        }
    }
}

fn invocation(id: &str, row: &InvocationRecord) -> Markup {
    let outcome = verdict::outcome(row);
    html! {
        tr id=(id) data-invocation=(row.invocation_id) data-outcome=(row.outcome.as_deref().unwrap_or("running")) {
            td { (pieces::moment(row.started_ms)) }
            td.num {
                @match row.ended_ms {
                    Some(ms) => (words::duration(ms - row.started_ms)),
                    None => (pieces::since(row.started_ms)),
                }
            }
            td { (pieces::tag(&clean(&outcome), verdict::outcome_tone(row))) }
            td.num { (row.pid.map(|pid| pid.to_string()).unwrap_or_else(|| "–".into())) }
            td.num { (row.attempt) }
            td.num {
                // Counted at the end; until then nobody knows.
                @if row.ended_ms.is_some() { (words::number(row.heartbeats as f64)) } @else { span.none { "–" } }
                @if row.dropped_rows > 0 { " " (pieces::tag(&format!("{} rows dropped", row.dropped_rows), Tone::Warn)) }
                @if row.truncated_lines > 0 { " " (pieces::tag(&format!("{} lines cut", row.truncated_lines), Tone::Warn)) }
            }
        }
    }
}

fn config(facts: &AgentFacts) -> Markup {
    html! {
        section #config.card aria-labelledby="config-title" {
            h2 #config-title { "Configuration" }
            @match &facts.agent {
                Some(agent) => {
                    dl.pairs {
                        dt { "command" } dd { code { (clean(&agent.command.join(" "))) } }
                        dt { "registered" } dd { (pieces::moment(agent.registered_ms)) }
                        @if let Some(path) = &facts.instance.log_path { dt { "log file" } dd { code { (clean(path)) } } }
                        @if let Some(config) = agent.config.as_object() {
                            @for (key, value) in config {
                                dt { (clean(key)) } dd { code { (clean(&value.to_string())) } }
                            }
                        }
                    }
                },
                None => (pieces::empty("Unknown", "The database has no configuration of this agent.")),
            }
        }
    }
}
