//! LangSmith's own Python SDK against the real programs: what it sends has to be what is stored, and what it reads.
//! One module for each promise; what the SDK does stands in tests/python.

mod killed;
mod local_traces;
mod program;
mod rated;
mod rows;
mod spans;
mod vouching;
