//! The SDK and the one-file agents as real processes over pipes. One binary, so that the harness is built once.

mod acknowledgement;
mod common;
mod ending;
mod liveness;
mod one_file_agents;
mod standalone;
