//! What the pages of traces show of one moment: the rows of the reader, put together for a state of the page.
//! It asks nothing and renders nothing.

use shared_state::TimeMs;

pub use shared_state::{
    TraceBucket, TraceDayCheck, TraceErrorGroup, TraceErrors, TraceFeedback, TraceFigures,
    TraceGroup, TracePercentiles, TraceProjectRow, TraceRunDetail, TraceRunRow, TraceSum,
    TraceTotals, TraceUsage, TraceWindow,
};

use super::query::TracesQuery;

/// All that the page shows of one moment.
#[derive(Clone, Debug)]
pub struct Moment {
    /// The state of the page.
    pub query: TracesQuery,
    /// When it was read.
    pub now_ms: TimeMs,
    /// The window, in whole minutes.
    pub window: (TimeMs, TimeMs),
    /// All projects, by name.
    pub projects: Vec<TraceProjectRow>,
    /// The one that is shown, and what of it.
    pub shown: Option<Shown>,
}

/// A project in the window.
#[derive(Clone, Debug)]
pub struct Shown {
    /// Itself, and how fresh it is.
    pub project: TraceProjectRow,
    /// What was counted in the window.
    pub now: TraceTotals,
    /// The same of the window of the same length before it.
    pub before: TraceTotals,
    /// LLM runs by model, most runs first.
    pub models: Vec<TraceGroup>,
    /// How many models there are in the window, listed or not.
    pub models_all: usize,
    /// Runs by type and name, most runs first.
    pub names: Vec<TraceGroup>,
    /// How many types and names there are in the window, listed or not.
    pub names_all: usize,
    /// Traces that took longest; with a filter the runs that fit it.
    pub slowest: Vec<TraceRunRow>,
    /// Failed runs by message, most runs first.
    pub errors: TraceErrors,
    /// Runs that have not ended: those that may still end, oldest first, then abandoned ones, newest first.
    pub pending: Vec<TraceRunRow>,
    /// Days that were checked, newest first.
    pub checks: Vec<TraceDayCheck>,
}

/// The page of one run.
#[derive(Clone, Debug)]
pub struct RunFacts {
    /// Itself.
    pub detail: TraceRunDetail,
    /// Those above it, root first, as far as they are stored.
    pub parents: Vec<TraceRunRow>,
    /// Those below it in the order in which they began, as far as they are stored.
    pub children: Vec<TraceRunRow>,
}

/// The project that is shown where the URL names none: the first by name, so that a page does not jump between two.
pub fn chosen<'a>(
    projects: &'a [TraceProjectRow],
    query: &TracesQuery,
) -> Option<&'a TraceProjectRow> {
    match &query.project {
        Some(id) => projects.iter().find(|project| project.project_id == *id),
        None => projects.first(),
    }
}

/// By name; those without one, by id, come last.
pub fn sort_projects(projects: &mut [TraceProjectRow]) {
    projects.sort_by(|a, b| {
        (a.name.is_none(), &a.name, &a.project_id).cmp(&(b.name.is_none(), &b.name, &b.project_id))
    });
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A project of which nothing is known but that all was read.
    pub(crate) fn project_row(id: &str) -> TraceProjectRow {
        TraceProjectRow {
            project_no: 1,
            project_id: id.into(),
            name: None,
            source: None,
            web_url: None,
            api: None,
            last_pull_ms: None,
            watermark_ms: None,
            covered_from_ms: None,
            backfill_ms: Some(0),
            pending_runs: None,
            settling_runs: None,
            abandoned_runs: None,
            gaps: Vec::new(),
            http_status: None,
            requests_per_10s: None,
            requests_remaining: None,
            error: Some(String::new()),
            writer: "bridge".into(),
            updated_ms: 0,
            oldest_start_us: None,
            newest_start_us: None,
            stored_pending: 0,
            stored_abandoned: 0,
        }
    }

    #[test]
    fn without_a_choice_the_first_by_name_is_shown_and_an_unknown_one_is_not_replaced() {
        let mut projects: Vec<_> = ["b", "a", "z"].map(project_row).into();
        (projects[0].name, projects[1].name) = (Some("beta".into()), Some("gamma".into()));
        sort_projects(&mut projects);
        let ids: Vec<&str> = projects.iter().map(|one| one.project_id.as_str()).collect();
        assert_eq!(ids, ["b", "a", "z"]);
        let ask = |id: Option<&str>| TracesQuery {
            project: id.map(Into::into),
            ..TracesQuery::default()
        };
        let found = |id| chosen(&projects, &ask(id)).map(|one| one.project_id.as_str());
        assert_eq!(found(None), Some("b"));
        assert_eq!(found(Some("z")), Some("z"));
        assert_eq!(found(Some("none")), None);
    }
}
