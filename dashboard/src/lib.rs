//! The dashboard: shows in a browser what the coordinator recorded. It reads one SQLite file and writes nothing.
//!
//! # Layout
//!
//! - `environment`, `settings`, `token`: what it is told at the start.
//! - `observer` → `view`: one thread watches the file; what all pages share is read and rendered once.
//! - `store`, `log_tail`, `questions`: what only one page needs, in bounded pieces.
//! - `traces`: what the page of traces shows of one moment, and how fresh it is.
//! - `verdict`, `words`, `text`, `bars`, `sparks`: from rows to what people read.
//! - `parts`, `pages`: HTML in pieces that can be sent again one by one.
//! - `query`, `screen`, `stream`: a page as the URL describes it, shown once or kept live.
//! - `api`, `prometheus`: the same for programs.
//! - `guard`, `problem`, `router`, `assets`, `serve`: HTTP.
//!
//! Architecture invariant: nothing here opens the database for writing or makes a file beside it.

pub mod api;
pub mod app;
pub mod assets;
pub mod bars;
pub mod environment;
pub mod guard;
pub mod log_tail;
pub mod observer;
pub mod pages;
pub mod parts;
pub mod problem;
pub mod prometheus;
pub mod query;
pub mod questions;
pub mod router;
pub mod screen;
pub mod serve;
pub mod settings;
pub mod sparks;
pub mod store;
pub mod stream;
pub mod text;
pub mod token;
pub mod traces;
pub mod verdict;
pub mod view;
pub mod words;
