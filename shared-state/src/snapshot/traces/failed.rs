//! Failed runs of some series, grouped by their message: counted one by one from an index that holds failed runs only. All
//! series together are counted from roll-ups, see `errors`.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use rusqlite::params;

use super::runs::{BY_NUMBER, run};
use super::{Result, Snapshot, unsigned};
use crate::{TimeMs, TraceErrorGroup, TraceErrors};

/// Failed runs looked at, some ten milliseconds' worth.
const LOOKED_AT_MAX: i64 = 50_000;

const FAILED: &str = "
    SELECT run_no, error_group_no, series_no, is_root FROM trace_runs
    WHERE error_group_no IS NOT NULL AND project_no = ?1 AND start_us >= ?2 * 1000 AND start_us < ?3 * 1000
    ORDER BY start_us DESC LIMIT ?4";

#[cfg(test)]
pub(super) const QUERIES: &[(&str, &str)] = &[("FAILED", FAILED)];

struct Group {
    runs: i64,
    roots: i64,
    newest_no: i64,
}

impl Snapshot<'_> {
    pub(super) fn trace_errors_of(
        &self,
        project_no: i64,
        chosen: &HashSet<i64>,
        (from_ms, to_ms): (TimeMs, TimeMs),
        limit: usize,
    ) -> Result<TraceErrors> {
        let mut statement = self.connection.prepare_cached(FAILED)?;
        let mut rows = statement.query(params![project_no, from_ms, to_ms, LOOKED_AT_MAX])?;
        let (mut groups, mut looked_at) = (HashMap::<i64, Group>::new(), 0);
        while let Some(row) = rows.next()? {
            looked_at += 1;
            if !chosen.contains(&row.get(2)?) {
                continue;
            }
            let newest_no = row.get(0)?;
            let group = groups.entry(row.get(1)?).or_insert(Group {
                runs: 0,
                roots: 0,
                newest_no,
            });
            group.runs += 1;
            group.roots += row.get::<_, Option<i64>>(3)?.unwrap_or(0);
        }
        let mut groups: Vec<_> = groups.into_iter().collect();
        groups.sort_by_key(|(group_no, group)| (Reverse(group.runs), *group_no));
        groups.truncate(limit);
        let groups = groups.into_iter().map(|(group_no, group)| {
            Ok(TraceErrorGroup {
                group_no,
                message: self.trace_error_message(group_no)?,
                runs: unsigned(group.runs),
                roots: unsigned(group.roots),
                example: self.one(BY_NUMBER, [group.newest_no], run)?,
            })
        });
        Ok(TraceErrors {
            groups: groups.collect::<Result<_>>()?,
            is_partial: looked_at >= LOOKED_AT_MAX,
        })
    }
}
