//! Responsible for asking for one page of runs and reading it: which question a window is, and which rows an answer holds.
//! It stores nothing and does not decide what an answer means for the progress (`reading`).

use agent_sdk::Context;

use crate::api_choice::ApiVersion;
use crate::ask_error::AskError;
use crate::asker::Asker;
use crate::following::is_abandoned;
use crate::map_run::{Mapping, map_run};
use crate::page::Page;
use crate::place::{Place, ReadPage};
use crate::pull::{Pull, PullKind};
use crate::query::{About, Question, rows_max};
use crate::reading::SeenRun;
use crate::run_row::RunRow;
use crate::settings::Configuration;

/// What is read again of a run whose feedback may have changed, where the server cannot say which those are.
const FEEDBACK_FIELDS: [&str; 3] = ["ID", "PROJECT_ID", "FEEDBACK_STATS"];

/// How an answer is read.
pub(crate) struct Reader<'a> {
    pub(crate) version: ApiVersion,
    pub(crate) rows_max: u32,
    pub(crate) mapping: Mapping<'a>,
    pub(crate) configuration: &'a Configuration,
}

/// Asks for one page and reads it.
pub(crate) async fn ask(
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

pub(crate) fn reader_of<'a>(
    place: &'a Place,
    version: ApiVersion,
    configuration: &'a Configuration,
) -> Reader<'a> {
    Reader {
        version,
        rows_max: rows_max(place.page_size, version),
        mapping: mapping_of(place, configuration),
        configuration,
    }
}

pub(crate) fn mapping_of<'a>(place: &'a Place, configuration: &Configuration) -> Mapping<'a> {
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
