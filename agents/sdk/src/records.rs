//! Sends rows and waits until they are on disk. It does not know what the rows are.

use std::time::Duration;

use agent_protocol::{AgentMessage, Cursor, EncodeError, LINE_BYTES_MAX, Nack, Records, encode};
use serde_json::Value;
use thiserror::Error;
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
    /// Sends rows together with the cursor that they advance and waits until both are on disk. Rows that do not fit into one
    /// line go in several messages, one after the other, the cursor with the last: it never runs ahead of its rows.
    ///
    /// An agent that runs alone has nobody who stores: the rows are printed and count as accepted.
    pub async fn records(
        &self,
        kind: &str,
        rows: Vec<Value>,
        cursor: Option<Cursor>,
    ) -> Result<(), RecordsError> {
        let mut parts = split(rows, cursor.as_ref())?;
        let last = parts.pop().unwrap_or_default();
        for rows in parts {
            self.store(kind, rows, None).await?;
        }
        self.store(kind, last, cursor).await
    }

    async fn store(
        &self,
        kind: &str,
        rows: Vec<Value>,
        cursor: Option<Cursor>,
    ) -> Result<(), RecordsError> {
        let deadline = Instant::now() + ANSWER_WITHIN;
        let mut message = Records {
            id: 0,
            kind: kind.to_owned(),
            rows,
            cursor,
        };
        let mut wait = RETRY_WAIT;
        let mut last_refusal = String::new();
        loop {
            match self.store_once(&mut message, deadline).await? {
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

    async fn store_once(
        &self,
        message: &mut Records,
        deadline: Instant,
    ) -> Result<Answer, RecordsError> {
        let (id, mut answer) = self.0.pending.expect_answer();
        // Whatever ends this function early, the entry is taken back.
        let _taken_back = TakenBack { context: self, id };
        message.id = id;
        match self.0.form.write(&AgentMessage::Records(message.clone())) {
            Ok(()) => {}
            Err(WriteError::Encode(error)) => return Err(error.into()),
            Err(WriteError::Closed(_)) => {
                self.0.stop.request(Why::OutputClosed, None);
                return Err(RecordsError::Stopping);
            }
        }
        if !self.is_supervised() {
            return Ok(Answer::Stored);
        }
        while Instant::now() < deadline {
            let within = BEAT_EVERY.min(deadline - Instant::now());
            tokio::select! {
                biased;
                answer = timeout(within, &mut answer) => match answer {
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
fn split(rows: Vec<Value>, cursor: Option<&Cursor>) -> Result<Vec<Vec<Value>>, EncodeError> {
    let taken =
        ENVELOPE_BYTES + cursor.map_or(Ok(0), |cursor| encode(cursor).map(|line| line.len()))?;
    let room = LINE_BYTES_MAX.saturating_sub(taken);
    let mut groups: Vec<Vec<Value>> = Vec::new();
    let mut used = room;
    for row in rows {
        // The newline that `encode` adds stands for the comma.
        let bytes = encode(&row)?.len();
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
    use serde_json::json;

    use super::*;

    #[test]
    fn rows_are_grouped_in_order_so_that_each_group_fits_into_a_line() {
        let rows: Vec<Value> = (0..100)
            .map(|n| json!({"n": n, "text": "x".repeat(10_000)}))
            .collect();
        let cursor = Cursor {
            name: "runs".to_owned(),
            value: json!("y".repeat(20_000)),
        };
        let groups = split(rows.clone(), Some(&cursor)).unwrap();
        assert_eq!(groups.len(), 5);
        for rows in &groups {
            let message = AgentMessage::Records(Records {
                id: u64::MAX,
                kind: "k".repeat(64),
                rows: rows.clone(),
                cursor: Some(cursor.clone()),
            });
            encode(&message).unwrap();
        }
        assert_eq!(groups.concat(), rows);
    }

    #[test]
    fn no_rows_make_no_group() {
        assert!(split(Vec::new(), None).unwrap().is_empty());
    }
}
