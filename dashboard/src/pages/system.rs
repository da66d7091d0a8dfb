//! The page of the system itself: coordinator, database, counters, this dashboard.
//! It reads nothing.

use maud::{Markup, html};
use shared_state::CounterRow;

use super::pieces;
use super::shell::{self, Frame};
use crate::parts::{Part, Parts};
use crate::query::Theme;
use crate::text::clean;
use crate::view::View;
use crate::words;

/// What the page shows besides the view.
#[derive(Clone, Debug, Default)]
pub struct SystemFacts {
    /// All counters.
    pub counters: Vec<CounterRow>,
    /// The database's path.
    pub database: String,
    /// Open streams, and how many there may be.
    pub streams: (usize, usize),
    /// Resident memory of this process.
    pub rss_bytes: Option<u64>,
}

/// What changes on the page.
pub fn parts(view: &View, facts: &SystemFacts) -> Parts {
    let mut parts = Parts {
        single: shell::parts(view, "System"),
        lists: Vec::new(),
    };
    parts.single.push(Part::new("system", system(view, facts)));
    parts
}

/// The page.
pub fn page(parts: &Parts, theme: Theme) -> Markup {
    let frame = Frame {
        title: "System",
        place: "System",
        stream: Some("/events/system"),
        theme,
    };
    let content = html! { h1 { "System" } (parts.part("system")) };
    shell::page(&frame, parts, content)
}

fn system(view: &View, facts: &SystemFacts) -> Markup {
    let seen = view.seen.as_ref().ok();
    html! {
        div #system.columns {
            section.card {
                h2 { "Coordinator" }
                @match seen.and_then(|seen| seen.incarnation.as_ref().map(|found| (found, &seen.down))) {
                    Some((found, down)) => dl.pairs {
                        dt { "state" } dd {
                            @match down {
                                Some(down) => span.state.bad { (pieces::icon("down")) "DOWN" " " span.muted { (clean(&down.why)) } },
                                None => span.state.good { (pieces::icon("running")) "RUNNING" },
                            }
                        }
                        dt { "host" } dd { (clean(&found.host)) }
                        dt { "version" } dd { (clean(&found.version)) }
                        dt { "pid" } dd { (found.pid) }
                        dt { "started" } dd { (pieces::moment(found.started_ms)) }
                        dt { "starts so far" } dd { (found.incarnation_id) }
                        @if let Some(ms) = found.ended_ms { dt { "ended" } dd { (pieces::moment(ms)) } }
                    },
                    None => (pieces::empty("Never started", "No coordinator has used this database yet.")),
                }
            }
            section.card {
                h2 { "Database" }
                dl.pairs {
                    dt { "file" } dd { code { (clean(&facts.database)) } }
                    @if let Some(seen) = seen {
                        dt { "read" } dd { (match seen.mode { shared_state::ReaderMode::Live => "live", shared_state::ReaderMode::Immutable => "as it was left" }) }
                        dt { "size" } dd { (words::bytes(seen.file.database_bytes as f64)) span.limit { " · " (words::bytes(seen.file.free_bytes as f64)) " free inside" } }
                        dt { "write-ahead log" } dd { (words::bytes(seen.file.wal_bytes as f64)) }
                        dt { "schema" } dd { (seen.file.schema_version) }
                        dt { "SQLite" } dd { (seen.file.sqlite_version) }
                        dt { "agents" } dd { (seen.fleet.len()) " instances" }
                    }
                }
            }
            section.card {
                h2 { "Counters" }
                @if facts.counters.is_empty() { (pieces::empty("Nothing counted", "No row was dropped, refused or lost.")) }
                @else {
                    table.list {
                        thead { tr { th scope="col" { "Counter" } th scope="col" { "Of" } th.num scope="col" { "Value" } th scope="col" { "Last" } } }
                        tbody {
                            @for row in &facts.counters {
                                tr data-counter=(clean(&row.name)) {
                                    td { code { (clean(&row.name)) } }
                                    td { @match row.instance_id { 0 => "coordinator", id => a href={ "/agents/" (id) } { "agent " (id) } } }
                                    td.num { (words::number(row.value as f64)) }
                                    td { (pieces::moment(row.updated_ms)) }
                                }
                            }
                        }
                    }
                }
            }
            section.card {
                h2 { "This dashboard" }
                dl.pairs {
                    dt { "version" } dd { (env!("CARGO_PKG_VERSION")) }
                    dt { "open streams" } dd { (facts.streams.0) " of " (facts.streams.1) }
                    @if let Some(bytes) = facts.rss_bytes { dt { "memory" } dd { (words::bytes(bytes as f64)) } }
                }
            }
        }
    }
}
