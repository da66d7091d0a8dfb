//! What `fuzz/` feeds of the control protocol, as its types are nobody else's business. No part of the interface.
//! It judges nothing; the targets do.

use serde_json::Value;

pub use crate::control::fuzzing::{read_request, read_response};

/// The positions of the instances that these names mean, each given with its agent; or the first name that means none.
pub fn choose(instances: &[(String, String)], names: &[String]) -> Result<Vec<usize>, String> {
    crate::control::choose_by(
        instances,
        |(instance, agent)| (instance.as_str(), agent.as_str()),
        names,
    )
}

/// A question or answer as it was understood, written again.
pub type Understood = Option<Value>;
