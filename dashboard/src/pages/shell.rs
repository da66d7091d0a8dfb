//! The frame of every page: head, navigation, banner, connection word; and the page for a problem.
//! It knows what all pages share and no page in particular.
//!
//! For tests: `#connection[data-connection]` is `live`, `paused`, `reconnecting`, `stale`, `connecting` or `off`; `#banner` has
//! `data-banner` = `down`, `waiting` or none; `#head` has `data-unwell` and `data-firing`; `#pause`, `#theme`, `#search`.

use maud::{DOCTYPE, Markup, html};
use shared_state::ReaderMode;

use super::pieces;
use crate::assets;
use crate::parts::{Part, Parts};
use crate::problem::Problem;
use crate::query::Theme;
use crate::view::{Seen, View};

/// What the frame needs to know of a page.
#[derive(Clone, Debug)]
pub struct Frame<'a> {
    /// The heading and the window's title.
    pub title: &'a str,
    /// Which entry of the navigation is the present one.
    pub place: &'a str,
    /// The live stream, without its query; absent for pages that do not change.
    pub stream: Option<&'a str>,
    /// Colours.
    pub theme: Theme,
}

/// The entries of the navigation, each with the letter that follows `g`.
const PLACES: [(&str, &str, &str); 6] = [
    ("Fleet", "/", "f"),
    ("Traces", "/traces", "r"),
    ("Alerts", "/alerts", "a"),
    ("Events", "/events", "e"),
    ("System", "/system", "s"),
    ("Help", "/help", "h"),
];

/// A whole page.
pub fn page(frame: &Frame<'_>, parts: &Parts, content: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" data-theme=[frame.theme.name()] {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="dark light";
                title { (frame.title) " · agents" }
                link #favicon rel="icon" href=(assets::url("icon.svg"));
                link rel="stylesheet" href=(assets::url("style.css"));
                script src=(assets::url("theme.js")) {}
                script type="module" src=(assets::url("app.js")) {}
            }
            body data-stream=[frame.stream] data-place=(frame.place) {
                a.skip href="#main" { "Skip to content" }
                (pieces::sprite())
                header.top {
                    (parts.part("head"))
                    div.tools {
                        span #connection role="status" data-connection="off" hidden[frame.stream.is_none()] { "off" }
                        button #pause type="button" aria-pressed="false" title="Pause live updates (p)" hidden[frame.stream.is_none()] { "Pause" }
                        button #theme type="button" title="Dark or light (t)" { "Theme" }
                    }
                }
                (parts.part("banner"))
                main #main tabindex="-1" { (content) }
            }
        }
    }
}

/// What every page shows and every stream keeps up to date.
pub fn parts(view: &View, place: &str) -> Vec<Part> {
    vec![
        Part::new("head", head(view.seen.as_ref().ok(), place)),
        Part::new("banner", banner(view)),
    ]
}

fn head(seen: Option<&Seen>, place: &str) -> Markup {
    let unwell = seen.map(Seen::unwell);
    let firing = seen.map(|seen| seen.firing);
    html! {
        nav #head aria-label="Pages" data-unwell=[unwell] data-firing=[firing] {
            @for (name, href, key) in PLACES {
                a href=(href) data-key=(key) aria-current=[(name == place).then_some("page")] {
                    (name)
                    @if name == "Fleet" { (badge(unwell, "unwell")) }
                    @if name == "Alerts" { (badge(firing, "firing")) }
                }
            }
        }
    }
}

fn badge(count: Option<usize>, what: &str) -> Markup {
    html! {
        @if let Some(count @ 1..) = count { " " span.badge { (count) span.hidden { " " (what) } } }
    }
}

fn banner(view: &View) -> Markup {
    match &view.seen {
        Err(waiting) => html! {
            div #banner role="status" data-banner="waiting" {
                (pieces::icon("waiting"))
                p { strong { (waiting.title) } " – " (pieces::sentence(&waiting.detail)) }
            }
        },
        Ok(Seen {
            down: Some(down),
            mode,
            ..
        }) => html! {
            div #banner role="status" data-banner="down" {
                (pieces::icon("down"))
                p {
                    strong { "The coordinator is down" } ", data as of " (pieces::moment(down.as_of_ms))
                    " (" (pieces::age(down.as_of_ms, None)) "): " (crate::text::clean(&down.why)) ". "
                    "Start it again and this page recovers by itself: " code { "coordinator --agents agents.toml" } "."
                    @if *mode == ReaderMode::Immutable { " The file is read as it was left." }
                }
            }
        },
        Ok(_) => html! { div #banner role="status" data-banner="none" {} },
    }
}

/// An answer for people that is not what they asked for.
pub fn problem(problem: &Problem) -> Markup {
    let frame = Frame {
        title: problem.title,
        place: "",
        stream: None,
        theme: Theme::System,
    };
    let parts = Parts {
        single: vec![Part::new("head", head(None, ""))],
        lists: Vec::new(),
    };
    let content = html! {
        h1 { (problem.title) }
        p { (pieces::sentence(&problem.detail)) }
        p.muted { "Status " (problem.status.as_u16()) ". " a href="/" { "To the fleet" } "." }
    };
    page(&frame, &parts, content)
}
