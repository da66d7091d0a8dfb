//! `kill -9` of the coordinator at random instants: agents go with it, nothing committed is lost, nothing doubles (F31).
//! Agents that refuse to go with it are the matter of `survivors_of_a_killed_coordinator`; `scripts/soak` kills more often.

use end_to_end::{killing, now_ms};

const KILLS: usize = 200;
/// Two for each processor of a small machine: most of their time they wait.
const BESIDE: usize = 4;

#[test]
fn two_hundred_kills_lose_nothing_and_double_nothing() {
    let seed = u64::try_from(now_ms()).unwrap();
    println!("seed {seed}");
    let counts = killing::kill_at_random_instants(KILLS, BESIDE, seed);
    println!("{counts}");
    assert!(counts.is_clean(), "{counts}");
    assert_eq!(counts.kills, KILLS);
    assert!(
        counts.committed > 1000,
        "they had something to lose: {counts}"
    );
    assert!(counts.marked > KILLS / 2, "agents were running: {counts}");
}
