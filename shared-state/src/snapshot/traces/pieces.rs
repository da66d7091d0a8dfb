//! Cuts a window into whole days, hours and minutes, as far as they are kept. It reads nothing.

use crate::TimeMs;
use crate::apply::TraceMarks;

pub(super) const MINUTE_MS: i64 = 60_000;
pub(super) const HOUR_MS: i64 = 3_600_000;
pub(super) const DAY_MS: i64 = 86_400_000;

/// A stretch that is read from periods of one length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// `MINUTE_MS`, `HOUR_MS` or `DAY_MS`.
    pub(super) length_ms: i64,
    pub(super) from_ms: TimeMs,
    pub(super) to_ms: TimeMs,
}

/// Times beyond this (the year 2969) are no times of runs; sums of them stay inside 64 bits.
const TIME_MAX: TimeMs = 1 << 55;

pub(super) fn floor(ts_ms: TimeMs, length_ms: i64) -> TimeMs {
    ts_ms.div_euclid(length_ms) * length_ms
}

pub(super) fn ceil(ts_ms: TimeMs, length_ms: i64) -> TimeMs {
    floor(ts_ms + length_ms - 1, length_ms)
}

/// The window in periods that are kept: its start rounded down and its end up.
pub(super) fn round(from_ms: TimeMs, to_ms: TimeMs, marks: &TraceMarks) -> (TimeMs, TimeMs) {
    let (from_ms, to_ms) = (from_ms.clamp(0, TIME_MAX), to_ms.clamp(0, TIME_MAX));
    let finest = |ts_ms: TimeMs| match ts_ms < minutes_from(marks) {
        true => HOUR_MS,
        false => MINUTE_MS,
    };
    let from_ms = floor(from_ms, finest(from_ms)).max(marks.start_of(HOUR_MS));
    (from_ms, ceil(to_ms, finest(to_ms)).max(from_ms))
}

/// From this hour on every minute is kept.
fn minutes_from(marks: &TraceMarks) -> TimeMs {
    match marks.start_of(MINUTE_MS) {
        TimeMs::MIN => TimeMs::MIN,
        from_ms => ceil(from_ms, HOUR_MS),
    }
}

/// The pieces of a rounded window in the order of time. Days and hours are used only where columns of `column_ms` are made
/// of whole ones; minutes that are no longer kept are read from hours.
pub(super) fn cut(
    from_ms: TimeMs,
    to_ms: TimeMs,
    column_ms: i64,
    marks: &TraceMarks,
) -> Vec<Piece> {
    let (first, last) = match column_ms % DAY_MS == 0 {
        true => whole(from_ms, to_ms, DAY_MS),
        false => (from_ms, from_ms),
    };
    let mut pieces = cut_hours(from_ms, first, column_ms, marks);
    pieces.push(piece(DAY_MS, first, last));
    pieces.extend(cut_hours(last, to_ms, column_ms, marks));
    pieces.retain(|piece| piece.from_ms < piece.to_ms);
    pieces
}

fn cut_hours(from_ms: TimeMs, to_ms: TimeMs, column_ms: i64, marks: &TraceMarks) -> Vec<Piece> {
    let hours_to = minutes_from(marks).clamp(from_ms, to_ms);
    let (first, last) = match column_ms % HOUR_MS == 0 {
        true => whole(hours_to, to_ms, HOUR_MS),
        false => (hours_to, hours_to),
    };
    vec![
        piece(HOUR_MS, from_ms, hours_to),
        piece(MINUTE_MS, hours_to, first),
        piece(HOUR_MS, first, last),
        piece(MINUTE_MS, last, to_ms),
    ]
}

fn piece(length_ms: i64, from_ms: TimeMs, to_ms: TimeMs) -> Piece {
    Piece {
        length_ms,
        from_ms,
        to_ms,
    }
}

/// The stretch of whole periods; empty, at its start, where there is none.
fn whole(from_ms: TimeMs, to_ms: TimeMs, length_ms: i64) -> (TimeMs, TimeMs) {
    let (first, last) = (ceil(from_ms, length_ms), floor(to_ms, length_ms));
    match first < last {
        true => (first, last),
        false => (from_ms, from_ms),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn marks(minutes_from_ms: TimeMs, hours_from_ms: TimeMs) -> TraceMarks {
        TraceMarks {
            minutes_from_ms,
            hours_from_ms,
            ..TraceMarks::default()
        }
    }

    #[test]
    fn a_window_is_made_of_the_longest_periods() {
        let from_ms = 10 * DAY_MS + 22 * HOUR_MS + 58 * MINUTE_MS;
        let (from_ms, to_ms) = round(from_ms + 5, 13 * DAY_MS + HOUR_MS + 1, &marks(0, 0));
        let pieces = cut(from_ms, to_ms, DAY_MS, &marks(0, 0));
        let expected = [
            piece(MINUTE_MS, from_ms, 10 * DAY_MS + 23 * HOUR_MS),
            piece(HOUR_MS, 10 * DAY_MS + 23 * HOUR_MS, 11 * DAY_MS),
            piece(DAY_MS, 11 * DAY_MS, 13 * DAY_MS),
            piece(HOUR_MS, 13 * DAY_MS, 13 * DAY_MS + HOUR_MS),
            piece(
                MINUTE_MS,
                13 * DAY_MS + HOUR_MS,
                13 * DAY_MS + HOUR_MS + MINUTE_MS,
            ),
        ];
        assert_eq!(pieces, expected);
    }

    proptest! {
        #[test]
        fn pieces_follow_each_other_from_start_to_end_in_whole_periods_that_are_kept(
            from in 0..40 * DAY_MS, span in 0..40 * DAY_MS, minutes in 0..40 * DAY_MS, hours in 0..20 * DAY_MS,
            column in prop::sample::select(vec![MINUTE_MS, 5 * MINUTE_MS, HOUR_MS, 6 * HOUR_MS, DAY_MS]),
        ) {
            let marks = marks(minutes.max(hours), hours);
            let (from_ms, to_ms) = round(from, from + span, &marks);
            prop_assert!(to_ms >= from + span && (from_ms <= from || from_ms == floor(hours, HOUR_MS)));
            let mut at = from_ms;
            for piece in cut(from_ms, to_ms, column, &marks) {
                prop_assert_eq!(piece.from_ms, at);
                prop_assert!(piece.from_ms < piece.to_ms);
                prop_assert_eq!(piece.from_ms % piece.length_ms, 0);
                prop_assert_eq!(piece.to_ms % piece.length_ms, 0);
                prop_assert!(marks.keeps(piece.length_ms, piece.from_ms));
                prop_assert!(piece.length_ms == HOUR_MS && piece.from_ms < minutes_from(&marks) || column % piece.length_ms == 0);
                at = piece.to_ms;
            }
            prop_assert_eq!(at, to_ms);
        }
    }
}
