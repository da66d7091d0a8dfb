//! Responsible for telling a jump from the usual ups and downs of one figure: values in, anomalies out. Pure.
//! It knows neither the clock nor what the figure is about.
//!
//! The distance from the median is measured in robust standard deviations, 1.4826 × MAD (the median of absolute deviations
//! from the median; Iglewicz and Hoaglin, How to Detect and Handle Outliers, 1993). Half of the window may be wild without
//! moving either. A figure that never changes has a MAD of zero; `step` then stands for the smallest deviation that
//! could mean anything, so that a jump from a constant is seen and a flicker is not.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// What makes the MAD of a normal distribution its standard deviation: 1 / Φ⁻¹(3/4).
const MAD_TO_DEVIATION: f64 = 1.4826;

/// High values in a row before they count: one alone is a spike that is over already.
const SAMPLES_IN_A_ROW: u32 = 2;

/// How the test is set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) score_min: f64,
    /// Values known before anything is said.
    pub(crate) history: usize,
    /// Values kept.
    pub(crate) window: usize,
    pub(crate) cooldown: Duration,
}

/// A value far above the others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Anomaly {
    pub(crate) value: f64,
    pub(crate) median: f64,
    pub(crate) mad: f64,
    /// Distance from the median in robust standard deviations.
    pub(crate) score: f64,
    /// Values that it was compared with.
    pub(crate) samples: usize,
}

/// The recent past of one figure.
#[derive(Clone, Debug, Default)]
pub(crate) struct Baseline {
    values: VecDeque<f64>,
    in_a_row: u32,
    quiet_until: Option<Instant>,
}

impl Baseline {
    /// Compares the next value with those before it, then keeps it. Only rises count: what people call a figure too low
    /// shows in heartbeats and thresholds. `step` is the smallest deviation that means anything at this median.
    pub(crate) fn judge(
        &mut self,
        value: f64,
        step: impl Fn(f64) -> f64,
        rules: &Rules,
        now: Instant,
    ) -> Option<Anomaly> {
        let compared = self.compare(value, step, rules);
        self.values.push_back(value);
        while self.values.len() > rules.window {
            self.values.pop_front();
        }
        let Some(anomaly) = compared else {
            self.in_a_row = 0;
            return None;
        };
        self.in_a_row = self.in_a_row.saturating_add(1);
        let is_quiet = self.quiet_until.is_some_and(|until| now < until);
        if self.in_a_row < SAMPLES_IN_A_ROW || is_quiet {
            return None;
        }
        self.quiet_until = Some(now + rules.cooldown);
        Some(anomaly)
    }

    fn compare(&self, value: f64, step: impl Fn(f64) -> f64, rules: &Rules) -> Option<Anomaly> {
        if self.values.len() < rules.history {
            return None;
        }
        let mut values: Vec<f64> = self.values.iter().copied().collect();
        let median = median(&mut values)?;
        // Cheap first: most values of most figures end here.
        if value <= median + step(median) {
            return None;
        }
        for one in &mut values {
            *one = (*one - median).abs();
        }
        let mad = self::median(&mut values)?;
        let deviation = (MAD_TO_DEVIATION * mad).max(step(median));
        let score = (value - median) / deviation;
        (score >= rules.score_min).then_some(Anomaly {
            value,
            median,
            mad,
            score,
            samples: self.values.len(),
        })
    }
}

/// The middle value; the mean of both middle values of an even number. Reorders the values.
fn median(values: &mut [f64]) -> Option<f64> {
    if values.is_empty() {
        return None;
    }
    let middle = values.len() / 2;
    let is_even = values.len().is_multiple_of(2);
    let (below, upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    let upper = *upper;
    if !is_even {
        return Some(upper);
    }
    let lower = below.iter().copied().max_by(f64::total_cmp)?;
    Some(f64::midpoint(lower, upper))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RULES: Rules = Rules {
        score_min: 8.0,
        history: 10,
        window: 30,
        cooldown: Duration::from_secs(60),
    };

    /// One value each second.
    fn judge(values: impl IntoIterator<Item = f64>) -> Vec<(usize, Anomaly)> {
        let begin = Instant::now();
        let mut baseline = Baseline::default();
        let found = values
            .into_iter()
            .enumerate()
            .filter_map(|(second, value)| {
                let now = begin + Duration::from_secs(second as u64);
                Some((second, baseline.judge(value, |_| 1.0, &RULES, now)?))
            });
        found.collect()
    }

    fn constant_then(constant: f64, count: usize, rest: &[f64]) -> Vec<f64> {
        let mut values = vec![constant; count];
        values.extend(rest);
        values
    }

    #[test]
    fn a_jump_from_a_constant_baseline_is_seen_at_its_second_value() {
        let found = judge(constant_then(2.0, 10, &[50.0, 50.0, 50.0]));
        let expected = Anomaly {
            value: 50.0,
            median: 2.0,
            mad: 0.0,
            score: 48.0,
            samples: 11,
        };
        assert_eq!(found, [(11, expected)], "once, then it is quiet");
    }

    #[test]
    fn a_flicker_on_a_constant_baseline_a_single_spike_and_a_fall_are_none() {
        assert_eq!(judge(constant_then(2.0, 10, &[9.9, 9.9, 9.9])), []);
        assert_eq!(judge(constant_then(2.0, 10, &[50.0, 2.0, 50.0, 2.0])), []);
        assert_eq!(judge(constant_then(90.0, 20, &[1.0, 1.0, 1.0])), []);
    }

    #[test]
    fn too_short_a_history_says_nothing() {
        assert_eq!(judge(constant_then(2.0, 8, &[90.0])), []);
        assert_eq!(judge(constant_then(2.0, 7, &[90.0, 90.0, 90.0])), []);
    }

    #[test]
    fn what_is_usual_for_a_restless_figure_is_no_anomaly() {
        let restless = (0..200).map(|n| if n % 2 == 0 { 10.0 } else { 40.0 });
        assert_eq!(judge(restless), []);
    }

    #[test]
    fn a_new_level_that_stays_becomes_the_usual_one() {
        let mut values = vec![2.0; 30];
        values.extend([50.0; 300]);
        assert_eq!(judge(values).len(), 1, "the window forgets the old level");
    }

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&mut [4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&mut []), None);
    }

    proptest! {
        #[test]
        fn no_sequence_exceeds_the_window_or_reports_within_the_cooldown(
            values in prop::collection::vec(0.0..1e12_f64, 0..300),
        ) {
            let begin = Instant::now();
            let mut baseline = Baseline::default();
            let mut last: Option<usize> = None;
            for (second, value) in values.into_iter().enumerate() {
                let now = begin + Duration::from_secs(second as u64);
                let found = baseline.judge(value, |_| 1.0, &RULES, now);
                prop_assert!(baseline.values.len() <= RULES.window);
                if let Some(anomaly) = found {
                    prop_assert!(anomaly.score >= RULES.score_min && anomaly.value > anomaly.median);
                    prop_assert!(second >= RULES.history);
                    prop_assert!(last.is_none_or(|last| second - last >= 60));
                    last = Some(second);
                }
            }
        }
    }
}
