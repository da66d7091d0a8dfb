//! Faults that other supervisors failed at, against the real binaries. One module for each behaviour.
//! What is promised of the normal case is in the test binary `promises`.

mod closed_stdout;
mod control_clients;
mod crash_loops;
mod damaged_database;
mod dead_leader_of_a_group;
mod dependency_that_cannot_be_met;
mod descriptors_and_environment;
mod endless_line;
mod exit_before_the_pid_is_recorded;
mod failing_exec;
mod flood;
mod full_disk;
mod heartbeat_timeout_begins;
mod held_pipe;
mod identity_comes_from_the_pipe;
mod ignoring_term;
mod jitter;
mod jumping_clock;
mod killed_coordinator;
mod last_bytes;
mod locked_database;
mod one_transaction;
mod orphans;
mod out_of_descriptors_and_processes;
mod parent_death_signal;
mod replaced_log_folder;
mod second_coordinator;
mod slow_stop;
mod start_after_stop;
mod strange_bytes;
mod stray_print;
mod survivors_of_a_killed_coordinator;
mod suspended_coordinator;
mod term_to_everybody;
mod whole_tree_dies;
