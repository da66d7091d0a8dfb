//! Pulls runs from LangSmith and hands them, together with its place in them, to the coordinator.
//! It does not store anything itself and shows no figure that it did not receive.
//!
//! # Layout, in the order in which data flows
//! * `flags`, `spans`, `agents_file`, `settings`, `selection`, `environment`, `profile`, `endpoint`, `api_key`: what to ask, where, and as whom.
//! * `bridge`: the agent; one round of work after another. `trouble`: what stops a round. `check`, `check_questions`: what `--check` does instead.
//! * `plan`, `days`: which question comes next. `reading`, `following`: what an answer means. `progress`, `pull`: what is remembered. Pure.
//! * `puller`, `windows`, `ask_page`, `ahead`, `committing`, `refusals`, `server_questions`, `place`, `day_count`, `project`, `api_choice`, `refused_fields`: doing what the
//!   plan says, for several projects in turn.
//! * `connection`, `asker`, `request_class`, `pace`, `learned_rates`, `retry`, `client`, `ask_error`: one question over HTTP, its limits and its failures.
//!   `deprecation`: what the answers say of the API's future.
//! * `query`, `page`, `map_run`, `run_row`, `timestamp`: bodies, answers, rows.
//! * `store`, `sent`, `figures`: rows and cursor to the coordinator, figures to the heartbeat. `freshness`: how fresh each project is. `dry_run` instead of a store,
//!   `bar` for a person at a terminal.

mod abandoned;
mod agents_file;
mod ahead;
mod api_choice;
mod api_key;
mod ask_error;
mod ask_page;
mod asker;
mod bar;
mod bridge;
mod check;
mod check_questions;
mod client;
mod committing;
mod connection;
mod day_count;
mod days;
mod deprecation;
mod dry_run;
mod endpoint;
mod environment;
mod figures;
mod flags;
mod following;
mod freshness;
mod learned_rates;
mod map_run;
mod pace;
mod page;
mod place;
mod plan;
mod profile;
mod progress;
mod project;
mod pull;
mod puller;
mod query;
mod reading;
mod refusals;
mod refused_fields;
mod request_class;
mod retry;
mod run_row;
mod selection;
mod sent;
mod server_questions;
mod settings;
mod spans;
mod store;
mod timestamp;
mod trouble;
mod windows;

pub use bridge::LangSmithBridge;
pub use settings::Settings;
