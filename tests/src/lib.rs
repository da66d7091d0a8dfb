//! What the end-to-end tests share: a folder with a coordinator in it, and the three witnesses of what it does.
//! It judges only what must hold in every test; the rest is the tests' own.
//!
//! # Layout
//!
//! - `agents`: writes agents.toml.
//! - `scene`: a folder of its own for each test, and the coordinator in it; checks the invariants at the end.
//! - `coordinator`: one running coordinator and how it ends.
//! - `database`, `rows`: first witness, the rows, read by a connection of the tests' own.
//! - `control_groups`: those that a coordinator has made, found without its help.
//! - `processes`: second witness, `/proc`.
//! - `status`: third witness, `coordinator status --json`.
//! - `invariants`: what must hold at the end of every test.
//! - `killing`: kills coordinators at random instants and counts what was lost.
//! - `wait`: waiting for a condition, with what was seen last.

mod agents;
pub mod control_groups;
mod coordinator;
mod database;
mod invariants;
pub mod killing;
pub mod processes;
mod rows;
mod scene;
mod status;
mod wait;

pub use agents::AgentsFile;
pub use coordinator::{Coordinator, Ended};
pub use database::Database;
pub use rows::{EventRow, InstanceRow, InvocationRow};
pub use scene::{Scene, program};
pub use status::StatusLine;
pub use wait::{PATIENCE, let_time_pass, now_ms, wait_for_condition, wait_for_condition_within};
