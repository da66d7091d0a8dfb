//! The fleet page: filters with counts, and the table of all instances, worst first.
//! Rows are rendered elsewhere, see `row`.
//!
//! For tests: `#filters a[data-filter]` (`aria-current` on the chosen one), `#search`, `#ranges a[data-range]`,
//! `#fleet` holds the rows, `#empty` says why there are none.

use maud::{Markup, html};
use shared_state::InstanceRow;

use super::pieces;
use super::shell::{self, Frame};
use crate::bars::BarRange;
use crate::parts::{List, Part, Parts};
use crate::query::{Filter, FleetQuery, Theme};
use crate::verdict;
use crate::view::{Seen, View};
use crate::words;

/// What changes on the page.
pub fn parts(view: &View, query: &FleetQuery) -> Parts {
    let mut parts = Parts {
        single: shell::parts(view, "Fleet"),
        lists: Vec::new(),
    };
    let seen = view.seen.as_ref().ok();
    let mut items = Vec::new();
    if let Some(seen) = seen
        && let Some(rows) = &seen.rows[query.range.index()]
    {
        let shown = seen.fleet.iter().zip(rows.parts.iter());
        items.extend(
            shown
                .filter(|(row, _)| admits(query, row))
                .map(|(_, part)| part.clone()),
        );
        parts
            .single
            .push(Part::new("ranges", ranges(query, rows.from_ms)));
    } else {
        parts
            .single
            .push(Part::new("ranges", ranges(query, view.read_ms)));
    }
    parts
        .single
        .push(Part::new("filters", filters(seen, query)));
    parts
        .single
        .push(Part::new("empty", empty(seen, query, items.len())));
    parts.lists.push(List { id: "fleet", items });
    parts
}

/// Whether the filter and the search let it through.
pub fn admits(query: &FleetQuery, row: &InstanceRow) -> bool {
    let is_of_state = match query.filter {
        Filter::All => true,
        Filter::Unwell => verdict::is_unwell(row),
        Filter::In(state) => row.state == state,
    };
    let holds = |text: &str| text.to_lowercase().contains(&query.search);
    is_of_state
        && (query.search.is_empty()
            || holds(&row.name)
            || holds(&row.reason)
            || row
                .heartbeat
                .as_ref()
                .is_some_and(|beat| holds(&beat.message)))
}

/// The page.
pub fn page(parts: &Parts, query: &FleetQuery, theme: Theme) -> Markup {
    let frame = Frame {
        title: "Fleet",
        place: "Fleet",
        stream: Some("/events/fleet"),
        theme,
    };
    let content = html! {
        div.title-line {
            h1 { "Fleet" }
            label.search for="search" {
                span.hidden { "Search names and messages" }
                input #search type="search" value=(query.search) placeholder="Search  /" maxlength="128" autocomplete="off" spellcheck="false";
            }
            (parts.part("ranges"))
        }
        (parts.part("filters"))
        table.fleet {
            caption.hidden { "All agents, those that need a look first" }
            thead {
                tr {
                    th scope="col" { "Agent" }
                    th scope="col" { "State" }
                    th scope="col" { "Message" }
                    th.num scope="col" { "Uptime" }
                    th.num scope="col" title="Unwanted ends in the last 24 hours" { "Restarts" }
                    th.num scope="col" title="Age of the last heartbeat, and its deadline" { "Heartbeat" }
                    th scope="col" { "History" }
                    th scope="col" { "CPU" }
                    th scope="col" { "Memory" }
                }
            }
            tbody #fleet { @if let Some(list) = parts.list("fleet") { (list) } }
        }
        (parts.part("empty"))
    };
    shell::page(&frame, parts, content)
}

fn filters(seen: Option<&Seen>, query: &FleetQuery) -> Markup {
    let counts = seen.map(Seen::counts).unwrap_or_default();
    let all = seen.map_or(0, |seen| seen.fleet.len());
    let unwell = seen.map_or(0, Seen::unwell);
    html! {
        nav #filters.filters aria-label="Filter by state" {
            (filter(query, Filter::All, "All", None, all))
            (filter(query, Filter::Unwell, "Unwell", Some(("unhealthy", if unwell > 0 { "bad" } else { "idle" })), unwell))
            @for (state, count) in verdict::STATES.into_iter().zip(counts) {
                @if count > 0 || query.filter == Filter::In(state) {
                    (filter(query, Filter::In(state), state.as_str(), Some((verdict::icon(state), verdict::tone(state).class())), count))
                }
            }
        }
    }
}

fn filter(
    query: &FleetQuery,
    filter: Filter,
    word: &str,
    icon: Option<(&str, &str)>,
    count: usize,
) -> Markup {
    let href = FleetQuery {
        filter,
        ..query.clone()
    }
    .href();
    let current = (query.filter == filter).then_some("true");
    html! {
        a.chip href=(href) data-filter=(filter.name()) aria-current=[current] {
            @if let Some((icon, tone)) = icon { span.(tone) { (pieces::icon(icon)) } }
            span { (word) } b { (count) }
        }
    }
}

fn ranges(query: &FleetQuery, from_ms: i64) -> Markup {
    html! {
        nav #ranges.ranges aria-label="Range of the heartbeat bars" data-from=(words::iso(from_ms)) data-slot-ms=(query.range.slots().1) {
            @for range in BarRange::ALL {
                @let href = FleetQuery { range, ..query.clone() }.href();
                a href=(href) data-range=(range.name()) aria-current=[(query.range == range).then_some("true")] { (range.name()) }
            }
        }
    }
}

fn empty(seen: Option<&Seen>, query: &FleetQuery, shown: usize) -> Markup {
    let is_filtered = query.filter != Filter::All || !query.search.is_empty();
    html! {
        div #empty {
            @match seen {
                Some(seen) if seen.fleet.is_empty() => (pieces::empty(
                    "No agents yet",
                    "The coordinator registers what agents.toml names. Add an [agents.NAME] table to it and start the coordinator.",
                )),
                Some(_) if shown == 0 && is_filtered => {
                    div.empty {
                        p.empty-title { "No agent matches" }
                        p { "Nothing is in this state with this text. " a href="/" { "Show all agents" } "." }
                    }
                },
                Some(_) => {},
                None => (pieces::empty("Nothing to show yet", "This page fills by itself as soon as the database is there.")),
            }
        }
    }
}
