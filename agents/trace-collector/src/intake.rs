//! Responsible for turning a request's runs, feedback and attachments into rows, with what is known of earlier requests.
//! It does not read bodies and does not store.

use std::collections::HashMap;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use langsmith_values::json_bytes;
use serde_json::{Map, Value, json};

use crate::facts::read_run;
use crate::feedback::Feedback;
use crate::known_runs::{KnownRuns, Told};
use crate::refusal::Refusal;
use crate::row::RunRow;
use crate::settings::Contents;
use crate::submission::{Attachment, SentRun, Submission};

/// What is to be kept of runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keep {
    /// Contents that are stored.
    pub(crate) contents: Contents,
    /// Largest of them.
    pub(crate) content_bytes_max: usize,
}

/// What is to be stored of a request.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    /// Of kind `langsmith_run`.
    pub(crate) runs: Vec<Map<String, Value>>,
    /// Of kind `langsmith_feedback`.
    pub(crate) feedback: Vec<Map<String, Value>>,
}

/// A request as far as it can be read without knowing others.
#[derive(Debug, Default)]
pub(crate) struct Intake {
    runs: Vec<(RunRow, Told)>,
    feedback: Vec<Feedback>,
    /// Files that came with runs, as `{"name": …}`, by run.
    pub(crate) attachments: u64,
    /// Values that were cut or left out because of their size.
    pub(crate) oversized: u64,
}

impl Intake {
    /// Reads all runs and feedback of a request; the first fault refuses the request as a whole.
    pub(crate) fn read(submission: &Submission<'_>, keep: &Keep) -> Result<Self, Refusal> {
        let mut intake = Self::default();
        let mut files = by_run(&submission.attachments, keep);
        for run in &submission.runs {
            let mut row = read_run(run, &keep.contents)?;
            row.attachments = files.remove(run.id.as_str()).map(Value::Object);
            intake.oversized += row.fit(keep.content_bytes_max);
            intake.runs.push((row, told(run)));
        }
        for (run_id, files) in files {
            // An update may bring a file for a run that was sent before.
            let row = RunRow {
                run_id: run_id.to_owned(),
                attachments: Some(Value::Object(files)),
                ..RunRow::default()
            };
            intake.runs.push((
                row,
                Told {
                    by_creation: false,
                    by_update: true,
                },
            ));
        }
        for fields in &submission.feedback {
            intake.feedback.push(Feedback::read(fields)?);
        }
        intake.attachments = submission.attachments.len() as u64;
        Ok(intake)
    }

    /// The rows, in their order, and what cannot be stored because nobody knows where it belongs.
    pub(crate) fn settle(self, known: &mut KnownRuns) -> (Rows, Vec<Refusal>) {
        let (mut rows, mut refusals) = (Rows::default(), Vec::new());
        for (mut row, told) in self.runs {
            if row.project_id.is_empty() {
                let Some(project) = known.project(&row.run_id) else {
                    refusals.push(unknown_run(&row.run_id, "session_name or session_id"));
                    continue;
                };
                row.project_id.clone_from(&project.id);
                row.project.clone_from(&project.name);
            }
            row.start_us = row.start_us.or_else(|| known.start_us(&row.run_id));
            row.set_latency();
            rows.runs.push(known.settle(&row, told));
        }
        for feedback in self.feedback {
            let project = known.project(&feedback.run_id);
            rows.feedback.push(feedback.row(project.as_deref()));
        }
        (rows, refusals)
    }
}

fn told(run: &SentRun<'_>) -> Told {
    Told {
        by_creation: run.is_created,
        by_update: run.is_updated,
    }
}

/// 404, as a client that sends an update too early tries again after it.
fn unknown_run(run_id: &str, field: &str) -> Refusal {
    Refusal::new(
        404,
        format!(
            "run {run_id}: not seen since this collector started, and no project was named; send {field} with it"
        ),
    )
}

/// Names, types and sizes of files, and the files themselves where they are wanted.
fn by_run<'s>(
    attachments: &'s [Attachment<'_>],
    keep: &Keep,
) -> HashMap<&'s str, Map<String, Value>> {
    let mut by_run: HashMap<&str, Map<String, Value>> = HashMap::new();
    for attachment in attachments {
        let mut file =
            json!({"content_type": attachment.content_type, "bytes": attachment.bytes.len()});
        // A file is never cut: either all of it fits or only what is said about it is kept.
        if keep.contents.attachments && attachment.bytes.len() / 3 * 4 <= keep.content_bytes_max {
            file["base64"] = BASE64_STANDARD.encode(attachment.bytes).into();
            if json_bytes(&file) > keep.content_bytes_max {
                file["base64"].take();
            }
        }
        by_run
            .entry(&attachment.run_id)
            .or_default()
            .insert(attachment.name.clone(), file);
    }
    by_run
}

#[cfg(test)]
#[path = "intake_tests.rs"]
mod tests;
