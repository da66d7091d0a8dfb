//! Figures of traces as people read them, and how they changed against the window before.
//! What was not received has no words here: who shows it says so.

use crate::words::{figure, number};

/// A time in microseconds: `35 ms`, `1.25 s`, `2 m 5 s`.
pub fn micros(us: i64) -> String {
    figure("latency_us", us as f64)
}

/// Dollars from an exact decimal, rounded for reading; the exact text belongs beside it.
pub fn dollars(decimal: &str) -> String {
    decimal
        .parse::<f64>()
        .map_or_else(|_| "–".into(), |value| figure("cost_usd", value))
}

/// A share of a whole in percent; nothing of nothing.
pub fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64 * 100.0)
}

/// Whether more of something is bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sense {
    /// It is only more.
    Neutral,
    /// More is worse: errors, waiting.
    Worse,
}

/// How a figure changed: the words, and whether that is good or bad news.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// `+12 %`, `−3 %`, `no change`.
    pub words: String,
    /// 1: worse, -1: better, 0: neither or hardly.
    pub news: i8,
}

/// Changes below this are no news: they come and go by themselves.
const NEWS_PERCENT: f64 = 5.0;

/// The change in percent; none where either was not received, or where there was nothing before.
pub fn change(now: Option<f64>, before: Option<f64>, sense: Sense) -> Option<Change> {
    let (now, before) = (now?, before?);
    if before == 0.0 {
        return (now == 0.0).then(no_change);
    }
    let percent = (now - before) / before.abs() * 100.0;
    let words = match percent {
        _ if percent.abs() < 0.05 => return Some(no_change()),
        1000.0.. => format!("× {}", number((now / before).round())),
        _ => signed(percent, "%"),
    };
    Some(Change {
        words,
        news: news(percent, NEWS_PERCENT, sense),
    })
}

/// The change of a rate in percentage points.
pub fn change_of_rate(now: Option<f64>, before: Option<f64>) -> Option<Change> {
    let points = now? - before?;
    if points.abs() < 0.005 {
        return Some(no_change());
    }
    Some(Change {
        words: signed(points, "points"),
        news: news(points, 0.5, Sense::Worse),
    })
}

fn no_change() -> Change {
    Change {
        words: "no change".into(),
        news: 0,
    }
}

fn signed(value: f64, unit: &str) -> String {
    let sign = if value < 0.0 { '−' } else { '+' };
    let value = value.abs();
    let digits = usize::from(value < 10.0) + usize::from(value < 1.0);
    format!("{sign}{value:.digits$} {unit}")
}

fn news(change: f64, least: f64, sense: Sense) -> i8 {
    match sense {
        Sense::Worse if change >= least => 1,
        Sense::Worse if change <= -least => -1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_told_with_their_sign_and_only_where_both_sides_are_known() {
        let words = |now, before| change(now, before, Sense::Worse).map(|one| one.words);
        let cases = [
            (Some(112.0), Some(100.0), Some("+12 %")),
            (Some(97.5), Some(100.0), Some("−2.5 %")),
            (Some(100.0), Some(100.0), Some("no change")),
            (Some(2_500.0), Some(100.0), Some("× 25")),
            (Some(0.0), Some(0.0), Some("no change")),
            (Some(5.0), Some(0.0), None),
            (None, Some(5.0), None),
            (Some(5.0), None, None),
        ];
        for (now, before, expected) in cases {
            assert_eq!(
                words(now, before).as_deref(),
                expected,
                "{now:?} {before:?}"
            );
        }
    }

    #[test]
    fn only_a_real_change_of_something_that_should_be_small_is_news() {
        let news = |now, sense| change(Some(now), Some(100.0), sense).unwrap().news;
        assert_eq!(news(120.0, Sense::Worse), 1);
        assert_eq!(news(80.0, Sense::Worse), -1);
        assert_eq!(news(103.0, Sense::Worse), 0);
        assert_eq!(news(500.0, Sense::Neutral), 0);
        assert_eq!(
            change_of_rate(Some(4.0), Some(1.0)).unwrap().words,
            "+3.0 points"
        );
        assert_eq!(change_of_rate(Some(1.0), None), None);
    }

    #[test]
    fn times_and_costs_keep_a_few_digits() {
        assert_eq!(micros(1_250_000), "1.25 s");
        assert_eq!(micros(350), "0.35 ms");
        assert_eq!(micros(0), "0 s");
        assert_eq!(micros(125_000_000), "2 m 5 s");
        assert_eq!(dollars("12.345"), "$12.35");
        assert_eq!(dollars("0.0001234"), "$0.00012");
        assert_eq!(dollars("0"), "$0.00");
        assert_eq!(dollars("12345.6"), "$12\u{202f}346");
        assert_eq!(share(1, 0), None);
        assert_eq!(share(1, 4), Some(25.0));
    }
}
