//! Tests of the real `trace-collector` over real connections.
//! They do not involve the coordinator: the tests read what it would read and answer as it would, or not at all.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod admission;
mod collector;
mod receiving;
mod storing;
