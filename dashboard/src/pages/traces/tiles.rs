//! The tiles of the page of traces: what was counted in the window, and how it changed against the window before.
//! What was not received is shown as absent, never as zero.

use maud::{Markup, html};

use crate::traces::facts::{Moment, Shown, TraceFigures, TracePercentiles, TraceSum, TraceTotals};
use crate::traces::words::{self, Change, Sense};
use crate::words as plain;

/// A figure in a tile.
struct Figure {
    name: &'static str,
    value: Option<String>,
    exact: Option<String>,
    change: Option<Change>,
}

/// The tiles.
pub(super) fn tiles(moment: &Moment, shown: &Shown) -> Markup {
    let of = |totals: &TraceTotals| totals.roots.clone();
    let (now, before) = (of(&shown.now), of(&shown.before));
    let first = (shown.now.llm.first_token, shown.before.llm.first_token);
    let count = if moment.query.is_filtered() {
        "Runs"
    } else {
        "Traces"
    };
    html! {
        dl #trace-tiles.trace-tiles {
            (tile(count, "traces", &[counts(&now, &before)]))
            (tile("Error rate", "errors", &[errors(&now, &before)]))
            (tile("Latency", "latency", &percentiles(now.latency, before.latency, true)))
            (tile("First token of LLM runs", "first-token", &percentiles(first.0, first.1, false)))
            (tile("Tokens of LLM runs", "tokens", &tokens(&shown.now, &shown.before)))
            (tile("Cost of LLM runs", "cost", &[cost(&shown.now, &shown.before)]))
        }
    }
}

fn counts(now: &TraceFigures, before: &TraceFigures) -> Figure {
    Figure {
        name: "",
        value: Some(plain::number(now.runs as f64)),
        exact: Some(format!("{}; before: {}", now.runs, before.runs)),
        change: words::change(
            Some(now.runs as f64),
            Some(before.runs as f64),
            Sense::Neutral,
        ),
    }
}

fn errors(now: &TraceFigures, before: &TraceFigures) -> Figure {
    let rate = |one: &TraceFigures| words::share(one.errors, one.runs);
    Figure {
        name: "",
        value: rate(now).map(|percent| plain::figure("error_percent", percent)),
        exact: Some(format!("{} of {} failed", now.errors, now.runs)),
        change: words::change_of_rate(rate(now), rate(before)),
    }
}

fn percentiles(
    now: Option<TracePercentiles>,
    before: Option<TracePercentiles>,
    with_p99: bool,
) -> Vec<Figure> {
    type Read = fn(TracePercentiles) -> i64;
    let all: [(&str, Read); 3] = [
        ("p50", |one| one.p50_us),
        ("p95", |one| one.p95_us),
        ("p99", |one| one.p99_us),
    ];
    let figure = |(name, read): &(&'static str, Read)| Figure {
        name,
        value: now.map(|one| words::micros(read(one))),
        exact: now.map(|one| format!("{} µs, of {} runs", read(one), one.runs)),
        change: words::change(
            now.map(|one| read(one) as f64),
            before.map(|one| read(one) as f64),
            Sense::Worse,
        ),
    };
    let wanted = if with_p99 { 3 } else { 2 };
    all.iter().take(wanted).map(figure).collect()
}

fn tokens(now: &TraceTotals, before: &TraceTotals) -> Vec<Figure> {
    let figure = |name, now: &Option<TraceSum<i64>>, before: &Option<TraceSum<i64>>| Figure {
        name,
        value: now.as_ref().map(|one| plain::number(one.sum as f64)),
        exact: now
            .as_ref()
            .map(|one| format!("{} tokens, told by {} runs", one.sum, one.runs)),
        change: words::change(
            now.as_ref().map(|one| one.sum as f64),
            before.as_ref().map(|one| one.sum as f64),
            Sense::Neutral,
        ),
    };
    let (now, before) = (&now.usage, &before.usage);
    vec![
        figure("total", &now.total_tokens, &before.total_tokens),
        figure("prompt", &now.prompt_tokens, &before.prompt_tokens),
        figure(
            "completion",
            &now.completion_tokens,
            &before.completion_tokens,
        ),
    ]
}

fn cost(now: &TraceTotals, before: &TraceTotals) -> Figure {
    let cost = |one: &TraceTotals| one.usage.total_cost.clone();
    let number = |one: &TraceTotals| cost(one)?.sum.parse::<f64>().ok();
    Figure {
        name: "",
        value: cost(now).map(|one| words::dollars(&one.sum)),
        exact: cost(now).map(|one| format!("${}, told by {} runs", one.sum, one.runs)),
        change: words::change(number(now), number(before), Sense::Neutral),
    }
}

fn tile(title: &str, key: &str, figures: &[Figure]) -> Markup {
    html! {
        div.trace-tile data-tile=(key) {
            dt { (title) }
            @for figure in figures {
                dd data-figure=(figure.name) {
                    @if !figure.name.is_empty() { span.of { (figure.name) } }
                    @match &figure.value {
                        Some(value) => span.value title=[figure.exact.as_deref()] { (value) },
                        None => span.value.none title="not received" { "–" span.hidden { " not received" } },
                    }
                    (change(figure))
                }
            }
        }
    }
}

fn change(figure: &Figure) -> Markup {
    let Some(change) = &figure.change else {
        let words = if figure.value.is_some() {
            "none before"
        } else {
            "not received"
        };
        return html! { span.change { (words) } };
    };
    let class = match change.news {
        1 => "change bad",
        -1 => "change good",
        _ => "change",
    };
    html! { span class=(class) { (change.words) } }
}
