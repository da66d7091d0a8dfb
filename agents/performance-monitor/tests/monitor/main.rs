//! The real performance monitor over pipes, its figures against what the system says by other ways.
//! One binary, so that the harness is built once. This process is the coordinator of the monitors under test.

mod agents;
mod common;
mod host;
mod warnings;
