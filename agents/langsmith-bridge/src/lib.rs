//! Pulls runs from LangSmith and hands them, together with its place in them, to the coordinator.
//! It does not store anything itself and shows no figure that it did not receive.
//!
//! # Layout, in the order in which data flows
//! * `settings`, `selection`, `environment`, `profile`, `endpoint`, `api_key`: what to ask, where, and as whom.
//! * `bridge`: the agent; one round of work after another. `trouble`: what stops a round. `check`: what `--check` does instead.
//! * `plan`, `progress`: which question comes next, and what is remembered. Pure.
//! * `puller`, `project`: doing what the plan says.
//! * `connection`, `asker`, `request_class`, `pace`, `retry`, `client`, `ask_error`: one question over HTTP, its limits and its failures.
//!   `deprecation`: what the answers say of the API's future.
//! * `query`, `page`, `run_row`, `timestamp`: bodies, answers, rows.
//! * `store`, `sent`, `figures`: rows and cursor to the coordinator, figures to the heartbeat. `dry_run` instead of a store,
//!   `bar` for a person at a terminal.

mod api_key;
mod ask_error;
mod asker;
mod bar;
mod bridge;
mod check;
mod client;
mod connection;
mod deprecation;
mod dry_run;
mod endpoint;
mod environment;
mod figures;
mod pace;
mod page;
mod plan;
mod profile;
mod progress;
mod project;
mod puller;
mod query;
mod request_class;
mod retry;
mod run_row;
mod selection;
mod sent;
mod settings;
mod store;
mod timestamp;
mod trouble;

pub use bridge::LangSmithBridge;
pub use settings::Settings;
