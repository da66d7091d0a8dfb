//! Takes traces from LangSmith's own clients over HTTP and hands them to the coordinator: what is acknowledged is on disk.
//! It does not store anything itself and shows no figure that it did not receive.
//!
//! # Layout, in the order in which data flows
//! * `settings`, `api_key`: what is allowed, and who.
//! * `collector`: the agent. `server`: connections. `guard`, `limits`: who may ask, and how much at once.
//! * `routes`, `info`, `sessions`, `answer`, `refusal`: paths and answers. `app`: what they share.
//! * `body` → `decode` → `multipart` → `submission`: from bytes to what was sent. Pure but for `body`.
//! * `otlp`, `otlp_span`: spans of OpenTelemetry as runs. Pure.
//! * `facts`, `dotted_order`, `usage`, `feedback`, `project` → `row`: from what was sent to rows. Pure.
//! * `intake`, `known_runs`: rows in the light of earlier requests. `store`: rows to the coordinator. `figures`, `describe`: counts and lines for people.

mod answer;
mod api_key;
mod app;
mod body;
mod collector;
mod decode;
mod describe;
mod dotted_order;
mod facts;
mod feedback;
mod figures;
mod guard;
mod info;
mod intake;
mod known_runs;
mod limits;
mod multipart;
mod otlp;
mod otlp_span;
mod project;
mod refusal;
mod routes;
mod row;
mod server;
mod sessions;
mod settings;
mod store;
mod submission;
mod usage;

pub use collector::TraceCollector;
pub use decode::{Encoding, decode};
pub use facts::read_run;
pub use feedback::Feedback;
pub use info::info;
pub use multipart::{Part, boundary, split};
pub use project::project_id;
pub use refusal::Refusal;
pub use row::RunRow;
pub use settings::{Content, Contents, Settings};
pub use submission::{Attachment, Fields, Operation, SentRun, Submission};
