//! Tests of the plan by random histories of a project, with a bridge that dies at any step.
//! They use no HTTP and no clock. A failure names its seed.

use std::collections::BTreeMap;

use super::tests::{HOUR_MS, NOW_MS, policy, seen};
use super::*;

/// A run in a random history: it becomes visible late, ends, and gets its tokens later still.
struct TrueRun {
    start_ms: i64,
    visible_ms: i64,
    end_ms: i64,
    tokens_ms: i64,
}

/// What a reader sees of it: whether it has ended, whether its tokens are there.
fn version(run: &TrueRun, now_ms: i64) -> (bool, bool) {
    (now_ms >= run.end_ms, now_ms >= run.tokens_ms)
}

fn random_history(random: &mut fastrand::Rng, policy: &Policy) -> Vec<TrueRun> {
    (0..random.usize(1..300))
        .map(|_| {
            let start_ms = NOW_MS + random.i64(-20 * HOUR_MS..3 * HOUR_MS);
            let visible_ms = start_ms + random.i64(0..milliseconds(policy.overlap) - 60_000);
            let is_long = random.u8(..10) == 0;
            let end_ms = start_ms + random.i64(0..if is_long { 5 * HOUR_MS } else { 60_000 });
            TrueRun {
                start_ms,
                visible_ms,
                end_ms,
                tokens_ms: end_ms + random.i64(0..milliseconds(policy.settle)),
            }
        })
        .collect()
}

/// Answers a window page newest first, `page_size` at a time; the cursor is the place to go on at.
fn read_page(
    history: &[TrueRun],
    pull: &Pull,
    now_ms: i64,
    page_size: usize,
) -> (Vec<usize>, Option<NextPage>) {
    let after = pull
        .page
        .as_ref()
        .map(|page| page.cursor.parse::<i64>().expect("ours"));
    let mut found: Vec<usize> = (0..history.len())
        .filter(|&n| {
            let run = &history[n];
            now_ms >= run.visible_ms
                && run.start_ms >= pull.span.from_ms
                && run.start_ms < pull.span.to_ms
        })
        .filter(|&n| after.is_none_or(|after| history[n].start_ms <= after))
        .collect();
    found.sort_by_key(|&n| std::cmp::Reverse(history[n].start_ms));
    let next = found.get(page_size).map(|&n| NextPage {
        cursor: history[n].start_ms.to_string(),
        body: String::new(),
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

#[test]
fn in_every_history_the_rows_equal_the_servers_in_the_end() {
    for seed in 0..150 {
        let random = &mut fastrand::Rng::with_seed(seed);
        let policy = policy();
        let history = random_history(random, &policy);
        let page_size = random.usize(1..50);
        let mut now_ms = NOW_MS;
        let mut stored = BTreeMap::new();
        let mut on_disk = Progress::new();
        let mut progress = on_disk.clone();
        while now_ms < NOW_MS + 30 * HOUR_MS {
            let found = match next_step(&mut progress, now_ms, &policy) {
                Step::ReadPage => {
                    let (found, next) =
                        read_page(&history, progress.pull.as_ref().unwrap(), now_ms, page_size);
                    page_read(
                        &mut progress,
                        &see(&history, &found, now_ms),
                        next,
                        now_ms,
                        &policy,
                    );
                    found
                }
                Step::ReadByIds { run_ids, from_ms } => {
                    let found: Vec<usize> = run_ids.iter().map(|id| id.parse().unwrap()).collect();
                    assert!(
                        found.iter().all(|&n| history[n].start_ms >= from_ms),
                        "seed {seed}: a bound hides a run"
                    );
                    ids_read(
                        &mut progress,
                        &run_ids,
                        &see(&history, &found, now_ms),
                        now_ms,
                        &policy,
                    );
                    found
                }
                Step::Rest { until_ms } => {
                    now_ms = until_ms.max(now_ms) + random.i64(0..20 * 60_000);
                    continue;
                }
            };
            now_ms += random.i64(1..2_000);
            match random.u8(..10) {
                0 => progress = on_disk.clone(), // died before the answer was stored
                fate => {
                    stored.extend(
                        found
                            .iter()
                            .map(|&n| (n, version(&history[n], now_ms - 2_000))),
                    );
                    on_disk = Progress::from_value(&progress.to_value()).unwrap();
                    if fate == 1 {
                        progress = on_disk.clone(); // died after it
                    }
                }
            }
        }
        for (n, run) in history.iter().enumerate() {
            let found = stored.get(&n);
            assert_eq!(
                found,
                Some(&(true, true)),
                "seed {seed}, run {n} from {}",
                run.start_ms - NOW_MS
            );
        }
    }
}
