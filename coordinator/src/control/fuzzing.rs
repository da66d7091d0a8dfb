//! Lines of the protocol read as server and client read them, for `crate::fuzzing`. It asks and answers nothing.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Request, Response};
use crate::fuzzing::Understood;

/// A question, as the server reads it.
pub fn read_request(line: &[u8]) -> Understood {
    read::<Request>(line)
}

/// An answer, as the client reads it.
pub fn read_response(line: &[u8]) -> Understood {
    read::<Response>(line)
}

fn read<T: Serialize + DeserializeOwned>(line: &[u8]) -> Understood {
    let understood: T = serde_json::from_slice(line).ok()?;
    Some(serde_json::to_value(understood).expect("what was read can be written"))
}
