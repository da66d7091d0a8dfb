//! Starts each agent as its own process, keeps it alive, reads what it says, and is the only writer of the database.
//! What happens to an instance is decided in `lifecycle`; how rows are stored, in `shared-state`.
//!
//! # Layout, in the direction of the data
//!
//! - `cli`, `verbs`: the command line and its commands. `run`: a coordinator put together and taken apart. `exit`: exit codes.
//!   `logging`, `journal`, `own_log`, `own_events`: the coordinator's own log and events.
//! - `lock`, `survivors`: one coordinator for each database; what a dead one left is ended.
//! - `registration`, `instance`, `policy`, `attributes`: an agent as it was configured and as the database knows it.
//! - `supervisor`: starts one task for each instance, passes on dependencies and signals, stops them in order.
//! - `agent_task`: the owner of one instance. `process`: starting, signalling and reaping. `cgroup`: a control group for each invocation.
//! - `intake`, `outbox`: what an agent says and is told. `agent_log`: the log files of agents.
//! - `board`, `words`: what is true now, and how it is said. `shared`: what all tasks use.
//! - `logs`, `events`: the verbs that only read, with `output` for what they print.
//! - `changes`: what a reload did. `describe`: all that is known of an agent. `top`: the live view.
//! - `check`, `init`, `backup`, `shells`: the verbs that need no coordinator.
//! - `fuzzing`: what `fuzz/` feeds of the control protocol.
//! - `handover`: what goes to the program that replaces this one in place.
//! - `control`: the Unix socket and `status`. `systemd`: readiness, status text, watchdog. `text_pages`: memory. `clock`, `proc_stat`, `proc_tree`: small readings.

mod agent_log;
mod agent_task;
mod attributes;
mod backup;
mod board;
mod cgroup;
mod changes;
mod check;
mod cli;
mod clock;
mod control;
mod describe;
mod events;
mod exit;
#[doc(hidden)]
pub mod fuzzing;
mod handover;
mod init;
mod instance;
mod intake;
mod journal;
mod lock;
mod logging;
mod logs;
mod outbox;
mod output;
mod own_events;
mod own_log;
mod policy;
mod proc_stat;
mod proc_tree;
mod process;
mod registration;
mod run;
mod shared;
mod shells;
mod supervisor;
mod survivors;
mod systemd;
mod text_pages;
mod top;
mod verbs;
mod words;

use exit::Exit;
pub use verbs::start;
