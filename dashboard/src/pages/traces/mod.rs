//! The page of traces: tiles, charts, tables, freshness. Each table and panel is rendered in a file of its own.
//! It reads nothing: its facts are handed to it.
//!
//! For tests: `#trace-projects a[data-project]`, `#spans a[data-range]`, `#trace-types a[data-type]`, `#trace-chosen a`,
//! `#trace-notice[data-freshness]`, `.trace-tile[data-tile] dd[data-figure]`, `#trace-charts figure[data-figure]`,
//! `#trace-models tr[data-model]`, `#trace-names tr[data-name]`, `#trace-slowest tr[data-run]`, `#trace-errors tr[data-failed]`,
//! `#trace-pending tr[data-run]`, `#trace-feedback tr[data-key]`, `#trace-checks tr[data-differs]`, `#freshness`, `#trace-empty`.

mod charts;
mod controls;
mod freshness;
mod links;
pub mod run;
mod tables;
mod tiles;

use std::hash::{DefaultHasher, Hash, Hasher};

use maud::{Markup, html};

use super::pieces;
use super::shell::{self, Frame};
use crate::parts::{List, Part, Parts};
use crate::query::Theme;
use crate::traces::facts::{Moment, Shown, TraceGroup};
use crate::view::View;
use crate::words;

/// What changes on the page; `moment` is absent while the database cannot be read.
pub fn parts(view: &View, moment: Option<&Moment>) -> Parts {
    let mut parts = Parts {
        single: shell::parts(view, "Traces"),
        lists: Vec::new(),
    };
    let Some(moment) = moment else {
        return parts;
    };
    parts.single.extend([
        Part::new("trace-projects", controls::projects(moment)),
        Part::new("trace-notice", freshness::notice(moment)),
        Part::new("trace-empty", controls::empty(moment)),
    ]);
    let tiles = match &moment.shown {
        Some(shown) => tiles::tiles(moment, shown),
        None => html! { dl #trace-tiles {} },
    };
    parts.single.extend([
        Part::new("trace-tiles", tiles),
        Part::new("freshness", freshness::panel(moment.shown.as_ref())),
        Part::new("trace-errors-note", failed_note(moment.shown.as_ref())),
        Part::new("trace-models-note", models_note(moment.shown.as_ref())),
        Part::new("trace-names-note", names_note(moment.shown.as_ref())),
    ]);
    if let Some(shown) = &moment.shown {
        parts.lists = lists(moment, shown);
    }
    parts
}

fn lists(moment: &Moment, shown: &Shown) -> Vec<List> {
    let slowest_us = shown.slowest.iter().filter_map(|run| run.latency_us).max();
    let slowest_us = slowest_us.unwrap_or(0);
    vec![
        list(
            "trace-models",
            &shown.models,
            |row| &row.name,
            |id, row| tables::model(id, moment, row),
        ),
        list(
            "trace-names",
            &shown.names,
            |row| (&row.run_type, &row.name),
            |id, row| tables::name(id, moment, row),
        ),
        list(
            "trace-slowest",
            &shown.slowest,
            |row| &row.run_id,
            |id, row| tables::slow(id, shown, row, slowest_us),
        ),
        list(
            "trace-errors",
            &shown.errors.groups,
            |row| row.group_no,
            |id, row| tables::error(id, shown, row),
        ),
        list(
            "trace-pending",
            &shown.pending,
            |row| &row.run_id,
            |id, row| tables::pending(id, shown, row),
        ),
        list(
            "trace-feedback",
            &shown.now.feedback,
            |row| &row.key,
            tables::feedback,
        ),
        list(
            "trace-checks",
            &shown.checks,
            |row| row.day_ms,
            tables::check,
        ),
    ]
}

/// Rows by what they are of, so that one that moves is not another: names and ids of programs cannot stand in HTML's ids.
fn list<'a, T, K: Hash>(
    id: &'static str,
    rows: &'a [T],
    key: impl Fn(&'a T) -> K,
    render: impl Fn(&str, &T) -> Part,
) -> List {
    let items = rows.iter().map(|row| {
        let mut hasher = DefaultHasher::new();
        key(row).hash(&mut hasher);
        render(&format!("{id}-{:x}", hasher.finish()), row).into()
    });
    List {
        id,
        items: items.collect(),
    }
}

/// The page.
pub fn page(parts: &Parts, moment: &Moment, theme: Theme) -> Markup {
    let frame = Frame {
        title: "Traces",
        place: "Traces",
        stream: Some("/events/traces"),
        theme,
    };
    let is_filtered = moment.query.is_filtered();
    let content = html! {
        div.title-line { h1 { "Traces" } (controls::controls(moment)) }
        (parts.part("trace-projects"))
        (parts.part("trace-notice"))
        (parts.part("trace-empty"))
        div.trace-body {
            (controls::chosen(moment))
            (parts.part("trace-tiles"))
            (charts::charts())
            (groups(parts))
            div.columns {
                div { (slowest(parts, is_filtered)) (pending(parts)) }
                div { (failed(parts)) (feedback(parts)) }
            }
            div.columns { (parts.part("freshness")) (checks(parts)) }
        }
    };
    shell::page(&frame, parts, content)
}

/// A card with a table; what it says while the table has no rows stands below it, see `.when-empty` in style.css.
fn card(
    key: &str,
    title: &str,
    note: Markup,
    empty: (&str, &str),
    head: Markup,
    parts: &Parts,
) -> Markup {
    let list = format!("trace-{key}");
    let heading = format!("{list}-title");
    html! {
        section.card aria-labelledby=(heading) {
            div.card-head { h2 id=(heading) { (title) } span.muted { (note) } }
            div.scroll tabindex="0" role="group" aria-labelledby=(heading) {
                table.list.traces { thead { tr { (head) } } tbody id=(list) { @if let Some(list) = parts.list(&list) { (list) } } }
            }
            div.when-empty { (pieces::empty(empty.0, empty.1)) }
        }
    }
}

fn models_note(shown: Option<&Shown>) -> Markup {
    let rest = shown.and_then(|shown| rest(&shown.models, shown.models_all, shown.now.llm.runs));
    html! { span #trace-models-note.muted { "LLM runs" @if let Some(rest) = rest { "; " (rest) } } }
}

fn names_note(shown: Option<&Shown>) -> Markup {
    let rest = shown.and_then(|shown| rest(&shown.names, shown.names_all, shown.now.runs));
    html! { span #trace-names-note.muted { (rest.unwrap_or_else(|| "most frequent first".into())) } }
}

/// What is not listed, counted; nothing where all is listed.
fn rest(listed: &[TraceGroup], all: usize, runs: u64) -> Option<String> {
    let of_listed: u64 = listed.iter().map(|group| group.figures.runs).sum();
    let number = |count: f64| words::number(count);
    (all > listed.len()).then(|| {
        format!(
            "the {} most frequent of {}; all others together: {} runs",
            listed.len(),
            number(all as f64),
            number(runs.saturating_sub(of_listed) as f64)
        )
    })
}

fn groups(parts: &Parts) -> Markup {
    let columns = |first: &[&str], rest: &[(&str, &str)]| {
        html! {
            @for name in first { th scope="col" { (name) } }
            th.num scope="col" { "Runs" } th.num scope="col" { "Failed" } th.num scope="col" { "p50" } th.num scope="col" { "p95" }
            th.num scope="col" { "p99" }
            @for (class, name) in rest { th class=(class) scope="col" { (name) } }
        }
    };
    let of_models = [
        ("num", "First token p50"),
        ("num", "Prompt tokens"),
        ("num", "Completion tokens"),
        ("num", "Cost"),
    ];
    html! {
        (card("models", "By model", html! { (parts.part("trace-models-note")) }, ("No LLM runs", "No run of a language model began in this window."), columns(&["Model"], &of_models), parts))
        (card("names", "By name", html! { (parts.part("trace-names-note")) }, ("No runs", "No run began in this window."), columns(&["Name", "Type"], &[("num", "Tokens"), ("num", "Cost")]), parts))
    }
}

fn slowest(parts: &Parts, is_filtered: bool) -> Markup {
    let (title, one) = match is_filtered {
        true => ("Slowest runs", "Run"),
        false => ("Slowest traces", "Trace"),
    };
    let head = html! {
        th scope="col" { (one) } th.num scope="col" { "Latency" } th scope="col" { "Started" }
        th scope="col" { span.hidden { "In LangSmith" } }
    };
    card(
        "slowest",
        title,
        html! {},
        ("Nothing ended", "None that began in this window has ended."),
        head,
        parts,
    )
}

/// What the list of failed runs counts.
fn failed_note(shown: Option<&Shown>) -> Markup {
    let is_partial = shown.is_some_and(|shown| shown.errors.is_partial);
    html! {
        span #trace-errors-note.muted {
            @if is_partial { "only the newest are counted: there are too many" } @else { "numbers, ids and quotes count as equal" }
        }
    }
}

fn failed(parts: &Parts) -> Markup {
    let head = html! {
        th.num scope="col" { "Count" } th scope="col" { "Error" } th scope="col" { "Last" } th scope="col" { "Run" }
    };
    card(
        "errors",
        "Failed runs by message",
        html! { (parts.part("trace-errors-note")) },
        (
            "Nothing failed",
            "No run that began in this window has failed.",
        ),
        head,
        parts,
    )
}

fn pending(parts: &Parts) -> Markup {
    let head = html! {
        th scope="col" { "Run" } th scope="col" { "Type" } th scope="col" { "State" } th.num scope="col" { "For" }
        th scope="col" { span.hidden { "In LangSmith" } }
    };
    card(
        "pending",
        "Pending and abandoned",
        html! { "whenever they began" },
        ("Nothing pending", "Every run that was read has ended."),
        head,
        parts,
    )
}

fn feedback(parts: &Parts) -> Markup {
    let head = html! { th scope="col" { "Key" } th.num scope="col" { "Count" } th.num scope="col" { "With a score" } th.num scope="col" { "Mean score" } };
    card(
        "feedback",
        "Feedback",
        html! {},
        (
            "No feedback",
            "No run that began in this window has feedback that was received.",
        ),
        head,
        parts,
    )
}

fn checks(parts: &Parts) -> Markup {
    let head = html! {
        th scope="col" { "Day (UTC)" } th.num scope="col" { "In LangSmith" } th.num scope="col" { "Stored" }
        th scope="col" { "Result" } th scope="col" { "Checked" }
    };
    card(
        "checks",
        "Completeness",
        html! { "closed days" },
        (
            "Not checked yet",
            "Once a day is over, its count in LangSmith is compared with what is stored.",
        ),
        head,
        parts,
    )
}
