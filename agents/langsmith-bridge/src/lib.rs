//! Pulls runs from LangSmith and hands them, with its own place in them, to the coordinator.
//! It does not store anything itself and shows no figure that it did not receive.
//!
//! # Layout, in the order in which data flows
//! * `environment`, `endpoint`, `api_key`: where to ask and as whom.

mod api_key;
mod ask_error;
mod batch;
mod client;
mod decimal;
mod endpoint;
mod environment;
mod pace;
mod page;
mod plan;
mod progress;
mod project;
mod query;
mod retry;
mod run_row;
mod settings;
mod timestamp;
