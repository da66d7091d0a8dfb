//! The help page: keys, words and where the same data is for programs.
//! It never changes while it is open.

use maud::{Markup, html};

use super::pieces;
use super::shell::{self, Frame};
use crate::parts::Parts;
use crate::query::Theme;
use crate::verdict;
use crate::view::View;

const KEYS: [(&str, &str); 10] = [
    ("/", "search"),
    (
        "g then f, r, a, e, s, h",
        "go to Fleet, Traces, Alerts, Events, System, Help",
    ),
    ("j, k", "next and previous row"),
    ("Enter", "open the row"),
    ("p", "pause and resume live updates"),
    ("[ and ]", "shorter and longer range"),
    ("t", "dark or light"),
    ("← →", "move the cursor of a chart that has the focus"),
    ("Esc", "leave the search, clear a selection, end a zoom"),
    ("?", "this page"),
];

/// What the figures on the page of traces mean.
const TRACES: [(&str, &str); 8] = [
    (
        "count",
        "traces, which are runs without a parent; with a type, name or model chosen, the runs that fit it",
    ),
    (
        "p50, p95, p99",
        "half, 95 and 99 of 100 ended runs took at most so long; read from a histogram, at most 1 % off the exact value",
    ),
    (
        "tokens, cost",
        "summed over LLM runs only: their parents repeat the same tokens and would count them twice",
    ),
    ("–", "was not received, which is not zero"),
    (
        "change",
        "against the window of the same length just before",
    ),
    (
        "watermark, lag",
        "everything that began before the watermark has been read; the lag is its age",
    ),
    (
        "pending, abandoned",
        "stored runs without an end; an abandoned one did not end in time and is no longer asked for",
    ),
    (
        "settling",
        "ended a moment ago: tokens, cost and feedback may still arrive, so that they are read again",
    ),
];

const MEANINGS: [&str; 9] = [
    "gave up for now; the reason and the next slow attempt are shown",
    "no heartbeat within its deadline; it is being ended and started again",
    "ended when it should not; waits before the next attempt",
    "was asked to stop; is ended by force after its grace",
    "waits for another agent",
    "has a process, is not ready yet",
    "ready, and heartbeats come in time",
    "finished as wanted",
    "not wanted to run",
];

/// The page.
pub fn page(view: &View, theme: Theme) -> Markup {
    let frame = Frame {
        title: "Help",
        place: "Help",
        stream: None,
        theme,
    };
    let parts = Parts {
        single: shell::parts(view, "Help"),
        lists: Vec::new(),
    };
    let content = html! {
        h1 { "Help" }
        div.columns {
            section {
                h2 { "Keys" }
                dl.keys { @for (key, what) in KEYS { dt { kbd { (key) } } dd { (what) } } }
                p {
                    label { input #keys type="checkbox" checked; " Single-letter keys are on" }
                }
            }
            section {
                h2 { "States" }
                dl.states {
                    @for (state, meaning) in verdict::STATES.into_iter().zip(MEANINGS) {
                        dt { (pieces::state_badge(state)) } dd { (meaning) }
                    }
                }
            }
            section {
                h2 { "Connection" }
                dl.states {
                    dt { "live" } dd { "changes arrive as they are committed" }
                    dt { "paused" } dd { "you paused; nothing moves until you resume" }
                    dt { "reconnecting" } dd { "the dashboard does not answer; it is tried again by itself" }
                    dt { "stale" } dd { "the dashboard answers, but the coordinator is down or the database is not there" }
                }
            }
            section {
                h2 { "Traces" }
                dl.states {
                    @for (word, meaning) in TRACES { dt { (word) } dd { (meaning) } }
                }
            }
            section {
                h2 { "For programs" }
                ul {
                    li { a href="/api/v1/agents" { "/api/v1/agents" } " and the rest of the API, described in " a href="/api/v1/openapi.json" { "openapi.json" } }
                    li { a href="/metrics" { "/metrics" } " in Prometheus' text format" }
                }
                p.muted { "Nothing here can change anything: the dashboard reads one database and writes nothing." }
            }
        }
    };
    shell::page(&frame, &parts, content)
}
