//! What the pages and the API of traces ask: each a bounded question to the store within one snapshot.
//! It renders nothing.

use shared_state::{ReaderError, Snapshot, TimeMs, TraceFilter};

use super::facts::{
    self, Moment, RunFacts, Shown, TraceDayCheck, TraceErrorGroup, TraceProjectRow, TraceRunRow,
    TraceTotals, TraceWindow,
};
use super::query::TracesQuery;
use crate::app::App;
use crate::observer::now_ms;
use crate::problem::Problem;

/// Models and names on the page.
const GROUPS_MAX: usize = 20;

/// Rows of the other tables on the page.
const ROWS_MAX: usize = 12;

/// Days that the page shows of the checks.
const CHECKS_MAX: usize = 15;

/// Runs above a run; chains are not deeper than this in practice.
const PARENTS_MAX: usize = 50;

/// Runs below a run on its page.
const CHILDREN_MAX: usize = 200;

/// Days are checked while LangSmith keeps their runs.
const CHECKED_MS: i64 = 400 * 86_400_000;

const MINUTE_MS: i64 = 60_000;

/// Lengths of a chart's columns, in minutes, with which people count.
const COLUMNS_MIN: [i64; 16] = [
    1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1_440, 2_880, 7_200, 14_400, 43_200,
];

/// The shortest column of which no more than `buckets` make the window.
pub fn column_ms((from_ms, to_ms): (TimeMs, TimeMs), buckets: usize) -> i64 {
    let buckets = i64::try_from(buckets.max(1)).unwrap_or(i64::MAX);
    let least_ms = (to_ms - from_ms) / buckets;
    let fitting = COLUMNS_MIN.iter().map(|minutes| minutes * MINUTE_MS);
    let mut fitting = fitting.filter(|column_ms| *column_ms >= least_ms);
    fitting.next().unwrap_or(least_ms)
}

/// All that the page shows.
pub async fn moment(app: &App, query: TracesQuery) -> Result<Moment, Problem> {
    let now_ms = now_ms();
    app.store
        .read(move |snapshot| {
            let window = query.window(now_ms);
            let projects = projects_of(snapshot)?;
            let shown = match facts::chosen(&projects, &query) {
                Some(project) => Some(shown(snapshot, project.clone(), &query, window)?),
                None => None,
            };
            Ok(Moment {
                query,
                now_ms,
                window,
                projects,
                shown,
            })
        })
        .await
}

fn projects_of(snapshot: &Snapshot<'_>) -> Result<Vec<TraceProjectRow>, ReaderError> {
    let mut projects = snapshot.trace_projects()?;
    facts::sort_projects(&mut projects);
    Ok(projects)
}

fn filter(query: &TracesQuery) -> TraceFilter {
    TraceFilter {
        run_type: query.run_type.clone(),
        name: query.name.clone(),
        model: query.model.clone(),
    }
}

fn shown(
    snapshot: &Snapshot<'_>,
    project: TraceProjectRow,
    query: &TracesQuery,
    (from_ms, to_ms): (TimeMs, TimeMs),
) -> Result<Shown, ReaderError> {
    let no = project.project_no;
    let before_ms = from_ms - (to_ms - from_ms);
    let filter = filter(query);
    // One column: the charts ask for theirs when they know how wide they are.
    let mut window = snapshot.trace_window(no, from_ms, to_ms, to_ms - from_ms, &filter)?;
    window.by_model.truncate(GROUPS_MAX);
    window.by_name.truncate(GROUPS_MAX);
    Ok(Shown {
        now: window.totals,
        before: snapshot.trace_totals(no, before_ms, from_ms, &filter)?,
        models: window.by_model,
        models_all: window.models,
        names: window.by_name,
        names_all: window.names,
        slowest: snapshot.trace_slowest(no, from_ms, to_ms, &filter, ROWS_MAX)?,
        errors: snapshot.trace_errors(no, from_ms, to_ms, &filter, ROWS_MAX)?,
        pending: snapshot.trace_pending(no, &filter, ROWS_MAX)?,
        checks: snapshot.trace_day_checks(no, to_ms - CHECKED_MS, to_ms, CHECKS_MAX)?,
        project,
    })
}

/// All projects, by name.
pub async fn projects(app: &App) -> Result<Vec<TraceProjectRow>, Problem> {
    app.store.read(projects_of).await
}

/// Asks about the project of the query.
async fn of_project<T: Send + 'static>(
    app: &App,
    query: TracesQuery,
    ask: impl FnOnce(&Snapshot<'_>, &TraceProjectRow, &TracesQuery) -> Result<T, ReaderError>
    + Send
    + 'static,
) -> Result<T, Problem> {
    let found = app
        .store
        .read(move |snapshot| {
            let projects = snapshot.trace_projects()?;
            let mut projects = projects;
            facts::sort_projects(&mut projects);
            let project = facts::chosen(&projects, &query);
            project
                .map(|project| ask(snapshot, project, &query))
                .transpose()
        })
        .await?;
    found.ok_or_else(|| {
        Problem::not_found("There is no such project of traces; see /api/v1/traces/projects.")
    })
}

/// The window and the one before, for a program.
pub async fn totals(app: &App, query: TracesQuery) -> Result<Shown, Problem> {
    let now_ms = now_ms();
    of_project(app, query, move |snapshot, project, query| {
        shown(snapshot, project.clone(), query, query.window(now_ms))
    })
    .await
}

/// The window in columns of `column_ms`, at most `buckets` of them.
#[derive(Debug)]
pub struct Charts {
    /// Whose.
    pub project_id: String,
    /// What was asked for.
    pub window: (TimeMs, TimeMs),
    /// The length of a column.
    pub column_ms: i64,
    /// What there is.
    pub rows: TraceWindow,
}

/// The window over time, by model and by name.
pub async fn charts(app: &App, query: TracesQuery, buckets: usize) -> Result<Charts, Problem> {
    let window = query.window(now_ms());
    let column_ms = column_ms(window, buckets);
    of_project(app, query, move |snapshot, project, query| {
        let (from_ms, to_ms) = window;
        let no = project.project_no;
        Ok(Charts {
            project_id: project.project_id.clone(),
            window,
            column_ms,
            rows: snapshot.trace_window(no, from_ms, to_ms, column_ms, &filter(query))?,
        })
    })
    .await
}

/// The traces that took longest; with a filter the runs that fit it.
pub async fn slowest(
    app: &App,
    query: TracesQuery,
    limit: usize,
) -> Result<Vec<TraceRunRow>, Problem> {
    let (from_ms, to_ms) = query.window(now_ms());
    of_project(app, query, move |snapshot, project, query| {
        snapshot.trace_slowest(project.project_no, from_ms, to_ms, &filter(query), limit)
    })
    .await
}

/// Failed runs by message.
pub async fn errors(
    app: &App,
    query: TracesQuery,
    limit: usize,
) -> Result<Vec<TraceErrorGroup>, Problem> {
    let (from_ms, to_ms) = query.window(now_ms());
    of_project(app, query, move |snapshot, project, query| {
        let no = project.project_no;
        let errors = snapshot.trace_errors(no, from_ms, to_ms, &filter(query), limit)?;
        Ok(errors.groups)
    })
    .await
}

/// Runs that have not ended.
pub async fn pending(
    app: &App,
    query: TracesQuery,
    limit: usize,
) -> Result<Vec<TraceRunRow>, Problem> {
    of_project(app, query, move |snapshot, project, query| {
        snapshot.trace_pending(project.project_no, &filter(query), limit)
    })
    .await
}

/// Days that were checked.
pub async fn checks(
    app: &App,
    query: TracesQuery,
    limit: usize,
) -> Result<Vec<TraceDayCheck>, Problem> {
    let now_ms = now_ms();
    of_project(app, query, move |snapshot, project, _| {
        snapshot.trace_day_checks(project.project_no, now_ms - CHECKED_MS, now_ms, limit)
    })
    .await
}

/// A project and what began in it within the last hour.
#[derive(Debug)]
pub struct LastHour {
    /// Itself.
    pub project: TraceProjectRow,
    /// What was counted.
    pub totals: TraceTotals,
}

/// The first projects by name, with their last hour.
pub async fn last_hours(app: &App, limit: usize) -> Result<Vec<LastHour>, Problem> {
    let now_ms = now_ms();
    let hour = move |snapshot: &Snapshot<'_>, project: TraceProjectRow| {
        let from_ms = now_ms - 60 * MINUTE_MS;
        let totals =
            snapshot.trace_totals(project.project_no, from_ms, now_ms, &TraceFilter::default())?;
        Ok(LastHour { project, totals })
    };
    app.store
        .read(move |snapshot| {
            let projects = projects_of(snapshot)?.into_iter().take(limit);
            projects.map(|project| hour(snapshot, project)).collect()
        })
        .await
}

/// One run, those above and those below it.
pub async fn run(app: &App, run_id: String) -> Result<RunFacts, Problem> {
    let found = app
        .store
        .read(move |snapshot| {
            let Some(detail) = snapshot.trace_run(&run_id)? else {
                return Ok(None);
            };
            Ok(Some(RunFacts {
                parents: snapshot.trace_parents(&run_id, PARENTS_MAX)?,
                children: snapshot.trace_children(&run_id, CHILDREN_MAX)?,
                detail,
            }))
        })
        .await?;
    found.ok_or_else(|| Problem::not_found("No run with this id is stored."))
}

/// Whether such a run is stored.
pub async fn known_run(app: &App, run_id: String) -> Result<(), Problem> {
    let found = app
        .store
        .read(move |snapshot| snapshot.trace_run(&run_id))
        .await?;
    found
        .map(|_| ())
        .ok_or_else(|| Problem::not_found("No run with this id is stored."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_of_lengths_with_which_people_count() {
        const HOUR_MS: i64 = 60 * MINUTE_MS;
        let of = |hours: i64, buckets| column_ms((0, hours * HOUR_MS), buckets) / MINUTE_MS;
        assert_eq!(of(1, 75), 1);
        assert_eq!(of(24, 75), 30);
        assert_eq!(of(24 * 7, 75), 180);
        assert_eq!(of(24 * 90, 75), 2_880);
        assert_eq!(of(24 * 400, 100), 7_200);
        assert_eq!(of(24 * 400, 1), 24 * 400 * 60);
    }
}
