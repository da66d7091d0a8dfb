//! Responsible for reading the body of a request: how much, how long, how compressed.
//! It does not know what is in it.

use std::time::Duration;

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http_body_util::BodyExt as _;
use tokio::sync::OwnedSemaphorePermit;

use crate::decode::{Encoding, decode};
use crate::limits::Limits;
use crate::refusal::Refusal;

/// A client that sends nothing more is not waited for; on loopback 20 MiB take a fraction of a second.
const BODY_WITHIN: Duration = Duration::from_secs(30);

/// The whole body, and the room it was given among all bodies.
pub(crate) struct ReadBody {
    pub(crate) bytes: Vec<u8>,
    pub(crate) room: OwnedSemaphorePermit,
}

/// Reads and decompresses. What a body may take at most is reserved first, and what it does not need is given back.
pub(crate) async fn read_body(
    limits: &Limits,
    headers: &HeaderMap,
    body: Body,
) -> Result<ReadBody, Refusal> {
    let bytes_max = limits.body_bytes_max;
    let header = |name| {
        headers
            .get(name)
            .and_then(|value: &axum::http::HeaderValue| value.to_str().ok())
    };
    let encoding = Encoding::of_header(header(CONTENT_ENCODING))?;
    let length: Option<u64> = header(CONTENT_LENGTH).and_then(|text| text.parse().ok());
    if length.is_some_and(|length| length > u64::from(bytes_max)) {
        return Err(too_large(bytes_max));
    }
    let sent_max = length
        .and_then(|length| u32::try_from(length).ok())
        .unwrap_or(bytes_max);
    let decoded_max = if encoding == Encoding::Identity {
        0
    } else {
        bytes_max
    };
    let mut room = limits.reserve(sent_max.saturating_add(decoded_max)).await?;
    let reading = collect(body, sent_max as usize, bytes_max);
    let sent = tokio::time::timeout(BODY_WITHIN, reading)
        .await
        .map_err(|_| {
            Refusal::new(
                408,
                format!("the body did not arrive within {BODY_WITHIN:?}"),
            )
        })??;
    let decoding = tokio::task::spawn_blocking(move || decode(sent, encoding, bytes_max as usize));
    let bytes = decoding
        .await
        .map_err(|_| Refusal::new(500, "reading the body failed"))??;
    if let Some(spare) = room.num_permits().checked_sub(bytes.len()) {
        drop(room.split(spare));
    }
    Ok(ReadBody { bytes, room })
}

async fn collect(mut body: Body, sent_max: usize, bytes_max: u32) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::with_capacity(sent_max.min(64 * 1024));
    while let Some(frame) = body.frame().await {
        let frame = frame
            .map_err(|error| Refusal::new(400, format!("the body ended in the middle: {error}")))?;
        if let Ok(data) = frame.into_data() {
            if bytes.len() + data.len() > sent_max {
                return Err(too_large(bytes_max));
            }
            bytes.extend_from_slice(&data);
        }
    }
    Ok(bytes)
}

fn too_large(bytes_max: u32) -> Refusal {
    Refusal::too_large(format!(
        "the body has more than {bytes_max} bytes; send fewer runs at once, or raise body_bytes_max"
    ))
}
