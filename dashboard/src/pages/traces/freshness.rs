//! How fresh the traces are: a notice above everything while they may be old, and a panel with all that is known of it.
//! It judges nothing, see `traces::freshness`.

use maud::{Markup, html};
use shared_state::TRACE_OPEN_MAX;

use super::links;
use super::tables::told;
use crate::pages::pieces;
use crate::text::clean;
use crate::traces::facts::{Moment, Shown, TraceProjectRow};
use crate::traces::freshness::{Freshness, PULL_AGE_MAX_MS};
use crate::verdict::Tone;
use crate::words;

/// Gaps that are named; more are counted.
const GAPS_MAX: usize = 5;

/// One line: fresh or not, since when; a banner while what is shown may be old.
pub(super) fn notice(moment: &Moment) -> Markup {
    let Some(Shown { project, .. }) = &moment.shown else {
        return html! { div #trace-notice data-freshness="none" {} };
    };
    let freshness = Freshness::judge(project, moment.now_ms);
    let (icon, tone) = look(&freshness);
    html! {
        div #trace-notice.notice.suspect[freshness.is_suspect()] data-freshness=(freshness.word()) role="status" {
            span.status.(tone.class()) { (pieces::icon(icon)) (freshness.word()) }
            span { (sentence(project, &freshness)) }
            @if let Some(url) = &project.web_url { (links::outside(url, "Open in LangSmith")) }
        }
    }
}

fn look(freshness: &Freshness) -> (&'static str, Tone) {
    match freshness {
        Freshness::Fresh | Freshness::Pushed => ("ok", Tone::Good),
        Freshness::Behind => ("starting", Tone::Busy),
        Freshness::Never => ("waiting", Tone::Busy),
        Freshness::Untold => ("waiting", Tone::Idle),
        Freshness::Failing => ("error", Tone::Bad),
        Freshness::Stale => ("degraded", Tone::Warn),
    }
}

fn sentence(project: &TraceProjectRow, freshness: &Freshness) -> Markup {
    let pulled = html! {
        @match project.last_pull_ms { Some(ms) => { "last pull " (pieces::age(ms, None)) }, None => "no pull yet" }
    };
    html! {
        @match freshness {
            Freshness::Failing => { strong { (clean(project.error.as_deref().unwrap_or_default())) } " – " (pulled) },
            Freshness::Stale => {
                strong { "These traces are old: " (pulled) } ". The agent that pulls them should do so about once a minute, and has not for more than "
                (words::duration(PULL_AGE_MAX_MS)) ". See its " a href="/?q=bridge" { "state and log" } "."
            },
            Freshness::Pushed => {
                "programs send these traces here themselves"
                @if let Some(ms) = project.last_pull_ms { ", the last " (pieces::age(ms, None)) }
            },
            Freshness::Untold => "the agent has not said when it pulled last and what it has read",
            _ => {
                (pulled)
                @if let Some(ms) = project.watermark_ms { ", everything read up to " (pieces::moment(ms)) }
                @if let Some(left_ms) = project.backfill_ms.filter(|left| *left > 0) { ", " (words::duration(left_ms)) " of the past still to be read" }
            }
        }
    }
}

/// All that is known of it.
pub(super) fn panel(shown: Option<&Shown>) -> Markup {
    let project = shown.map(|shown| &shown.project);
    html! {
        section #freshness.card data-source=[project.and_then(|project| project.source.as_deref())] aria-labelledby="freshness-title" {
            h2 #freshness-title { "Data freshness" }
            @if let Some(project) = project {
                dl.pairs {
                    dt { "source" } dd.whole { (source(project)) }
                    @if is_local(project) { (received(project)) } @else { (pulled(project)) }
                    dt { "sent by" } dd { (clean(&project.writer)) }
                    dt { "error" } dd.whole data-figure="error" {
                        @match project.error.as_deref() {
                            Some("") => span.good { "none" },
                            Some(error) => span.bad { (clean(error)) },
                            None => (told(None)),
                        }
                    }
                }
            }
        }
    }
}

fn is_local(project: &TraceProjectRow) -> bool {
    project.source.as_deref() == Some("local")
}

/// What an agent that asks LangSmith knows.
fn pulled(project: &TraceProjectRow) -> Markup {
    html! {
        dt { "last pull" } dd data-figure="last-pull" { (aged(project.last_pull_ms)) }
        dt { "watermark" } dd data-figure="watermark" { (at(project.watermark_ms)) }
        dt { "lag" } dd data-figure="lag" { @match project.watermark_ms { Some(ms) => (pieces::since(ms)), None => (told(None)) } }
        dt { "read since" } dd data-figure="covered-from" { (at(project.covered_from_ms)) }
        dt { "past still to read" } dd data-figure="backfill" { (backfill(project.backfill_ms)) }
        dt { "gaps" } dd data-figure="gaps" { @if project.last_pull_ms.is_some() { (gaps(&project.gaps)) } @else { (told(None)) } }
        (open(project))
        dt { "settling" } dd data-figure="settling" { (number(project.settling_runs)) }
        dt { "API" } dd data-figure="api" { (told(project.api.as_deref().map(|api| clean(api).into_owned()))) }
        dt { "HTTP status" } dd data-figure="http" { (told(project.http_status.map(|status| status.to_string()))) }
        dt { "requests in 10 s" } dd data-figure="rate" { (allowed(project.requests_per_10s)) }
        dt { "of them left" } dd data-figure="remaining" { (allowed(project.requests_remaining)) }
    }
}

/// What there is to know where nobody asks: programs send by themselves.
fn received(project: &TraceProjectRow) -> Markup {
    html! {
        dt { "last received" } dd data-figure="last-pull" { (aged(project.last_pull_ms)) }
        dt { "newest run" } dd { (at(project.newest_start_us.map(|us| us / 1_000))) }
        dt { "oldest run" } dd { (at(project.oldest_start_us.map(|us| us / 1_000))) }
        (open(project))
    }
}

/// Runs without an end, as they are stored: the agent only knows those that it asks about.
fn open(project: &TraceProjectRow) -> Markup {
    let counted = |count: u64| {
        let more = if count >= TRACE_OPEN_MAX {
            " or more"
        } else {
            ""
        };
        format!("{}{more}", words::number(count as f64))
    };
    html! {
        dt { "pending" } dd data-figure="pending" { (counted(project.stored_pending)) }
        dt { "abandoned" } dd data-figure="abandoned" { (counted(project.stored_abandoned)) }
    }
}

fn at(ms: Option<i64>) -> Markup {
    html! { @match ms { Some(ms) => (pieces::moment(ms)), None => (told(None)) } }
}

fn source(project: &TraceProjectRow) -> Markup {
    html! {
        @match project.source.as_deref() {
            Some("local") => "sent here by programs",
            Some("langsmith") => "pulled from LangSmith",
            _ => (told(None)),
        }
        " " code.muted { (clean(&project.project_id)) }
    }
}

fn aged(ms: Option<i64>) -> Markup {
    html! { @match ms { Some(ms) => (pieces::age(ms, None)), None => (told(None)) } }
}

fn number(count: Option<u64>) -> Markup {
    told(count.map(|count| words::number(count as f64)))
}

fn allowed(count: Option<f64>) -> Markup {
    told(count.map(words::number))
}

fn backfill(left_ms: Option<i64>) -> Markup {
    html! {
        @match left_ms {
            Some(0) => span.good { "nothing" },
            Some(ms) => (words::duration(ms)),
            None => (told(None)),
        }
    }
}

fn gaps(gaps: &[(i64, i64)]) -> Markup {
    html! {
        @if gaps.is_empty() { span.good { "none" } }
        @for (from, to) in gaps.iter().take(GAPS_MAX) { div.warn { (pieces::moment(*from)) " – " (pieces::moment(*to)) } }
        @if gaps.len() > GAPS_MAX { div.muted { (gaps.len() - GAPS_MAX) " more" } }
    }
}
