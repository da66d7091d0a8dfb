//! Responsible for asking for one page of runs and reading it: which question a window is, and which rows an answer holds.
//! It stores nothing and does not decide what an answer means for the progress (`reading`).

use agent_sdk::Context;

use crate::api_choice::ApiVersion;
use crate::ask_error::AskError;
use crate::asker::Asker;
use crate::following::is_abandoned;
use crate::map_run::{Mapping, map_run};
use crate::page::Page;
use crate::place::Place;
use crate::plan::Policy;
use crate::pull::{Pull, PullKind};
use crate::query::{About, Question, rows_max};
use crate::reading::SeenRun;
use crate::run_row::{RunRow, WrittenRow};
use crate::settings::Configuration;

/// What is read again of a run whose feedback may have changed, where the server cannot say which those are.
const FEEDBACK_FIELDS: [&str; 3] = ["ID", "PROJECT_ID", "FEEDBACK_STATS"];

/// How an answer is read.
#[derive(Clone, Debug)]
pub(crate) struct Reader {
    pub(crate) version: ApiVersion,
    /// As many runs as were asked for.
    pub(crate) rows_max: u32,
    pub(crate) project_id: String,
    pub(crate) project: String,
    pub(crate) has_extra: bool,
    pub(crate) content_bytes_max: usize,
    pub(crate) policy: Policy,
}

/// What a page holds.
#[derive(Debug, Default)]
pub(crate) struct ReadPage {
    pub(crate) rows: Vec<WrittenRow>,
    /// The same runs in the same order.
    pub(crate) seen: Vec<SeenRun>,
    /// The server's cursor of the next page.
    pub(crate) next: Option<String>,
    /// When it was asked.
    pub(crate) read_ms: i64,
    pub(crate) fields_unreadable: u64,
    pub(crate) fields_oversized: u64,
}

impl Reader {
    /// Asks for one page and reads it. Reading is done by a thread of its own, so that the page before is stored meanwhile.
    pub(crate) async fn ask(
        self,
        asker: &mut Asker,
        context: &Context,
        body: String,
    ) -> Result<ReadPage, AskError> {
        let read_ms = asker.now_ms();
        let path = path_of(self.version);
        let answer = asker.post(context, path, body).await?;
        let reading = tokio::task::spawn_blocking(move || self.read(&answer, read_ms));
        match reading.await {
            Ok(page) => page,
            Err(error) => std::panic::resume_unwind(error.into_panic()), // it is never cancelled
        }
    }

    fn read(&self, answer: &[u8], read_ms: i64) -> Result<ReadPage, AskError> {
        let page = match self.version {
            ApiVersion::V2 => Page::parse(answer),
            ApiVersion::V1 => Page::parse_older(answer, self.rows_max as usize),
        };
        let page = page.map_err(|error| AskError::NotUnderstood(error.to_string()))?;
        let mut read = ReadPage {
            next: page.next_cursor().map(str::to_owned),
            read_ms,
            ..ReadPage::default()
        };
        let mapping = Mapping {
            project_id: &self.project_id,
            project: &self.project,
            has_extra: self.has_extra,
            content_bytes_max: self.content_bytes_max,
        };
        for fields in page.items() {
            let Some(mut mapped) = map_run(fields, mapping) else {
                read.fields_unreadable += 1; // its id
                continue;
            };
            read.fields_unreadable += mapped.unreadable;
            let run = see(&mapped.row);
            if mapped.row.status.is_some() || mapped.row.end_us.is_some() {
                mapped.row.is_abandoned = Some(is_abandoned(&run, read_ms, &self.policy));
            }
            read.seen.push(run);
            let (row, oversized) = mapped.row.write();
            read.fields_oversized += mapped.oversized + oversized;
            read.rows.push(row);
        }
        Ok(read)
    }
}

fn path_of(version: ApiVersion) -> &'static str {
    match version {
        ApiVersion::V2 => "/api/v2/runs/query",
        ApiVersion::V1 => "/api/v1/runs/query",
    }
}

pub(crate) fn question_of<'a>(
    place: &'a Place,
    pull: &Pull,
    configuration: &'a Configuration,
    now_ms: i64,
) -> Question<'a> {
    let about = match (pull.kind, pull.about) {
        (PullKind::Ended, Some(about)) => About::EndedFrom(about.from_ms),
        (PullKind::Feedback, Some(about)) => About::FeedbackChanged(about),
        _ => About::Everything,
    };
    Question {
        project_id: project_id(place),
        from_ms: pull.span.from_ms,
        to_ms: Some(pull.span.to_ms),
        about,
        page_size: place.page_size,
        fields: fields_of(place, pull, configuration, now_ms).into(),
    }
}

/// The fields that a window asks for, without those that the server does not know.
pub(crate) fn fields_of(
    place: &Place,
    pull: &Pull,
    configuration: &Configuration,
    now_ms: i64,
) -> Vec<&'static str> {
    let is_reread = pull.kind == PullKind::Feedback && pull.about.is_none();
    let fields: &[&str] = if is_reread {
        &FEEDBACK_FIELDS
    } else {
        configuration.selection.fields()
    };
    place.progress.refused_fields.without(fields, now_ms)
}

pub(crate) fn reader_of(
    place: &Place,
    version: ApiVersion,
    configuration: &Configuration,
) -> Reader {
    let project = place.project.as_ref();
    Reader {
        version,
        rows_max: rows_max(place.page_size, version),
        project_id: project_id(place).to_owned(),
        project: project.map_or(&place.name, |project| &project.name).clone(),
        has_extra: configuration.selection.fields().contains(&"EXTRA"),
        content_bytes_max: configuration.content_bytes_max,
        policy: configuration.policy,
    }
}

pub(crate) fn project_id(place: &Place) -> &str {
    let project = place.project.as_ref();
    &project.expect("a project is found before it is read").id
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
