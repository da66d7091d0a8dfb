//! What chooses the state of the page of traces: project, range, run type, name; and what to do while there is nothing.
//! Each choice is a link: it works without JavaScript, can be sent to somebody, and survives a reload.

use maud::{Markup, html};

use super::links;
use crate::pages::pieces;
use crate::query::{SPANS, Span};
use crate::text::clean;
use crate::traces::facts::{Moment, Shown, TraceProjectRow};
use crate::traces::query::TracesQuery;

/// Types that LangSmith knows, the usual ones first.
const TYPES: [&str; 7] = [
    "llm",
    "chain",
    "tool",
    "retriever",
    "embedding",
    "prompt",
    "parser",
];

/// The name of a project, or its id.
pub(super) fn project_name(project: &TraceProjectRow) -> String {
    let name = project
        .name
        .as_deref()
        .filter(|name| !name.trim().is_empty());
    clean(name.unwrap_or(&project.project_id)).into_owned()
}

/// The projects, where there is a choice; else the name of the only one.
pub(super) fn projects(moment: &Moment) -> Markup {
    let shown = moment.shown.as_ref();
    let shown = shown.map(|shown| shown.project.project_id.as_str());
    html! {
        nav #trace-projects.filters aria-label="Project" {
            @for project in &moment.projects {
                @let chosen = moment.query.with(|query| {
                    // Names and models are those of one project.
                    (query.project, query.name, query.model) = (Some(project.project_id.clone()), None, None);
                });
                a.chip href=[chosen.href()] data-project=(clean(&project.project_id)) aria-current=[(shown == Some(&project.project_id)).then_some("true")] {
                    (project_name(project))
                    @if project.source.as_deref() == Some("local") { span.muted { " local" } }
                }
            }
        }
    }
}

/// Range, custom range and the search for a name.
pub(super) fn controls(moment: &Moment) -> Markup {
    let (from_ms, to_ms) = moment.window;
    html! {
        label.search for="trace-name" {
            span.hidden { "Name of runs" }
            input #trace-name type="search" list="trace-known" value=[moment.query.name.as_deref()] placeholder="Name of runs  /" maxlength="256" autocomplete="off" spellcheck="false";
        }
        datalist #trace-known { @for group in moment.shown.iter().flat_map(|shown| &shown.names) { option value=(clean(&group.name)) {} } }
        nav #spans.ranges aria-label="Range" {
            @for (n, (name, _)) in SPANS.iter().enumerate() {
                a href=[moment.query.with(|query| query.span = Span::Last(n)).href()] data-range=(name)
                    aria-current=[(moment.query.span == Span::Last(n)).then_some("true")] { (name) }
            }
        }
        details.custom-range {
            summary { @if let Span::Between(from, to) = moment.query.span { (pieces::moment(from)) " – " (pieces::moment(to)) } @else { "Custom" } }
            div #trace-range data-from=(from_ms) data-to=(to_ms) {
                label { "From " input type="datetime-local"; }
                label { "to " input type="datetime-local"; }
                button type="button" { "Show" }
            }
        }
    }
}

/// Run types to choose from, and what was chosen besides, each of which can be taken away.
pub(super) fn chosen(moment: &Moment) -> Markup {
    let query = &moment.query;
    let other = query
        .run_type
        .as_deref()
        .filter(|kind| !TYPES.contains(kind));
    html! {
        nav #trace-types.filters aria-label="Type of runs" {
            (kind(query, None, if query.name.is_some() || query.model.is_some() { "All types" } else { "Whole traces" }))
            @for name in TYPES.into_iter().chain(other) { (kind(query, Some(name), name)) }
        }
        @if query.name.is_some() || query.model.is_some() {
            p #trace-chosen.filters {
                @if let Some(name) = &query.name { (taken_away("name", name, query.with(|query| query.name = None))) }
                @if let Some(model) = &query.model { (taken_away("model", model, query.with(|query| query.model = None))) }
            }
        }
    }
}

fn kind(query: &TracesQuery, name: Option<&str>, words: &str) -> Markup {
    let chosen = query.with(|query| query.run_type = name.map(str::to_owned));
    let is_current = query.run_type.as_deref() == name;
    html! { a.chip href=[chosen.href()] data-type=(name.unwrap_or_default()) aria-current=[is_current.then_some("true")] { (words) } }
}

fn taken_away(what: &str, value: &str, without: TracesQuery) -> Markup {
    html! {
        a.chip href=[without.href()] data-without=(what) aria-current="true" {
            span.muted { (what) " " } (clean(value)) span aria-hidden="true" { " ×" } span.hidden { " (take away)" }
        }
    }
}

const BRIDGE: &str = "[agents.langsmith-bridge]\ncommand = [\"langsmith-bridge\"]\npass_env = [\"LANGSMITH_*\", \"LANGCHAIN_*\"]";

const COLLECTOR: &str = "[agents.trace-collector]\ncommand = [\"trace-collector\"]";

/// What to do while there is no project, or no run in the window.
pub(super) fn empty(moment: &Moment) -> Markup {
    let is_quiet = moment
        .shown
        .as_ref()
        .is_some_and(|shown| shown.now.runs == 0);
    html! {
        // Without a project the rest of the page is hidden, see style.css; it is there for when one comes.
        div #trace-empty data-hides=[moment.shown.is_none().then_some("all")] {
            @if moment.projects.is_empty() { (set_up()) }
            @else if moment.shown.is_none() {
                (pieces::empty("No such project", "The project in the address is not stored here. Choose one above."))
            } @else if is_quiet {
                p.muted.nothing {
                    strong { "No run began in this window" }
                    @if moment.query.is_filtered() { " with these filters. " (links::choice(&TracesQuery { project: moment.query.project.clone(), span: moment.query.span, ..TracesQuery::default() }, "Show all")) "." }
                    @else if moment.shown.as_ref().is_some_and(is_unread) { ": its runs are still to be read." }
                    @else { ". Choose a longer one above." }
                }
            }
        }
    }
}

/// Whether runs of any window may still come, because the agent has not read the project's past.
fn is_unread(shown: &Shown) -> bool {
    let project = &shown.project;
    let is_local = project.source.as_deref() == Some("local");
    !is_local && (project.last_pull_ms.is_none() || project.backfill_ms != Some(0))
}

fn set_up() -> Markup {
    html! {
        div.empty.set-up {
            p.empty-title { "No traces yet" }
            p { "Traces come from LangSmith, or straight from your programs without an account. Add one of these to agents.toml, then start the coordinator or reload it." }
            div.columns {
                section {
                    h2 { "Pull from LangSmith" }
                    p { "Set " code { "LANGSMITH_API_KEY" } " in the coordinator's environment or its .env file. For other regions or several workspaces also " code { "LANGSMITH_ENDPOINT" } " and " code { "LANGSMITH_WORKSPACE_ID" } "." }
                    pre { (BRIDGE) }
                    p { code { "langsmith-bridge --check" } " says whether key, region and project fit." }
                }
                section {
                    h2 { "Collect on this machine" }
                    p { "The collector takes what any LangChain or LangGraph program sends:" }
                    pre { (COLLECTOR) }
                    p { "Then start the program with " code { "LANGSMITH_TRACING=true" } " and " code { "LANGSMITH_ENDPOINT=http://127.0.0.1:1984" } ", or the address that the collector was given." }
                }
            }
        }
    }
}
