//! Where the charts of the page of traces stand, and what each is of. traces.js draws them.
//! It knows no figures.

use maud::{Markup, html};

/// Key, title, unit in the name, look, and the lines with their colours.
const CHARTS: [(&str, &str, &str, &str, &[&str]); 6] = [
    (
        "runs",
        "Count",
        "runs",
        "bars",
        &["succeeded", "failed", "pending"],
    ),
    (
        "errors",
        "Error rate",
        "error_percent",
        "lines",
        &["failed of all"],
    ),
    (
        "latency",
        "Latency",
        "latency_us",
        "lines",
        &["p50", "p95", "p99"],
    ),
    (
        "first_token",
        "First token of LLM runs",
        "first_token_us",
        "lines",
        &["p50", "p95"],
    ),
    (
        "tokens",
        "Tokens of LLM runs",
        "tokens",
        "bars",
        &["prompt", "completion"],
    ),
    ("cost", "Cost of LLM runs", "cost_usd", "bars", &["cost"]),
];

/// The card with all charts.
pub(super) fn charts() -> Markup {
    html! {
        section.card aria-labelledby="charts-title" {
            h2 #charts-title { "Over time" }
            div #trace-charts.charts {
                @for (key, title, name, look, lines) in CHARTS {
                    figure data-figure=(key) data-name=(name) data-look=(look) {
                        figcaption {
                            span.chart-name { (title) }
                            span.legend.(key) { @for (n, line) in lines.iter().enumerate() { span { i.swatch.{ "line-" (n) } {} (line) } } }
                        }
                        output.chart-value {}
                        div.plot { p.muted.loading { "loading …" } }
                        details.chart-table { summary { "Table" } div.scroll tabindex="0" {} }
                    }
                }
            }
            p #chart-said.hidden aria-live="polite" {}
        }
    }
}
