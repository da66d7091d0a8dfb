//! The one SQLite file: written by one thread of one process, read by any number of others.
//! It judges nothing: it stores facts and answers bounded questions about them.
//!
//! # Layout
//!
//! - [`fact`](Fact): what can be recorded.
//! - `schema`: migrations by `user_version`, and the check of a file before it is touched.
//! - `open`: pragmas, the first transaction, the start of the writer thread.
//! - `job`, `queue`, `writer`, `thread`, `transact`, `answer`: two bounded queues, one thread, one transaction for what waits.
//! - `apply`: how each fact becomes rows.
//! - `trace_rollup`: what many LangSmith runs come to, exactly.
//! - `maintenance`: roll-ups and retention in small steps between batches.
//! - `reader`, `snapshot`: read-only access, one short transaction with a deadline.
//! - `backup`: a copy of the file while it is in use.

mod answer;
mod apply;
mod backup;
mod connection;
mod fact;
mod health;
mod job;
mod maintenance;
mod open;
mod queue;
mod reader;
mod registry;
mod rows;
mod schema;
mod snapshot;
mod thread;
mod trace_rollup;
mod trace_rows;
mod transact;
mod writer;

pub use backup::{Backup, BackupError, backup};
pub use fact::*;
pub use health::WriterHealth;
pub use maintenance::Retention;
pub use open::{Identity, LostInvocation, OpenError, Opened, WriterOptions, open_writer};
pub use reader::{InterruptHandle, Reader, ReaderError, ReaderMode};
pub use registry::{AgentRegistration, RegisteredInstance};
pub use rows::*;
pub use schema::{SCHEMA_VERSION, SchemaError, schema_sql};
pub use snapshot::{EventFilter, SeriesOf, Snapshot};
pub use thread::{CloseError, WriterThread};
pub use trace_rows::*;
pub use writer::{Dropped, WriteError, Writer};
