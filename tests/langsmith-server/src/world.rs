//! What exists on the server: projects, runs, what is odd about it, and the requests it has seen.
//! It parses no request bodies and builds no answers to queries.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::faults::{Fault, SelectRefusal};
use crate::question::{Refused, bad};
use crate::run_store::{Place, RunEdit, RunStore, TrueRun};
use crate::writing::Written;

/// The only key that the server knows.
pub const KEY: &str = "lsv2_pt_0123456789abcdef_contract";

/// The id of the project `default`.
pub const PROJECT: &str = "aaaaaaaa-0000-4000-8000-000000000001";

/// The id of the project `other`, which comes first in a list that is not filtered.
pub const OTHER_PROJECT: &str = "aaaaaaaa-0000-4000-8000-000000000002";

/// The state of the server; tests read and change it.
#[derive(Default)]
pub struct World {
    /// Names and ids.
    pub projects: Vec<(String, String)>,
    /// Where the server is.
    pub url: String,
    /// The workspace that owns the projects.
    pub tenant_id: String,
    /// What the server says it is.
    pub version: String,
    /// Where the key belongs to an organisation: the workspace that has to be named.
    pub needed_workspace: Option<&'static str>,
    /// Times leave out their zone in version 2 too.
    pub naive_times: bool,
    /// Each page begins with the last row of the page before.
    pub repeats_rows: bool,
    /// Fields of runs that are null are left out of answers.
    pub leaves_out_nulls: bool,
    /// A newer server without the older list of projects.
    pub only_v2_sessions: bool,
    /// An older server: nothing of version 2 exists.
    pub only_v1: bool,
    /// A newer server: runs cannot be queried by version 1.
    pub only_v2: bool,
    /// Answers of version 1 have no cursors, not even where there is more.
    pub leaves_out_cursors: bool,
    /// Bounds on the time of feedback are not understood.
    pub refuses_feedback_bounds: bool,
    /// Fields that the server does not know, and how it says so.
    pub refused_selects: (Vec<&'static str>, SelectRefusal),
    /// Runs that `runs/stats` does not count, as if it were behind.
    pub stats_leave_out: usize,
    /// Headers of every answer.
    pub headers: Vec<(&'static str, String)>,
    /// Every n-th run query fails with 503.
    pub fails_every: Option<u64>,
    /// Answers to the next requests whose path ends so.
    pub faults: Vec<(&'static str, Fault)>,
    /// Requests are checked against the document and kept; without it the server is as fast as it can be.
    pub is_strict: bool,
    /// What was asked: path and body.
    pub requests: Vec<(String, Value)>,
    /// What broke the contract.
    pub violations: Vec<String>,
    /// Run queries that were answered.
    pub queries: u64,
    /// Cursors that were given out: the body they belong to and the place of the next row.
    pub cursors: BTreeMap<String, (Value, (i64, String))>,
    /// What clients wrote: path and encoding of each request.
    pub writes: Vec<String>,
    pub(crate) written: Written,
    pub(crate) runs: RunStore,
    pub(crate) last_row: Option<usize>,
}

impl World {
    /// The projects `default` and `other`, without runs.
    pub fn new() -> Self {
        let projects = vec![
            ("other".into(), OTHER_PROJECT.into()),
            ("default".into(), PROJECT.into()),
        ];
        Self {
            projects,
            tenant_id: "cccccccc-0000-4000-8000-000000000001".into(),
            version: "0.16.0".into(),
            is_strict: true,
            ..Self::default()
        }
    }

    /// A world with `count` runs of the project `default`, evenly over the `span_ms` before `now_ms`: traces of a chain
    /// with a tool and a model call, with costs as number, text and null by turns.
    pub fn with_runs(count: usize, now_ms: i64, span_ms: i64) -> Self {
        let mut world = Self::new();
        for n in 0..count {
            let age_ms =
                span_ms * i64::try_from(count - n).unwrap() / i64::try_from(count).unwrap();
            world.add_run(n, now_ms - age_ms);
        }
        world
    }

    /// Adds the `n`-th run of the pattern, begun at `start_ms`, that has ended after two seconds.
    pub fn add_run(&mut self, n: usize, start_ms: i64) {
        self.put_run(crate::pattern::run(n, start_ms, PROJECT));
    }

    /// Adds a run, or replaces the one with its id.
    pub fn put_run(&mut self, run: TrueRun) {
        self.runs.put(run);
    }

    /// All runs.
    pub fn runs(&self) -> impl Iterator<Item = &TrueRun> {
        self.runs.all()
    }

    /// How many runs there are.
    pub fn run_count(&self) -> usize {
        self.runs.len()
    }

    /// The run with this id.
    pub fn run(&self, id: &str) -> Option<&TrueRun> {
        self.runs.find(id).map(|at| &self.runs.slot(at).run)
    }

    /// The run with the pattern's number, to be changed.
    pub fn run_mut(&mut self, n: usize) -> RunEdit<'_> {
        self.edit_run(&run_id(n)).expect("the run exists")
    }

    /// The run with this id, to be changed.
    pub fn edit_run(&mut self, id: &str) -> Option<RunEdit<'_>> {
        let at = self.runs.find(id)?;
        Some(self.runs.edit(at))
    }

    /// Changes every run in turn.
    pub fn edit_runs(&mut self, mut change: impl FnMut(&mut TrueRun)) {
        for at in 0..self.runs.len() {
            change(&mut self.runs.edit(at));
        }
    }

    /// Removes the project of this name with its runs.
    pub fn remove_project(&mut self, name: &str) {
        let gone: Vec<String> = (self.projects.iter())
            .filter(|(known, _)| known == name)
            .map(|(_, id)| id.clone())
            .collect();
        self.projects.retain(|(known, _)| known != name);
        gone.iter().for_each(|id| self.runs.remove_project(id));
    }

    /// Whether there is a project with this id.
    pub fn has_project(&self, id: &str) -> bool {
        self.projects.iter().any(|(_, known)| known == id)
    }

    /// The bodies of the run queries so far.
    pub fn run_queries(&self) -> Vec<&Value> {
        let queries = self
            .requests
            .iter()
            .filter(|(path, _)| path.ends_with("/runs/query"));
        queries.map(|(_, body)| body).collect()
    }

    pub(crate) fn note_request(&mut self, path: &str, body: &[u8]) {
        let body = serde_json::from_slice(body).unwrap_or_default();
        self.requests.push((path.to_owned(), body));
    }

    pub(crate) fn next_fault(&mut self, path: &str) -> Option<Fault> {
        let place = self
            .faults
            .iter()
            .position(|(suffix, _)| path.ends_with(suffix))?;
        Some(self.faults.remove(place).1)
    }

    /// Counts a run query; whether it is one that has to fail.
    pub(crate) fn counts_a_failure(&mut self) -> bool {
        self.queries += 1;
        self.fails_every
            .is_some_and(|n| self.queries.is_multiple_of(n))
    }

    /// Where the page of this cursor begins; it has to belong to the same question.
    pub(crate) fn place_of(
        &self,
        cursor: Option<&Value>,
        asked: &Value,
    ) -> Result<Option<Place>, Refused> {
        let Some(cursor) = cursor else {
            return Ok(None);
        };
        let known = cursor.as_str().and_then(|cursor| self.cursors.get(cursor));
        let (given_for, place) = known.ok_or_else(|| bad("invalid cursor"))?;
        if given_for != asked {
            return Err(bad("the cursor belongs to another query"));
        }
        Ok(Some(place.clone()))
    }

    /// A cursor that goes on at `place`.
    pub(crate) fn give_cursor(&mut self, asked: Value, place: Place) -> String {
        let cursor = format!("opaque-{}", self.cursors.len());
        self.cursors.insert(cursor.clone(), (asked, place));
        cursor
    }
}

/// The id of the `n`-th run.
pub fn run_id(n: usize) -> String {
    format!("bbbbbbbb-0000-4000-8000-{n:012}")
}

/// RFC 3339 with microseconds.
pub fn time(ms: i64) -> String {
    time_us(ms * 1_000)
}

/// RFC 3339 with microseconds.
pub fn time_us(us: i64) -> String {
    format!("{:.6}", jiff::Timestamp::from_microsecond(us).unwrap())
}
