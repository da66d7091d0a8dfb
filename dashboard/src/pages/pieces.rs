//! Small things that every page is made of: icons, badges, times, statuses. All text from agents goes through `text`.
//! It knows no page.

use maud::{Markup, PreEscaped, html};
use shared_state::{InstanceState, TimeMs};

use crate::verdict::{self, Tone};
use crate::words;

/// All icons, once at the head of a page; each state has another shape, so that colour is never needed.
pub const SPRITE: &str = include_str!("../../assets/icons.svg");

/// A picture beside its word, which is why it is hidden from readers of the screen.
pub fn icon(name: &str) -> Markup {
    html! { svg.icon aria-hidden="true" { use href={ "#i-" (name) } {} } }
}

/// Icon, word and colour of a state.
pub fn state_badge(state: InstanceState) -> Markup {
    html! {
        span.state.(verdict::tone(state).class()) { (icon(verdict::icon(state))) (state.as_str()) }
    }
}

/// Icon, word and colour of what an agent says of itself.
pub fn status_badge(status: &str) -> Markup {
    let tone = status_tone(status);
    html! { span.status.(tone.class()) { (icon(status)) (status) } }
}

/// The colour of a status word.
pub fn status_tone(status: &str) -> Tone {
    match status {
        "ok" => Tone::Good,
        "degraded" => Tone::Warn,
        _ => Tone::Bad,
    }
}

/// A word with a colour.
pub fn tag(word: &str, tone: Tone) -> Markup {
    html! { span.tag.(tone.class()) { (word) } }
}

/// How long ago; the browser keeps it ticking. With a limit it turns red beyond it.
pub fn age(ms: TimeMs, limit_ms: Option<i64>) -> Markup {
    html! {
        time data-age=(limit_ms.map(|ms| ms.to_string()).unwrap_or_default()) datetime=(words::iso(ms)) { (short_clock(ms)) }
    }
}

/// How long since, without "ago".
pub fn since(ms: TimeMs) -> Markup {
    html! { time data-since datetime=(words::iso(ms)) { (short_clock(ms)) } }
}

/// How long until; "now" once it is reached.
pub fn until(ms: TimeMs) -> Markup {
    html! { time data-until datetime=(words::iso(ms)) { (short_clock(ms)) } }
}

/// A time of day with its date; the browser shows it in its own zone.
pub fn moment(ms: TimeMs) -> Markup {
    html! { time data-moment datetime=(words::iso(ms)) { (words::clock(ms)) } }
}

/// Nothing here, and what to do about it.
pub fn empty(title: &str, detail: &str) -> Markup {
    html! { div.empty { p.empty-title { (title) } p { (detail) } } }
}

/// Text with `code` between backticks, from our own sentences only.
pub fn sentence(text: &str) -> Markup {
    html! {
        @for (n, piece) in text.split('`').enumerate() {
            @if n % 2 == 1 { code { (piece) } } @else { (piece) }
        }
    }
}

/// The icons themselves.
pub fn sprite() -> Markup {
    PreEscaped(SPRITE.into())
}

/// Until the browser has replaced it.
fn short_clock(ms: TimeMs) -> String {
    words::clock(ms).get(11..19).unwrap_or("–").into()
}
