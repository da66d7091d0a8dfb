//! Sends rows and waits until they are on disk. It does not know what the rows are.

use std::time::Duration;

use agent_protocol::{Cursor, EncodeError, LINE_BYTES_MAX, Nack, Records, encode};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};
use thiserror::Error;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::debug;

use crate::Context;
use crate::output::WriteError;
use crate::stop::Why;

/// Longer than a coordinator's disk is allowed to be busy (its own limit is half of this).
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
/// First wait after a refusal that may heal; doubled up to `RETRY_WAIT_MAX`.
const RETRY_WAIT: Duration = Duration::from_millis(250);
const RETRY_WAIT_MAX: Duration = Duration::from_secs(5);
/// Waiting for the coordinator is no hang of the agent, so it beats meanwhile, well within a usual heartbeat timeout.
const BEAT_EVERY: Duration = Duration::from_secs(5);
/// Messages that may be on their way to the coordinator at once: enough for its disk not to wait for the next one, few enough
/// that what has to be sent again after a failure stays small.
const IN_FLIGHT_MAX: usize = 8;
/// Room for everything of the message but its rows and its cursor.
const ENVELOPE_BYTES: usize = 1024;

/// Why rows are not known to be stored. Sending the same rows again is always safe: each replaces itself.
#[derive(Debug, Error)]
pub enum RecordsError {
    /// The coordinator refuses them.
    #[error("store records: {reason}")]
    Refused {
        /// Why, for people.
        reason: String,
    },
    /// No answer came in time, or none but "later".
    #[error("store records: no acknowledgement within {ANSWER_WITHIN:?}{last_refusal}")]
    NotInTime {
        /// What the coordinator said last, if anything; begins with a semicolon.
        last_refusal: String,
    },
    /// The agent has to end and its grace is over, or nobody reads its stdout.
    #[error("store records: the agent has to end")]
    Stopping,
    /// One row alone is longer than a line may be.
    #[error("store records")]
    Encode(#[from] EncodeError),
}

impl Context {
    /// Sends rows together with the cursor that they advance and waits until all are on disk. Rows that do not fit into one
    /// line go in several messages, the cursor in the last of them, which is sent once the others are on disk: it never runs
    /// ahead of its rows.
    ///
    /// An agent that runs alone has nobody who stores: the rows are printed and count as accepted.
    pub async fn records(
        &self,
        kind: &str,
        rows: Vec<Value>,
        cursor: Option<Cursor>,
    ) -> Result<(), RecordsError> {
        let rows = rows.iter().map(to_raw_value).collect::<Result<Vec<_>, _>>();
        let rows = rows.map_err(EncodeError::Json)?;
        self.raw_records(kind, &rows, cursor).await
    }

    /// The same with rows that are JSON already and go into the line as they are.
    pub async fn raw_records(
        &self,
        kind: &str,
        rows: &[impl AsRef<RawValue>],
        cursor: Option<Cursor>,
    ) -> Result<(), RecordsError> {
        let rows = rows.iter().map(AsRef::as_ref).collect();
        let mut parts = split(rows, cursor.as_ref())?;
        // The cursor waits for what it covers; without one there is nothing to wait with.
        let last = cursor.as_ref().map(|_| parts.pop().unwrap_or_default());
        for some in parts.chunks(IN_FLIGHT_MAX) {
            self.store_together(kind, some).await?;
        }
        match last {
            Some(rows) => self.store(kind, &rows, cursor.as_ref()).await,
            None => Ok(()),
        }
    }

    /// Stores several messages of rows, all of which may be on their way at once. One that is refused for now is sent again
    /// once the answers to the others are there.
    async fn store_together(
        &self,
        kind: &str,
        parts: &[Vec<&RawValue>],
    ) -> Result<(), RecordsError> {
        let deadline = Instant::now() + ANSWER_WITHIN;
        let mut sent = Vec::new();
        for rows in parts {
            sent.push(self.send_once(kind, rows, None)?);
        }
        for (mut sent, rows) in sent.into_iter().zip(parts) {
            match self.wait_for_answer(&mut sent, deadline).await? {
                Answer::Stored => {}
                Answer::Refused(Nack {
                    retry: false,
                    reason,
                    ..
                }) => return Err(RecordsError::Refused { reason }),
                Answer::Refused(_) => self.store(kind, rows, None).await?,
                Answer::Silence => {
                    let last_refusal = String::new();
                    return Err(RecordsError::NotInTime { last_refusal });
                }
            }
        }
        Ok(())
    }

    async fn store(
        &self,
        kind: &str,
        rows: &[&RawValue],
        cursor: Option<&Cursor>,
    ) -> Result<(), RecordsError> {
        let deadline = Instant::now() + ANSWER_WITHIN;
        let mut wait = RETRY_WAIT;
        let mut last_refusal = String::new();
        loop {
            let mut sent = self.send_once(kind, rows, cursor)?;
            match self.wait_for_answer(&mut sent, deadline).await? {
                Answer::Stored => return Ok(()),
                Answer::Silence => return Err(RecordsError::NotInTime { last_refusal }),
                Answer::Refused(Nack {
                    retry: false,
                    reason,
                    ..
                }) => {
                    return Err(RecordsError::Refused { reason });
                }
                Answer::Refused(Nack { reason, .. }) => {
                    debug!("records are refused for now: {reason}");
                    last_refusal = format!("; the coordinator said: {reason}");
                }
            }
            let again_at = Instant::now() + wait;
            if again_at >= deadline {
                return Err(RecordsError::NotInTime { last_refusal });
            }
            tokio::select! {
                () = sleep_until(again_at) => {}
                () = self.0.stop.wait_until_over() => return Err(RecordsError::Stopping),
            }
            wait = (wait * 2).min(RETRY_WAIT_MAX);
        }
    }

    /// Writes one message; the answer comes later.
    fn send_once(
        &self,
        kind: &str,
        rows: &[&RawValue],
        cursor: Option<&Cursor>,
    ) -> Result<Sent<'_>, RecordsError> {
        let (id, answer) = self.0.pending.expect_answer();
        // Whatever ends the wait early, the entry is taken back.
        let taken_back = TakenBack { context: self, id };
        let message = RawRecords {
            id,
            kind,
            rows,
            cursor,
        };
        match self.0.form.write_records(&message) {
            Ok(()) => {}
            Err(WriteError::Encode(error)) => return Err(error.into()),
            Err(WriteError::Closed(_)) => {
                self.0.stop.request(Why::OutputClosed, None);
                return Err(RecordsError::Stopping);
            }
        }
        Ok(Sent {
            answer,
            _taken_back: taken_back,
        })
    }

    async fn wait_for_answer(
        &self,
        sent: &mut Sent<'_>,
        deadline: Instant,
    ) -> Result<Answer, RecordsError> {
        if !self.is_supervised() {
            return Ok(Answer::Stored);
        }
        while Instant::now() < deadline {
            let within = BEAT_EVERY.min(deadline - Instant::now());
            tokio::select! {
                biased;
                answer = timeout(within, &mut sent.answer) => match answer {
                    Ok(Ok(Ok(()))) => return Ok(Answer::Stored),
                    Ok(Ok(Err(nack))) => return Ok(Answer::Refused(nack)),
                    Ok(Err(_)) => unreachable!("the entry is removed only by an answer or by this function"),
                    Err(_) => self.progress("waiting for the coordinator to store records"),
                },
                () = self.0.stop.wait_until_over() => return Err(RecordsError::Stopping),
            }
        }
        Ok(Answer::Silence)
    }
}

/// What [`agent_protocol::AgentMessage::Records`] is on the wire, with rows that are JSON already.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Message<'a> {
    Records(&'a RawRecords<'a>),
}

#[derive(Serialize)]
pub(crate) struct RawRecords<'a> {
    id: u64,
    kind: &'a str,
    rows: &'a [&'a RawValue],
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<&'a Cursor>,
}

impl RawRecords<'_> {
    /// What people are told of it: how many rows, not which.
    pub(crate) fn summary(&self) -> Records {
        Records {
            id: self.id,
            kind: self.kind.to_owned(),
            rows: vec![RawValue::NULL.to_owned(); self.rows.len()],
            cursor: self.cursor.cloned(),
        }
    }
}

/// A message that was written.
struct Sent<'a> {
    answer: oneshot::Receiver<Result<(), Nack>>,
    _taken_back: TakenBack<'a>,
}

enum Answer {
    Stored,
    Refused(Nack),
    Silence,
}

struct TakenBack<'a> {
    context: &'a Context,
    id: u64,
}

impl Drop for TakenBack<'_> {
    fn drop(&mut self) {
        self.context.0.pending.give_up(self.id);
    }
}

/// Groups rows so that each group fits into a line, with the cursor's length reserved in every one of them.
fn split<'a>(
    rows: Vec<&'a RawValue>,
    cursor: Option<&Cursor>,
) -> Result<Vec<Vec<&'a RawValue>>, EncodeError> {
    let taken =
        ENVELOPE_BYTES + cursor.map_or(Ok(0), |cursor| encode(cursor).map(|line| line.len()))?;
    let room = LINE_BYTES_MAX.saturating_sub(taken);
    let mut groups: Vec<Vec<&RawValue>> = Vec::new();
    let mut used = room;
    for row in rows {
        let bytes = row.get().len() + 1; // the comma
        match groups.last_mut() {
            Some(group) if used + bytes <= room => {
                group.push(row);
                used += bytes;
            }
            // A row that is too long even alone fails when its own group is written.
            _ => {
                groups.push(vec![row]);
                used = bytes;
            }
        }
    }
    Ok(groups)
}

#[cfg(test)]
mod tests {
    use agent_protocol::AgentMessage;
    use serde_json::json;

    use super::*;

    #[test]
    fn rows_are_grouped_in_order_so_that_each_group_fits_into_a_line() {
        let rows: Vec<Box<RawValue>> = (0..100)
            .map(|n| to_raw_value(&json!({"n": n, "text": "x".repeat(10_000)})).unwrap())
            .collect();
        let cursor = Cursor {
            name: "runs".to_owned(),
            value: json!("y".repeat(20_000)),
        };
        let rows: Vec<&RawValue> = rows.iter().map(AsRef::as_ref).collect();
        let groups = split(rows.clone(), Some(&cursor)).unwrap();
        assert_eq!(groups.len(), 5);
        for rows in &groups {
            let message = Message::Records(&RawRecords {
                id: u64::MAX,
                kind: &"k".repeat(64),
                rows,
                cursor: Some(&cursor),
            });
            encode(&message).unwrap();
        }
        let text = |rows: &[&RawValue]| -> Vec<String> {
            rows.iter().map(|row| row.get().to_owned()).collect()
        };
        assert_eq!(text(&groups.concat()), text(&rows));
    }

    #[test]
    fn rows_of_json_are_the_same_message_on_the_wire() {
        let cursor = Cursor {
            name: "runs".to_owned(),
            value: json!(7),
        };
        let row = json!({"run_id": "a", "total_cost": "0.10"});
        let raw = Message::Records(&RawRecords {
            id: 3,
            kind: "langsmith_run",
            rows: &[&to_raw_value(&row).unwrap()],
            cursor: Some(&cursor),
        });
        let typed = AgentMessage::Records(Records {
            id: 3,
            kind: "langsmith_run".to_owned(),
            rows: vec![to_raw_value(&row).unwrap()],
            cursor: Some(cursor.clone()),
        });
        assert_eq!(encode(&raw).unwrap(), encode(&typed).unwrap());
    }

    #[test]
    fn no_rows_make_no_group() {
        assert!(split(Vec::new(), None).unwrap().is_empty());
    }
}
