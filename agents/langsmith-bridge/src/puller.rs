//! Responsible for doing what the plan says: ask, map, store, and only then move on.
//! It does not decide what is asked next (`plan`) nor when a trouble is over (`bridge`).
//!
//! Its progress changes only after the coordinator acknowledged it, so that dropping any of its futures is harmless.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use agent_sdk::{Context, Cursor, Level};
use serde_json::json;

use crate::ask_error::AskError;
use crate::asker::Asker;
use crate::bar::{Bar, Outlook};
use crate::figures::Figures;
use crate::page::Page;
use crate::plan::{SeenRun, Step, ids_read, next_step, page_read, restart_window};
use crate::progress::{NextPage, Progress, PullKind};
use crate::project::{Project, look_up};
use crate::query::RunsQuery;
use crate::run_row::{RunRow, map_run};
use crate::settings::Configuration;
use crate::store::Store;
use crate::trouble::Trouble;

/// The path of version 2; version 1 goes away in January 2027.
const RUNS_PATH: &str = "/api/v2/runs/query";

/// How often a round that lasts says how far it is.
const TELL_EVERY: Duration = Duration::from_secs(2);

/// Most pages of one answer by id; each holds as many runs as are asked for, so more means a broken server.
const PAGES_BY_ID_MAX: usize = 10;

/// Pulls one project.
#[derive(Debug)]
pub(crate) struct Puller {
    asker: Asker,
    configuration: Configuration,
    place: Option<Place>,
    figures: Figures,
    store: Store,
    /// What a person looks at.
    bar: Option<Bar>,
    /// The earliest start seen in the window that is being read; the server sends the newest runs first.
    reached_ms: Option<i64>,
}

/// How far a round of work came.
pub(crate) enum Pulled {
    /// There is nothing to ask for this long.
    Everything { rest: Duration },
    /// There is more to ask.
    Some,
}

/// A project and how far it has been read.
#[derive(Debug)]
struct Place {
    project: Project,
    progress: Progress,
}

/// What a page holds.
struct ReadPage {
    rows: Vec<RunRow>,
    seen: Vec<SeenRun>,
    next: Option<String>,
}

impl Puller {
    /// A puller that has asked nothing yet.
    pub(crate) fn new(asker: Asker, configuration: Configuration, bar: Option<Bar>) -> Self {
        Self {
            store: Store::new(configuration.is_dry_run),
            bar,
            reached_ms: None,
            asker,
            configuration,
            place: None,
            figures: Figures::default(),
        }
    }

    /// The figures of the heartbeat.
    pub(crate) fn metrics(&self) -> BTreeMap<String, f64> {
        let unread = Progress::new();
        let progress = self.place.as_ref().map_or(&unread, |place| &place.progress);
        let mut metrics =
            self.figures
                .metrics(progress, self.asker.now_ms(), self.asker.last_status());
        metrics.extend(self.asker.metrics());
        metrics
    }

    /// Works until there is nothing to do, or until a step ends after `until`.
    pub(crate) async fn work(
        &mut self,
        context: &Context,
        until: Option<Instant>,
    ) -> Result<Pulled, Trouble> {
        let mut told = Instant::now();
        loop {
            let place = match self.place.take() {
                Some(place) => self.place.insert(place),
                None => {
                    let place = self.find_place(context).await?;
                    self.place.insert(place)
                }
            };
            self.asker.tell_announcements(context, &mut place.progress);
            let mut progress = place.progress.clone();
            let now_ms = self.asker.now_ms();
            match next_step(&mut progress, now_ms, &self.configuration.policy) {
                Step::ReadPage => {
                    self.read_window_page(context, progress).await?;
                    self.show_outlook();
                }
                Step::ReadByIds { run_ids, from_ms } => {
                    self.read_by_ids(context, progress, run_ids, from_ms)
                        .await?
                }
                Step::Rest { until_ms } => {
                    let rest = Duration::from_millis(u64::try_from(until_ms - now_ms).unwrap_or(0));
                    return Ok(Pulled::Everything { rest });
                }
            }
            if until.is_some_and(|until| Instant::now() >= until) || context.is_stopping() {
                return Ok(Pulled::Some);
            }
            if told.elapsed() >= TELL_EVERY {
                context.progress(self.describe());
                told = Instant::now();
            }
        }
    }

    /// Draws how far the backfill is, where somebody looks.
    fn show_outlook(&mut self) {
        let (Some(bar), Some(place)) = (&mut self.bar, &self.place) else {
            return;
        };
        let progress = &place.progress;
        let left_ms = progress.backfill.map_or(0, |rest| {
            let reached_ms = self.reached_ms.filter(|_| progress.pull.is_some());
            rest.to_ms.min(reached_ms.unwrap_or(rest.to_ms)) - rest.from_ms
        });
        bar.show(Outlook {
            left_ms,
            runs: self.figures.runs_read,
        });
    }

    /// One line for people about how far it has come.
    pub(crate) fn describe(&self) -> String {
        let Some(place) = &self.place else {
            return "looking for the project".into();
        };
        if let Some(dry_run) = self.store.dry_run() {
            return dry_run.describe();
        }
        let name = &place.project.name;
        let stored = self.figures.runs_stored;
        match (place.progress.watermark_ms, place.progress.backfill) {
            (None, _) => format!("project `{name}`: reading the newest runs, {stored} stored"),
            (Some(_), Some(rest)) => {
                let hours = (rest.to_ms - rest.from_ms) / 3_600_000;
                format!("project `{name}`: {hours} h of older runs to read, {stored} stored")
            }
            (Some(_), None) => format!("project `{name}`: up to date, {stored} stored since start"),
        }
    }

    async fn find_place(&mut self, context: &Context) -> Result<Place, Trouble> {
        let project = look_up(&mut self.asker, context, &self.configuration.projects[0]).await?;
        let name = cursor_name(&project.id);
        // What this process stored is newer than what it was given at its start.
        let remembered = self.store.cursor(&name).or_else(|| context.cursor(&name));
        let progress = remembered.map_or_else(|| Ok(Progress::new()), Progress::from_value);
        let progress = progress.map_err(|error| Trouble::Progress {
            project_id: project.id.clone(),
            error,
        })?;
        Ok(Place { project, progress })
    }

    /// Reads the next page of the window in `progress` and stores it with what it means for the progress.
    async fn read_window_page(
        &mut self,
        context: &Context,
        mut progress: Progress,
    ) -> Result<(), Trouble> {
        let pull = progress.pull.clone().expect("the plan opened a window");
        let project_id = self.project_id();
        let query = RunsQuery::window(
            &project_id,
            pull.span.from_ms,
            pull.span.to_ms,
            self.configuration.page_size,
            &self.configuration.selection,
        );
        let body = query.fingerprint();
        // A cursor that was given for another body, before settings changed, is of no use.
        let at = pull
            .page
            .filter(|page| page.body == body)
            .map(|page| page.cursor);
        if at.is_none() && pull.kind == PullKind::Live {
            self.figures.begin_window();
        }
        let read_ms = self.asker.now_ms();
        let page = match self.read_page(context, &query.at(at.as_deref())).await {
            Err(error) if at.is_some() && (error.has_status(400) || error.has_status(422)) => {
                let message =
                    "the server no longer knows its cursor; the window is read from its first page";
                context.event(Level::Info, "window_restarted", message);
                restart_window(&mut progress);
                return self.commit(context, Vec::new(), progress).await;
            }
            other => self.keep_or_forget_project(other)?,
        };
        if page.next.is_some() && page.next == at {
            return Err(self.asker.trouble(AskError::NotUnderstood(
                "the next page has the same cursor".into(),
            )));
        }
        let next = page.next.map(|cursor| NextPage { cursor, body });
        let is_complete = next.is_none();
        let earliest_ms = page.seen.iter().filter_map(|run| run.start_ms).min();
        self.reached_ms = match at {
            None => earliest_ms, // the first page of a window
            Some(_) => self.reached_ms.into_iter().chain(earliest_ms).min(),
        };
        let given_up = page_read(
            &mut progress,
            &page.seen,
            next,
            read_ms,
            &self.configuration.policy,
        );
        self.commit(context, page.rows, progress).await?;
        for run in page
            .seen
            .iter()
            .filter(|run| run.is_pending && pull.kind == PullKind::Live)
        {
            self.figures.note_open(&run.run_id);
        }
        if is_complete {
            self.figures.last_pull_ms = Some(self.asker.now_ms());
            if pull.kind == PullKind::Live {
                self.figures.complete_window();
            }
        }
        self.tell_given_up(context, given_up);
        Ok(())
    }

    async fn read_by_ids(
        &mut self,
        context: &Context,
        mut progress: Progress,
        run_ids: Vec<String>,
        from_ms: i64,
    ) -> Result<(), Trouble> {
        let query = RunsQuery::by_id(
            &self.project_id(),
            run_ids.clone(),
            from_ms,
            &self.configuration.selection,
        );
        let read_ms = self.asker.now_ms();
        let (mut rows, mut seen, mut at) = (Vec::new(), Vec::new(), None);
        for _ in 0..PAGES_BY_ID_MAX {
            let page = self.read_page(context, &query.at(at.as_deref())).await;
            let page = self.keep_or_forget_project(page)?;
            rows.extend(page.rows);
            seen.extend(page.seen);
            at = page.next;
            if at.is_none() {
                break;
            }
        }
        let given_up = ids_read(
            &mut progress,
            &run_ids,
            &seen,
            read_ms,
            &self.configuration.policy,
        );
        self.commit(context, rows, progress).await?;
        self.tell_given_up(context, given_up);
        Ok(())
    }

    async fn read_page(
        &mut self,
        context: &Context,
        query: &RunsQuery,
    ) -> Result<ReadPage, AskError> {
        let body = serde_json::to_string(query).expect("strings and numbers serialise");
        let answer = self.asker.post(context, RUNS_PATH, body).await?;
        let page =
            Page::parse(&answer).map_err(|error| AskError::NotUnderstood(error.to_string()))?;
        self.figures.pages_read += 1;
        self.figures.runs_read += page.items().count() as u64;
        let project = &self
            .place
            .as_ref()
            .expect("a page is read of a project")
            .project;
        let (mut rows, mut seen) = (Vec::new(), Vec::new());
        for fields in page.items() {
            let Some(mapped) = map_run(fields, &project.id, &project.name) else {
                self.figures.fields_unreadable += 1; // its id
                continue;
            };
            self.figures.fields_unreadable += mapped.unreadable;
            self.figures.fields_oversized += mapped.oversized;
            seen.push(see(&mapped.row));
            rows.push(mapped.row);
        }
        Ok(ReadPage {
            rows,
            seen,
            next: page.next_cursor().map(str::to_owned),
        })
    }

    /// Stores the rows and the progress in one acknowledged batch, then goes on from there.
    async fn commit(
        &mut self,
        context: &Context,
        rows: Vec<RunRow>,
        progress: Progress,
    ) -> Result<(), Trouble> {
        let place = self.place.as_mut().expect("progress belongs to a project");
        let cursor = Cursor {
            name: cursor_name(&place.project.id),
            value: progress.to_value(),
        };
        let stored = self
            .store
            .commit(context, &rows, cursor, &mut self.figures)
            .await;
        stored.map_err(Trouble::Store)?;
        place.progress = progress;
        Ok(())
    }

    /// 404 for a project that was there: it is looked for by name again, since it may have been made anew.
    fn keep_or_forget_project<T>(&mut self, answer: Result<T, AskError>) -> Result<T, Trouble> {
        answer.map_err(|error| match self.place.take() {
            Some(gone) if error.has_status(404) => Trouble::ProjectGone {
                name: gone.project.name,
            },
            place => {
                self.place = place;
                self.asker.trouble(error)
            }
        })
    }

    fn tell_given_up(&mut self, context: &Context, count: usize) {
        if count == 0 {
            return;
        }
        self.figures.runs_given_up += count as u64;
        let hours = self.configuration.policy.abandon_after.as_secs_f64() / 3600.0;
        let message = format!(
            "{count} runs that had not ended or settled after {hours:.1} h are no longer asked for; they stay as last seen"
        );
        context.event_with_data(
            Level::Warn,
            "runs_given_up",
            message,
            json!({"runs": count}),
        );
    }

    fn project_id(&self) -> String {
        self.place
            .as_ref()
            .expect("the project was found before")
            .project
            .id
            .clone()
    }
}

/// The name under which the coordinator keeps the place in a project. Each project has its own, so that changing
/// the setting back and forth loses nothing.
fn cursor_name(project_id: &str) -> String {
    format!("runs:{project_id}")
}

/// What the plan needs of a row.
fn see(row: &RunRow) -> SeenRun {
    SeenRun {
        run_id: row.run_id.clone(),
        start_ms: row.start_us.map(|us| us.div_euclid(1_000)),
        end_ms: row.end_us.map(|us| us.div_euclid(1_000)),
        is_pending: row.end_us.is_none() || row.status.as_deref() == Some("pending"),
    }
}
