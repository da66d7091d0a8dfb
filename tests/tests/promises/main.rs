//! What a user is promised, against the real binaries. One module for each promise.
//! What happens when things go wrong is in the test binary `faults`.

mod check_command;
mod control_verbs;
mod default_agents;
mod dependencies;
mod dependency_conditions;
mod describe_and_wait;
mod env_example;
mod events_verb;
mod exit_codes;
mod exit_codes_of_verbs;
mod heartbeat_timeout;
mod interrupt;
mod key_stays_secret;
mod langsmith_kills;
mod log_files;
mod logs_verb;
mod max_age;
mod nothing_invented;
mod offline_verbs;
mod own_log;
mod plain_programs;
mod precedence;
mod process_attributes;
mod puppet_itself;
mod reload;
mod reset_verb;
mod restarts;
#[path = "../sdk/rows.rs"]
mod rows;
mod scale;
mod schedule;
mod scripts_run;
mod service_manager;
mod shared_state;
mod status_command;
mod stop_order;
mod terminal;
mod top;
mod upgrade;
