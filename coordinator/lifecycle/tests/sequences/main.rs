//! Random sequences of events against the machine: each invariant is a function named as a sentence, in `invariants`.
//! A failing sequence is printed, shrunk, and kept in `regressions.txt`, from which the next run replays it first.
//! `PROPTEST_CASES=10000` looks further.
//!
//! - `input`: random policies, acts and events.
//! - `world`: a caller that keeps the contract (an answer to each spawn, time only forward), and what it saw.
//! - `invariants`: what must hold of everything that it saw; `invariants_of_time` of age, schedule and reset.
//! - `any_order`: callers that keep no contract at all.

mod any_order;
mod input;
mod invariants;
mod invariants_of_time;
mod world;

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

use input::{acts, policy};
use invariants::*;
use invariants_of_time::*;
use world::{History, live_through};

fn config() -> ProptestConfig {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/sequences/regressions.txt"
    );
    ProptestConfig {
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(file))),
        ..ProptestConfig::default()
    }
}

/// One test for each invariant, so that a broken one is named by the test that fails.
macro_rules! hold_in_every_sequence {
    ($($name:ident),+ $(,)?) => {
        mod every_sequence {
            use super::*;
            proptest! {
                #![proptest_config(config())]
                $(
                    #[test]
                    fn $name(policy in policy(), acts in acts()) {
                        let history: History = live_through(&policy, &acts);
                        super::$name(&history)?;
                    }
                )+
            }
        }
    };
}

hold_in_every_sequence! {
    a_deadline_that_came_is_settled,
    a_due_time_starts_nothing_beside_a_run_and_nothing_unwanted,
    a_goal_of_down_leaves_nothing_but_an_ending,
    a_replacement_for_age_is_no_failure,
    a_run_that_was_put_off_follows_the_one_before_and_never_more_than_one_waits,
    backoff_is_never_above_its_cap,
    delays_and_attempts_count_failures_in_a_row,
    every_phase_that_waits_for_time_has_a_deadline,
    fatal_of_an_essential_agent_gives_up_and_never_retries,
    never_acts_before_the_deadline,
    never_judges_silence_that_it_slept_through,
    never_more_restarts_in_any_window_than_allowed,
    never_more_short_lived_in_a_row_than_allowed,
    never_signals_nobody,
    never_spawns_while_the_goal_is_down,
    never_two_processes_at_once,
    no_process_is_replaced_before_its_age_or_runs_beyond_it,
    reset_makes_the_next_attempt_now_and_disturbs_nothing_that_lives,
    stop_is_followed_by_kill_in_time,
    stop_then_gone_always_ends_down,
    what_finished_is_started_by_hand_or_schedule_only,
}
