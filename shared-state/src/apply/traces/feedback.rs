//! Reads LangSmith's `feedback_stats` of a run into counts and exact sums, by key. It judges no score.

use std::collections::HashMap;

use bigdecimal::BigDecimal;
use rusqlite::{Connection, params};
use serde_json::{Map, Value};

use super::cell::parse_decimal;
use crate::trace_rollup::Feedback;

/// Keys of one run that are counted, in the order of their names; LangSmith's own evaluators write a few.
const KEYS_PER_RUN_MAX: usize = 64;
/// Keys of a project that are counted by name. Others are counted together.
const KEYS_PER_PROJECT_MAX: usize = 200;
/// A longer key is counted with the others.
const KEY_BYTES_MAX: usize = 200;
/// The name of what is counted together.
const OTHER: &str = "(other)";
/// More is no count of feedback.
const COUNT_MAX: i64 = 1_000_000_000;

const KEYS: &str = "SELECT key FROM trace_feedback_keys WHERE project_no = ?1";
const ADD: &str = "INSERT INTO trace_feedback_keys (project_no, key) VALUES (?1, ?2)";

/// The keys that are counted by name. A key never leaves, so that what was counted under a name stays there.
#[derive(Debug, Default)]
pub(super) struct FeedbackKeys(HashMap<i64, Vec<String>>);

impl FeedbackKeys {
    /// What the feedback of a run adds, by key.
    pub(super) fn read(
        &mut self,
        connection: &Connection,
        project_no: i64,
        text: Option<&str>,
    ) -> rusqlite::Result<Vec<(String, Feedback)>> {
        let Some(text) = text.filter(|text| text.len() > 2) else {
            return Ok(Vec::new());
        };
        let stats: Map<String, Value> = serde_json::from_str(text).unwrap_or_default();
        let mut keys: Vec<_> = stats
            .iter()
            .filter_map(|(key, stat)| Some((key, given(stat)?)))
            .collect();
        keys.sort_by_key(|(key, _)| *key);
        keys.truncate(KEYS_PER_RUN_MAX);
        keys.into_iter()
            .map(|(key, given)| Ok((self.name(connection, project_no, key)?, given)))
            .collect()
    }

    fn name(
        &mut self,
        connection: &Connection,
        project_no: i64,
        key: &str,
    ) -> rusqlite::Result<String> {
        if let std::collections::hash_map::Entry::Vacant(vacant) = self.0.entry(project_no) {
            let keys = connection
                .prepare_cached(KEYS)?
                .query_map([project_no], |row| row.get(0))?
                .collect::<rusqlite::Result<_>>()?;
            vacant.insert(keys);
        }
        let known = self.0.entry(project_no).or_default();
        if known.iter().any(|known| known == key) {
            return Ok(key.to_owned());
        }
        if known.len() >= KEYS_PER_PROJECT_MAX || key.len() > KEY_BYTES_MAX {
            return Ok(OTHER.to_owned());
        }
        connection
            .prepare_cached(ADD)?
            .execute(params![project_no, key])?;
        known.push(key.to_owned());
        Ok(key.to_owned())
    }

    pub(super) fn forget(&mut self) {
        self.0.clear();
    }
}

/// `n`, and `n` times `avg` where there is a score. The average is taken with the digits it was sent with.
fn given(stat: &Value) -> Option<Feedback> {
    let count = stat
        .get("n")?
        .as_i64()
        .filter(|n| (1..=COUNT_MAX).contains(n))?;
    let mean = match stat.get("avg") {
        Some(Value::Number(number)) => parse_decimal(&number.to_string()),
        Some(Value::String(text)) => parse_decimal(text),
        _ => None,
    };
    Some(match mean {
        Some(mean) => Feedback {
            count,
            scored: count,
            sum: mean * BigDecimal::from(count),
        },
        None => Feedback {
            count,
            ..Feedback::default()
        },
    })
}
