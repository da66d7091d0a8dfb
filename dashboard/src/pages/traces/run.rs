//! The page of one run: what is stored of it, the runs above and below it, its contents where they were fetched.
//! It reads nothing. What a program put into a run is text: cleaned, escaped, bounded, and folded away.
//!
//! For tests: `#run[data-run][data-status]`, `.tile[data-tile]`, `#run-parents a`, `#run-children tr[data-run]`, `#run-fields`,
//! `#run-contents details[data-content]`.

use maud::{Markup, html};
use serde_json::Value;

use super::links;
use super::tables::told;
use crate::pages::pieces;
use crate::pages::shell::{self, Frame};
use crate::parts::{Part, Parts};
use crate::query::Theme;
use crate::text::clean;
use crate::traces::facts::{RunFacts, TraceRunDetail, TraceRunRow};
use crate::traces::words;
use crate::verdict::Tone;
use crate::view::View;
use crate::words as plain;

/// Bytes of one content on the page; all of it is in the API.
const CONTENT_BYTES_MAX: usize = 64 * 1024;

/// What changes on the page; `facts` is absent while the database cannot be read.
pub fn parts(view: &View, facts: Option<&RunFacts>) -> Parts {
    let mut parts = Parts {
        single: shell::parts(view, "Traces"),
        lists: Vec::new(),
    };
    if let Some(facts) = facts {
        parts.single.extend([
            Part::new("run", head(facts)),
            Part::new("run-fields", fields(&facts.detail)),
            Part::new("run-family", family(facts)),
            Part::new("run-contents", contents(&facts.detail)),
        ]);
    }
    parts
}

/// The page.
pub fn page(parts: &Parts, facts: &RunFacts, theme: Theme) -> Markup {
    let (detail, run) = (&facts.detail, &facts.detail.run);
    let name = shown_name(run);
    let stream = format!("/events{}", links::run_path(&run.run_id));
    let frame = Frame {
        title: &name,
        place: "Traces",
        stream: Some(&stream),
        theme,
    };
    let project = crate::query::percent_encoded(&detail.project_id);
    let content = html! {
        p.crumbs {
            a href={ "/traces?project=" (project) } { "Traces" } " / "
            span { (clean(detail.project.as_deref().unwrap_or(&detail.project_id))) }
        }
        (parts.part("run"))
        (parts.part("run-family"))
        (parts.part("run-fields"))
        (parts.part("run-contents"))
    };
    shell::page(&frame, parts, content)
}

fn shown_name(run: &TraceRunRow) -> String {
    let name = run.name.as_deref().filter(|name| !name.trim().is_empty());
    clean(name.unwrap_or(&run.run_id)).into_owned()
}

/// Columns that have a tile of their own.
const IN_TILES: [&str; 5] = [
    "first_token_us",
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "total_cost",
];

fn head(facts: &RunFacts) -> Markup {
    let (detail, run) = (&facts.detail, &facts.detail.run);
    let tile = |name: &str, value: Markup| html! { div.tile data-tile=(name) { dt { (name) } dd { (value) } } };
    let text = |value: &Option<String>| told(value.as_deref().map(|one| clean(one).into_owned()));
    let count = |column| told(whole(detail, column).map(|count| plain::number(count as f64)));
    let cost = field(detail, "total_cost").and_then(Value::as_str);
    let first_us = whole(detail, "first_token_us").zip(run.start_us);
    let first_us = first_us.map(|(first, start)| first - start);
    html! {
        div #run data-run=(clean(&run.run_id)) data-status=[run.status.as_deref()] {
            div.title-line {
                h1 { (shown_name(run)) }
                (state(run))
                @if let Some(url) = links::run_outside(detail.web_url.as_deref(), &run.run_id) { (links::outside(&url, "Open in LangSmith")) }
            }
            @if let Some(error) = run.error.as_deref().filter(|error| !error.is_empty()) { pre.run-error tabindex="0" { (lines(error)) } }
            dl.tiles {
                (tile("type", text(&run.run_type)))
                (tile("started", html! { @match run.start_us { Some(us) => (pieces::moment(us / 1_000)), None => (told(None)) } }))
                (tile("latency", told(run.latency_us.map(words::micros))))
                (tile("first token after", told(first_us.map(words::micros))))
                (tile("model", text(&run.model)))
                (tile("tokens", count("total_tokens")))
                (tile("prompt tokens", count("prompt_tokens")))
                (tile("completion tokens", count("completion_tokens")))
                (tile("cost", html! { span title=[cost.map(|exact| format!("${exact}"))] { (told(cost.map(words::dollars))) } }))
            }
        }
    }
}

fn field<'a>(detail: &'a TraceRunDetail, column: &str) -> Option<&'a Value> {
    let found = detail.fields.iter().find(|(name, _)| *name == column);
    found.map(|(_, value)| value)
}

fn whole(detail: &TraceRunDetail, column: &str) -> Option<i64> {
    field(detail, column).and_then(Value::as_i64)
}

fn state(run: &TraceRunRow) -> Markup {
    html! {
        @match run.status.as_deref() {
            _ if run.is_abandoned == Some(true) => span.status.warn { (pieces::icon("degraded")) "abandoned" },
            Some("success") => span.status.good { (pieces::icon("ok")) "success" },
            Some("error") => span.status.bad { (pieces::icon("error")) "error" },
            Some("pending") => span.status.busy { (pieces::icon("starting")) "pending" },
            _ => span.muted { "status not received" },
        }
    }
}

/// Each line as text of its own: a stack trace on one line cannot be read.
fn lines(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(clean).collect();
    lines.join("\n")
}

fn family(facts: &RunFacts) -> Markup {
    let run = &facts.detail.run;
    html! {
        section #run-family.card aria-labelledby="family-title" {
            h2 #family-title { "In its trace" }
            @if facts.parents.is_empty() && run.is_root != Some(true) { p.muted { "No run above it is stored." } }
            ol #run-parents.chain {
                @for parent in &facts.parents { li { (links::run(&parent.run_id, parent.name.as_deref())) (kind(parent)) } }
                li aria-current="true" { strong { (shown_name(run)) } }
            }
            @if facts.children.is_empty() { p.muted { "No run below it is stored." } }
            @else {
                div.scroll tabindex="0" role="group" aria-labelledby="family-title" {
                    table.list.traces {
                        thead { tr {
                            th scope="col" { "Run below it" } th scope="col" { "Type" } th scope="col" { "Status" }
                            th scope="col" { "Model" } th.num scope="col" { "Latency" } th scope="col" { "When" } th scope="col" { "Started" }
                        } }
                        tbody #run-children { @for child in &facts.children { (child_row(run, child)) } }
                    }
                }
            }
        }
    }
}

fn child_row(above: &TraceRunRow, run: &TraceRunRow) -> Markup {
    let text = |value: &Option<String>| told(value.as_deref().map(|one| clean(one).into_owned()));
    html! {
        tr data-run=(clean(&run.run_id)) {
            td.run { (links::run(&run.run_id, run.name.as_deref())) }
            td { (text(&run.run_type)) }
            td { (state(run)) }
            td { (text(&run.model)) }
            td.num data-label="latency" { (told(run.latency_us.map(words::micros))) }
            td.lasted { (beside(above, run)) }
            td.when { @match run.start_us { Some(us) => (pieces::moment(us / 1_000)), None => (told(None)) } }
        }
    }
}

/// When it ran within the run above it; the figures beside it say it in words.
fn beside(above: &TraceRunRow, run: &TraceRunRow) -> Markup {
    let (Some(begin), Some(whole), Some(start)) = (above.start_us, above.latency_us, run.start_us)
    else {
        return html! {};
    };
    let share = |us: i64| (us as f64 / whole.max(1) as f64 * 100.0).clamp(0.0, 100.0);
    let x = share(start - begin).min(99.0);
    let width = share(run.latency_us.unwrap_or(0)).clamp(1.0, 100.0 - x);
    let class = if run.status.as_deref() == Some("error") {
        "failed"
    } else {
        ""
    };
    html! {
        svg.while viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true" {
            rect.ground width="100" height="10" {}
            rect class=(class) x=(format!("{x:.2}")) y="2" width=(format!("{width:.2}")) height="6" {}
        }
    }
}

fn kind(run: &TraceRunRow) -> Markup {
    html! { @if let Some(kind) = &run.run_type { " " (pieces::tag(&clean(kind), Tone::Idle)) } }
}

fn fields(detail: &TraceRunDetail) -> Markup {
    let run = &detail.run;
    let texts = [
        ("run_id", Some(run.run_id.as_str())),
        ("trace_id", run.trace_id.as_deref()),
        ("project_id", Some(detail.project_id.as_str())),
    ];
    let rest = detail
        .fields
        .iter()
        .filter(|(name, _)| !IN_TILES.contains(&name.as_str()));
    html! {
        section #run-fields.card aria-labelledby="fields-title" {
            h2 #fields-title { "Fields" }
            dl.pairs {
                @for (name, text) in texts {
                    @if let Some(text) = text { dt { (name) } dd { code { (clean(text)) } } }
                }
                @if let Some(us) = run.end_us { dt { "ended" } dd { (pieces::moment(us / 1_000)) } }
                @for (name, value) in rest {
                    dt { (name) }
                    dd {
                        @match moment_of(name, value) {
                            Some(ms) => (pieces::moment(ms)),
                            None => (folded(value)),
                        }
                    }
                }
            }
        }
    }
}

/// Columns whose names end in these hold times.
fn moment_of(name: &str, value: &Value) -> Option<i64> {
    let number = value.as_i64()?;
    match name.rsplit_once('_')?.1 {
        "us" => Some(number / 1_000),
        "ms" => Some(number),
        _ => None,
    }
}

/// One entry a line; a nested one as JSON.
fn folded(value: &Value) -> Markup {
    let text = |value: &Value| match value {
        Value::String(text) => clean(text).into_owned(),
        other => clean(&other.to_string()).into_owned(),
    };
    html! {
        @match value {
            Value::Object(entries) if entries.is_empty() => span.muted { "none" },
            Value::Object(entries) => dl.pairs.inner { @for (key, value) in entries { dt { (clean(key)) } dd { code { (text(value)) } } } },
            Value::Array(items) if items.is_empty() => span.muted { "none" },
            Value::Array(items) => { @for item in items { code.item { (text(item)) } " " } },
            other => code { (text(other)) },
        }
    }
}

fn contents(detail: &TraceRunDetail) -> Markup {
    let texts = detail
        .contents
        .iter()
        .map(|(name, value)| (name, pretty(value)));
    html! {
        section #run-contents.card aria-labelledby="contents-title" {
            h2 #contents-title { "Contents" }
            @if detail.contents.is_empty() {
                p.muted { "Not stored. What goes into runs and comes out of them is only fetched when the agent is told to." }
            }
            @for (name, text) in texts {
                details data-content=(name) {
                    summary { (name) " " span.muted { (plain::bytes(text.len() as f64)) } }
                    pre tabindex="0" { (bounded(&text)) }
                    @if text.len() > CONTENT_BYTES_MAX { p.muted { "Cut at " (plain::bytes(CONTENT_BYTES_MAX as f64)) "; all of it is in the " a href={ "/api/v1" (links::run_path(&detail.run.run_id)) } { "API" } "." } }
                }
            }
        }
    }
}

/// Text as it is, everything else as JSON in readable lines.
fn pretty(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => serde_json::to_string_pretty(other).unwrap_or_default(),
    }
}

/// Cut to a length that a page can bear.
fn bounded(text: &str) -> String {
    let mut end = text.len().min(CONTENT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    lines(&text[..end])
}
