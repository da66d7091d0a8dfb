//! Responsible for one step of one project: a page of a window, runs by their ids. Asks, maps, stores.
//! It does not choose the step (`puller`) and does not decide what an answer means (`reading`).

use agent_sdk::{Context, Cursor, Level};
use serde_json::json;

use crate::api_choice::{note_answered, version_to_ask};
use crate::ask_error::{AskError, Meaning};
use crate::asker::Asker;
use crate::following::is_abandoned;
use crate::map_run::{Mapping, map_run};
use crate::page::Page;
use crate::place::{Ahead, Place, ReadPage};
use crate::plan::{Step, next_step};
use crate::progress::{ApiVersion, NextPage, Progress, Pull, PullKind};
use crate::puller::{Puller, cursor_name};
use crate::query::{About, IDS_MAX, Question};
use crate::reading::{
    PageRead, SeenRun, give_up_window, ids_read, page_read, restart_window, try_window_later,
};
use crate::run_row::{RunRow, WrittenRow};
use crate::settings::Configuration;
use crate::trouble::Trouble;

/// Most pages of one answer by id; each holds as many runs as are asked for, so more means a broken server.
const PAGES_BY_ID_MAX: usize = 10;

/// Answers in a row that refuse a window for good before it is given up. It may be the server that is broken for a while.
const REFUSALS_MAX: u32 = 4;

/// How long such a window rests before it is tried again.
const REFUSED_RESTS_MS: i64 = 10_000;

/// What is read again of a run whose feedback may have changed, where the server cannot say which those are.
const FEEDBACK_FIELDS: [&str; 3] = ["ID", "PROJECT_ID", "FEEDBACK_STATS"];

impl Puller {
    /// Reads the next page of a window and stores it with what it means for the progress.
    pub(crate) async fn read_window(
        &mut self,
        context: &Context,
        place: &mut Place,
        pull: Pull,
    ) -> Result<(), Trouble> {
        let now_ms = self.asker.now_ms();
        let version = version_to_ask(self.configuration.api, &place.progress, now_ms);
        let question = question_of(place, &pull, &self.configuration);
        let print = question.fingerprint(version);
        // A cursor that was given for another question, before settings changed, is of no use.
        let at = pull.page.as_ref().filter(|page| page.question == print);
        let at = at.filter(|_| pull.kind != PullKind::Day || place.is_counting(&pull));
        let body = question.body(version, at.map(|page| page.cursor.as_str()));
        let at = at.map(|page| page.cursor.clone());
        let ahead = place.ahead.take().filter(|ahead| ahead.body == body);
        if at.is_none() {
            place.begin_count(&pull, now_ms, &self.configuration.policy);
            if pull.kind == PullKind::Live {
                place.figures.begin_window();
            }
        }
        let answer = match ahead {
            Some(ahead) => Ok(ahead.page),
            None => {
                let reader = reader_of(place, &pull, version, &self.configuration);
                ask(&mut self.asker, context, &reader, body).await
            }
        };
        let page = match answer {
            Ok(page) => page,
            Err(error) => {
                return self
                    .take_refusal(context, place, pull, at, error, version)
                    .await;
            }
        };
        if page.next.is_some() && page.next == at {
            let error = AskError::NotUnderstood("the next page has the same cursor".into());
            return Err(self.asker.trouble(error));
        }
        place.refusals.remove(&pull.kind);
        self.store_page(context, place, pull, page, version, print)
            .await
    }

    /// Stores a page that was read. While that lasts, the next page is asked for.
    async fn store_page(
        &mut self,
        context: &Context,
        place: &mut Place,
        pull: Pull,
        page: ReadPage,
        version: ApiVersion,
        print: u64,
    ) -> Result<(), Trouble> {
        place.figures.note_page(&page);
        let next = page.next.map(|cursor| NextPage {
            cursor,
            question: print,
        });
        let is_complete = next.is_none();
        let counted = place.count_page(&pull, &page.rows, is_complete);
        if pull.kind == PullKind::Backfill {
            place.reached_ms = page.seen.iter().filter_map(|run| run.start_ms).min();
        }
        let mut progress = place.progress.clone();
        note_answered(&mut progress, version, page.read_ms);
        let read = PageRead {
            pull: pull.clone(),
            seen: &page.seen,
            next,
            read_ms: page.read_ms,
            counted,
        };
        let given_up = page_read(&mut progress, read, &self.configuration.policy);
        let rows = with_abandoned(place, page.rows, given_up);
        self.commit(context, place, rows, progress, version).await?;
        if pull.kind == PullKind::Live {
            let open = page.seen.iter().filter(|run| run.is_pending);
            open.for_each(|run| place.figures.note_open(&run.run_id));
        }
        if is_complete {
            place.figures.last_pull_ms = Some(self.asker.now_ms());
            if pull.kind == PullKind::Live {
                place.figures.complete_window();
            }
        }
        Ok(())
    }

    /// A page was refused, or could not be read.
    async fn take_refusal(
        &mut self,
        context: &Context,
        place: &mut Place,
        pull: Pull,
        at: Option<String>,
        error: AskError,
        version: ApiVersion,
    ) -> Result<(), Trouble> {
        let is_of_the_body = [400, 413, 422]
            .into_iter()
            .any(|status| error.has_status(status));
        if at.is_some() && (error.has_status(400) || error.has_status(422)) {
            let message =
                "the server no longer knows its cursor; the window is read from its first page";
            context.event(Level::Info, "window_restarted", message);
            let mut progress = place.progress.clone();
            restart_window(&mut progress, pull.kind);
            return self
                .commit(context, place, Vec::new(), progress, version)
                .await;
        }
        if matches!(error, AskError::TooLarge(_)) && place.page_size > 1 {
            place.page_size = (place.page_size / 2).max(1);
            return Ok(());
        }
        if error.meaning() == Some(Meaning::NotFound) {
            return self.after_not_found(context, place, error, version).await;
        }
        let is_final = is_of_the_body || matches!(error, AskError::TooLarge(_));
        if !is_final || pull.kind == PullKind::Live {
            return Err(self.asker.trouble(error));
        }
        let refusals = place.refusals.entry(pull.kind).or_insert(0);
        *refusals += 1;
        let now_ms = self.asker.now_ms();
        let is_by_time_of_feedback = pull.kind == PullKind::Feedback && pull.about.is_some();
        if *refusals < REFUSALS_MAX && !is_by_time_of_feedback {
            tracing::warn!("failed to read older runs: failed to {error}; tried again");
            try_window_later(&mut place.progress, pull.kind, now_ms + REFUSED_RESTS_MS);
            return Ok(());
        }
        place.refusals.remove(&pull.kind);
        tell_given_up_window(context, &pull, &error);
        let mut progress = place.progress.clone();
        give_up_window(&mut progress, &pull, now_ms, &self.configuration.policy);
        self.commit(context, place, Vec::new(), progress, version)
            .await
    }

    /// Reads runs by their ids and stores them with what they mean for the progress.
    pub(crate) async fn read_by_ids(
        &mut self,
        context: &Context,
        place: &mut Place,
        run_ids: Vec<String>,
        from_ms: i64,
    ) -> Result<(), Trouble> {
        let version = version_to_ask(self.configuration.api, &place.progress, self.asker.now_ms());
        let project = project_id(place).to_owned();
        let question = Question {
            project_id: &project,
            from_ms,
            to_ms: None,
            about: About::Ids(run_ids.clone()),
            page_size: u32::try_from(IDS_MAX).expect("a small constant"),
            fields: self.configuration.selection.fields(),
        };
        let (mut rows, mut seen, mut at) = (Vec::new(), Vec::new(), None);
        let mut read_ms = self.asker.now_ms();
        for _ in 0..PAGES_BY_ID_MAX {
            let body = question.body(version, at.as_deref());
            let reader = Reader {
                rows_max: question.rows_max(version),
                version,
                mapping: mapping_of(place, &self.configuration),
                configuration: &self.configuration,
            };
            let page = match ask(&mut self.asker, context, &reader, body).await {
                Ok(page) => page,
                Err(error) if error.meaning() == Some(Meaning::NotFound) => {
                    return self.after_not_found(context, place, error, version).await;
                }
                Err(error) => return Err(self.asker.trouble(error)),
            };
            place.figures.note_page(&page);
            read_ms = read_ms.min(page.read_ms);
            rows.extend(page.rows);
            seen.extend(page.seen);
            at = page.next;
            if at.is_none() {
                break;
            }
        }
        let mut progress = place.progress.clone();
        note_answered(&mut progress, version, read_ms);
        let given_up = ids_read(
            &mut progress,
            &run_ids,
            &seen,
            read_ms,
            &self.configuration.policy,
        );
        let rows = with_abandoned(place, rows, given_up);
        self.commit(context, place, rows, progress, version).await
    }

    /// Stores the rows and the progress in one acknowledged batch, then goes on from there. If the next step is the next page
    /// of a window, it is asked for meanwhile; nothing else of the project is asked in between, so it cannot be older than
    /// what is stored then.
    pub(crate) async fn commit(
        &mut self,
        context: &Context,
        place: &mut Place,
        rows: Vec<RunRow>,
        mut progress: Progress,
        version: ApiVersion,
    ) -> Result<(), Trouble> {
        for row in &rows {
            self.note_abandoned(context, &mut progress, row);
        }
        let cursor = Cursor {
            name: cursor_name(project_id(place)),
            value: progress.to_value(),
        };
        let written: Vec<WrittenRow> = rows
            .into_iter()
            .map(|row| {
                let (written, oversized) = row.write();
                place.figures.fields_oversized += oversized;
                written
            })
            .collect();
        place.not_found.clear();
        let policy = &self.configuration.policy;
        let next = match next_step(&progress, self.asker.now_ms(), policy) {
            Step::ReadPage(pull) if pull.page.is_some() => Some(pull),
            _ => None,
        };
        let storing = self.store.commit(context, written, cursor);
        let Some(pull) = next else {
            let stored = storing.await.map_err(Trouble::Store)?;
            place.figures.note_stored(stored);
            place.progress = progress;
            return Ok(());
        };
        let question = question_of(place, &pull, &self.configuration);
        let at = pull
            .page
            .as_ref()
            .filter(|page| page.question == question.fingerprint(version));
        let body = question.body(version, at.map(|page| page.cursor.as_str()));
        let reader = reader_of(place, &pull, version, &self.configuration);
        let asking = ask(&mut self.asker, context, &reader, body.clone());
        let (stored, asked) = tokio::join!(storing, asking);
        let stored = stored.map_err(Trouble::Store)?;
        place.figures.note_stored(stored);
        place.progress = progress;
        // What went wrong will go wrong again when it is asked for in its turn, and is told then.
        place.ahead = asked.ok().map(|page| Ahead { body, page });
        Ok(())
    }

    /// Remembers whether the run of this row was given up, and tells people the first time.
    fn note_abandoned(&self, context: &Context, progress: &mut Progress, row: &RunRow) {
        let Some(is_abandoned) = row.is_abandoned else {
            return;
        };
        if !progress.abandoned.note(&row.run_id, is_abandoned) {
            return;
        }
        let hours = self.configuration.policy.abandon_after.as_secs_f64() / 3600.0;
        let message = format!(
            "run {} had not ended {hours:.1} h after its start and is no longer asked for; it stays as last seen",
            row.run_id
        );
        let data = json!({"run_id": row.run_id});
        context.event_with_data(Level::Warn, "run_given_up", message, data);
    }
}

/// How an answer is read.
struct Reader<'a> {
    version: ApiVersion,
    rows_max: u32,
    mapping: Mapping<'a>,
    configuration: &'a Configuration,
}

/// Asks for one page and reads it.
async fn ask(
    asker: &mut Asker,
    context: &Context,
    reader: &Reader<'_>,
    body: String,
) -> Result<ReadPage, AskError> {
    let read_ms = asker.now_ms();
    let answer = asker.post(context, path_of(reader.version), body).await?;
    let page = match reader.version {
        ApiVersion::V2 => Page::parse(&answer),
        ApiVersion::V1 => Page::parse_older(&answer, reader.rows_max as usize),
    };
    let page = page.map_err(|error| AskError::NotUnderstood(error.to_string()))?;
    let mut read = ReadPage {
        rows: Vec::new(),
        seen: Vec::new(),
        next: page.next_cursor().map(str::to_owned),
        read_ms,
        fields_unreadable: 0,
        fields_oversized: 0,
    };
    for fields in page.items() {
        let Some(mut mapped) = map_run(fields, reader.mapping) else {
            read.fields_unreadable += 1; // its id
            continue;
        };
        read.fields_unreadable += mapped.unreadable;
        read.fields_oversized += mapped.oversized;
        let run = see(&mapped.row);
        if mapped.row.status.is_some() || mapped.row.end_us.is_some() {
            let policy = &reader.configuration.policy;
            mapped.row.is_abandoned = Some(is_abandoned(&run, read_ms, policy));
        }
        read.seen.push(run);
        read.rows.push(mapped.row);
    }
    Ok(read)
}

fn path_of(version: ApiVersion) -> &'static str {
    match version {
        ApiVersion::V2 => "/api/v2/runs/query",
        ApiVersion::V1 => "/api/v1/runs/query",
    }
}

fn question_of<'a>(
    place: &'a Place,
    pull: &Pull,
    configuration: &'a Configuration,
) -> Question<'a> {
    let is_reread = pull.kind == PullKind::Feedback && pull.about.is_none();
    let about = match (pull.kind, pull.about) {
        (PullKind::Ended, Some(about)) => About::EndedFrom(about.from_ms),
        (PullKind::Feedback, Some(about)) => About::FeedbackChanged(about),
        _ => About::Everything,
    };
    let fields: &[&str] = configuration.selection.fields();
    Question {
        project_id: project_id(place),
        from_ms: pull.span.from_ms,
        to_ms: Some(pull.span.to_ms),
        about,
        page_size: place.page_size,
        fields: if is_reread { &FEEDBACK_FIELDS } else { fields },
    }
}

fn reader_of<'a>(
    place: &'a Place,
    pull: &Pull,
    version: ApiVersion,
    configuration: &'a Configuration,
) -> Reader<'a> {
    Reader {
        version,
        rows_max: question_of(place, pull, configuration).rows_max(version),
        mapping: mapping_of(place, configuration),
        configuration,
    }
}

fn mapping_of<'a>(place: &'a Place, configuration: &Configuration) -> Mapping<'a> {
    Mapping {
        project_id: project_id(place),
        project: place
            .project
            .as_ref()
            .map_or(&place.name, |project| &project.name),
        has_extra: configuration.selection.fields().contains(&"EXTRA"),
        content_bytes_max: configuration.content_bytes_max,
    }
}

fn project_id(place: &Place) -> &str {
    let project = place.project.as_ref();
    &project.expect("a project is found before it is read").id
}

/// The rows, and one for each followed run that is given up without being among them.
fn with_abandoned(place: &Place, mut rows: Vec<RunRow>, given_up: Vec<String>) -> Vec<RunRow> {
    for run_id in given_up {
        if rows.iter().all(|row| row.run_id != run_id) {
            rows.push(RunRow::abandoned(run_id, project_id(place), &place.name));
        }
    }
    rows
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

fn tell_given_up_window(context: &Context, pull: &Pull, error: &AskError) {
    let (from, to) = (
        crate::timestamp::format_ms(pull.span.from_ms),
        crate::timestamp::format_ms(pull.span.to_ms),
    );
    let message = format!("runs from {from} to {to} are not read for now: failed to {error}");
    let data = json!({"from_ms": pull.span.from_ms, "to_ms": pull.span.to_ms, "kind": pull.kind});
    context.event_with_data(Level::Error, "window_given_up", message, data);
}
