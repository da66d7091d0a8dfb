//! Responsible for the progress bar of a backfill that a person watches in a terminal.
//! It does not know how runs are read.

use std::io::IsTerminal as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agent_sdk::{Context, Drawing};
use indicatif::{ProgressBar, ProgressStyle};

/// How far a backfill is. Spans of time stand for work: nobody knows the number of runs before they are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outlook {
    /// Span of time that is still to be read.
    pub(crate) left_ms: i64,
    /// Runs that were read so far.
    pub(crate) runs: u64,
}

/// A bar on stderr, drawn from the first outlook until nothing is left.
pub(crate) struct Bar {
    context: Context,
    drawn: Option<Drawn>,
}

struct Drawn {
    bar: Arc<Room>,
    begun: Instant,
    first: Outlook,
}

struct Room(ProgressBar);

impl Drawing for Room {
    fn make_room(&self, write: &mut dyn FnMut()) {
        self.0.suspend(write);
    }
}

impl std::fmt::Debug for Bar {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Bar {{ is_drawn: {} }}", self.drawn.is_some())
    }
}

impl Bar {
    /// A bar, where a person runs the agent and looks.
    pub(crate) fn for_person(context: &Context) -> Option<Self> {
        let is_watched = !context.is_supervised() && std::io::stderr().is_terminal();
        is_watched.then(|| Self {
            context: context.clone(),
            drawn: None,
        })
    }

    /// Shows how far it is; takes the bar away where nothing is left.
    pub(crate) fn show(&mut self, outlook: Outlook) {
        if outlook.left_ms <= 0 {
            return self.clear();
        }
        let drawn = self.drawn.get_or_insert_with(|| {
            let bar = Arc::new(Room(new_bar()));
            self.context
                .draw(Some(Arc::clone(&bar) as Arc<dyn Drawing>));
            Drawn {
                bar,
                begun: Instant::now(),
                first: outlook,
            }
        });
        let bar = &drawn.bar.0;
        bar.set_length(u64::try_from(drawn.first.left_ms).unwrap_or(0));
        bar.set_position(u64::try_from(drawn.first.left_ms - outlook.left_ms).unwrap_or(0));
        bar.set_message(describe(drawn.first, outlook, drawn.begun.elapsed()));
    }

    fn clear(&mut self) {
        if let Some(drawn) = self.drawn.take() {
            self.context.draw(None);
            drawn.bar.0.finish_and_clear();
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.clear(); // what is said last must not stand in the middle of a bar
    }
}

fn new_bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {percent:>3} %  {msg}");
    ProgressBar::new(1).with_style(style.expect("a well-formed template"))
}

/// Runs, their rate and the time that is left if it goes on like this.
fn describe(first: Outlook, now: Outlook, elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64();
    let runs = now.runs;
    let done_ms = first.left_ms - now.left_ms;
    if done_ms <= 0 || seconds <= 0.0 {
        return format!("{runs} runs");
    }
    #[expect(clippy::cast_precision_loss, reason = "shown without fractions")]
    let (rate, left) = (
        runs.saturating_sub(first.runs) as f64 / seconds,
        seconds * now.left_ms as f64 / done_ms as f64,
    );
    let left = Duration::try_from_secs_f64(left).unwrap_or(Duration::MAX);
    format!("{runs} runs, {rate:.0} runs/s, {} left", in_words(left))
}

fn in_words(span: Duration) -> String {
    let seconds = span.as_secs();
    let (hours, minutes, rest) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{rest} s"),
        (0, _) => format!("{minutes} min {rest} s"),
        _ => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_and_time_left_come_from_what_was_done() {
        let outlook = |left_ms, runs| Outlook { left_ms, runs };
        let first = outlook(7_000, 10);
        let after = |now, seconds| describe(first, now, Duration::from_secs(seconds));
        assert_eq!(after(outlook(7_000, 10), 0), "10 runs");
        assert_eq!(
            after(outlook(6_000, 510), 10),
            "510 runs, 50 runs/s, 1 min 0 s left"
        );
        assert_eq!(
            after(outlook(6_999, 11), 10),
            "11 runs, 0 runs/s, 19 h 26 min left"
        );
        assert_eq!(
            after(outlook(100, 7_010), 70),
            "7010 runs, 100 runs/s, 1 s left"
        );
    }
}
