//! The tables of the page of traces, row by row: by model, by name, slowest, failed, pending, feedback, days checked.
//! Names and messages are text of programs: each goes through `text::clean`.

use maud::{Markup, html};

use super::links;
use crate::pages::pieces;
use crate::parts::Part;
use crate::text::clean;
use crate::traces::facts::{
    Moment, Shown, TraceDayCheck, TraceErrorGroup, TraceFeedback, TraceFigures, TraceGroup,
    TracePercentiles, TraceRunRow, TraceSum,
};
use crate::traces::words;
use crate::verdict::Tone;
use crate::words as plain;

/// Characters of an error message in a list; the whole is on the page of its run.
const MESSAGE_CHARS_MAX: usize = 240;

/// A figure that may not have been received.
pub(super) fn told(value: Option<String>) -> Markup {
    html! {
        @match value {
            Some(value) => (value),
            None => span.none title="not received" { "–" },
        }
    }
}

/// Runs that were counted together, because there are too many names to count each.
const OTHERS: &str = "(other)";

/// One model, or what runs without one.
pub(super) fn model(id: &str, moment: &Moment, group: &TraceGroup) -> Part {
    let figures = &group.figures;
    let usage = &group.usage;
    let row = html! {
        tr id=(id) data-model=(clean(&group.name)) {
            th scope="row" {
                @match group.name.as_str() {
                    "" => span.muted { "no model named" },
                    OTHERS => span.muted { (OTHERS) },
                    model => (links::choice(&moment.query.with(|query| query.model = Some(model.into())), model)),
                }
            }
            (counts(figures)) (latency(figures.latency))
            td.num data-label="first token" { (told(figures.first_token.map(|one| words::micros(one.p50_us)))) }
            td.num data-label="prompt" { (tokens(&usage.prompt_tokens)) }
            td.num data-label="completion" { (tokens(&usage.completion_tokens)) }
            (cost(&usage.total_cost))
        }
    };
    Part::new(id, row)
}

/// One name of runs, with their type.
pub(super) fn name(id: &str, moment: &Moment, group: &TraceGroup) -> Part {
    let figures = &group.figures;
    let chosen = |name: &str| {
        moment.query.with(|query| {
            query.name = Some(name.into());
            query.run_type = Some(group.run_type.clone()).filter(|kind| !kind.is_empty());
        })
    };
    let row = html! {
        tr id=(id) data-name=(clean(&group.name)) {
            th scope="row" {
                @match group.name.as_str() {
                    "" => span.muted { "no name" },
                    OTHERS => span.muted { (OTHERS) },
                    name => (links::choice(&chosen(name), name)),
                }
            }
            td { (told(Some(clean(&group.run_type).into_owned()).filter(|kind| !kind.is_empty()))) }
            (counts(figures)) (latency(figures.latency))
            td.num data-label="tokens" { (tokens(&group.usage.total_tokens)) }
            (cost(&group.usage.total_cost))
        }
    };
    Part::new(id, row)
}

fn tokens(sum: &Option<TraceSum<i64>>) -> Markup {
    told(sum.as_ref().map(|one| plain::number(one.sum as f64)))
}

fn counts(figures: &TraceFigures) -> Markup {
    let rate = words::share(figures.errors, figures.runs).filter(|_| figures.errors > 0);
    html! {
        td.num data-label="runs" { (plain::number(figures.runs as f64)) }
        td.num data-label="failed" {
            @match rate {
                Some(percent) => span.bad title={ (plain::figure("error_percent", percent)) " of " (figures.runs) } { (plain::number(figures.errors as f64)) },
                None => "0",
            }
        }
    }
}

fn latency(latency: Option<TracePercentiles>) -> Markup {
    html! {
        td.num data-label="p50" { (told(latency.map(|one| words::micros(one.p50_us)))) }
        td.num data-label="p95" { (told(latency.map(|one| words::micros(one.p95_us)))) }
        td.num data-label="p99" { (told(latency.map(|one| words::micros(one.p99_us)))) }
    }
}

fn cost(cost: &Option<TraceSum<String>>) -> Markup {
    html! {
        td.num data-label="cost" title=[cost.as_ref().map(|one| format!("${}", one.sum))] {
            (told(cost.as_ref().map(|one| words::dollars(&one.sum))))
        }
    }
}

fn count(value: u64) -> String {
    plain::number(value as f64)
}

/// One of the slowest traces.
pub(super) fn slow(id: &str, shown: &Shown, run: &TraceRunRow, slowest_us: i64) -> Part {
    let latency_us = run.latency_us.unwrap_or(0);
    let row = html! {
        tr id=(id) data-run=(clean(&run.run_id)) {
            td.run { (links::run(&run.run_id, run.name.as_deref())) (status(run)) }
            td.num.lasted {
                (told(run.latency_us.map(words::micros)))
                (share_bar(latency_us, slowest_us))
            }
            td.when { (told_moment(run.start_us)) }
            td.last-cell { (out(shown, &run.run_id)) }
        }
    };
    Part::new(id, row)
}

/// How long against the longest; the figure beside it says it in words.
fn share_bar(value: i64, most: i64) -> Markup {
    let width = if most > 0 {
        (value as f64 / most as f64 * 100.0).clamp(1.0, 100.0)
    } else {
        0.0
    };
    html! {
        svg.share viewBox="0 0 100 3" preserveAspectRatio="none" aria-hidden="true" { rect width=(format!("{width:.1}")) height="3" {} }
    }
}

/// Failed runs with the same message but for numbers, ids and quotes.
pub(super) fn error(id: &str, shown: &Shown, group: &TraceErrorGroup) -> Part {
    let message = match group.message.as_str() {
        "" => "no message".into(),
        message => shortened(message),
    };
    let row = html! {
        tr id=(id) data-failed=(group.runs) {
            td.num data-label="count" { (count(group.runs)) }
            td.said-error { (message) }
            td.when data-label="last" {
                @match group.example.as_ref().and_then(|run| run.start_us) {
                    Some(us) => (pieces::age(us / 1_000, None)),
                    None => (told(None)),
                }
            }
            td.last-cell {
                @if let Some(run) = &group.example {
                    a href=(links::run_path(&run.run_id)) { "Example" span.hidden { " of this error" } } " " (out(shown, &run.run_id))
                }
            }
        }
    };
    Part::new(id, row)
}

/// A run that has not ended.
pub(super) fn pending(id: &str, shown: &Shown, run: &TraceRunRow) -> Part {
    let is_abandoned = run.is_abandoned == Some(true);
    let row = html! {
        tr id=(id) data-run=(clean(&run.run_id)) data-abandoned=(is_abandoned) {
            td.run { (links::run(&run.run_id, run.name.as_deref())) }
            td { (told(run.run_type.as_deref().map(|one| clean(one).into_owned()))) }
            td {
                @if is_abandoned { (pieces::tag("abandoned", Tone::Warn)) } @else { (pieces::tag("pending", Tone::Busy)) }
            }
            td.num.when data-label="for" { @match run.start_us { Some(us) => (pieces::since(us / 1000)), None => span.none { "–" } } }
            td.last-cell { (out(shown, &run.run_id)) }
        }
    };
    Part::new(id, row)
}

/// Feedback of one key.
pub(super) fn feedback(id: &str, row: &TraceFeedback) -> Part {
    let row = html! {
        tr id=(id) data-key=(clean(&row.key)) {
            th scope="row" { (clean(&row.key)) }
            td.num data-label="count" { (count(row.count)) }
            td.num data-label="scored" { (count(row.scored)) }
            td.num data-label="mean" { (told(row.mean.map(plain::number))) }
        }
    };
    Part::new(id, row)
}

/// One day's count at LangSmith's beside what is stored.
pub(super) fn check(id: &str, row: &TraceDayCheck) -> Part {
    let differs = row
        .server_runs
        .is_some_and(|server| server != row.stored_runs);
    let stored = row.stored_runs;
    let row = html! {
        tr id=(id) data-differs=(differs) {
            th scope="row" { (plain::iso(row.day_ms).get(..10).unwrap_or("–")) }
            td.num data-label="in LangSmith" { (told(row.server_runs.map(count))) }
            td.num data-label="stored" { (count(stored)) }
            td {
                @match row.server_runs {
                    Some(server) if server > stored => (pieces::tag(&format!("{} missing", count(server - stored)), Tone::Bad)),
                    Some(server) if server < stored => (pieces::tag(&format!("{} more than LangSmith counts", count(stored - server)), Tone::Warn)),
                    Some(_) => (pieces::tag("complete", Tone::Good)),
                    None => span.muted { "not known" },
                }
            }
            td.when data-label="checked" { (pieces::age(row.checked_ms, None)) }
        }
    };
    Part::new(id, row)
}

/// Success needs no word.
fn status(run: &TraceRunRow) -> Markup {
    html! {
        @match run.status.as_deref() {
            Some("error") => { " " (pieces::tag("failed", Tone::Bad)) },
            Some("pending") => { " " (pieces::tag("pending", Tone::Busy)) },
            _ => {},
        }
    }
}

fn out(shown: &Shown, run_id: &str) -> Markup {
    html! {
        @if let Some(url) = links::run_outside(shown.project.web_url.as_deref(), run_id) { (links::outside(&url, "LangSmith")) }
    }
}

fn told_moment(us: Option<i64>) -> Markup {
    html! { @match us { Some(us) => (pieces::moment(us / 1000)), None => span.none { "–" } } }
}

/// The beginning of a message, on one line.
fn shortened(text: &str) -> String {
    let text = clean(text);
    match text.char_indices().nth(MESSAGE_CHARS_MAX) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.into_owned(),
    }
}
