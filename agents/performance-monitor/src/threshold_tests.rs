//! Tests of `threshold`: each rule by example, and the promises over random sequences.
//! They use invented times: no clock takes part.

use std::time::{Duration, Instant};

use agent_sdk::Severity::{Critical, Warning};
use proptest::prelude::*;

use crate::settings::Limits;
use crate::threshold::{Change, Watch};

const COOLDOWN: Duration = Duration::from_secs(60);

fn limits(samples: u32) -> Limits {
    Limits {
        warning: 70.0,
        critical: 90.0,
        hysteresis: 5.0,
        samples,
    }
}

/// One value each second.
fn judge(watch: &mut Watch, values: &[f64]) -> Vec<(usize, Change)> {
    let begin = Instant::now();
    let changes = values.iter().enumerate().filter_map(|(second, &value)| {
        let change = watch.judge(value, begin + Duration::from_secs(second as u64))?;
        Some((second, change))
    });
    changes.collect()
}

fn changes(samples: u32, values: &[f64]) -> Vec<(usize, Change)> {
    judge(&mut Watch::new(limits(samples), COOLDOWN, false), values)
}

#[test]
fn an_alert_begins_at_the_threshold_and_ends_below_the_hysteresis() {
    let found = changes(1, &[69.9, 70.0, 68.0, 65.0, 64.9]);
    assert_eq!(found, [(1, Change::Raised(Warning)), (4, Change::Resolved)]);
}

#[test]
fn a_single_high_value_is_no_alert_where_several_are_asked_for() {
    assert_eq!(changes(3, &[80.0, 80.0, 10.0, 80.0, 80.0, 10.0]), []);
    assert_eq!(
        changes(3, &[80.0, 80.0, 80.0]),
        [(2, Change::Raised(Warning))]
    );
}

#[test]
fn a_single_low_value_does_not_end_an_alert_either() {
    let found = changes(3, &[80.0, 80.0, 80.0, 10.0, 80.0, 10.0, 10.0, 10.0]);
    assert_eq!(found, [(2, Change::Raised(Warning)), (7, Change::Resolved)]);
}

#[test]
fn it_escalates_eases_and_ends() {
    let found = changes(1, &[75.0, 92.0, 86.0, 84.9, 95.0, 10.0]);
    let expected = [
        (0, Change::Raised(Warning)),
        (1, Change::Escalated),
        (3, Change::Eased),
        (5, Change::Resolved),
    ];
    assert_eq!(
        found, expected,
        "after it eased it does not escalate within the cooldown"
    );
    assert_eq!(changes(1, &[95.0]), [(0, Change::Raised(Critical))]);
}

#[test]
fn within_the_cooldown_it_is_not_raised_again_and_after_it_at_once() {
    let mut values = vec![80.0, 10.0];
    values.resize(100, 80.0);
    let found = changes(1, &values);
    let expected = [
        (0, Change::Raised(Warning)),
        (1, Change::Resolved),
        (61, Change::Raised(Warning)),
    ];
    assert_eq!(found, expected);
}

#[test]
fn what_an_earlier_process_raised_is_resolved_by_the_first_calm() {
    let mut watch = Watch::new(limits(1), COOLDOWN, true);
    assert_eq!(
        judge(&mut watch, &[67.0, 10.0, 10.0]),
        [(1, Change::Resolved)]
    );
    let mut watch = Watch::new(limits(1), COOLDOWN, true);
    let expected = [(0, Change::Raised(Warning)), (1, Change::Resolved)];
    assert_eq!(judge(&mut watch, &[80.0, 10.0, 10.0]), expected);
}

#[test]
fn what_is_gone_has_no_alert() {
    let mut watch = Watch::new(limits(1), COOLDOWN, false);
    let now = Instant::now();
    assert_eq!(watch.end(now), None);
    watch.judge(99.0, now);
    assert_eq!(watch.end(now), Some(Change::Resolved));
    assert_eq!(watch.firing(), None);
}

proptest! {
    #[test]
    fn no_sequence_fires_twice_or_flaps(
        values in prop::collection::vec((0.0..100.0_f64, 1..20_u64), 1..400),
        samples in 1..4_u32,
    ) {
        let mut watch = Watch::new(limits(samples), COOLDOWN, false);
        let mut now = Instant::now();
        let mut firing = None;
        let mut ended: Option<Instant> = None;
        let mut eased: Option<Instant> = None;
        for (value, seconds) in values {
            now += Duration::from_secs(seconds);
            match watch.judge(value, now) {
                None => {}
                Some(Change::Raised(severity)) => {
                    prop_assert_eq!(firing, None, "raised while firing");
                    prop_assert!(ended.is_none_or(|ended| now >= ended + COOLDOWN), "flapped");
                    let least = if severity == Critical { 90.0 } else { 70.0 };
                    prop_assert!(value >= least);
                    firing = Some(severity);
                    eased = None;
                }
                Some(Change::Escalated) => {
                    prop_assert_eq!(firing, Some(Warning));
                    prop_assert!(eased.is_none_or(|eased| now >= eased + COOLDOWN), "flapped");
                    prop_assert!(value >= 90.0);
                    firing = Some(Critical);
                }
                Some(Change::Eased) => {
                    prop_assert_eq!(firing, Some(Critical));
                    prop_assert!(value < 85.0);
                    firing = Some(Warning);
                    eased = Some(now);
                }
                Some(Change::Resolved) => {
                    prop_assert!(firing.is_some(), "resolved what was not firing");
                    prop_assert!(value < 65.0);
                    firing = None;
                    ended = Some(now);
                }
            }
            prop_assert_eq!(watch.firing(), firing);
        }
    }
}
