//! Tests of plan and reading by random histories of a project, with a bridge that dies at any step.
//! They use no HTTP and no clock. A failure names its seed.

use std::collections::BTreeMap;

use super::*;
use crate::days::{Counted, day_counted, span_of};
use crate::plan::tests::{HOUR_MS, NOW_MS, policy, seen, whole};
use crate::plan::{Step, next_step};

/// A run in a random history: it becomes visible late, ends, gets its tokens later still, and feedback at any time.
struct TrueRun {
    start_ms: i64,
    visible_ms: i64,
    end_ms: i64,
    tokens_ms: i64,
    feedback_ms: i64,
}

/// What a reader sees of it: whether it has ended, whether its tokens are there, whether its feedback is.
type Version = (bool, bool, bool);

fn version(run: &TrueRun, now_ms: i64) -> Version {
    (
        now_ms >= run.end_ms,
        now_ms >= run.tokens_ms,
        now_ms >= run.feedback_ms,
    )
}

fn random_history(random: &mut fastrand::Rng, policy: &Policy) -> Vec<TrueRun> {
    (0..random.usize(1..300))
        .map(|_| {
            let start_ms = NOW_MS + random.i64(-20 * HOUR_MS..3 * HOUR_MS);
            // One in thirty arrives later than any overlap covers.
            let is_late = random.u8(..30) == 0;
            let latest_ms = if is_late {
                5 * HOUR_MS
            } else {
                milliseconds(policy.overlap) - 60_000
            };
            let is_long = random.u8(..10) == 0;
            let end_ms = start_ms + random.i64(0..if is_long { 5 * HOUR_MS } else { 60_000 });
            TrueRun {
                start_ms,
                visible_ms: start_ms + random.i64(0..latest_ms),
                end_ms,
                tokens_ms: end_ms + random.i64(0..milliseconds(policy.settle)),
                feedback_ms: end_ms + random.i64(0..40 * HOUR_MS),
            }
        })
        .collect()
}

fn is_asked_for(run: &TrueRun, pull: &Pull, now_ms: i64) -> bool {
    let is_about = |ms: i64, about: Span| ms >= about.from_ms && ms < about.to_ms && now_ms >= ms;
    let is_about = match (pull.kind, pull.about) {
        (PullKind::Ended, Some(about)) => now_ms >= run.end_ms && run.end_ms >= about.from_ms,
        (PullKind::Feedback, Some(about)) => is_about(run.feedback_ms, about),
        _ => true,
    };
    is_about
        && now_ms >= run.visible_ms
        && run.start_ms >= pull.span.from_ms
        && run.start_ms < pull.span.to_ms
}

/// Answers a window page newest first, `page_size` at a time; the cursor is the place to go on at.
fn answer(
    history: &[TrueRun],
    pull: &Pull,
    now_ms: i64,
    page_size: usize,
) -> (Vec<usize>, Option<NextPage>) {
    let after = pull.page.as_ref().map(|page| page.cursor.parse::<i64>());
    let after = after.map(|place| place.expect("ours"));
    let mut found: Vec<usize> = (0..history.len())
        .filter(|&n| is_asked_for(&history[n], pull, now_ms))
        .filter(|&n| after.is_none_or(|after| history[n].start_ms <= after))
        .collect();
    found.sort_by_key(|&n| std::cmp::Reverse(history[n].start_ms));
    let next = found.get(page_size).map(|&n| NextPage {
        cursor: history[n].start_ms.to_string(),
        question: 0,
    });
    found.truncate(page_size);
    (found, next)
}

fn see(history: &[TrueRun], found: &[usize], now_ms: i64) -> Vec<SeenRun> {
    let end_ms = |run: &TrueRun| (now_ms >= run.end_ms).then_some(run.end_ms);
    found
        .iter()
        .map(|&n| seen(&n.to_string(), history[n].start_ms, end_ms(&history[n])))
        .collect()
}

/// The true count of a day.
fn count(history: &[TrueRun], day_ms: i64, now_ms: i64) -> u64 {
    let span = span_of(day_ms);
    let is_in = |run: &&TrueRun| {
        now_ms >= run.visible_ms && run.start_ms >= span.from_ms && run.start_ms < span.to_ms
    };
    history.iter().filter(is_in).count() as u64
}

/// Does one step; what was found by it, and the progress after it.
fn step(
    history: &[TrueRun],
    progress: &mut Progress,
    step: Step,
    now_ms: i64,
    page_size: usize,
    policy: &Policy,
) -> Vec<usize> {
    match step {
        Step::ReadPage(pull) => {
            let (found, next) = answer(history, &pull, now_ms, page_size);
            let is_day = pull.kind == PullKind::Day && next.is_none();
            let counted = is_day.then(|| count(history, pull.span.from_ms, now_ms));
            let runs = see(history, &found, now_ms);
            let read = PageRead {
                next,
                counted,
                ..whole(pull, &runs, now_ms)
            };
            page_read(progress, read, policy);
            found
        }
        Step::ReadByIds { run_ids, from_ms } => {
            let found: Vec<usize> = run_ids.iter().map(|id| id.parse().unwrap()).collect();
            assert!(
                found.iter().all(|&n| history[n].start_ms >= from_ms),
                "a bound hides a run"
            );
            let runs = see(history, &found, now_ms);
            ids_read(progress, &run_ids, &runs, now_ms, policy);
            found
        }
        Step::CountDay { day_ms, .. } => {
            let runs = count(history, day_ms, now_ms);
            assert_ne!(
                day_counted(progress, day_ms, runs, now_ms),
                Counted::GivenUp
            );
            Vec::new()
        }
        Step::Rest { .. } => Vec::new(),
    }
}

#[test]
fn in_every_history_the_rows_equal_the_servers_in_the_end() {
    for seed in 0..150 {
        println!("seed {seed}"); // shown when the test fails
        let random = &mut fastrand::Rng::with_seed(seed);
        let policy = policy();
        let history = random_history(random, &policy);
        let page_size = random.usize(1..50);
        let mut now_ms = NOW_MS;
        let mut stored: BTreeMap<usize, Version> = BTreeMap::new();
        let mut on_disk = Progress::new();
        let mut progress = on_disk.clone();
        while now_ms < NOW_MS + 60 * HOUR_MS {
            let next = next_step(&progress, now_ms, &policy);
            if let Step::Rest { until_ms } = next {
                assert!(until_ms > now_ms);
                now_ms = until_ms + random.i64(0..20 * 60_000);
                continue;
            }
            let asked_ms = now_ms;
            let found = step(&history, &mut progress, next, now_ms, page_size, &policy);
            now_ms += random.i64(1..2_000);
            match random.u8(..10) {
                0 => progress = on_disk.clone(), // died before the answer was stored
                fate => {
                    stored.extend(found.iter().map(|&n| (n, version(&history[n], asked_ms))));
                    on_disk = Progress::from_value(&progress.to_value()).unwrap();
                    if fate == 1 {
                        progress = on_disk.clone(); // died after it
                    }
                }
            }
        }
        for (n, run) in history.iter().enumerate() {
            let begun_ms = run.start_ms - NOW_MS;
            assert_eq!(
                stored.get(&n),
                Some(&(true, true, true)),
                "run {n} from {begun_ms}"
            );
        }
        assert_eq!(progress.gaps, [], "and nothing is said to be missing");
    }
}
