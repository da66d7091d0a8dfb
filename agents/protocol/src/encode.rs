//! One message to one line. It does not write it anywhere.

use serde::Serialize;
use thiserror::Error;

use crate::LINE_BYTES_MAX;

/// Why a message cannot be sent.
#[derive(Debug, Error)]
pub enum EncodeError {
    /// The other side would cut the line.
    #[error(
        "encode a message: {bytes} bytes are over the limit of {LINE_BYTES_MAX}; send less in one message"
    )]
    TooLong {
        /// Length of the line without its newline.
        bytes: usize,
    },
    /// Not JSON, such as a map whose keys are not strings.
    #[error("encode a message as JSON")]
    Json(#[source] serde_json::Error),
}

/// Encodes a message as one line of JSON with its newline. A figure that is not finite becomes `null`, which
/// [`decode`](crate::decode()) leaves out.
pub fn encode<T: Serialize + ?Sized>(message: &T) -> Result<Vec<u8>, EncodeError> {
    let mut line = serde_json::to_vec(message).map_err(EncodeError::Json)?;
    if line.len() > LINE_BYTES_MAX {
        return Err(EncodeError::TooLong { bytes: line.len() });
    }
    line.push(b'\n');
    Ok(line)
}
